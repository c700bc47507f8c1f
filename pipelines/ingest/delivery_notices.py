"""Notices of landed files: what their owner should know although nothing was refused.

Belongs here: the notices that follow from rows of the ledger, one sentence each.
Does not belong here: faults that stop a run or make a source unhealthy (`assets.checks.health`).
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipelines.ingest.empty_columns import describe_empty_column

# A file of which more than this share is passed over is worth a look.
_MAX_PASSED_OVER_SHARE = 0.5
# A notice names this many reasons or columns.
_MAX_LISTED = 3
# Headers with one of these words may hold a measure.
_MEASURE_WORD = re.compile(r"(?:^|[^a-z])(?:hours?|minutes|duration|scores?|grades?|marks?)(?:$|[^a-z])", re.IGNORECASE)
# The count of the rows of a file, among its counts by reason.
_READ_COUNT = "@read"
# A quoted column, or a number.
_QUOTED_OR_NUMBER = re.compile(r"`[^`]*`|[0-9]+")


@dataclass(frozen=True)
class _Notice:
    """A notice of one file, or of several whose notices differ in counts alone.

    Attributes:
        subject: Equal in notices that differ in counts alone.
        describe: Returns the sentence for the counts.
        count_by_reason: The counts of all files together.
        file_names: The files.
    """

    subject: Hashable
    describe: Callable[[Counter[str]], str]
    count_by_reason: Counter[str] = field(default_factory=Counter)
    file_names: list[str] = field(default_factory=list)


def find_notices(ledger: pl.DataFrame, source_name: str) -> list[str]:
    """Describe what the files that a source landed last leave unread.

    Args:
        ledger: Rows of the ledger of deliveries.
        source_name: Name of the source.

    Returns:
        One sentence per notice. Notices of several files that differ in counts alone are one, with the sums and the
        name of the first file. None has a value of a cell except words that the ledger records.
    """
    landed_deliveries = ledger.filter(source_name=source_name, delivery_status="landed").sort("delivery_number")
    last_landed_deliveries = landed_deliveries.filter(pl.col("landed_at").eq_missing(pl.col("landed_at").max()))
    joined_notice_by_subject: dict[Hashable, _Notice] = {}
    for delivery in last_landed_deliveries.to_dicts():
        for notice in _list_notices(delivery):
            joined_notice = joined_notice_by_subject.setdefault(
                notice.subject, _Notice(notice.subject, notice.describe)
            )
            joined_notice.count_by_reason.update(notice.count_by_reason)
            joined_notice.file_names.append(delivery["file_name"])
    sentences = [
        f"{source_name}: {_describe_files(notice.file_names)}: {notice.describe(notice.count_by_reason)}"
        for notice in joined_notice_by_subject.values()
    ]
    if new_columns := find_new_columns(ledger, source_name):
        sentences.append(f"{source_name}: new columns that are not read: {', '.join(new_columns)}.")
    return sentences


def find_new_columns(ledger: pl.DataFrame, source_name: str) -> list[str]:
    """Find columns of the last file that nothing reads and that the file before it did not have.

    Only files that were read with the same mapping are compared: a column that the mapping no longer reads is not new.

    Args:
        ledger: Rows of the ledger of deliveries.
        source_name: Name of the source.

    Returns:
        Headers of the file that the source landed last, in alphabetical order; none for the first file of a mapping.
    """
    landed_deliveries = ledger.filter(source_name=source_name, delivery_status="landed").sort("delivery_number")
    same_mapping_deliveries = landed_deliveries.filter(pl.col("mapping_code") == pl.col("mapping_code").last())
    if same_mapping_deliveries.height < 2:
        return []
    last_two_lists = same_mapping_deliveries["columns_left_out"].tail(2).to_list()
    earlier_left_out, last_left_out = (columns_left_out or [] for columns_left_out in last_two_lists)
    return sorted(set(last_left_out) - set(earlier_left_out))


def _describe_files(file_names: list[str]) -> str:
    return file_names[0] if len(file_names) == 1 else f"{len(file_names):,} files, such as {file_names[0]}"


def _list_notices(delivery: Mapping[str, Any]) -> Iterator[_Notice]:
    """The notices of one row of the ledger; a column that an earlier version did not write is null."""
    landed_row_count = delivery["good_count"] + delivery["bad_count"]
    read_count = landed_row_count if delivery["read_count"] is None else delivery["read_count"]
    passed_over_counts = Counter({reason["why"]: reason["count"] for reason in delivery["passed_over"] or ()})
    if passed_over_counts.total() > read_count * _MAX_PASSED_OVER_SHARE:
        count_by_reason = Counter({**passed_over_counts, _READ_COUNT: read_count})
        yield _Notice(frozenset(passed_over_counts), _describe_passed_over, count_by_reason)
    if not delivery["good_count"]:
        yield _Notice("none kept", _describe_none_kept, Counter({_READ_COUNT: read_count}))
    file_notes = delivery["file_notes"] or ()
    # A note that names a column says why it is not read, and what reads it.
    measure_columns = [
        column
        for column in delivery["columns_left_out"] or ()
        if _MEASURE_WORD.search(column) and not any(f"`{column}`" in file_note for file_note in file_notes)
    ]
    if measure_columns:
        listed_columns = ", ".join(f"`{column}`" for column in measure_columns[:_MAX_LISTED])
        yield _state_notice(
            f"columns that by their name hold marks or hours are not read ({len(measure_columns):,}): "
            f"{listed_columns}; "
            "`mapping` of the source in footsteps.yaml reads a column."
        )
    for empty_column in delivery["empty_measures"] or ():
        yield _state_notice(f"{describe_empty_column(empty_column)}.")
    for file_note in file_notes:
        yield _state_notice(f"{file_note}.")
    for unknown_word in delivery["unknown_words"] or ():
        yield _unknown_word_notice(unknown_word["why"], unknown_word["count"])


def _state_notice(sentence: str) -> _Notice:
    """A notice whose counts belong to one file; if several files have it, it states those of the first file."""
    subject = _QUOTED_OR_NUMBER.sub(lambda match: match[0] if match[0].startswith("`") else "#", sentence)
    return _Notice(subject, lambda _: sentence)


def _describe_passed_over(count_by_reason: Counter[str]) -> str:
    passed_over_counts = Counter({reason: count for reason, count in count_by_reason.items() if reason != _READ_COUNT})
    listed_reasons = ", ".join(f"{reason} ({count:,})" for reason, count in passed_over_counts.most_common(_MAX_LISTED))
    return (
        f"{passed_over_counts.total():,} of {count_by_reason[_READ_COUNT]:,} rows are passed over, most often for: "
        f"{listed_reasons}; `footsteps sources preview` shows them."
    )


def _describe_none_kept(count_by_reason: Counter[str]) -> str:
    return (
        f"no row is kept of {count_by_reason[_READ_COUNT]:,} read; compare `system` and `mapping` of the source in "
        "footsteps.yaml with `footsteps sources preview`."
    )


def _unknown_word_notice(why: str, count: int) -> _Notice:
    def describe(count_by_reason: Counter[str]) -> str:
        return f"{count_by_reason[why]:,} records hold a word that no table declares; footsteps.yaml settles it: {why}."

    return _Notice(("word", why), describe, Counter({why: count}))
