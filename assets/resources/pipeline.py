"""The pipeline as a Dagster resource: lake, configuration, clock and lock of one data root.

Belongs here: what assets and checks need of a run: tables to read and write, fingerprints of inputs, the day it sees.
Does not belong here: what an asset computes (`assets.tables`), when it is recomputed (`assets.incremental`).
"""

import copy
import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
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
from assets.resources.locking import exclusive_lock, remove_unfinished
from assets.resources.metadata import table_contract, written_metadata
from pipelines.config.company import Config, SourceConfig, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import DELIVERY, EVIDENCE
from pipelines.contracts.columns import AccountKind
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS, assign_account_keys
from pipelines.ingest.landing import LandingContext, current_deliveries, read_ledger, scan_current_rows, source_tables
from pipelines.ingest.new_deliveries import DeliveryKey
from pipelines.storage.change_log import clear_change_log
from pipelines.storage.lake import Lake, content_sha256
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

RunContext = AssetExecutionContext | AssetCheckExecutionContext
RawTables = dict[str, tuple[CanonicalSchemaName, Table, list[SourceConfig]]]
AS_OF_TAG = "footsteps/as_of"
ALLOW_ROW_COUNT_DROP_TAG = "footsteps/allow_row_count_drop"
# The day for which the schedule asked for the run.
SCHEDULED_DAY_TAG = "footsteps/scheduled_day"
# Set on a run that follows new files to the people they touch. Other runs are complete, or a part of a complete run.
INCREMENTAL_TAG = "footsteps/incremental"
# Runs that an earlier version queued carry these tags.
_FORMER_TAGS = {
    ALLOW_ROW_COUNT_DROP_TAG: "footsteps/accept_shrink",
    SCHEDULED_DAY_TAG: "footsteps/night_of",
    INCREMENTAL_TAG: "footsteps/by_day",
}
# The name under which the state of the last complete run is stored.
_LAST_COMPLETE_RUN = "last_night"
# After this many days a run moves to the present day although nothing landed: stages fade and projects end by date.
MAX_DAYS_BEHIND = 7


