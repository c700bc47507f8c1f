"""Input of the pages: the snapshot's tables, and names and counts of stored rows from the lake.

Belongs here: reading once what all pages share, and the rows of some people at a time.
Does not belong here: which columns a person's page shows (`person_tables`), the text of a page (`pages`, `run_page`),
writing files (`build`).
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from pipelines.contracts.catalog import (
    ASPIRATION,
    CONSENT,
    DELIVERY,
    EVIDENCE,
    PERSON,
    PREFERENCE,
    REPLY,
    SKILL,
    SQUAD_REPLY,
)
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.contracts.table import Table
from pipelines.core.pauses import find_pause_in_effect
from pipelines.publish.site.language import ENGLISH, PageLanguage
from pipelines.publish.site.page_names import PageNames, read_page_names
from pipelines.publish.site.person_tables import scan_person_tables
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

Row = dict[str, Any]
# A page about fewer people would say something about single persons.
SMALLEST_TEAM = 5
# Number of people whose rows are in memory at a time.
_PEOPLE_PER_CHUNK = 5_000
_PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# What people state themselves: the kind of row, the table and the column with the moment.
_STATEMENT_TABLES = (
    ("wish", ASPIRATION, "stated_at"),
    ("consent", CONSENT, "stated_at"),
    ("reply", REPLY, "replied_at"),
    ("preference", PREFERENCE, "stated_at"),
    ("squad_reply", SQUAD_REPLY, "replied_at"),
)
# A model's card counts time in microseconds.
_TICKS_PER_DAY = 24 * 60 * 60 * 1_000_000


@dataclass(frozen=True)
class PageData:
    """Everything that pages are made from.

    Attributes:
        snapshot: The snapshot that the pages show.
        lake: The lake it was made from.
        company_name: Name of the company.
        skill_row_by_id: Rows of core__entity_skill by skill_id.
        person_row_by_id: person_id, display_name, unit_name, role_name, source_name and has_left by person_id.
        evidence_counts: One row (person_id, source_name, mode, rows, first, last) per person, source and kind of stored
            row: a mode of evidence, or one of wish, consent, reply, preference and
            squad_reply.
        system_by_source: System that wrote the exports, by source_name.
        horizon_by_model: Days within which a step counts as reached, by model_version.
        page_names: The folder of each person's page.
        language: The language of the pages.
        smallest_team: The smallest number of people that a page about a team or about the run states.
    """

    snapshot: Snapshot
    lake: Lake
    company_name: str
    skill_row_by_id: dict[str, Row]
    person_row_by_id: dict[str, Row]
    evidence_counts: pl.DataFrame
    system_by_source: dict[str, str]
    horizon_by_model: dict[str, int]
    page_names: PageNames
    language: PageLanguage = ENGLISH
    smallest_team: int = SMALLEST_TEAM

    def skill_name(self, skill_id: str | None) -> str:
        """Name of a micro-skill; its id if it has no name."""
        return str(self.skill_row_by_id.get(skill_id or "", {}).get("skill_name") or skill_id or "")

    def capability_name(self, skill_id: str | None) -> str:
        """Name of the capability of a micro-skill; empty if it belongs to none."""
        return self._capability_by_skill.get(skill_id or "", "")

    def person_name(self, person_id: str) -> str:
        """Name of a person; the id if the name is unknown."""
        return str(self.person_row_by_id.get(person_id, {}).get("display_name") or person_id)

    @cached_property
    def pause(self) -> Row | None:
        """The pause in effect, as a row of core_policy__event_pause; None if recommendations are not paused."""
        return find_pause_in_effect(self.lake.scan(PAUSE).collect())

    @cached_property
    def skill_count_by_capability(self) -> Counter[str]:
        """The number of micro-skills of each capability, by its name."""
        return Counter(self._capability_by_skill.values())

    @cached_property
    def _capability_by_skill(self) -> dict[str, str]:
        return {
            skill_id: str(skill_row.get("capability_name") or "")
            for skill_id, skill_row in self.skill_row_by_id.items()
        }


@dataclass(frozen=True)
class PersonRows:
    """All rows about one person.

    Attributes:
        person_id: The person.
        steps: Rows of out__next_skill, best first, with the codes and values of `reasons` as two lists.
        mastery: Rows of out__mastery.
        companions: Rows of out__companion about the person's steps.
        counterfactuals: Rows of out__counterfactual, with feedback_kind of the evidence that would be removed.
        replies: Rows of out__reply_effect.
        consents: Statements of the person about being shown to others.
        wishes: Statements of the person about what they want to learn.
        viewer_counts: relation, companion_skill_id and viewer_count, the number of people to whom the person is shown.
        stored_counts: Counts of stored rows, as `PageData.evidence_counts` holds them.
        openings: Rows of out__squad_match with what their opening shows.
        squad_answers: The person's answers about openings, oldest first.
        practice: Rows of out__own_practice: only the person's own page shows them.
    """

    person_id: str
    steps: list[Row]
    mastery: list[Row]
    companions: list[Row]
    counterfactuals: list[Row]
    replies: list[Row]
    consents: list[Row]
    wishes: list[Row]
    viewer_counts: list[Row]
    stored_counts: list[Row]
    openings: list[Row] = field(default_factory=list)
    squad_answers: list[Row] = field(default_factory=list)
    practice: list[Row] = field(default_factory=list)


def load_page_data(
    snapshot: Snapshot,
    lake: Lake,
    company_name: str,
    evidence_counts: pl.DataFrame | None = None,
    *,
    language: PageLanguage = ENGLISH,
    smallest_team: int = SMALLEST_TEAM,
) -> PageData:
    """Read the names and counts that the pages of a snapshot need.

    Args:
        snapshot: The snapshot to show.
        lake: The lake it was made from.
        company_name: Name of the company.
        evidence_counts: The counts of stored rows if the caller has them; they are counted in the lake otherwise.
        language: The language of the pages.
        smallest_team: The smallest number of people that a page may state, as the policy declares it; never fewer than
            `SMALLEST_TEAM`.

    Returns:
        The input of the pages.
    """
    skills = lake.scan(SKILL).collect()
    people = (
        lake.scan(PERSON)
        .select(
            *("person_id", "display_name", "unit_name", "role_name", "source_name"),
            has_left=~is_employed().fill_null(True),
        )
        .collect()
    )
    sources = lake.scan(DELIVERY).select("source_name", "system_name").unique().sort("source_name", "system_name")
    return PageData(
        snapshot,
        lake,
        company_name,
        {skill_row["skill_id"]: skill_row for skill_row in skills.iter_rows(named=True)},
        {person_row["person_id"]: person_row for person_row in people.iter_rows(named=True)},
        _count_stored_rows(lake) if evidence_counts is None else evidence_counts,
        dict(sources.collect().iter_rows()),
        dict(_read_horizons(lake)),
        read_page_names(lake.root.parent),
        language,
        max(smallest_team, SMALLEST_TEAM),
    )


def _count_stored_rows(lake: Lake) -> pl.DataFrame:
    stored_rows = [
        lake.scan(EVIDENCE).select("person_id", "source_name", "mode", moment="occurred_at"),
        *(
            lake.scan(table).select("person_id", "source_name", pl.lit(row_kind).alias("mode"), moment=moment_column)
            for row_kind, table, moment_column in _STATEMENT_TABLES
        ),
    ]
    stored_date = pl.col("moment").dt.date()
    return (
        pl.concat(stored_rows)
        .group_by("person_id", "source_name", "mode")
        .agg(pl.len().alias("rows"), stored_date.min().alias("first"), stored_date.max().alias("last"))
        .sort("person_id", "source_name", "mode")
        .collect()
    )


def _read_horizons(lake: Lake) -> Iterator[tuple[str, int]]:
    """The horizon in days of each model whose history is dated by a calendar."""
    for model_version, card_text in lake.scan(MODEL_CARD).select("model_version", "card").collect().iter_rows():
        card = json.loads(card_text)
        if card.get("is_calendar") and card.get("horizon"):
            yield model_version, round(card["horizon"] / _TICKS_PER_DAY)


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
    person_tables = scan_person_tables(page_data.snapshot, page_data.lake, page_data.evidence_counts)
    steps, step_order = person_tables["steps"]
    person_tables["steps"] = (_split_reasons(steps), step_order)
    for chunk_start in range(0, len(person_ids), _PEOPLE_PER_CHUNK):
        chunk_person_ids = person_ids[chunk_start : chunk_start + _PEOPLE_PER_CHUNK]
        # all tables in one query: for one person, starting a query takes longer than reading the rows
        collected_tables = pl.collect_all(
            [
                _select_people(table_rows, chunk_person_ids, order_columns)
                for table_rows, order_columns in person_tables.values()
            ]
        )
        rows_by_person_by_field = {
            field_name: _group_rows_by_person(person_rows)
            for field_name, person_rows in zip(person_tables, collected_tables, strict=True)
        }
        for person_id in chunk_person_ids:
            yield PersonRows(
                person_id,
                **{
                    field_name: rows_by_person.get(person_id, [])
                    for field_name, rows_by_person in rows_by_person_by_field.items()
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


def heading(column_name: str) -> str:
    """Turn the name of a model, a segment or a table into words."""
    heading_text = column_name.replace("_", " ")
    return heading_text[:1].upper() + heading_text[1:]


def _split_reasons(steps: pl.LazyFrame) -> pl.LazyFrame:
    """Two lists in place of a list of structs: decoding structs to dicts takes several times as long."""
    return steps.with_columns(
        pl.col("reasons").list.eval(pl.element().struct.field("code")).alias("reason_codes"),
        pl.col("reasons").list.eval(pl.element().struct.field("value")).alias("reason_values"),
    ).drop("reasons")


def _select_people(table_rows: pl.LazyFrame, person_ids: list[str], order_columns: tuple[str, ...]) -> pl.LazyFrame:
    # maintain_order: rows that are equal in these columns keep the order of the file
    return table_rows.filter(pl.col("person_id").is_in(person_ids)).sort(
        "person_id", *order_columns, maintain_order=True
    )


def _group_rows_by_person(person_rows: pl.DataFrame) -> dict[str, list[Row]]:
    return {
        person_id: list(rows) for person_id, rows in groupby(person_rows.iter_rows(named=True), itemgetter("person_id"))
    }
