"""Input of the pages: the snapshot's tables, and names and evidence counts from the lake.

Belongs here: reading them once, in the form that the pages need; a missing table counts as empty.
Does not belong here: the text of a page (`pages`, `run_page`), writing files (`build`).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL, TABLES
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY, ROW_METADATA_COLUMNS
from pipelines.contracts.table import Table
from pipelines.publish.site.page_names import PageNames, read_page_names
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

Row = dict[str, Any]
# The values of some rows by column, each list in the order of the rows.
Columns = dict[str, list[Any]]
# Capability of the micro-skills that belong to none.
NO_CAPABILITY = "Other"
# Columns that no page shows, by name and by the end of the name.
_HIDDEN_COLUMNS = frozenset({*ROW_METADATA_COLUMNS, "model_version", "person_id"})
_HIDDEN_ENDINGS = ("_draft", "_sha256", "evidence_id")
# Tables about people that are not shown as tables. Recommendations and stages have sections of their own, evidence is
# counted by source, and a recommendation's row holds the sentence of its counterfactual.
_TABLES_WITHOUT_SECTION = frozenset({NEXT_SKILL.name, OUT_MASTERY.name, "out__evidence", "out__counterfactual"})
_COMPANION_COLUMNS = ("skill_id", "relation", "companion_id", "why")
_PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Number of people whose rows are in memory at a time.
_PEOPLE_PER_CHUNK = 5_000


@dataclass(frozen=True)
class PageData:
    """Everything that pages are made from.

    Attributes:
        snapshot: The snapshot that the pages show.
        lake: The lake it was made from.
        company_name: Name of the company.
        skill_row_by_id: Rows of core__entity_skill by skill_id.
        person_row_by_id: person_id, display_name, unit_name and role_name by person_id.
        evidence_counts: One row (person_id, source_name, mode, rows, first, last) per person, source and mode.
        person_tables: Further published tables with rows about a person.
        skill_count_by_capability: Number of micro-skills per capability.
        page_names: The folder of each person's page.
        formatters: Cache of the functions that turn values of a column and type into text (see `pages`).
    """

    snapshot: Snapshot
    lake: Lake
    company_name: str
    skill_row_by_id: dict[str, Row]
    person_row_by_id: dict[str, Row]
    evidence_counts: pl.DataFrame
    person_tables: tuple[Table, ...]
    skill_count_by_capability: Counter[str]
    page_names: PageNames
    formatters: dict[tuple[str, type], Callable[[Any], str]] = field(default_factory=dict)

    def skill_name(self, skill_id: str | None) -> str:
        """Name of a micro-skill; its id if it has no name."""
        return str(self.skill_row_by_id.get(skill_id or "", {}).get("skill_name") or skill_id or "")

    def person_name(self, person_id: str) -> str:
        """Name of a person; the id if the name is unknown."""
        return str(self.person_row_by_id.get(person_id, {}).get("display_name") or person_id)


@dataclass(frozen=True)
class PersonRows:
    """All rows about one person; `values_by_table` holds the further tables that have rows."""

    person_id: str
    steps: list[Row]
    held_skills: list[Row]
    evidence_counts: list[Row]
    companions: list[Row]
    values_by_table: dict[str, Columns]


def load_page_data(
    snapshot: Snapshot, lake: Lake, company_name: str, evidence_counts: pl.DataFrame | None = None
) -> PageData:
    """Read the names and counts that the pages of a snapshot need.

    Args:
        snapshot: The snapshot to show.
        lake: The lake it was made from.
        company_name: Name of the company.
        evidence_counts: The evidence counts if the caller has them; they are counted in the lake otherwise.

    Returns:
        The input of the pages.
    """
    skills = lake.scan(SKILL).collect()
    people = lake.scan(PERSON).select("person_id", "display_name", "unit_name", "role_name").collect()
    published_tables = [TABLES[table.name] for table in snapshot.tables if table.name in TABLES]
    return PageData(
        snapshot,
        lake,
        company_name,
        {skill_row["skill_id"]: skill_row for skill_row in skills.iter_rows(named=True)},
        {person_row["person_id"]: person_row for person_row in people.iter_rows(named=True)},
        _count_evidence(lake) if evidence_counts is None else evidence_counts,
        tuple(
            table
            for table in published_tables
            if "person_id" in table.column_names and table.name not in _TABLES_WITHOUT_SECTION
        ),
        Counter(skills["capability_name"].fill_null(NO_CAPABILITY).to_list()),
        read_page_names(lake.root.parent),
    )


def _count_evidence(lake: Lake) -> pl.DataFrame:
    occurred_date = pl.col("occurred_at").dt.date()
    return (
        lake.scan(EVIDENCE)
        .group_by("person_id", "source_name", "mode")
        .agg(pl.len().alias("rows"), occurred_date.min().alias("first"), occurred_date.max().alias("last"))
        .sort("person_id", "source_name", "mode")
        .collect()
    )


def list_people(page_data: PageData) -> list[str]:
    """List the person_id of everyone who gets a page, sorted: each person of out__next_skill."""
    return (
        page_data.snapshot.scan(NEXT_SKILL.name)
        .select("person_id")
        .unique()
        .sort("person_id")
        .collect()
        .to_series()
        .to_list()
    )


def iterate_people(page_data: PageData, person_ids: list[str]) -> Iterator[PersonRows]:
    """Read all rows about each of these people.

    Args:
        page_data: The input of the pages.
        person_ids: person_id of each person.

    Yields:
        The rows of one person, in the order of `person_ids`.
    """
    for chunk_start in range(0, len(person_ids), _PEOPLE_PER_CHUNK):
        chunk_person_ids = person_ids[chunk_start : chunk_start + _PEOPLE_PER_CHUNK]
        # pages do not show the codes behind a sentence: decoding them to dicts would take half of the time
        steps_by_person = _group_rows_by_person(
            page_data.snapshot.scan(NEXT_SKILL.name).drop("reasons", strict=False), chunk_person_ids, "rank"
        )
        held_skills_by_person: dict[str, list[Row]] = {}
        if page_data.snapshot.has_table(OUT_MASTERY.name):
            mastery = page_data.snapshot.scan(OUT_MASTERY.name).select("person_id", "skill_id", "stage", "is_rusty")
            held_skills_by_person = _group_rows_by_person(mastery, chunk_person_ids)
        evidence_counts_by_person = _group_rows_by_person(page_data.evidence_counts.lazy(), chunk_person_ids)
        rows_by_table = {table.name: _scan_shown_columns(page_data, table) for table in page_data.person_tables}
        companions_by_person = (
            _group_rows_by_person(rows_by_table.pop(COMPANION.name), chunk_person_ids)
            if COMPANION.name in rows_by_table
            else {}
        )
        columns_by_person_by_table = {
            table_name: _group_columns_by_person(table_rows, chunk_person_ids)
            for table_name, table_rows in rows_by_table.items()
        }
        for person_id in chunk_person_ids:
            yield PersonRows(
                person_id,
                steps_by_person.get(person_id, []),
                held_skills_by_person.get(person_id, []),
                evidence_counts_by_person.get(person_id, []),
                companions_by_person.get(person_id, []),
                {
                    table_name: columns_by_person[person_id]
                    for table_name, columns_by_person in columns_by_person_by_table.items()
                    if person_id in columns_by_person
                },
            )


def read_rows_by_unit(page_data: PageData, table: Table) -> dict[str, list[Row]]:
    """Read a published table by unit_name, in its order; empty if the snapshot has no such table."""
    rows_by_unit: dict[str, list[Row]] = {}
    if page_data.snapshot.has_table(table.name):
        for unit_row in page_data.snapshot.scan(table.name).collect().iter_rows(named=True):
            rows_by_unit.setdefault(unit_row["unit_name"], []).append(unit_row)
    return rows_by_unit


def name_team_page(team_name: str) -> str:
    """File name of the page of a team: its name if that is a plain name, otherwise a hash of it."""
    plain_name_match = _PLAIN_FILE_NAME.fullmatch(team_name)
    return f"{team_name if plain_name_match else hashlib.sha256(team_name.encode()).hexdigest()[:24]}.html"


@cache
def shown_columns(table: Table) -> list[tuple[str, str]]:
    """List the columns of a table that a page shows, each with its heading."""
    return [
        (column.name, heading(column.name))
        for column in table.columns
        if column.name not in _HIDDEN_COLUMNS and not column.is_free_text and not column.name.endswith(_HIDDEN_ENDINGS)
    ]


def heading(column_name: str) -> str:
    """Turn a column's name into a heading."""
    heading_text = re.sub(r"_(id|name|code|date|at)$", "", column_name).replace("_", " ")
    return heading_text[:1].upper() + heading_text[1:]


