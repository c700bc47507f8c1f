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
_FROM = "from-"
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


def has_current_layout(table: Table, names: Collection[str]) -> bool:
    """Whether files with these names are split as the table declares now."""
    if table.is_partitioned_by_person:
        return all(name == FIRST_RANGE or name.startswith(_FROM) for name in names)
    return (SINGLE_FILE in names) is (table.month_column is None)


def find_changed_files(table: Table, existing: Collection[str], old: pl.DataFrame, new: pl.DataFrame) -> set[str]:
    """The files that must be rewritten if `new` replaces `old`.

    Args:
        table: The table.
        existing: Names of its files.
        old: The rows that are removed, sorted.
        new: The rows that are added, sorted.

    Returns:
        Names of files, among them files that do not exist yet.
    """
    if table.is_partitioned_by_person:
        return set() if old.equals(new) else _find_changed_ranges(existing, old["person_id"], new["person_id"])
    old_files, new_files = split_into_files(table, old), split_into_files(table, new)
    return {
        name
        for name in old_files.keys() | new_files.keys()
        if name not in old_files or name not in new_files or not old_files[name].equals(new_files[name])
    }


def find_files_with(table: Table, existing: Collection[str], replacing: pl.DataFrame) -> Collection[str]:
    """The existing files that can have rows with the values of a row of `replacing`."""
    return _ranges_of(existing, replacing["person_id"]) if table.is_partitioned_by_person else existing


def select_rows_of_files(table: Table, rows: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """The rows that belong into these files; all rows if the table is not split by month.

    Args:
        table: The table.
        rows: Rows of the table, sorted.
        names: Names of files. Ranges of people may be new, so that their rows are not selected by name.
    """
    if table.month_column is None:
        return rows
    return pl.concat([rows.clear(), *(part for name, part in split_into_files(table, rows).items() if name in names)])


def _ranges_of(existing: Collection[str], people: Collection[str]) -> set[str]:
    names = sorted(existing)
    indices = {bisect_right(names, _range_name(person)) - 1 for person in people}
    return {names[index] for index in indices if index >= 0}


def _find_changed_ranges(existing: Collection[str], old: pl.Series, new: pl.Series) -> set[str]:
    before, after = set(old.unique()), set(new.unique())
    # if the person who begins a range is removed, the rows of the range join the previous range
    removed = {_range_name(person) for person in before - after}
    joined = {previous for previous, name in pairwise(sorted(existing)) if name in removed}
    return (_ranges_of(existing, before | after) | joined) or {FIRST_RANGE}


def _split_by_month(month_column: str, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows_by_file, start = {}, 0
    for length, month in rows.select(month_number(month_column).rle().struct.unnest()).iter_rows():
        name = UNDATED if month == NO_MONTH else f"{month // 12:04d}-{month % 12 + 1:02d}"
        rows_by_file[name] = rows.slice(start, length)
        start += length
    return rows_by_file or {UNDATED: rows}


def _split_by_person(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    starts, start = {FIRST_RANGE: 0}, 0
    for length, person in rows.select(pl.col("person_id").rle().struct.unnest()).iter_rows():
        if _begins_range(person):
            starts[_range_name(person)] = start
        start += length
    bounds = pairwise([*starts.values(), rows.height])
    return {
        name: rows.slice(low, high - low) for name, (low, high) in zip(starts, bounds, strict=True) if high > low
    } or {FIRST_RANGE: rows}


def _begins_range(person: str) -> bool:
    encoded = person.encode()
    return len(encoded) <= _MAX_ID_BYTES and blake2b(encoded, digest_size=2).digest()[1] % PEOPLE_PER_FILE == 0


def _range_name(person: str) -> str:
    """The name of the range that begins with a person: names sort as ids do, whatever characters the ids have."""
    return _FROM + person.encode().hex()
