"""The change log: whose rows, and which records, differ between two states of a table; incremental runs follow it.

Belongs here: the comparison of two states, and the log of changes in the lake's folder.
Does not belong here: how tables are written (`lake`), what is recomputed for whom
(`assets.incremental.incremental_asset`).

An entry leads from one content hash of a table to the next. A reader who knows the hash of the content that it used can
tell whether the log reaches back to it; if not, the reader must process everybody.
"""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.atomic_write import replacing, write_text_atomically

# From rows that changed to the person_id of further people whom the change affects.
FindRelatedPeople = Callable[[pl.DataFrame], pl.Series]
# If a larger share of a table's people changed, everybody is recomputed: that is not slower than the merges.
MAX_CHANGED_SHARE = 0.5
# Up to this number of people is followed in a company of any size.
MIN_CHANGED_PEOPLE = 100
# A chain of more entries is not followed; a complete run in between recomputes everything anyway.
MAX_CHAIN_LENGTH = 500
# Up to this number of records is followed; with more, a table is recomputed as a whole.
MAX_RECORDS = 200_000
# The key of a record of an export, and the column by which other records refer to it.
RECORD_KEY = ("source_name", "record_code")
_REFERENCE_COLUMN = "assignment_code"
# Columns that describe the origin of a row: the same row from a newer export is not a change.
_ORIGIN_COLUMNS = ("file_sha256", "row_number")
_CHANGES_FOLDER = ".changes"
# Parquet files with another suffix, because tools that read or copy all Parquet files of a lake expect tables.
_RECORDS_SUFFIX = ".records"


def record_change(
    lake_folder: Path,
    table: Table,
    old_fingerprint: str | None,
    new_fingerprint: str | None,
    old_rows: pl.DataFrame,
    new_rows: pl.DataFrame,
    count_people: Callable[[], int],
    find_related_people: FindRelatedPeople | None = None,
) -> None:
    """Add an entry to the change log, before the table itself is written, so that no change is missing from the log.

    Nothing is recorded for a table without person_id, or if most people changed and the table's key is not a record.
    The changed records are recorded in addition if the table's key is `RECORD_KEY`.

    Args:
        lake_folder: Folder of the lake.
        table: The table.
        old_fingerprint: Content hash of the table before the change; None if unknown.
        new_fingerprint: Content hash of the table after the change; None if unknown.
        old_rows: Rows of the table that the change removes.
        new_rows: Rows of the table that the change adds.
        count_people: Counts the people of the whole table; called only if more than a few people changed.
        find_related_people: From the rows that differ to the person_id of further affected people.
    """
    if (
        "person_id" not in table.column_names
        or old_fingerprint is None
        or new_fingerprint is None
        or old_fingerprint == new_fingerprint
    ):
        return
    entry_path = _build_entry_path(lake_folder, table, new_fingerprint)
    # an entry about another way to the same content is not valid for this one
    for outdated_path in (entry_path, entry_path.with_suffix(_RECORDS_SUFFIX)):
        outdated_path.unlink(missing_ok=True)
    has_record_key = table.key == RECORD_KEY
    if (
        find_related_people is None
        and not has_record_key
        and _is_majority(_count_differing_people(old_rows, new_rows), count_people)
    ):
        return
    differing_rows = _find_differing_rows(old_rows, new_rows)
    affected_person_ids = differing_rows["person_id"].drop_nulls()
    if find_related_people is not None and differing_rows.height:
        affected_person_ids = pl.concat([affected_person_ids, find_related_people(differing_rows)])
    affected_person_ids = affected_person_ids.unique().sort()
    is_majority_affected = _is_majority(affected_person_ids.len(), count_people)
    if has_record_key and differing_rows.height <= MAX_RECORDS:
        with replacing(entry_path.with_suffix(_RECORDS_SUFFIX)) as unfinished_path:
            differing_rows.select(_list_record_columns(table)).unique().write_parquet(unfinished_path)
    elif is_majority_affected:
        return
    write_text_atomically(
        entry_path,
        json.dumps(
            {"before": old_fingerprint, "people": None if is_majority_affected else affected_person_ids.to_list()}
        ),
    )


def find_changed_people(
    lake_folder: Path, table: Table, old_fingerprint: str | None, new_fingerprint: str | None
) -> frozenset[str] | None:
    """The people whose rows changed between two contents of a table.

    Args:
        lake_folder: Folder of the lake.
        table: The table.
        old_fingerprint: Content hash of the earlier content.
        new_fingerprint: Content hash of the later content.

    Returns:
        person_id of each; None if the log does not reach back or most people changed.
    """
    person_ids_by_hash = _follow_chain(lake_folder, table, old_fingerprint, new_fingerprint)
    if person_ids_by_hash is None or None in person_ids_by_hash.values():
        return None
    return frozenset(person_id for person_ids in person_ids_by_hash.values() for person_id in person_ids or ())


