"""Whose rows differ between two states of a table: what lets a run follow a change to the people it touches.

Belongs here: the comparison, and the short record of it beside the lake's tables.
Does not belong here: how tables are written (`pipelines.lake`), what is made anew for whom (`assets.step`).

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
# Columns that say where a row came from: the same row out of a newer export is no change.
PROVENANCE = ("file_sha256", "row_number")
_FOLDER = ".changes"


@dataclass(frozen=True)
class Reach:
    """The people whose rows changed since some content of a table."""

    people: frozenset[str]


def record_change(
    root: Path, table: Table, before: str | None, after: str | None, old: pl.DataFrame, new: pl.DataFrame,
    beside: Callable[[pl.DataFrame], pl.Series] | None = None,
) -> None:  # fmt: skip
    """Keep whose rows differ between `old` and `new`, the rows of the table that were and will be rewritten.

    `beside` tells from the rows that differ who else is touched. Written before the table is, so that a change is never
    unrecorded. Tables without a person are not followed.
    """
    if "person_id" not in table.column_names or before is None or after is None or before == after:
        return
    rows = differing_rows(old, new)
    people = rows["person_id"].drop_nulls()
    if beside is not None and rows.height:
        people = pl.concat([people, beside(rows)])
    people = people.unique().sort()
    if (
        people.len() > MOST_SHARE * max(old["person_id"].n_unique(), new["person_id"].n_unique(), 1)
        and people.len() > 100
    ):
        return
    place = root / _FOLDER / table.name / f"{after}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}")
    unfinished.write_text(json.dumps({"before": before, "people": people.to_list()}))
    unfinished.replace(place)


def people_changed(root: Path, table: Table, before: str | None, after: str | None) -> Reach | None:
    """Whose rows changed on the way from one content to the other; None where the record does not reach back."""
    found: set[str] = set()
    passed: set[str] = set()
    while after != before:
        place = root / _FOLDER / table.name / f"{after}.json"
        if after is None or after in passed or len(passed) > LONGEST or not place.exists():
            return None
        passed.add(after)
        said = json.loads(place.read_text())
        found |= set(said["people"])
        after = said["before"]
    return Reach(frozenset(found))


def differing_rows(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The rows of either that the other does not have, wherever they came from."""
    keys = [row_hashes(frame).alias("row").to_frame() for frame in (old, new)]
    apart = [
        frame.with_columns(one).join(other, on="row", how="anti").drop("row")
        for frame, one, other in ((old, keys[0], keys[1]), (new, keys[1], keys[0]))
    ]
    return pl.concat(apart)


def forget_changes(root: Path) -> None:
    """Remove every record: after a complete night nobody needs one."""
    for place in (root / _FOLDER).glob("*/*.json"):
        place.unlink(missing_ok=True)


def row_hashes(rows: pl.DataFrame) -> pl.Series:
    """A hash of each row's content; nested columns by their text."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    plain = rows.drop(PROVENANCE, strict=False).with_columns(
        pl.struct(name).struct.json_encode().alias(name) for name in nested
    )
    return plain.hash_rows(seed=7)