def _scan_shown_columns(page_data: PageData, table: Table) -> pl.LazyFrame:
    table_rows = page_data.snapshot.scan(table.name)
    shown_names = (
        _COMPANION_COLUMNS if table.name == COMPANION.name else [column_name for column_name, _ in shown_columns(table)]
    )
    return table_rows.select(
        "person_id", *(column_name for column_name in table_rows.collect_schema().names() if column_name in shown_names)
    )


def _group_rows_by_person(table_rows: pl.LazyFrame, person_ids: list[str], *order_columns: str) -> dict[str, list[Row]]:
    row_iterator = _collect_rows_of_people(table_rows, person_ids, *order_columns).iter_rows(named=True)
    return {person_id: list(person_rows) for person_id, person_rows in groupby(row_iterator, itemgetter("person_id"))}


def _group_columns_by_person(table_rows: pl.LazyFrame, person_ids: list[str]) -> dict[str, Columns]:
    sorted_rows = _collect_rows_of_people(table_rows, person_ids)
    values_by_column = {
        column_name: sorted_rows[column_name].to_list()
        for column_name in sorted_rows.columns
        if column_name != "person_id"
    }
    columns_by_person, first_row_index = {}, 0
    for row_count, person_id in sorted_rows.select(pl.col("person_id").rle().struct.unnest()).iter_rows():
        end_row_index = first_row_index + row_count
        columns_by_person[person_id] = {
            column_name: column_values[first_row_index:end_row_index]
            for column_name, column_values in values_by_column.items()
        }
        first_row_index = end_row_index
    return columns_by_person


def _collect_rows_of_people(table_rows: pl.LazyFrame, person_ids: list[str], *order_columns: str) -> pl.DataFrame:
    # maintain_order: rows of the same rank keep the order of the file
    return (
        table_rows.filter(pl.col("person_id").is_in(person_ids))
        .sort("person_id", *order_columns, maintain_order=True)
        .collect()
    )
