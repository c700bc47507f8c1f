"""What the pages know: the snapshot's tables and the names, sources and verdicts of the lake beside it.

Belongs here: reading it once, in the form the pages need; tables that are absent are empty.
Does not belong here: pages (`person`, `team`, `night`), writing (`build`).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL, TABLES
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY
from pipelines.contracts.table import Personal, Table
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

Row = dict[str, Any]
# The values of some rows by column, each list in the order of the rows.
Columns = dict[str, list[Any]]
# Columns that a person reads nothing from.
ROW_METADATA_COLUMNS = (
    "snapshot_id",
    "as_of",
    "valid_until",
    "model_version",
    "policy_version",
    "schema_version",
    "person_id",
)
_MACHINE = ("_draft", "_sha256", "evidence_id")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Tables of people of which a page says nothing: evidence is counted by source at the end of it, and a recommendation's
# row has the sentence of its counterfactual.
UNUSED = frozenset({"out__evidence", "out__counterfactual"})
# What stands of a companion beside a step; of every other further table it is what a person can read of it.
_OF_COMPANION = ("skill_id", "relation", "companion_id", "why")
# Where micro-skills stand that belong to no capability.
NO_CAPABILITY = "Other"
# People on pages at a time: their rows fit into memory, however many people there are.
CHUNK = 5_000


@dataclass(frozen=True)
class PageData:
    """Names by id, and what each table holds; `more` are the further published tables that speak of a person.

    `stored` has one row per person, source and mode: how much evidence there is, and from when to when.
    """

    snapshot: Snapshot
    lake: Lake
    company: str
    skills: dict[str, Row]
    people: dict[str, Row]
    stored: pl.DataFrame
    more: tuple[Table, ...] = field(default=())
    totals: Counter[str] = field(default_factory=Counter)  # micro-skills by capability

    @cached_property
    def shown(self) -> dict[str, list[tuple[str, str]]]:
        """By further table: the columns that a person can read, with their headings."""
        return {table.name: shown_columns(table) for table in self.more}

    @cached_property
    def words(self) -> dict[tuple[str, type], Callable[[Any], str]]:
        """How values of a column and type are said, as it was found out so far (see `pages`)."""
        return {}

    @cached_property
    def _skill_names(self) -> dict[str, str]:
        return {skill_id: str(row["skill_name"] or skill_id) for skill_id, row in self.skills.items()}

    def skill_name(self, skill_id: str | None) -> str:
        """What a micro-skill is called; its id where it has no name."""
        return self._skill_names.get(skill_id or "", skill_id or "")

    def person_name(self, person_id: str) -> str:
        """What a person is called; the id where nobody gave a name."""
        return str(self.people.get(person_id, {}).get("display_name") or person_id)


@dataclass(frozen=True)
class PersonRows:
    """All rows of one person; of further tables only those that have any, by column: most of what stands on a page."""

    person_id: str
    steps: list[Row]
    held: list[Row]
    stored: list[Row]
    companions: list[Row]
    more: dict[str, Columns]


def load_page_data(snapshot: Snapshot, lake: Lake, company: str, stored: pl.DataFrame | None = None) -> PageData:
    """The names of everything, read once; the evidence is counted where nobody hands in what is `stored` of whom."""
    skills = lake.scan(SKILL).collect()
    people = lake.scan(PERSON).select("person_id", "display_name", "unit_name", "role_name").collect()
    told = {NEXT_SKILL.name, OUT_MASTERY.name}
    more = tuple(
        TABLES[one.name]
        for one in snapshot.tables
        if one.name in TABLES and one.name not in told | UNUSED and "person_id" in TABLES[one.name].column_names
    )
    return PageData(
        snapshot,
        lake,
        company,
        {row["skill_id"]: row for row in skills.iter_rows(named=True)},
        {row["person_id"]: row for row in people.iter_rows(named=True)},
        _count_evidence(lake) if stored is None else stored,
        more,
        Counter(skills["capability_name"].fill_null(NO_CAPABILITY).to_list()),
    )


def _count_evidence(lake: Lake) -> pl.DataFrame:
    counted = (
        lake.scan(EVIDENCE)
        .group_by("person_id", "source_name", "mode")
        .agg(
            pl.len().alias("rows"),
            pl.col("occurred_at").min().dt.date().alias("first"),
            pl.col("occurred_at").max().dt.date().alias("last"),
        )
    )
    return counted.sort("person_id", "source_name", "mode").collect()


def list_people(known: PageData) -> list[str]:
    """The person_id of everyone who gets a page: who is recommended to, or is told why not."""
    return (
        known.snapshot.scan(NEXT_SKILL.name)
        .select("person_id")
        .unique()
        .sort("person_id")
        .collect()
        .to_series()
        .to_list()
    )


def iterate_people(known: PageData, people: list[str]) -> Iterator[PersonRows]:
    """All rows of each of these people, in this order."""
    for start in range(0, len(people), CHUNK):
        part = people[start : start + CHUNK]
        # a page says nothing of the codes behind a sentence: turning them into dictionaries is half of all the time
        steps = _rows(known.snapshot.scan(NEXT_SKILL.name).drop("reasons", strict=False), part, ["rank"])
        mastery = known.snapshot.scan(OUT_MASTERY.name) if known.snapshot.has_table(OUT_MASTERY.name) else None
        held = {} if mastery is None else _rows(mastery.select("person_id", "skill_id", "stage", "is_rusty"), part)
        counted = _rows(known.stored.lazy(), part)
        readable = {table.name: _readable(known, table) for table in known.more}
        companions = _rows(readable[COMPANION.name], part) if COMPANION.name in readable else {}
        more = {name: _columns(frame, part) for name, frame in readable.items() if name != COMPANION.name}
        for person in part:
            yield PersonRows(
                person,
                steps.get(person, []),
                held.get(person, []),
                counted.get(person, []),
                companions.get(person, []),
                {name: columns[person] for name, columns in more.items() if person in columns},
            )


def read_rows_by_unit(known: PageData, table: Table) -> dict[str, list[Row]]:
    """The rows of a published table by unit_name, in its order; nothing where the snapshot has no such table."""
    rows: dict[str, list[Row]] = {}
    for row in known.snapshot.scan(table.name).collect().to_dicts() if known.snapshot.has_table(table.name) else ():
        rows.setdefault(row["unit_name"], []).append(row)
    return rows


def page_name(identity: str) -> str:
    """A file name for any id: itself where it is plain, else a fingerprint."""
    plain = _PLAIN.fullmatch(identity)
    return f"{identity if plain else hashlib.sha256(identity.encode()).hexdigest()[:24]}.html"


def shown_columns(table: Table) -> list[tuple[str, str]]:
    """The columns of a table that a person can read, with their headings."""
    return [
        (column.name, heading(column.name))
        for column in table.columns
        if column.name not in ROW_METADATA_COLUMNS
        and column.personal is not Personal.TEXT
        and not column.name.endswith(_MACHINE)
    ]


def heading(name: str) -> str:
    """A column's name in words."""
    words = re.sub(r"_(id|name|code|date|at)$", "", name).replace("_", " ")
    return words[:1].upper() + words[1:]


