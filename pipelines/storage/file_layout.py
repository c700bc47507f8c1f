"""How a table is cut into files: whole, by month of a moment, or into stretches of people.

Belongs here: the names of the files, the order of rows in them, and which of them a change touches.
Does not belong here: reading and writing them (`pipelines.storage.lake`).

A stretch of people begins with each person whose id hashes to 0, so that where a table is cut follows from who is in it
alone, and a merge leaves the files that a whole write would leave.
"""

from bisect import bisect_right
from collections.abc import Collection
from hashlib import blake2b
from itertools import pairwise

import polars as pl

from pipelines.contracts.table import Table

# The one file of a table that is not cut.
WHOLE = "data"
# Rows without a moment, in a table by month.
UNDATED = "undated"
# People before the first who begins a stretch; it sorts before every `from-`.
FIRST = "first"
PEOPLE_PER_FILE = 128
_FROM = "from-"
_NO_MONTH = 2**31 - 1
# A longer id would not fit into the name of a file.
_LONGEST_ID = 100


def cut(table: Table, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows, in the table's order, by the name of their file; at least one file, though it may be empty."""
    if table.month_column is not None:
        return _by_month(table.month_column, rows)
    return _by_people(rows) if table.is_partitioned_by_person else {WHOLE: rows}


def is_cut_so(table: Table, names: Collection[str]) -> bool:
    """Whether files of these names are cut as the table says now."""
    if table.is_partitioned_by_person:
        return all(name == FIRST or name.startswith(_FROM) for name in names)
    return (WHOLE in names) is (table.month_column is None)


def order_of(table: Table) -> list[pl.Expr]:
    """What the rows of a table are sorted by: its key, within the month or after the person it is cut by."""
    keys = [pl.col(name) for name in table.key]
    if table.is_partitioned_by_person:
        return keys or [pl.col("person_id")]
    return keys if table.month_column is None else [month_number(table.month_column), *keys]


def month_number(moment: str) -> pl.Expr:
    """A number that rises from month to month; the highest for rows without a moment."""
    when = pl.col(moment).dt
    return (when.year() * 12 + when.month().cast(pl.Int32) - 1).fill_null(_NO_MONTH)


def touched_parts(table: Table, present: Collection[str], old: pl.DataFrame, new: pl.DataFrame) -> set[str]:
    """The files to be made anew where `new` takes the place of `old`; also names of files that are not there yet."""
    if table.is_partitioned_by_person:
        return set() if old.equals(new) else _stretches_touched(present, old["person_id"], new["person_id"])
    olds, news = cut(table, old), cut(table, new)
    both = olds.keys() & news.keys()
    return (olds.keys() ^ news.keys()) | {name for name in both if not olds[name].equals(news[name])}


def parts_holding(table: Table, present: Collection[str], replacing: pl.DataFrame) -> Collection[str]:
    """The files, of those that are there, in which rows that share their values with a row of `replacing` can lie."""
    return _stretches_of(present, replacing["person_id"]) if table.is_partitioned_by_person else present


def rows_within(table: Table, rows: pl.DataFrame, parts: Collection[str]) -> pl.DataFrame:
    """The rows, in the table's order, that belong into these of its files; of stretches all, since those may be new."""
    if table.month_column is None:
        return rows
    return pl.concat([rows.clear(), *(part for name, part in cut(table, rows).items() if name in parts)])


def _stretches_of(present: Collection[str], people: Collection[str]) -> set[str]:
    names = sorted(present)
    places = {bisect_right(names, _named(person)) - 1 for person in people}
    return {names[place] for place in places if place >= 0}


def _stretches_touched(present: Collection[str], old: pl.Series, new: pl.Series) -> set[str]:
    before, after = set(old.unique()), set(new.unique())
    names = sorted(present)
    # rows after somebody who began a stretch and is gone join the stretch before
    lost = {_named(person) for person in before - after}
    joined = {former for former, name in pairwise(names) if name in lost}
    touched = _stretches_of(names, before | after) | joined
    return touched or {FIRST}


def _by_month(moment: str, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    found, start = {}, 0
    for length, month in rows.select(month_number(moment).rle().struct.unnest()).iter_rows():
        name = UNDATED if month == _NO_MONTH else f"{month // 12:04d}-{month % 12 + 1:02d}"
        found[name] = rows.slice(start, length)
        start += length
    return found or {UNDATED: rows}


def _by_people(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    starts, names, start = [0], [FIRST], 0
    for length, person in rows.select(pl.col("person_id").rle().struct.unnest()).iter_rows():
        if _begins_stretch(person):
            starts.append(start)
            names.append(_named(person))
        start += length
    ends = [*starts[1:], rows.height]
    found = {
        name: rows.slice(low, high - low) for name, low, high in zip(names, starts, ends, strict=True) if high > low
    }
    return found or {FIRST: rows}


def _begins_stretch(person: str) -> bool:
    said = person.encode()
    return len(said) <= _LONGEST_ID and blake2b(said, digest_size=2).digest()[1] % PEOPLE_PER_FILE == 0


def _named(person: str) -> str:
    """The name of the stretch that begins with a person: names sort as ids do, whatever characters those have."""
    return _FROM + person.encode().hex()
