"""The current snapshot as it may be served: without what people objected to since it was published.

Belongs here: which snapshot a request reads, and the filter that every served row passes.
Does not belong here: pages (`pages`), JSON (`interface`), the answers themselves (`given_answers`).

A request takes one `Served` and reads nothing else, so that no response mixes snapshots: the files of a snapshot never
change, and a new snapshot has files of its own.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from assets.web.answers import AnswerWriter
from assets.web.directory import Directory, read_directory, read_during_runs, stamp_files, stamp_tables
from assets.web.given_answers import GivenAnswers, read_given_answers, stamp_answers
from assets.web.withdrawn_names import clear_squad_names
from ml.recommend.companion_candidates import add_consent
from pipelines.contracts.catalog import ACCOUNT, PERSON, SKILL, TABLES
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, ROW_METADATA_COLUMNS, SQUAD_MATCH
from pipelines.contracts.personal_columns import person_columns
from pipelines.contracts.table import Table
from pipelines.core.objections import Objections
from pipelines.publish.site.build import count_holders, list_units
from pipelines.publish.site.language import PageLanguage, choose_language
from pipelines.publish.site.page_data import PageData, load_page_data
from pipelines.publish.site.page_writer import TEMPLATES as _SITE_TEMPLATES
from pipelines.publish.site.page_writer import create_environment
from pipelines.publish.site.pages import render_team_pages
from pipelines.snapshots.reader import MANIFEST, POINTER, SNAPSHOTS, Snapshot, current_snapshot
from pipelines.storage.lake import Lake

_TEMPLATES = Path(__file__).parent / "templates"
# Of a table's file. About ten tables are published, and in memory a table takes up to ten times as much.
_MAX_HELD_BYTES = 2 * 1024**2


@dataclass(frozen=True)
class ServedSnapshot(Snapshot):
    """A snapshot whose rows leave out what people objected to since it was published."""

    given_answers: GivenAnswers | None = field(default=None, repr=False)
    names_companions: bool = True  # not past the last valid day: consents that a run checked may have ended since
    _affected_rows_by_table: dict[str, pl.DataFrame] = field(default_factory=dict, compare=False, repr=False)
    _held_rows_by_table: dict[str, pl.DataFrame] = field(default_factory=dict, compare=False, repr=False)

    def scan(self, table: str) -> pl.LazyFrame:
        """Return the rows of a table that may be served; a small table is read once and held in memory."""
        held_rows = self._held_rows_by_table.get(table)
        if held_rows is None:
            served_rows = self._scan_served(table)
            if self.path(table).stat().st_size > _MAX_HELD_BYTES:
                return served_rows
            held_rows = self._held_rows_by_table[table] = served_rows.collect()
        return held_rows.lazy()

    def _scan_served(self, table: str) -> pl.LazyFrame:
        rows = Snapshot.scan(self, table)
        if table == COMPANION.name and not self.names_companions:
            rows = rows.filter(pl.col("companion_id").is_null())
        if table == SQUAD_MATCH.name and not self.names_companions:
            rows = rows.with_columns(pl.lit(None, pl.String).alias(column) for column in ("follow_id", "lead_id"))
        if self.given_answers is None or not self.given_answers.affected_people or table not in TABLES:
            return rows
        contract = TABLES[table]
        affected_people = sorted(self.given_answers.affected_people)
        columns = [column.name for column in person_columns(contract) if not column.is_list]
        if not columns:
            return rows
        # only the rows of these people pass the filter: the others stay as lazy as they were
        is_affected = pl.any_horizontal(pl.col(column).is_in(affected_people).fill_null(False) for column in columns)
        affected_rows = self._affected_rows_by_table.get(table)
        if affected_rows is None:  # the files and the answers of this snapshot stay: each request would read the same
            affected_rows = self.withhold(contract, rows.filter(is_affected).collect())
            self._affected_rows_by_table[table] = affected_rows
        return pl.concat([rows.filter(~is_affected), affected_rows.lazy()])

    def withhold(self, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of a table that may be served.

        Args:
            table: Contract of the table.
            rows: Published rows.
        """
        if table == COMPANION and not self.names_companions:
            rows = rows.filter(pl.col("companion_id").is_null())
        if self.given_answers is None:
            return rows
        objections = self.given_answers.objections
        if "is_hidden" in rows.columns:
            marked_rows = objections.withhold(table, rows.with_columns(was_hidden="is_hidden"))
            # the answers hold no reply that another export brought, or that is too old
            is_hidden = pl.col("is_hidden") | pl.col("was_hidden").fill_null(False)
            served_rows = marked_rows.with_columns(is_hidden.alias("is_hidden")).select(rows.columns)
        else:
            served_rows = objections.withhold(table, rows)
        if table == NEXT_SKILL:
            return pl.concat([served_rows, _say_opted_out(rows, objections)])
        served_rows = clear_squad_names(table, served_rows, self.given_answers, is_stale=not self.names_companions)
        return self._drop_withdrawn(served_rows) if table == COMPANION else served_rows

    def _drop_withdrawn(self, companion_rows: pl.DataFrame) -> pl.DataFrame:
        """The rows without companions who withdrew their consent."""
        consents = self.given_answers.consents if self.given_answers else None
        if consents is None:
            return companion_rows
        withdrawing_people = self.given_answers.withdrawing_people if self.given_answers else frozenset()
        is_withdrawing = pl.col("companion_id").is_in(sorted(withdrawing_people)).fill_null(False)
        decided_rows = add_consent(
            companion_rows.filter(is_withdrawing),
            consents.rename({"person_id": "companion_id", "skill_id": "companion_skill_id"}),
            "companion_id",
            "companion_skill_id",
        )
        permitted_rows = decided_rows.filter("is_given").select(companion_rows.columns)
        return pl.concat([companion_rows.filter(~is_withdrawing), permitted_rows])


