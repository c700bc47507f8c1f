"""Whose rows differ between two states of a table, and which records: what lets a run follow a change.

Belongs here: the comparison, and the short record of it beside the lake's tables.
Does not belong here: how tables are written (`pipelines.storage.lake`), what is made anew for whom
(`assets.incremental.incremental_asset`).

A change leads from one content hash to the next, so that a reader who knows which content it was made of can tell
whether the record reaches back that far; where it does not, it must look at everybody.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table

# More than this share of a table's people is everybody: a whole recomputation costs no more than so many merges.
MOST_SHARE = 0.5
# So few people are worth following in any company.
FEW = 100
# So many steps back are followed; a night in between makes everything anew in any case.
LONGEST = 500
# Records are followed one by one up to so many; beyond, a table is made whole.
MOST_RECORDS = 200_000
# What names a record of an export, and what others name it by.
RECORD_KEY = ("source_name", "record_code")
_NAMED_BY = "assignment_code"
# Columns that say where a row came from: the same row out of a newer export is no change.
PROVENANCE = ("file_sha256", "row_number")
_FOLDER = ".changes"
# Parquet, by another name: whoever reads or copies all Parquet files of a lake means its tables.
_RECORDS = ".records"


@dataclass(frozen=True)
class ChangedPeople:
    """The people whose rows changed since some content of a table."""

    people: frozenset[str]


def record_change(
    root: Path,
    table: Table,
    before: str | None,
    after: str | None,
    old: pl.DataFrame,
    new: pl.DataFrame,
    count_people: Callable[[], int],
    beside: Callable[[pl.DataFrame], pl.Series] | None = None,
) -> None:
    """Keep whose rows differ between `old` and `new`, the rows of the table that were and will be rewritten.

    `count_people` tells how many the whole table speaks of, where more than a few differ; `beside` from the rows that
    differ who else is touched. Written before the table is, so that a change is never unrecorded. Tables without a
    person are not followed. Of tables whose key is a record, the records are kept as well.
    """
    if "person_id" not in table.column_names or before is None or after is None or before == after:
        return
    place = root / _FOLDER / table.name / f"{after}.json"
    # what was kept of another way to the same content says nothing of this one
    for kept in (place, place.with_suffix(_RECORDS)):
        kept.unlink(missing_ok=True)
    is_record = table.key == RECORD_KEY
    if beside is None and not is_record and _are_most(_plainly_differing(old, new), count_people):
        return
    rows = differing_rows(old, new)
    people = rows["person_id"].drop_nulls()
    if beside is not None and rows.height:
        people = pl.concat([people, beside(rows)])
    people = people.unique().sort()
    are_most = _are_most(people.len(), count_people)
    place.parent.mkdir(parents=True, exist_ok=True)
    if is_record and rows.height <= MOST_RECORDS:
        _keep(place.with_suffix(_RECORDS), rows.select(_spoken_of(table)).unique().write_parquet)
    elif are_most:
        return
    said = json.dumps({"before": before, "people": None if are_most else people.to_list()})
    _keep(place, lambda unfinished: unfinished.write_text(said))


def _are_most(count: int, count_people: Callable[[], int]) -> bool:
    return count > FEW and count > MOST_SHARE * count_people()


def find_changed_people(root: Path, table: Table, before: str | None, after: str | None) -> ChangedPeople | None:
    """Whose rows changed on the way from one content to the other; None where the record does not reach back."""
    found: set[str] = set()
    for _, people in (chain := _follow(root, table, before, after)) or ():
        if people is None:
            return None
        found |= set(people)
    return None if chain is None else ChangedPeople(frozenset(found))


def find_changed_records(root: Path, table: Table, before: str | None, after: str | None) -> pl.DataFrame | None:
    """The records that differ, or whose row did on the way: source_name, record_code, and the assignment_code of tables
    that have one, then and now. None where that is not known, or they are too many."""
    chain = _follow(root, table, before, after)
    if chain is None or table.key != RECORD_KEY:
        return None
    places = [root / _FOLDER / table.name / f"{content}{_RECORDS}" for content, _ in chain]
    if not all(place.exists() for place in places):
        return None
    none = pl.DataFrame(schema={name: table.schema[name] for name in _spoken_of(table)})
    return pl.concat([none, *(pl.read_parquet(place) for place in places)]).unique()


def _follow(
    root: Path, table: Table, before: str | None, after: str | None
) -> list[tuple[str, list[str] | None]] | None:
    """The contents passed on the way back, and the people of each; None where the way does not lead there."""
    chain: dict[str, list[str] | None] = {}
    while after != before:
        place = root / _FOLDER / table.name / f"{after}.json"
        if after is None or after in chain or len(chain) > LONGEST or not place.exists():
            return None
        said = json.loads(place.read_text())
        chain[after] = said["people"]
        after = said["before"]
    return list(chain.items())


def _spoken_of(table: Table) -> list[str]:
    return [*RECORD_KEY, *(name for name in (_NAMED_BY,) if name in table.column_names)]


def _keep(place: Path, write: Callable[[Path], object]) -> None:
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}")
    write(unfinished)
    with unfinished.open("rb") as stream:  # it is on disk before the table that it speaks of
        os.fsync(stream.fileno())
    unfinished.replace(place)


def differing_rows(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The rows of either that the other does not have, wherever they came from."""
    keys = [hash_row_contents(frame).alias("row").to_frame() for frame in (old, new)]
    apart = [
        frame.with_columns(one).join(other, on="row", how="anti").drop("row")
        for frame, one, other in ((old, keys[0], keys[1]), (new, keys[1], keys[0]))
    ]
    return pl.concat(apart)


def _plainly_differing(old: pl.DataFrame, new: pl.DataFrame) -> int:
    """How many people's rows differ at least, by the plain columns alone: nested ones cost far more to compare."""
    plain = [name for name, dtype in old.schema.items() if not dtype.is_nested() and name not in PROVENANCE]
    frames = [frame.select("person_id", row=frame.select(plain).hash_rows(seed=7)) for frame in (old, new)]
    apart = [one.join(other, on="row", how="anti") for one, other in (frames, frames[::-1])]
    return pl.concat(apart)["person_id"].n_unique()


def clear_change_log(root: Path) -> None:
    """Remove every record: after a complete night nobody needs one."""
    for place in (root / _FOLDER).glob("*/*"):
        place.unlink(missing_ok=True)


def hash_row_contents(rows: pl.DataFrame) -> pl.Series:
    """A hash of each row's content; nested columns by their text."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    plain = rows.drop(PROVENANCE, strict=False).with_columns(
        pl.struct(name).struct.json_encode().alias(name) for name in nested
    )
    return plain.hash_rows(seed=7)
