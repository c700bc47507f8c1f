"""The figures of the newest audit, as the pack shows them.

Belongs here: reading the history of audits, and a table of its newest rows.
Does not belong here: the audit itself.
"""

from pathlib import Path

import polars as pl

HISTORY_FILE = Path("audit") / "history.parquet"
_COLUMNS = ("audited_at", "measure", "attribute", "group", "rate", "ratio", "low", "high", "cases")
NO_AUDIT = "No audit has been run: `footsteps audit` runs one."


def read_newest_audit(data_root: Path) -> pl.DataFrame:
    """Read the newest audit.

    Args:
        data_root: The data root.

    Returns:
        One row per measure, attribute and group of the newest audit: audited_at, measure, attribute, group, rate,
        ratio, low, high, cases. No rows if no audit has been run.

    Raises:
        ValueError: The file lacks a column.
    """
    history_path = data_root / HISTORY_FILE
    if not history_path.exists():
        return pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))
    history = pl.read_parquet(history_path)
    if missing_columns := sorted(set(_COLUMNS) - set(history.columns)):
        raise ValueError(f"{HISTORY_FILE} is no history of audits: it lacks {', '.join(missing_columns)}")
    newest_rows = history.filter(pl.col("audited_at") == pl.col("audited_at").max())
    return newest_rows.select(_COLUMNS).sort("measure", "attribute", "group", nulls_last=True)


def render_audit(audit_rows: pl.DataFrame, least_people: int) -> str:
    """Render the newest audit as Markdown.

    Args:
        audit_rows: As `read_newest_audit` returns them.
        least_people: Groups with fewer cases are left out.

    Returns:
        A sentence with the day, and a table; a sentence if no audit has been run.
    """
    if audit_rows.is_empty():
        return NO_AUDIT
    shown_rows = audit_rows.filter(pl.col("cases") >= least_people)
    lines = [
        f"Newest audit: {audit_rows['audited_at'][0]:%Y-%m-%d}.",
        "",
        "| measure | attribute | group | rate | ratio | interval | cases |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    lines += [
        f"| {row['measure']} | {row['attribute']} | {row['group']} | {_format(row['rate'])} | {_format(row['ratio'])} "
        f"| {_format(row['low'])} to {_format(row['high'])} | {row['cases']:,} |"
        for row in shown_rows.iter_rows(named=True)
    ]
    return "\n".join(lines)


def _format(number: float | None) -> str:
    return "–" if number is None else f"{number:.3f}"
