"""The night as a resource: where the lake is, what the company declared, and as of which day a run sees the world.

Belongs here: the one place where a run's settings, its clock and its configuration meet.
Does not belong here: any step of the flow.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetExecutionContext,
    ConfigurableResource,
    DataVersion,
    InitResourceContext,
    MaterializeResult,
)
from pydantic import PrivateAttr

from assets.resources.bucket_exports import fetch_exports
from assets.resources.locking import acquire_lock, remove_unfinished
from assets.resources.metadata import table_contract, written_metadata
from pipelines.config.company import Config, SourceConfig, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import DELIVERY, EVIDENCE
from pipelines.contracts.columns import AccountKind
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS, assign_account_keys
from pipelines.ingest.landing import LandingContext, current_deliveries, read_ledger, scan_current_rows, source_tables
from pipelines.ingest.new_deliveries import DeliveryKey
from pipelines.storage.change_log import clear_change_log
from pipelines.storage.lake import Lake, content_sha256
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

RunContext = AssetExecutionContext | AssetCheckExecutionContext
AS_OF_TAG = "footsteps/as_of"
ALLOW_ROW_COUNT_DROP_TAG = "footsteps/accept_shrink"
# The day a night was scheduled for.
SCHEDULED_DAY_TAG = "footsteps/night_of"
# On a run that follows new files by day; a run without it is a complete night, or a part of one.
INCREMENTAL_TAG = "footsteps/by_day"
_LAST_NIGHT = "last_night"
# After so many days the world is seen anew though nothing landed: people grow rusty and projects end by the calendar.
LONGEST_UNSEEN_DAYS = 7


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """Settings of the flow, as strings so that the UI can show and change them."""

    data_root: str
    config_path: str
    landing_path: str
    _held: IO[str] | None = PrivateAttr(default=None)
    _is_fetched: bool = PrivateAttr(default=False)
    # the ledger as it was read last, and the deliveries that count by it
    _of_ledger: tuple[pl.DataFrame, list[tuple[str, ...]]] | None = PrivateAttr(default=None)
    _people: frozenset[str] | None = PrivateAttr(default=None)
    _before: AssetState | None = PrivateAttr(default=None)
    _inputs: Mapping[str, str | None] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Wait until no other run writes these tables; a run that is killed lets go by itself."""
        del context
        self._held = acquire_lock(self.settings.root / ".writing")
        try:
            remove_unfinished(self.settings.root)
        except OSError:  # nothing is torn down that was not set up
            self._held.close()
            raise

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Let the next run in."""
        del context
        if self._held is not None:
            self._held.close()

    @cached_property
    def settings(self) -> Settings:
        """Paths under the data root."""
        return Settings(data_root=Path(self.data_root), config=Path(self.config_path))

    @cached_property
    def config(self) -> Config:
        """The company's footsteps.yaml."""
        return read_config(Path(self.config_path))

    @property
    def lake(self) -> Lake:
        """The lake's tables."""
        return Lake(self.settings.lake_path)

    @property
    def landing_folder(self) -> Path:
        """The folder exports are dropped into; taxonomy paths are relative to it as well."""
        return Path(self.landing_path)

    def read(self, table: Table) -> pl.DataFrame:
        """All rows of a table."""
        return self.lake.scan(table).collect()

    def about(
        self, people: frozenset[str] | None, before: AssetState | None, inputs: Mapping[str, str | None]
    ) -> "PipelineResource":
        """The same night for a step that makes rows of these people only (None: everybody)."""
        scoped = copy.copy(self)
        scoped._people, scoped._before, scoped._inputs = people, before, inputs
        return scoped

    @property
    def people(self) -> frozenset[str] | None:
        """The people the step is about; None for everybody."""
        return self._people

    def own(self, table: Table, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the people the step is about: all rows at night, those of the touched people by day."""
        rows = self.lake.scan(table)
        if self._people is not None and "person_id" in table.column_names:
            rows = rows.filter(pl.col("person_id").is_in(sorted(self._people)))
        return (rows if columns is None else rows.select(columns)).collect()

    def materialize(
        self,
        table: Table,
        frame: pl.DataFrame,
        metadata: Mapping[str, Any] | None = None,
        *,
        replacing: pl.DataFrame | None = None,
        beside: "Callable[[pl.DataFrame], pl.Series] | None" = None,
    ) -> "MaterializeResult[None]":
        """Write the frame through its contract, and say what was written. Raises ContractBroken.

        Where the step is about some people, their rows alone are replaced; a table without people then stays as it is.
        With `replacing`, the rows that share its values are, whoever's they are. `beside` names further people whom
        changed rows touch.
        """
        if self._people is not None and replacing is None:
            about = pl.DataFrame({"person_id": sorted(self._people)}, schema={"person_id": pl.String})
            if "person_id" not in table.column_names:
                frame, about = frame.clear(), pl.DataFrame(schema={table.column_names[0]: table.columns[0].dtype})
            frame = frame.filter(pl.col("person_id").is_in(sorted(self._people))) if frame.height else frame
            replacing = about
        if replacing is None:
            written = self.lake.write(table, frame, beside)
        else:
            written = self.lake.merge(table, frame, replacing, beside)
        said = {**written_metadata(written, frame, table), **(metadata or {})}
        if replacing is not None:
            said["rows_made_anew"] = frame.height
        return MaterializeResult(asset_key=table.name, metadata=said, data_version=DataVersion(written.content_sha256))

    def fingerprint(self, name: str, columns: tuple[str, ...] | None = None) -> str | None:
        """What a table holds, in one text: its content's hash, or for a raw table the deliveries that count."""
        if name.startswith("raw_") and name != DELIVERY.name:
            return json.dumps([list(one) for one in self.current_delivery_keys(name)])
        table = table_contract(name)
        if columns is None:
            return self.lake.content_hash(table)
        return content_sha256(self.lake.scan(table).select(columns).sort(columns).collect())

    def current_delivery_keys(self, raw_name: str) -> list[DeliveryKey]:
        """The deliveries that count in a raw table now: source, content, mapping and number of each."""
        columns = ("source_name", "file_sha256", "mapping_code", "delivery_number")
        return [
            DeliveryKey(*row)
            for source in self.config.sources
            if raw_name in {table.name for table in source_tables(source).values()}
            for row in current_deliveries(self.lake, source).select(columns).iter_rows()
        ]

    @property
    def before(self) -> AssetState | None:
        """What the step's tables were made of last; None where everything is to be made."""
        return self._before

    def changed_inputs(self) -> set[str]:
        """The inputs of the step that are not what its tables were made of last."""
        before = {} if self._before is None else self._before.inputs
        return {name for name in {*self._inputs, *before} if self._inputs.get(name) != before.get(name)}

    def input(self, name: str) -> str | None:
        """The fingerprint of an input of the step as it is now."""
        return self._inputs.get(name)

    def keep(self, *tables: Table) -> "Iterator[MaterializeResult[None]]":
        """Say of tables that they stay as they are."""
        for table in tables:
            yield MaterializeResult(
                asset_key=table.name,
                metadata={"unchanged": True},
                data_version=DataVersion(self.lake.content_hash(table) or "none"),
            )

    def is_incremental(self, context: RunContext) -> bool:
        """Whether the run follows new files by day."""
        return context.run.tags.get(INCREMENTAL_TAG) == "true"

    def record_complete_run(self, context: AssetExecutionContext) -> None:
        """Remember what a complete night knew; the last act of its publication."""
        if not self.is_incremental(context):
            known = {"known": self._known(), "as_of": self.as_of(context).isoformat()}
            write_asset_state(self.lake.root, AssetState(_LAST_NIGHT, known, self._published()))
            clear_change_log(self.lake.root)

    def has_no_new_input(self) -> bool:
        """Whether all that is known now was known to the last complete night, and what it made lies there still: a run
        that broke off since, of another day or of some assets, may have left tables of its own or parts of some."""
        last = read_asset_state(self.lake.root, _LAST_NIGHT)
        return last is not None and last.inputs.get("known") == self._known() and last.outputs == self._published()

    def _published(self) -> dict[str, str | None]:
        return {table.name: self.lake.content_hash(table) for table in PUBLISHED_TABLES}

    def is_as_of_current(self, as_of: date | None, night_of: date | None) -> bool:
        """Whether the day that a run would see is still the last complete night's."""
        if as_of is not None or self.config.as_of != "today":
            return True
        today = night_of or datetime.now(ZoneInfo(self.config.time_zone)).date()
        return self._day_seen(today) == self.last_as_of()

    def last_as_of(self) -> date | None:
        """The day as of which the last complete night saw the world; None before the first."""
        last = read_asset_state(self.lake.root, _LAST_NIGHT)
        said = last.inputs.get("as_of") if last else None
        return date.fromisoformat(said) if said else None

    def _known(self) -> str:
        """A fingerprint of all that a night can know: deliveries, footsteps.yaml, the taxonomy's files, the code."""
        said = [self._counted(), self.config.model_dump_json(), self.taxonomy_files(), fingerprint_code()]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def _counted(self) -> list[tuple[str, ...]]:
        """Source, content and mapping of each delivery that counts now. Every step asks; only landing changes it."""
        ledger = read_ledger(self.lake)
        if self._of_ledger is None or not self._of_ledger[0].equals(ledger):
            columns = ("source_name", "file_sha256", "mapping_code")
            current = (current_deliveries(self.lake, source).select(columns) for source in self.config.sources)
            self._of_ledger = ledger, [row for frame in current for row in frame.rows()]
        return self._of_ledger[1]

    def taxonomy_files(self) -> str:
        """A fingerprint of the files that footsteps.yaml names under `taxonomy`."""
        said = self.config.taxonomy
        digest = hashlib.sha256()
        for name in (said.folder, said.skills, said.prerequisites, said.role_profiles):
            place = self.landing_folder / name if name else None
            if place is None or not place.exists():
                continue
            for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
                if path.is_file():
                    digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def fetch(self) -> str | None:
        """Fetch exports from the bucket that footsteps.yaml declares, once a run; why that failed, or None."""
        if not self._is_fetched:
            self._is_fetched = True
            return fetch_exports(self.config, self.landing_folder)
        return None

    def landing(self, context: AssetExecutionContext) -> LandingContext:
        """What a landing needs to know of this run."""
        now = datetime.now(UTC)
        accept = context.run.tags.get(ALLOW_ROW_COUNT_DROP_TAG) == "true"
        return LandingContext(self.lake, self.landing_folder, now.date(), now, accept, context.log.info)

    def as_of(self, context: AssetExecutionContext) -> date:
        """The day after which nothing may be seen: the run's tag, or what footsteps.yaml declares, or today.

        Where nothing was learnt since the last complete night, that night's day stays: what it saw is all there is.
        """
        if tag := context.run.tags.get(AS_OF_TAG):
            return date.fromisoformat(tag)
        declared = self.config.as_of
        if declared == "today":
            return self._day_seen(self.today(context))
        if isinstance(declared, date):
            return declared
        today = self.today(context)
        newest = self.lake.scan(EVIDENCE).filter(pl.col("occurred_at") < _end_of(today))
        last = newest.select(pl.col("occurred_at").max()).collect().item()
        return last.date() if last else today

    def today(self, context: AssetExecutionContext) -> date:
        """The day of the run: the one it was scheduled for, or that of the clock in the company's time zone."""
        if tag := context.run.tags.get(SCHEDULED_DAY_TAG):
            return date.fromisoformat(tag)
        return datetime.now(ZoneInfo(self.config.time_zone)).date()

    def renewed_until(self, context: AssetExecutionContext) -> date | None:
        """The day up to which a night's rows hold at least, also those it kept; None for a run of a declared day."""
        if self.is_incremental(context) or context.run.tags.get(AS_OF_TAG) or self.config.as_of != "today":
            return None
        return self.today(context) + timedelta(days=self.config.policy.valid_days)

    def last_valid_day(self, context: AssetExecutionContext) -> date:
        """The last day on which what this run publishes may be read: consents have to last till then."""
        seen = self.as_of(context) + timedelta(days=self.config.policy.valid_days)
        return max(seen, self.renewed_until(context) or seen)

    def _day_seen(self, today: date) -> date:
        last = read_asset_state(self.lake.root, _LAST_NIGHT)
        if last is None or (said := last.inputs.get("as_of")) is None:
            return today
        seen = date.fromisoformat(said)
        is_recent = timedelta(0) <= today - seen < timedelta(days=LONGEST_UNSEEN_DAYS)
        return seen if is_recent and last.inputs.get("known") == self._known() else today

    def sources_of(self, shape: CanonicalSchemaName) -> dict[str, list[SourceConfig]]:
        """The declared sources that hold a shape, by system."""
        found: dict[str, list[SourceConfig]] = {}
        for source in self.config.sources:
            if shape in source_tables(source):
                found.setdefault(source.system, []).append(source)
        return found

    @property
    def account_kinds(self) -> dict[str, AccountKind]:
        """By source, what its accounts are."""
        return {source.name: source.accounts for source in self.config.sources}

    def current_rows(self, shape: CanonicalSchemaName) -> pl.LazyFrame:
        """The rows of a shape that count now, of all systems, with system_name."""
        frames = [
            assign_account_keys(
                scan_current_rows(self.lake, raw_table(system, CANONICAL_SCHEMAS[shape]), shape, sources),
                self.account_kinds,
            ).with_columns(pl.lit(system).alias("system_name"))
            for system, sources in sorted(self.sources_of(shape).items())
        ]
        return pl.concat(frames) if frames else _no_rows(shape)

    def account_maps(self) -> pl.DataFrame:
        """The rows of all account maps: serves (whose accounts, null for any), settles, and keys."""
        systems = pl.DataFrame(
            [(s.name, system, s.settles) for s in self.config.sources for system in (*s.serves, *_any(s))],
            schema={"source_name": pl.String, "serves": pl.String, "settles": pl.Boolean},
            orient="row",
        )
        rows = self.current_rows("account").select("source_name", *ACCOUNT_KEYS).collect()
        return rows.join(systems, on="source_name").select("serves", "settles", *ACCOUNT_KEYS).unique().sort(pl.all())


def _any(source: SourceConfig) -> list[None]:
    return [] if source.serves else [None]


def _no_rows(shape: CanonicalSchemaName) -> pl.LazyFrame:
    schema = raw_table("none", CANONICAL_SCHEMAS[shape]).schema
    return pl.LazyFrame(schema=schema).with_columns(pl.lit("none").alias("system_name"))


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
