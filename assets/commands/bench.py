"""`footsteps bench …`: benchmarks that print a table.

Belongs here: progress and the tables.
Does not belong here: the measuring (beside what is measured).
"""

from dataclasses import asdict

from assets.commands.saying import Failed, print_json, print_table, say
from pipelines.validation.benchmark import benchmark_validation


def print_validation(rows: str, repeats: int, as_json: bool) -> None:
    """Great Expectations on Polars and on pandas against the bare rules: medians and ratios."""
    try:
        counts = [int(one) for one in rows.split(",")]
    except ValueError as problem:
        raise Failed(f"--rows {rows} are no whole numbers; write 1000000,10000000") from problem
    found = benchmark_validation(counts, repeats, progress=say)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    columns = list(asdict(found[0]))
    print_table(
        "Validation", {name: "left" if i == 0 else "right" for i, name in enumerate(columns)},
        [[_text(value) for value in asdict(one).values()] for one in found],
    )  # fmt: skip


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
