"""The landed rows of erased people: raw tables, their quarantines, and the counts and texts of the ledger.

Belongs here: the deletion of rows that an export brought, delivery by delivery, and the ledger that follows.
Does not belong here: exports that are landed now (`suppression`), tables made of landed rows (`person_deletions`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.table import Table
from pipelines.ingest.deliveries import read_ledger
from pipelines.privacy.content_search import compile_replacement
from pipelines.privacy.erased_people import ErasedPeople
from pipelines.privacy.suppression import ERASED_PERSON, REFERENCE_COLUMNS, Suppression
from pipelines.storage.lake import Lake
from pipelines.storage.row_deletion import DeletionCounts, RowDeletion, rewrite_parquet

# The source of a delivery, and the name of its files without the ending.
_FileKey = tuple[str, str]


class LandedFile(NamedTuple):
    """One delivery's file in a raw table or in its quarantine, and what is deleted from it."""

    table: Table
    path: Path
    deletion: RowDeletion
    deletion_counts: DeletionCounts


def plan_landed_rows(lake: Lake, config: Config, erased_people: ErasedPeople) -> list[LandedFile]:
    """The landed rows of erased people, and the rows that refer to them, also of sources that are no longer declared.

    Args:
        lake: The lake.
        config: The declared sources.
        erased_people: The list.

    Returns:
        One entry per file with such rows.
    """
    suppression_by_source = {source.name: Suppression.of_source(erased_people, source) for source in config.sources}
    ledger = read_ledger(lake)
    system_by_source = dict(ledger.select("source_name", "system_name").unique().iter_rows())
    landed_files = []
    system_names = {*(source.system for source in config.sources), *ledger["system_name"].drop_nulls()}
    for table, path in _list_landed_files(lake, system_names):
        source_name = path.parent.name
        suppression = suppression_by_source.get(source_name) or Suppression(
            erased_people, (system_by_source.get(source_name) or "",)
        )
        deletion = build_landed_deletion(table, suppression)
        if deletion_counts := deletion.count(pl.scan_parquet(path)):
            landed_files.append(LandedFile(table, path, deletion, deletion_counts))
    return landed_files


def delete_from_landed_files(landed_files: Iterable[LandedFile]) -> None:
    """Delete the landed rows of erased people; the counts of the rules are taken again when they are needed.

    Args:
        landed_files: The files that `plan_landed_rows` returns.
    """
    for _, path, deletion, _ in landed_files:
        path.with_suffix(".counts.json").unlink(missing_ok=True)
        if "quarantine__" in path.parts[-3]:
            _locate_raw_counts(path).unlink(missing_ok=True)
        rewrite_parquet(path, deletion)


def _locate_raw_counts(path: Path) -> Path:
    """The counts of a delivery, which lie next to the file of the raw table."""
    lake_root, table_name = path.parents[2], path.parents[1].name.removeprefix("quarantine__")
    return lake_root / table_name / path.parent.name / f"{path.stem}.counts.json"


def _list_landed_files(lake: Lake, system_names: Iterable[str]) -> Iterator[tuple[Table, Path]]:
    for system_name in sorted(system_names):
        for canonical_schema in CANONICAL_SCHEMAS.values():
            table = raw_table(system_name, canonical_schema)
            for landed_table in (table, quarantine_table(table.name)):
                for path in sorted(lake.folder(landed_table).glob("*/*.parquet")):
                    yield landed_table, path


def build_landed_deletion(table: Table, suppression: Suppression) -> RowDeletion:
    """What is deleted from a file of a raw table, or of its quarantine."""
    if table.layer == "quarantine":
        return suppression.quarantine_deletion()
    cleared_columns = {
        column_name: pl.when(~suppression.names_erased_person(pl.col(column_name))).then(column_name)
        for column_name in REFERENCE_COLUMNS
        if column_name in table.column_names
    }
    return RowDeletion(suppression.identifies_erased_person(table.column_names), cleared_columns)


