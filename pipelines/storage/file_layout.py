"""How the rows of a table are split into files: one file, one file per month, or one file per range of people.

Belongs here: the names of the files, which rows are in them, and which files a change affects.
Does not belong here: reading and writing the files (`lake`).

A range of people begins with each person whose id hashes to 0. The split therefore depends only on the people in the
table, and `Lake.merge` leaves the same files as `Lake.write`.
"""

from bisect import bisect_right
from collections.abc import Collection
from hashlib import blake2b
from itertools import pairwise

import polars as pl

from pipelines.contracts.table import NO_MONTH, Table, month_number

# The only file of a table that is not split.
SINGLE_FILE = "data"
# Rows without a timestamp, in a table that is split by month.
UNDATED = "undated"
# People before the first one who begins a range; the name sorts before all names with `_FROM`.
FIRST_RANGE = "first"
PEOPLE_PER_FILE = 128
_RANGE_PREFIX = "from-"
# A longer id does not fit into the name of a file.
_MAX_ID_BYTES = 100


def split_into_files(table: Table, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Split rows into the files of a table.

    Args:
        table: The table.
        rows: Rows of the table, in the row order of its contract.

    Returns:
        The rows by name of file; at least one file, which is empty if there are no rows.
    """
    if table.month_column is not None:
        return _split_by_month(table.month_column, rows)
    return _split_by_person(rows) if table.is_partitioned_by_person else {SINGLE_FILE: rows}


def has_current_layout(table: Table, file_names: Collection[str]) -> bool:
    """Whether files with these names are split as the table declares now."""
    if table.is_partitioned_by_person:
        return all(file_name == FIRST_RANGE or file_name.startswith(_RANGE_PREFIX) for file_name in file_names)
    return (SINGLE_FILE in file_names) is (table.month_column is None)


def find_changed_files(
    table: Table, existing_file_names: Collection[str], old_rows: pl.DataFrame, new_rows: pl.DataFrame
) -> set[str]:
    """The files that must be rewritten if `new_rows` replaces `old_rows`.

    Args:
        table: The table.
        existing_file_names: Names of its files.
        old_rows: The rows that are removed, sorted.
        new_rows: The rows that are added, sorted.

    Returns:
        Names of files, among them files that do not exist yet.
    """
    if table.is_partitioned_by_person:
        return (
            set()
            if old_rows.equals(new_rows)
            else _find_changed_ranges(existing_file_names, old_rows["person_id"], new_rows["person_id"])
        )
    old_rows_by_file, new_rows_by_file = split_into_files(table, old_rows), split_into_files(table, new_rows)
    return {
        file_name
        for file_name in old_rows_by_file.keys() | new_rows_by_file.keys()
        if file_name not in old_rows_by_file
        or file_name not in new_rows_by_file
        or not old_rows_by_file[file_name].equals(new_rows_by_file[file_name])
    }


def find_files_with(table: Table, existing_file_names: Collection[str], replaced_keys: pl.DataFrame) -> Collection[str]:
    """The existing files that may contain rows with one of the keys."""
    return (
        _find_range_names(existing_file_names, replaced_keys["person_id"])
        if table.is_partitioned_by_person
        else existing_file_names
    )


def select_rows_of_files(table: Table, rows: pl.DataFrame, file_names: Collection[str]) -> pl.DataFrame:
    """The rows that belong into these files; all rows if the table is not split by month.

    Args:
        table: The table.
        rows: Rows of the table, sorted.
        file_names: Names of files. Ranges of people may be new, so that their rows are not selected by name.
    """
    if table.month_column is None:
        return rows
    return pl.concat(
        [
            rows.clear(),
            *(file_rows for file_name, file_rows in split_into_files(table, rows).items() if file_name in file_names),
        ]
    )


def _find_range_names(existing_file_names: Collection[str], person_ids: Collection[str]) -> set[str]:
    range_names = sorted(existing_file_names)
    range_indices = {bisect_right(range_names, _format_range_name(person_id)) - 1 for person_id in person_ids}
    return {range_names[range_index] for range_index in range_indices if range_index >= 0}


def _find_changed_ranges(
    existing_file_names: Collection[str], old_person_ids: pl.Series, new_person_ids: pl.Series
) -> set[str]:
    person_ids_before, person_ids_after = set(old_person_ids.unique()), set(new_person_ids.unique())
    # if the person who begins a range is removed, the rows of the range join the previous range
    removed_range_names = {_format_range_name(person_id) for person_id in person_ids_before - person_ids_after}
    extended_file_names = {
        previous_file_name
        for previous_file_name, file_name in pairwise(sorted(existing_file_names))
        if file_name in removed_range_names
    }
    return (_find_range_names(existing_file_names, person_ids_before | person_ids_after) | extended_file_names) or {
        FIRST_RANGE
    }


def _split_by_month(month_column: str, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows_by_file, start_row = {}, 0
    for row_count, month_index in rows.select(month_number(month_column).rle().struct.unnest()).iter_rows():
        file_name = UNDATED if month_index == NO_MONTH else f"{month_index // 12:04d}-{month_index % 12 + 1:02d}"
        rows_by_file[file_name] = rows.slice(start_row, row_count)
        start_row += row_count
    return rows_by_file or {UNDATED: rows}


def _split_by_person(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    start_by_range, start_row = {FIRST_RANGE: 0}, 0
    for row_count, person_id in rows.select(pl.col("person_id").rle().struct.unnest()).iter_rows():
        if _begins_range(person_id):
            start_by_range[_format_range_name(person_id)] = start_row
        start_row += row_count
    row_bounds = pairwise([*start_by_range.values(), rows.height])
    return {
        range_name: rows.slice(first_row, end_row - first_row)
        for range_name, (first_row, end_row) in zip(start_by_range, row_bounds, strict=True)
        if end_row > first_row
    } or {FIRST_RANGE: rows}


def _begins_range(person_id: str) -> bool:
    encoded_id = person_id.encode()
    return len(encoded_id) <= _MAX_ID_BYTES and blake2b(encoded_id, digest_size=2).digest()[1] % PEOPLE_PER_FILE == 0


def _format_range_name(person_id: str) -> str:
    """The name of the range that begins with a person: names sort as ids do, whatever characters the ids have."""
    return _RANGE_PREFIX + person_id.encode().hex()