def guard_snapshot(snapshot: Snapshot, given_answers: GivenAnswers, today: date) -> ServedSnapshot:
    """The same snapshot without what people objected to, and without names of companions if it is stale.

    Args:
        snapshot: A snapshot.
        given_answers: The answers of people.
        today: The day of the request.
    """
    published_values = {attribute.name: getattr(snapshot, attribute.name) for attribute in fields(snapshot)}
    return ServedSnapshot(
        **published_values, given_answers=given_answers, names_companions=not snapshot.is_stale(today)
    )


def _say_opted_out(next_steps: pl.DataFrame, objections: Objections) -> pl.DataFrame:
    """One row per person whose recommended steps are withheld because the person opted out.

    It stands for the first step of the list, so that a list that two pages share says it once.
    """
    opted_out_people = objections.opted_out_people["person_id"].implode()
    is_withheld = pl.col("person_id").is_in(opted_out_people) & (pl.col("rank") == 1)
    stated_columns = {"person_id", "is_hidden", "model_version", *ROW_METADATA_COLUMNS}
    return (
        next_steps.filter(is_withheld)
        .with_columns(
            pl.lit(None, dtype).alias(column)
            for column, dtype in next_steps.schema.items()
            if column not in stated_columns
        )
        .with_columns(pl.lit("opted_out").alias("no_recommendation_reason"))
    )


@dataclass(frozen=True)
class Served:
    """Everything that one request reads.

    Attributes:
        snapshot: The snapshot, without what people objected to.
        page_data: The input of the pages; of the same snapshot.
        environment: The templates of the static site.
        directory: The people of the company.
        given_answers: The answers since the snapshot.
        key: State of the files that this was made from.
    """

    snapshot: ServedSnapshot
    page_data: PageData
    environment: jinja2.Environment
    directory: Directory
    given_answers: GivenAnswers
    key: Any

    @cached_property
    def team_page_by_unit(self) -> dict[str, str]:
        """The page of each unit that has one, as HTML."""
        unit_by_person = list_units(self.page_data)
        people_count_by_unit = Counter(unit_name for unit_name in unit_by_person.values() if unit_name)
        return render_team_pages(
            self.environment.get_template("served_team.html.j2"),
            self.page_data,
            count_holders(self.page_data, unit_by_person),
            people_count_by_unit,
        )


@dataclass
class PublishedReader:
    """Reads what a request needs, and keeps it until a file changes.

    Attributes:
        answer_writer: Folders, configuration, and the files of answers.
        now: Returns the time, in UTC.
    """

    answer_writer: AnswerWriter
    now: Callable[[], datetime]
    _served: Served | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def language(self) -> PageLanguage:
        """The language of the company's pages."""
        return choose_language(self.answer_writer.config.publish.pages)

    @cached_property
    def lake(self) -> Lake:
        """The lake of the data root."""
        return Lake(self.answer_writer.settings.lake_path)

    def read(self) -> Served:
        """What a request reads now.

        Raises:
            NothingPublished: There is no snapshot yet.
        """
        snapshot = read_during_runs(lambda: current_snapshot(self.answer_writer.settings.published_path))
        people_key = stamp_tables(self.lake, PERSON, ACCOUNT, SKILL)
        manifest_stamp = stamp_files(
            [snapshot.folder / POINTER, snapshot.folder / SNAPSHOTS / snapshot.snapshot_id / MANIFEST]
        )
        today = self.now().date()
        key = ((snapshot, manifest_stamp, people_key), (stamp_answers(self.answer_writer), today))
        served = self._served
        if served is not None and served.key == key:
            return served
        if not self._lock.acquire(blocking=False):
            if served is not None and served.key[1] == key[1]:
                return served  # whole, and hardly older: nobody waits for another request that reads a new snapshot
            self._lock.acquire()
        try:
            if self._served is None or self._served.key != key:
                self._served = self._load(snapshot, key, today)
            return self._served
        finally:
            self._lock.release()

    def _load(self, snapshot: Snapshot, key: Any, today: date) -> Served:
        earlier = self._served if self._served is not None and self._served.key[0] == key[0] else None
        directory = earlier.directory if earlier else read_directory(self.lake)
        given_answers = read_given_answers(self.answer_writer, directory, self.lake, today, snapshot.valid_until)
        served_snapshot = guard_snapshot(snapshot, given_answers, today)
        page_data = (
            replace(earlier.page_data, snapshot=served_snapshot)
            if earlier
            else read_during_runs(lambda: self._load_page_data(served_snapshot))
        )
        environment = earlier.environment if earlier else _open_templates(page_data)
        return Served(served_snapshot, page_data, environment, directory, given_answers, key)

    def _load_page_data(self, snapshot: Snapshot) -> PageData:
        config = self.answer_writer.config
        return load_page_data(
            snapshot,
            self.lake,
            config.company,
            language=self.language,
            smallest_team=config.policy.team_people,
        )


def _open_templates(page_data: PageData) -> jinja2.Environment:
    """The templates of the static site, and those of this package."""
    environment = create_environment(
        page_data.snapshot,
        page_data.company_name,
        language=page_data.language,
        smallest_team=page_data.smallest_team,
    )
    environment.loader = jinja2.ChoiceLoader(
        [jinja2.FileSystemLoader(folder) for folder in (_SITE_TEMPLATES, _TEMPLATES)]
    )
    return environment
