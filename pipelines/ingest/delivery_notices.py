"""Notices of landed files: what their owner should know although nothing was refused.

Belongs here: the notices that follow from a row of the ledger, one sentence each.
Does not belong here: faults that stop a run or make a source unhealthy (`assets.checks.health`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

# A file of which more than this share is passed over is worth a look.
_MAX_PASSED_OVER_SHARE = 0.5
# A notice names this many reasons or columns.
_MAX_NAMED = 3
# Headers with one of these words may hold a measure.
_MEASURE = re.compile(r"(?:^|[^a-z])(?:hours?|minutes|duration|scores?|grades?|marks?)(?:$|[^a-z])", re.IGNORECASE)


def find_notices(ledger: pl.DataFrame, source_name: str) -> list[str]:
    """Describe what the files that a source landed last leave unread.

    Args:
        ledger: Rows of the ledger of deliveries.
        source_name: Name of the source.

    Returns:
        One sentence per notice; a notice of several files names the first. None has a value of a cell except words that
        the ledger records.
    """
    landed = ledger.filter(source_name=source_name, delivery_status="landed").sort("delivery_number")
    last_run = landed.filter(pl.col("landed_at").eq_missing(pl.col("landed_at").max()))
    files_by_notice: dict[str, list[str]] = {}
    for delivery in last_run.to_dicts():
        for notice in _describe_delivery(delivery):
            files_by_notice.setdefault(notice, []).append(delivery["file_name"])
    return [
        f"{source_name}: {files[0]}: {notice}"
        if len(files) == 1
        else f"{source_name}: {len(files):,} files, such as {files[0]}: {notice}"
        for notice, files in files_by_notice.items()
    ]


def _describe_delivery(delivery: Mapping[str, Any]) -> list[str]:
    row_count = delivery["good_count"] + delivery["bad_count"]
    read_count = row_count if delivery["read_count"] is None else delivery["read_count"]
    reasons: Sequence[Mapping[str, Any]] = delivery["passed_over"] or ()
    passed_over = sum(reason["count"] for reason in reasons)
    notices = []
    if passed_over > read_count * _MAX_PASSED_OVER_SHARE:
        listed = ", ".join(f"{reason['why']} ({reason['count']:,})" for reason in reasons[:_MAX_NAMED])
        notices.append(
            f"{passed_over:,} of {read_count:,} rows are passed over, most often for: {listed}; "
            "`footsteps sources preview` shows them."
        )
    if not delivery["good_count"]:
        notices.append(
            f"no row is kept of {read_count:,} read; compare `system` and `mapping` of the source in "
            "footsteps.yaml with `footsteps sources preview`."
        )
    file_notes = delivery["file_notes"] or ()
    # A note that names a column says why it is not read, and what reads it.
    unread_columns = [
        column
        for column in delivery["columns_left_out"] or ()
        if not any(f"`{column}`" in file_note for file_note in file_notes)
    ]
    measures = [column for column in unread_columns if _MEASURE.search(column)]
    if measures:
        listed = ", ".join(f"`{column}`" for column in measures[:_MAX_NAMED])
        notices.append(
            f"columns that by their name hold marks or hours are not read ({len(measures):,}): {listed}; "
            "`mapping` of the source in footsteps.yaml reads a column."
        )
    notices += [
        f"`{measure}` is empty in every kept row; `mapping: {{{measure}: COLUMN}}` of the source in footsteps.yaml "
        "names the column that holds it."
        for measure in delivery["empty_measures"] or ()
    ]
    notices += [f"{note}." for note in file_notes]
    notices += [
        f"{word['count']:,} records hold a word that no table declares; footsteps.yaml settles it: {word['why']}."
        for word in delivery["unknown_words"] or ()
    ]
    return notices