def _readable(known: PageData, table: Table) -> pl.LazyFrame:
    """The rows of a further table, in the columns of which a page says something."""
    frame = known.snapshot.scan(table.name)
    wanted = _OF_COMPANION if table.name == COMPANION.name else [name for name, _ in known.shown[table.name]]
    there = set(frame.collect_schema().names())
    return frame.select("person_id", *(name for name in wanted if name in there))


def _rows(frame: pl.LazyFrame, people: list[str], order: list[str] | None = None) -> dict[str, list[Row]]:
    found = _of_people(frame, people, order)
    return {person: list(rows) for person, rows in groupby(found.iter_rows(named=True), itemgetter("person_id"))}


def _columns(frame: pl.LazyFrame, people: list[str]) -> dict[str, Columns]:
    found = _of_people(frame, people)
    lists = {name: found[name].to_list() for name in found.columns if name != "person_id"}
    by_person, start = {}, 0
    for length, person in found.select(pl.col("person_id").rle().struct.unnest()).iter_rows():
        by_person[person] = {name: values[start : start + length] for name, values in lists.items()}
        start += length
    return by_person


def _of_people(frame: pl.LazyFrame, people: list[str], order: list[str] | None = None) -> pl.DataFrame:
    mine = frame.filter(pl.col("person_id").is_in(people))
    # else rows that only their place in the file puts in order come in another one now and then
    return mine.sort("person_id", *(order or []), maintain_order=True).collect()