@dataclass(frozen=True)
class Scope:
    """What one execution of an asset computes.

    Attributes:
        people: person_id of the people whose rows are computed; None for everybody.
        previous: State of the asset after its last execution; None if everything is computed.
        inputs: Fingerprint of each input now, by name.
    """

    people: frozenset[str] | None = None
    previous: AssetState | None = None
    inputs: Mapping[str, str | None] = field(default_factory=dict)

    def changed_inputs(self) -> set[str]:
        """The names of the inputs whose fingerprint differs from that of the last execution."""
        before = {} if self.previous is None else self.previous.inputs
        return {name for name in {*self.inputs, *before} if self.inputs.get(name) != before.get(name)}


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """Paths of one data root, as strings so that the UI can show and change them."""

    data_root: str
    config_path: str
    landing_path: str
    # the ledger as it was read last, and its current deliveries
    _ledger_cache: tuple[pl.DataFrame, list[tuple[str, ...]]] | None = PrivateAttr(default=None)
    _scope: Scope = PrivateAttr(default=Scope())

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator["PipelineResource"]:  # noqa: ARG002
        """Wait until no other run writes to this data root, and keep others out until the run ends."""
        with exclusive_lock(self.settings.root / ".writing"):
            remove_unfinished(self.settings.root)
            yield self

    @cached_property
    def settings(self) -> Settings:
        """Paths under the data root."""
        return Settings(data_root=Path(self.data_root), config=Path(self.config_path))

    @cached_property
    def config(self) -> Config:
        """The company's footsteps.yaml. Raises ConfigError if it cannot be used."""
        return read_config(Path(self.config_path))

    @property
    def lake(self) -> Lake:
        """The lake of the data root."""
        return Lake(self.settings.lake_path)

    @property
    def landing_folder(self) -> Path:
        """The folder into which exports are dropped; taxonomy paths are relative to it as well."""
        return Path(self.landing_path)

    @property
    def scope(self) -> Scope:
        """What the current execution of an asset computes; everything, unless `scoped_to` narrowed it."""
        return self._scope

    def scoped_to(self, scope: Scope) -> "PipelineResource":
        """The same pipeline for an asset that computes only this scope."""
        scoped = copy.copy(self)
        scoped._scope = scope
        return scoped

    def read(self, table: Table) -> pl.DataFrame:
        """All rows of a table, in its contract."""
        return self.lake.scan(table).collect()

    def read_scoped(self, table: Table, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of a table whose person_id is in scope; all rows if everybody is, or if the table has no person_id.

        Args:
            table: Contract of the table to read.
            columns: Columns to read; all columns if None.
        """
        rows = self.lake.scan(table)
        if self.scope.people is not None and "person_id" in table.column_names:
            rows = rows.filter(pl.col("person_id").is_in(sorted(self.scope.people)))
        return (rows if columns is None else rows.select(columns)).collect()

    def materialize(
        self,
        table: Table,
        frame: pl.DataFrame,
        metadata: Mapping[str, Any] | None = None,
        *,
        replacing: pl.DataFrame | None = None,
        also_affected: Callable[[pl.DataFrame], pl.Series] | None = None,
    ) -> "MaterializeResult[None]":
        """Write rows to the lake.

        If the scope is limited to some people, only their rows are replaced, and a table without person_id stays as
        it is.

        Args:
            table: Contract of the table.
            frame: Rows of the table.
            metadata: Dagster metadata in addition to that of the write.
            replacing: Replace the rows that share its values in its columns, of all people. By default the
                rows of the people in scope are replaced.
            also_affected: Returns person_id of further people whom the changed rows affect.

        Returns:
            The materialization with row count, size, preview and content hash.

        Raises:
            ContractViolation: A row breaks the contract.
        """
        people = self.scope.people
        if people is not None and replacing is None:
            replacing = pl.DataFrame({"person_id": sorted(people)}, schema={"person_id": pl.String})
            if "person_id" not in table.column_names:
                frame = frame.clear()
                replacing = pl.DataFrame(schema={table.column_names[0]: table.columns[0].dtype})
            elif frame.height:
                frame = frame.filter(pl.col("person_id").is_in(sorted(people)))
        written = (
            self.lake.write(table, frame, also_affected)
            if replacing is None
            else self.lake.merge(table, frame, replacing, also_affected)
        )
        recomputed = {} if replacing is None else {"rows_recomputed": frame.height}
        return MaterializeResult(
            asset_key=table.name,
            metadata={**written_metadata(written, frame, table), **(metadata or {}), **recomputed},
            data_version=DataVersion(written.content_sha256),
        )

    def fingerprint(self, name: str, columns: tuple[str, ...] | None = None) -> str | None:
        """A text that changes if the content of a table changes.

        Args:
            name: Name of the table.
            columns: Only changes in these columns count; in all columns if None.

        Returns:
            The content hash; for a raw table the keys of its current deliveries as JSON; None if the table is missing.
        """
        if name.startswith("raw_") and name != DELIVERY.name:
            return json.dumps([list(key) for key in self.current_delivery_keys(name)])
        table = table_contract(name)
        if columns is None:
            return self.lake.content_hash(table)
        return content_sha256(self.lake.scan(table).select(columns).sort(columns).collect())

    def current_delivery_keys(self, raw_name: str) -> list[DeliveryKey]:
        """The keys of the current deliveries of a raw table, by its name."""
        return [
            DeliveryKey(*row)
            for source in self.config.sources
            if raw_name in {table.name for table in source_tables(source).values()}
            for row in current_deliveries(self.lake, source).select(DeliveryKey._fields).iter_rows()
        ]

    def is_incremental(self, context: RunContext) -> bool:
        """Whether the run follows new files only to the people they touch."""
        return _read_tag(context, INCREMENTAL_TAG) == "true"

    def record_complete_run(self, context: AssetExecutionContext) -> None:
        """Store what a complete run has seen and published. The last action of its publication."""
        if not self.is_incremental(context):
            inputs = {"known": self._fingerprint_inputs(), "as_of": self.as_of(context).isoformat()}
            write_asset_state(self.lake.root, AssetState(_LAST_COMPLETE_RUN, inputs, self._published_contents()))
            clear_change_log(self.lake.root)

    def has_no_new_input(self) -> bool:
        """Whether the last complete run has seen every input, and its published tables are still in place.

        A run that broke off since then, or one of another day or of some assets, may have replaced them.
        """
        last = self._last_complete_run()
        return last is not None and self._has_seen_inputs(last) and last.outputs == self._published_contents()

    def is_as_of_current(self, as_of: date | None, scheduled_day: date | None) -> bool:
        """Whether a run would see data as of the same day as the last complete run.

        Args:
            as_of: The day asked for; None for the declared one.
            scheduled_day: The day for which the run is made; None for today.
        """
        if as_of is not None or self.config.as_of != "today":
            return True
        return self._choose_as_of(scheduled_day or self._local_date()) == self.last_as_of()

    def last_as_of(self) -> date | None:
        """The day as of which the last complete run has seen data; None before the first one."""
        last = self._last_complete_run()
        as_of = last.inputs.get("as_of") if last else None
        return date.fromisoformat(as_of) if as_of else None

    def as_of(self, context: AssetExecutionContext) -> date:
        """The last day whose data the run sees: from the run's tag, from footsteps.yaml, or today.

        If nothing changed since the last complete run, its day stays: there is no later data to see.
        """
        if tag := _read_tag(context, AS_OF_TAG):
            return date.fromisoformat(tag)
        today, declared = self.today(context), self.config.as_of
        if declared == "today":
            return self._choose_as_of(today)
        if isinstance(declared, date):
            return declared
        times = self.lake.scan(EVIDENCE).select("occurred_at").filter(pl.col("occurred_at") < end_of_day(today))
        newest = times.max().collect().item()
        return newest.date() if newest else today

    def today(self, context: AssetExecutionContext) -> date:
        """The day for which the run was scheduled, or the current day in the company's time zone."""
        tag = _read_tag(context, SCHEDULED_DAY_TAG)
        return date.fromisoformat(tag) if tag else self._local_date()

    def renewed_until(self, context: AssetExecutionContext) -> date | None:
        """The day up to which a complete run extends the validity of every row; None for a run of a declared day."""
        if self.is_incremental(context) or _read_tag(context, AS_OF_TAG) or self.config.as_of != "today":
            return None
        return self.today(context) + timedelta(days=self.config.policy.valid_days)

    def last_valid_day(self, context: AssetExecutionContext) -> date:
        """The last day on which the rows of this run are valid: consents must last until then."""
        valid_until = self.as_of(context) + timedelta(days=self.config.policy.valid_days)
        return max(valid_until, self.renewed_until(context) or valid_until)

    def fingerprint_taxonomy_files(self) -> str:
        """A hash of the files that footsteps.yaml names under `taxonomy`."""
        taxonomy = self.config.taxonomy
        digest = hashlib.sha256()
        for name in filter(None, (taxonomy.folder, taxonomy.skills, taxonomy.prerequisites, taxonomy.role_profiles)):
            path = self.landing_folder / name
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    digest.update(file.name.encode() + file.read_bytes())
        return digest.hexdigest()[:16]

    @cached_property
    def fetch_failure(self) -> str | None:
        """Fetch exports from the bucket that footsteps.yaml declares, once per run. Why that failed, or None."""
        return fetch_exports(self.config, self.landing_folder)

    def landing(self, context: AssetExecutionContext) -> LandingContext:
        """What the landing of files needs of this run."""
        now = datetime.now(UTC)
        is_drop_allowed = _read_tag(context, ALLOW_ROW_COUNT_DROP_TAG) == "true"
        return LandingContext(self.lake, self.landing_folder, now.date(), now, is_drop_allowed, context.log.info)

    def sources_of(self, shape: CanonicalSchemaName) -> dict[str, list[SourceConfig]]:
        """The declared sources that hold a shape, by system."""
        tables = raw_tables(self.config.sources).values()
        return {sources[0].system: sources for table_shape, _, sources in tables if table_shape == shape}

    @property
    def account_kinds(self) -> dict[str, AccountKind]:
        """The kind of accounts of each source, by its name."""
        return {source.name: source.accounts for source in self.config.sources}

    def current_rows(self, shape: CanonicalSchemaName) -> pl.LazyFrame:
        """The current rows of a shape from all systems: its raw columns, account keys and system_name."""
        frames = [
            assign_account_keys(
                scan_current_rows(self.lake, raw_table(system, CANONICAL_SCHEMAS[shape]), shape, sources),
                self.account_kinds,
            ).with_columns(pl.lit(system).alias("system_name"))
            for system, sources in sorted(self.sources_of(shape).items())
        ]
        if not frames:
            schema = raw_table("none", CANONICAL_SCHEMAS[shape]).schema
            return pl.LazyFrame(schema=schema).with_columns(pl.lit("none").alias("system_name"))
        return pl.concat(frames)

    def account_maps(self) -> pl.DataFrame:
        """One row per entry of an account map and system it serves: serves (null for any system), settles, and keys."""
        systems = pl.DataFrame(
            [(s.name, system, s.settles) for s in self.config.sources for system in s.serves or (None,)],
            schema={"source_name": pl.String, "serves": pl.String, "settles": pl.Boolean},
            orient="row",
        )
        rows = self.current_rows("account").select("source_name", *ACCOUNT_KEYS).collect()
        return rows.join(systems, on="source_name").select("serves", "settles", *ACCOUNT_KEYS).unique().sort(pl.all())

    def _local_date(self) -> date:
        return datetime.now(ZoneInfo(self.config.time_zone)).date()

    def _choose_as_of(self, today: date) -> date:
        """The day of the last complete run if it is recent and nothing changed since; today otherwise."""
        last, as_of = self._last_complete_run(), self.last_as_of()
        if last is None or as_of is None or not timedelta(0) <= today - as_of < timedelta(days=MAX_DAYS_BEHIND):
            return today
        return as_of if self._has_seen_inputs(last) else today

    def _last_complete_run(self) -> AssetState | None:
        return read_asset_state(self.lake.root, _LAST_COMPLETE_RUN)

    def _has_seen_inputs(self, last: AssetState) -> bool:
        return last.inputs.get("known") == self._fingerprint_inputs()

    def _published_contents(self) -> dict[str, str | None]:
        return {table.name: self.lake.content_hash(table) for table in PUBLISHED_TABLES}

    def _fingerprint_inputs(self) -> str:
        """A hash of every input of a run: deliveries, footsteps.yaml, the taxonomy's files, the code."""
        declared = [self.config.model_dump_json(), self.fingerprint_taxonomy_files(), fingerprint_code()]
        return hashlib.sha256(json.dumps([self._list_current_deliveries(), *declared]).encode()).hexdigest()

    def _list_current_deliveries(self) -> list[tuple[str, ...]]:
        """Source, content and mapping of each current delivery. Every asset needs them; only landing changes them."""
        ledger = read_ledger(self.lake)
        if self._ledger_cache is None or not self._ledger_cache[0].equals(ledger):
            columns = ("source_name", "file_sha256", "mapping_code")
            frames = (current_deliveries(self.lake, source).select(columns) for source in self.config.sources)
            self._ledger_cache = ledger, [row for frame in frames for row in frame.rows()]
        return self._ledger_cache[1]


def raw_tables(sources: Iterable[SourceConfig]) -> RawTables:
    """The raw tables that sources feed: shape, contract and sources of each, by table name."""
    tables: RawTables = {}
    for source in sources:
        for shape, table in source_tables(source).items():
            tables.setdefault(table.name, (shape, table, []))[2].append(source)
    return dict(sorted(tables.items()))


def _read_tag(context: RunContext, tag: str) -> str | None:
    """The value of a tag of the run, under its present or its former name."""
    tags = context.run.tags
    return tags.get(tag) or tags.get(_FORMER_TAGS.get(tag, tag))