def recount_ledger(lake: Lake, erased_texts: tuple[str, ...] = (), reason: str = ERASED_PERSON) -> int:
    """Bring the ledger in line with the rows that are left of each delivery, and remove texts from it.

    Rows that are gone count as passed over.

    Args:
        lake: The lake.
        erased_texts: Identities of erased people, which a file name, a reason or a note may quote.
        reason: Why rows are gone.

    Returns:
        The number of ledger rows that changed.
    """
    ledger = read_ledger(lake)
    good_count_by_file, bad_count_by_file = _count_landed(lake, ledger)
    ledger_rows, erase_in_text = ledger.to_dicts(), compile_replacement(erased_texts)
    changed_delivery_numbers = []
    for ledger_row in ledger_rows:
        earlier_content = repr(ledger_row)
        file_key = (ledger_row["source_name"], f"{ledger_row['file_sha256'][:16]}-{ledger_row['mapping_code']}")
        if ledger_row["delivery_status"] == "landed" and ledger_row["read_count"] is not None:
            _recount(ledger_row, good_count_by_file[file_key], bad_count_by_file[file_key], reason)
        for text_column in ("file_name", "delivery_reason", "file_notes", "unknown_words"):
            ledger_row[text_column] = _replace_in_value(ledger_row[text_column], erase_in_text)
        if repr(ledger_row) != earlier_content:
            changed_delivery_numbers.append(ledger_row["delivery_number"])
    if changed_delivery_numbers:
        new_ledger = pl.DataFrame(ledger_rows, schema=DELIVERY.schema)
        lake.write(DELIVERY, new_ledger)
    return len(changed_delivery_numbers)


def _recount(ledger_row: dict[str, Any], good_count: int, bad_count: int, deletion_reason: str) -> None:
    """Set the counts of a ledger row to the rows that are left; count the deleted ones as passed over, by reason."""
    deleted_row_count = (ledger_row["good_count"] - good_count) + (ledger_row["bad_count"] - bad_count)
    if deleted_row_count <= 0:
        return
    count_by_reason = {reason_count["why"]: reason_count["count"] for reason_count in ledger_row["passed_over"] or ()}
    count_by_reason[deletion_reason] = count_by_reason.get(deletion_reason, 0) + deleted_row_count
    ordered_reason_counts = sorted(
        count_by_reason.items(), key=lambda reason_and_count: (-reason_and_count[1], reason_and_count[0])
    )
    ledger_row["passed_over"] = [
        {"why": passed_over_reason, "count": count} for passed_over_reason, count in ordered_reason_counts
    ]
    ledger_row["good_count"], ledger_row["bad_count"] = good_count, bad_count


def _count_landed(lake: Lake, ledger: pl.DataFrame) -> tuple[Counter[_FileKey], Counter[_FileKey]]:
    """The rows of each delivery in all raw tables, and in all quarantines."""
    good_count_by_file: Counter[_FileKey] = Counter()
    bad_count_by_file: Counter[_FileKey] = Counter()
    for table, path in _list_landed_files(lake, set(ledger["system_name"].drop_nulls())):
        landed_rows, row_count_by_file = pl.scan_parquet(path), good_count_by_file
        if table.layer == "quarantine":
            landed_rows, row_count_by_file = (
                landed_rows.filter(~pl.col("is_row_kept").fill_null(False)),
                bad_count_by_file,
            )
        row_count_by_file[path.parent.name, path.stem] += int(landed_rows.select(pl.len()).collect().item())
    return good_count_by_file, bad_count_by_file


def _replace_in_value(ledger_value: object, erase_in_text: Callable[[str], str]) -> object:
    """A text, or a list of texts or of counts by text, without the replaced texts."""
    if isinstance(ledger_value, str):
        return erase_in_text(ledger_value)
    if isinstance(ledger_value, list):
        return [_replace_in_value(inner_value, erase_in_text) for inner_value in ledger_value]
    if isinstance(ledger_value, dict):
        return {key: _replace_in_value(inner_value, erase_in_text) for key, inner_value in ledger_value.items()}
    return ledger_value
