"""`footsteps bench …`: benchmarks that print a table.

Belongs here: progress and the tables.
Does not belong here: the measuring (beside what is measured).
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assets.commands.saying import Failed, print_json, print_table, say


def print_validation(rows: str, repeats: int, as_json: bool) -> None:
    """Great Expectations on Polars and on pandas against the bare rules: medians and ratios."""
    from pipelines.validation.benchmark import benchmark_validation

    print_rows("Validation", benchmark_validation(whole_numbers("--rows", rows), repeats, progress=say), as_json)


def print_sources(rows: int, repeats: int, as_json: bool) -> None:
    """Exports read, judged and sunk to Parquet against a bare scan and sink: medians and ratios."""
    from pipelines.sources.benchmark import benchmark_sources

    print_rows("Reading", benchmark_sources(rows, repeats, progress=say), as_json)


def print_recommender(people: str, as_json: bool) -> None:
    """Fit and score to the top ten of made-up histories, at each number of people."""
    from ml.benchmark import benchmark_recommender

    found = benchmark_recommender(whole_numbers("--people", people), lambda what, share: say(f"{what} {share:.0%}"))
    print_rows("Recommender", found, as_json)


def whole_numbers(option: str, text: str) -> list[int]:
    """Numbers separated by commas. Raises Failed where one is none."""
    try:
        return [int(one.replace("_", "")) for one in text.split(",")]
    except ValueError as problem:
        raise Failed(f"{option} {text} are no whole numbers; write them as 10000,100000") from problem


def print_rows(title: str, found: Sequence[Any], as_json: bool) -> None:
    """The rows of a benchmark (dataclasses) as a table, or as one JSON document."""
    rows = [asdict(one) for one in found]
    if as_json:
        print_json(rows)
        return
    columns = {name: "left" if isinstance(value, str) else "right" for name, value in rows[0].items()}
    print_table(title, columns, [[_text(value) for value in one.values()] for one in rows])


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
