"""The section of the page about the run that says whether people were given the time that is declared for free choice.

Belongs here: one line per unit of sufficient size.
Does not belong here: the measurement (`pipelines.core.free_choice`), the other sections (`run_page`).
"""

from collections.abc import Iterator

import polars as pl

from pipelines.contracts.output_tables import FREE_CHOICE
from pipelines.publish.site.language import PageLanguage
from pipelines.publish.site.page_data import PageData
from pipelines.publish.site.run_section import Section


def describe_free_choice(page_data: PageData, language: PageLanguage) -> Iterator[Section]:
    """The section about free choice, if there are units of sufficient size.

    Args:
        page_data: The input of the pages.
        language: The language of the page.
    """
    unit_rows = (
        page_data.lake.scan(FREE_CHOICE).filter(pl.col("team_people_count") >= page_data.smallest_team).collect()
    )
    if unit_rows.is_empty():
        return
    given_texts = {
        True: language.translate("yes"),
        False: language.translate("no"),
        None: "–",
    }
    yield Section(
        language.translate("Time for free choice"),
        language.translate(
            "Of the hours of the last quarter, those in openings that people had asked to join or on micro-skills that "
            "they had wished for, per unit of %(count)s people or more. The last columns say how many people asked to "
            "join an opening, and how many of them work in one that they asked for; small numbers are left out.",
            count=page_data.smallest_team,
        ),
        [
            language.translate("unit"),
            language.translate("people"),
            language.translate("hours"),
            language.translate("share that people chose"),
            language.translate("reaches the declared share"),
            language.translate("asked to join"),
            language.translate("got what they asked for"),
        ],
        [
            [
                unit_row["unit_name"],
                language.format_number(unit_row["team_people_count"]),
                language.format_number(unit_row["unit_hours"]),
                "–" if unit_row["chosen_share"] is None else language.format_share(unit_row["chosen_share"]),
                given_texts[unit_row["is_free_choice_given"]],
                *(
                    "–" if unit_row[column] is None else language.format_number(unit_row[column])
                    for column in ("wanting_count", "staffed_count")
                ),
            ]
            for unit_row in unit_rows.iter_rows(named=True)
        ],
    )
