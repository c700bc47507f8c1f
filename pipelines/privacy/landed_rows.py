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
from pipelines.storage.row_deletion import DeletionCount, RowDeletion, rewrite_parquet

# The source of a delivery, and the name of its files without the ending.
_FileKey = tuple[str, str]


class LandedFile(NamedTuple):
    """One delivery's file in a raw table or in its quarantine, and what is deleted from it."""

    table: Table
    path: Path
    deletion: RowDeletion
    deletion_count: DeletionCount


def plan_landed_rows(lake: Lake, config: Config, erased_people: ErasedPeople) -> list[LandedFile]:
    """The landed rows of erased people, and the rows that refer to them, also of sources that are no longer declared.

    Args:
        lake: The lake.
        config: The declared sources.
        erased_people: The list.

    Returns:
        One entry per file with such rows.
    """
    suppressions = {source.name: Suppression.of_source(erased_people, source) for source in config.sources}
    ledger = read_ledger(lake)
    system_by_source = dict(ledger.select("source_name", "system_name").unique().iter_rows())
    files = []
    systems = {*(source.system for source in config.sources), *ledger["system_name"].drop_nulls()}
    for table, path in _list_landed_files(lake, systems):
        source_name = path.parent.name
        suppression = suppressions.get(source_name) or Suppression(
            erased_people, (system_by_source.get(source_name) or "",)
        )
        deletion = build_landed_deletion(table, suppression)
        if count := deletion.count(pl.scan_parquet(path)):
            files.append(LandedFile(table, path, deletion, count))
    return files


def delete_from_landed_files(files: Iterable[LandedFile]) -> None:
    """Delete the landed rows of erased people; the counts of the rules are taken again when they are needed.

    Args:
        files: The files that `plan_landed_rows` returns.
    """
    for _, path, deletion, _ in files:
        path.with_suffix(".counts.json").unlink(missing_ok=True)
        if "quarantine__" in path.parts[-3]:
            _counts_of_quarantine(path).unlink(missing_ok=True)
        rewrite_parquet(path, deletion)


def _counts_of_quarantine(path: Path) -> Path:
    """The counts of a delivery, which lie next to the file of the raw table."""
    lake_root, table_name = path.parents[2], path.parents[1].name.removeprefix("quarantine__")
    return lake_root / table_name / path.parent.name / f"{path.stem}.counts.json"


def _list_landed_files(lake: Lake, systems: Iterable[str]) -> Iterator[tuple[Table, Path]]:
    for system in sorted(systems):
        for schema in CANONICAL_SCHEMAS.values():
            table = raw_table(system, schema)
            for contract in (table, quarantine_table(table.name)):
                for path in sorted(lake.folder(contract).glob("*/*.parquet")):
                    yield contract, path


def build_landed_deletion(table: Table, suppression: Suppression) -> RowDeletion:
    """What is deleted from a file of a raw table, or of its quarantine."""
    if table.layer == "quarantine":
        return suppression.quarantine_deletion()
    cleared_columns = {
        column: pl.when(~suppression.erased_people.is_erased(column, "code")).then(column)
        for column in REFERENCE_COLUMNS
        if column in table.column_names
    }
    return RowDeletion(suppression.names_erased(table.column_names), cleared_columns)


def recount_ledger(lake: Lake, texts: tuple[str, ...] = (), reason: str = ERASED_PERSON) -> int:
    """Bring the ledger in line with the rows that are left of each delivery, and remove texts from it.

    Rows that are gone count as passed over.

    Args:
        lake: The lake.
        texts: Identities of erased people, which a file name, a reason or a note may quote.
        reason: Why rows are gone.

    Returns:
        The number of ledger rows that changed.
    """
    ledger = read_ledger(lake)
    good_counts, bad_counts = _count_landed(lake, ledger)
    rows, replace_texts = ledger.to_dicts(), compile_replacement(texts)
    changed_numbers = []
    for row in rows:
        before = repr(row)
        key = (row["source_name"], f"{row['file_sha256'][:16]}-{row['mapping_code']}")
        if row["delivery_status"] == "landed" and row["read_count"] is not None:
            _recount(row, good_counts[key], bad_counts[key], reason)
        for column in ("file_name", "delivery_reason", "file_notes", "unknown_words"):
            row[column] = _without_texts(row[column], replace_texts)
        if repr(row) != before:
            changed_numbers.append(row["delivery_number"])
    if changed_numbers:
        changed_rows = pl.DataFrame(rows, schema=DELIVERY.schema)
        lake.write(DELIVERY, changed_rows)
    return len(changed_numbers)


def _recount(row: dict[str, Any], good_count: int, bad_count: int, reason: str) -> None:
    gone_count = (row["good_count"] - good_count) + (row["bad_count"] - bad_count)
    if gone_count <= 0:
        return
    passed_over = {entry["why"]: entry["count"] for entry in row["passed_over"] or ()}
    passed_over[reason] = passed_over.get(reason, 0) + gone_count
    ordered_counts = sorted(passed_over.items(), key=lambda why_and_count: (-why_and_count[1], why_and_count[0]))
    row["passed_over"] = [{"why": why, "count": count} for why, count in ordered_counts]
    row["good_count"], row["bad_count"] = good_count, bad_count


def _count_landed(lake: Lake, ledger: pl.DataFrame) -> tuple[Counter[_FileKey], Counter[_FileKey]]:
    """The rows of each delivery in all raw tables, and in all quarantines."""
    good_counts: Counter[_FileKey] = Counter()
    bad_counts: Counter[_FileKey] = Counter()
    for table, path in _list_landed_files(lake, set(ledger["system_name"].drop_nulls())):
        rows, counts = pl.scan_parquet(path), good_counts
        if table.layer == "quarantine":
            rows, counts = rows.filter(~pl.col("is_row_kept").fill_null(False)), bad_counts
        counts[path.parent.name, path.stem] += int(rows.select(pl.len()).collect().item())
    return good_counts, bad_counts


def _without_texts(content: object, replace_texts: Callable[[str], str]) -> object:
    """A text, or a list of texts or of counts by text, without the replaced texts."""
    if isinstance(content, str):
        return replace_texts(content)
    if isinstance(content, list):
        return [_without_texts(entry, replace_texts) for entry in content]
    if isinstance(content, dict):
        return {key: _without_texts(entry, replace_texts) for key, entry in content.items()}
    return content
