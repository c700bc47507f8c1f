"""A section of the page about the run: a table, with a chart or without.

Belongs here: what a section consists of.
Does not belong here: the sections (`run_page`, `free_choice_section`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A table of the page; a chart shows nothing that the table does not hold.

    Attributes:
        title: Heading of the section.
        text: What the table shows, in a sentence or two.
        headings: Heading of each column.
        rows: Cells of each row.
        text_column_count: Number of leading columns with text; the others hold numbers.
        chart: The chart as an `svg` element, or None.
        chart_label: The text alternative of the chart.
    """

    title: str
    text: str
    headings: list[str]
    rows: list[list[str]]
    text_column_count: int = 1
    chart: str | None = None
    chart_label: str = ""

    def is_number(self, column_index: int) -> bool:
        """Whether a column holds numbers."""
        return column_index >= self.text_column_count