def find_changed_records(
    lake_folder: Path, table: Table, old_fingerprint: str | None, new_fingerprint: str | None
) -> pl.DataFrame | None:
    """The records that changed between two contents of a table whose key is `RECORD_KEY`.

    Args:
        lake_folder: Folder of the lake.
        table: The table.
        old_fingerprint: Content hash of the earlier content.
        new_fingerprint: Content hash of the later content.

    Returns:
        One row per record with source_name and record_code; for tables with assignment_code, one row per earlier or
        later assignment_code of the record. None if the log does not reach back, too many records changed, or the
        table's key is not `RECORD_KEY`.
    """
    person_ids_by_hash = _follow_chain(lake_folder, table, old_fingerprint, new_fingerprint)
    if person_ids_by_hash is None or table.key != RECORD_KEY:
        return None
    record_paths = [
        _build_entry_path(lake_folder, table, table_content_hash).with_suffix(_RECORDS_SUFFIX)
        for table_content_hash in person_ids_by_hash
    ]
    if not all(record_path.exists() for record_path in record_paths):
        return None
    empty_records = pl.DataFrame(schema=table.schema).select(_list_record_columns(table))
    return pl.concat([empty_records, *(pl.read_parquet(record_path) for record_path in record_paths)]).unique()


def clear_change_log(lake_folder: Path) -> None:
    """Delete every entry of the lake in this folder: after a complete run nothing needs them."""
    for entry_path in (lake_folder / _CHANGES_FOLDER).glob("*/*"):
        entry_path.unlink(missing_ok=True)


def hash_row_contents(rows: pl.DataFrame) -> pl.Series:
    """A hash per row, in order, without the columns of its origin; nested columns are hashed as JSON text."""
    return (
        rows.drop(_ORIGIN_COLUMNS, strict=False)
        .with_columns(
            pl.struct(column_name).struct.json_encode().alias(column_name)
            for column_name, dtype in rows.schema.items()
            if dtype.is_nested()
        )
        .hash_rows(seed=7)
    )


def _build_entry_path(lake_folder: Path, table: Table, table_content_hash: str) -> Path:
    return lake_folder / _CHANGES_FOLDER / table.name / f"{table_content_hash}.json"


def _is_majority(changed_people_count: int, count_people: Callable[[], int]) -> bool:
    return changed_people_count > MIN_CHANGED_PEOPLE and changed_people_count > MAX_CHANGED_SHARE * count_people()


def _follow_chain(
    lake_folder: Path, table: Table, old_fingerprint: str | None, new_fingerprint: str | None
) -> dict[str, list[str] | None] | None:
    """The changed people by content hash, latest first; None if the entries do not lead back to `old_fingerprint`."""
    person_ids_by_hash: dict[str, list[str] | None] = {}
    while new_fingerprint != old_fingerprint:
        if (
            new_fingerprint is None
            or new_fingerprint in person_ids_by_hash
            or len(person_ids_by_hash) > MAX_CHAIN_LENGTH
        ):
            return None
        entry_path = _build_entry_path(lake_folder, table, new_fingerprint)
        if not entry_path.exists():
            return None
        log_entry = json.loads(entry_path.read_text())
        person_ids_by_hash[new_fingerprint] = log_entry["people"]
        new_fingerprint = log_entry["before"]
    return person_ids_by_hash


def _list_record_columns(table: Table) -> list[str]:
    return [*RECORD_KEY, *(column_name for column_name in (_REFERENCE_COLUMN,) if column_name in table.column_names)]


def _find_differing_rows(old_rows: pl.DataFrame, new_rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of either frame that the other does not have, whatever their origin."""
    hashed_tables = (table_rows.with_columns(row=hash_row_contents(table_rows)) for table_rows in (old_rows, new_rows))
    return _keep_differing_rows(*hashed_tables).drop("row")


def _count_differing_people(old_rows: pl.DataFrame, new_rows: pl.DataFrame) -> int:
    """A lower limit of the people whose rows differ, without nested columns, which are far slower to compare."""
    flat_columns = [
        column_name
        for column_name, dtype in old_rows.schema.items()
        if not dtype.is_nested() and column_name not in _ORIGIN_COLUMNS
    ]
    hashed_tables = [
        table_rows.select("person_id", row=table_rows.select(flat_columns).hash_rows(seed=7))
        for table_rows in (old_rows, new_rows)
    ]
    return _keep_differing_rows(*hashed_tables)["person_id"].n_unique()


def _keep_differing_rows(old_rows: pl.DataFrame, new_rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of two frames whose hash in the column `row` is not in the other frame."""
    return pl.concat(
        [
            old_rows.join(new_rows.select("row"), on="row", how="anti"),
            new_rows.join(old_rows.select("row"), on="row", how="anti"),
        ]
    )
