"""One execution of an asset: what it reads, in which scope, and where its rows are written.

Belongs here: the object that the function of an asset works with.
Does not belong here: whether the asset is executed (`incremental_asset`), what it computes (`assets.tables`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, DagsterLogManager, DataVersion, MaterializeResult

from assets.resources.metadata import PREVIEW_ROWS, VANISHED, find_newest_time, table_contract, written_metadata
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import RunContext
from assets.resources.table_reader import (
    EVERYBODY,
    DeclaredLake,
    PeopleRange,
    Scope,
    TableReader,
    UndeclaredRead,
    list_people_ranges,
)
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.table import Table
from pipelines.core.vanished_values import (
    ValuesByColumn,
    describe_vanished,
    read_watched_values,
    record_vanished_values,
)
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.lake import Lake
from pipelines.storage.part_writer import PartWriter
from pipelines.storage.run_state import AssetState
from pipelines.storage.write_result import WriteResult
from pipelines.validation.rule_evaluation import ValidatedRows


@dataclass(frozen=True)
class PreviousTable:
    """A table as earlier runs left it, which an asset reads. The graph has no edge for it: it would close a cycle.

    Attributes:
        table: Contract of the table.
        date_column: Only rows dated before the day of the run are read, so that repeating a run reads the same rows;
            None to read all rows.
        changes_rows: Whether the rows of the asset depend on it. If not, the asset stays as it is when it changes.
    """

    table: Table
    date_column: str | None = None
    changes_rows: bool = True


@dataclass(frozen=True)
class Declaration:
    """What an asset declares: the tables it makes, and everything it reads.

    Attributes:
        name: Name of the op.
        tables: Contracts of the tables that it makes. It may read them as its last execution left them.
        reads: Contracts of the tables of this run that it reads.
        reads_previous: The tables of earlier runs that it reads.
    """

    name: str
    tables: tuple[Table, ...]
    reads: tuple[Table, ...]
    reads_previous: tuple[PreviousTable, ...] = ()

    @property
    def readable(self) -> frozenset[str]:
        """The names of all tables that the asset may read as this run, or its own last execution, left them.

        The ledger is among them if it reads raw tables, because it tells which of their files are current; and the
        quarantines of its own tables, which hold the rows that break a rule.
        """
        ledger_names = {DELIVERY.name} if any(table.layer == "raw" for table in self.reads) else set()
        quarantine_names = {quarantine_table(table.name).name for table in self.tables}
        return frozenset(ledger_names | quarantine_names | {table.name for table in (*self.tables, *self.upstream)})

    @property
    def upstream(self) -> tuple[Table, ...]:
        """What the asset reads of this run: `reads`, and the tables that references of its own tables point to.

        Rows do not depend on a table that only a reference points to: if it changes, the asset stays as it is.
        """
        made_names = {table.name for table in self.tables}
        reference_names = {reference.table for table in self.tables for reference in table.references} - made_names
        return tuple(
            {table.name: table for table in (*self.reads, *map(table_contract, sorted(reference_names)))}.values()
        )

    @property
    def previous_tables(self) -> Mapping[str, PreviousTable]:
        """The tables of earlier runs that the asset reads, by name."""
        return {previous_table.table.name: previous_table for previous_table in self.reads_previous}


@dataclass(frozen=True)
class Changes:
    """What differs from the last execution of an asset.

    Attributes:
        previous: State of the asset after its last execution; None if everything is computed.
        inputs: Fingerprint of each input now, by name.
    """

    previous: AssetState | None = None
    inputs: Mapping[str, str | None] = field(default_factory=dict)

    def changed_inputs(self) -> set[str]:
        """The names of the inputs whose fingerprint differs from that of the last execution."""
        previous_inputs = {} if self.previous is None else self.previous.inputs
        return {
            input_name
            for input_name in {*self.inputs, *previous_inputs}
            if self.inputs.get(input_name) != previous_inputs.get(input_name)
        }


@dataclass(frozen=True)
class AssetRun:
    """One execution of an asset.

    Attributes:
        declaration: What the asset makes and reads.
        context: Days and kind of the run.
        config: The company's footsteps.yaml.
        settings: Paths under the data root.
        landing_folder: The folder into which exports are placed.
        tables: Reads the declared tables, in the scope of this execution.
        log: Log of the run.
        changes: What differs from the last execution.
        written: What this execution wrote, by name of the table.
    """

    declaration: Declaration
    context: RunContext
    config: Config
    settings: Settings
    landing_folder: Path
    tables: TableReader
    log: DagsterLogManager
    changes: Changes = Changes()
    written: dict[str, WriteResult] = field(default_factory=dict)

    @property
    def as_of(self) -> date:
        """The last day whose data the run sees."""
        return self.context.as_of

    @property
    def scope(self) -> Scope:
        """The people whose rows are computed."""
        return self.tables.scope

    @property
    def previous_lake(self) -> Lake:
        """The lake with the tables of earlier runs that the asset declares."""
        return DeclaredLake(self.tables.lake.root, self.declaration.name, frozenset(self.declaration.previous_tables))

    def read_previous(self, table: Table) -> pl.DataFrame:
        """Rows of a table that earlier runs wrote, as the asset declares them in `reads_previous`.

        Raises:
            UndeclaredRead: The asset does not declare the table there.
        """
        return scan_previous(self.previous_lake, self._find_previous(table), self.as_of).collect()

    def list_published(self, table: Table) -> list[tuple[Snapshot, pl.LazyFrame]]:
        """The stored snapshots and the rows of a published table in each, as earlier runs published them.

        Raises:
            UndeclaredRead: The asset does not declare the table in `reads_previous`.
        """
        table_name = self._find_previous(table).table.name
        return [(snapshot, snapshot.scan(table_name)) for snapshot in list_snapshots(self.settings.published_path)]

    def materialize(
        self,
        table: Table,
        rows: pl.DataFrame | ValidatedRows,
        metadata: Mapping[str, Any] | None = None,
        *,
        replaced_records: pl.DataFrame | None = None,
        find_affected_people: Callable[[pl.DataFrame], pl.Series] | None = None,
        present_names: pl.Series | None = None,
    ) -> "MaterializeResult[None]":
        """Write rows to the lake; those that break a rule are set aside in the quarantine of the table.

        If the scope is limited to some people, only their rows are replaced, and a table without person_id stays as
        it is.

        Args:
            table: Contract of the table, one of those that the asset makes.
            rows: Rows of the table, validated or to be validated; validated ones are not limited to the scope.
            metadata: Dagster metadata in addition to that of the write.
            replaced_records: Replace the rows that share its values in its columns, of all people. By default the
                rows of the people in scope are replaced.
            find_affected_people: Returns person_id of further people whom the changed rows affect.
            present_names: Names that count as present, as `record_vanished_values` takes them.

        Returns:
            The materialization with row count, size, preview, content hash, and what vanished.

        Raises:
            ContractViolation: A column is missing or has another type.
            UndeclaredRead: The asset does not make the table.
        """
        if table.name not in {declared_table.name for declared_table in self.declaration.tables}:
            raise UndeclaredRead(f"the asset {self.declaration.name} does not declare that it makes {table.name}")
        scoped_people, lake = self.scope.people, self.tables.lake
        if scoped_people is not None and replaced_records is None and isinstance(rows, pl.DataFrame):
            replaced_records = pl.DataFrame({"person_id": sorted(scoped_people)}, schema={"person_id": pl.String})
            if "person_id" not in table.column_names:
                rows = rows.clear()
                replaced_records = pl.DataFrame(schema={table.column_names[0]: table.columns[0].dtype})
            elif rows.height:
                rows = rows.filter(pl.col("person_id").is_in(sorted(scoped_people)))
        previous_values = read_watched_values(lake, table)
        write_result = (
            lake.write(table, rows, find_affected_people)
            if replaced_records is None
            else lake.merge(table, rows, replaced_records, find_affected_people)
        )
        written_rows = rows.good_rows if isinstance(rows, ValidatedRows) else rows
        run_metadata: dict[str, Any] = dict(metadata or {})
        if replaced_records is not None:
            run_metadata["rows_recomputed"] = written_rows.height
        newest_time = find_newest_time(written_rows)
        return self._describe_write(
            table, write_result, written_rows, newest_time, previous_values, present_names, run_metadata
        )

    def materialize_by_people(
        self, tables: Sequence[Table], compute_rows: Callable[[TableReader], Sequence[pl.DataFrame]]
    ) -> "Iterator[MaterializeResult[None]]":
        """Write tables whose rows of a person depend on no rows that are computed for others.

        In a large company one range of people is computed after the other, so that memory does not grow with it. The
        ranges change at most the last digit of a score.

        Args:
            tables: Contracts of tables that the asset makes, each partitioned by person.
            compute_rows: Returns the rows of each table for the people in the scope of the reader.

        Yields:
            The materialization of each table.
        """
        ranges = [] if self.scope.people is not None else list_people_ranges(Lake(self.tables.lake.root))
        if len(ranges) <= 1:
            for table, rows in zip(tables, compute_rows(self.tables), strict=True):
                yield self.materialize(table, rows)
            return
        yield from self.materialize_parts(tables, self._compute_ranges(ranges, compute_rows), len(ranges))

    def materialize_parts(
        self, tables: Sequence[Table], parts: Iterable[Sequence[pl.DataFrame]], part_count: int
    ) -> "Iterator[MaterializeResult[None]]":
        """Write tables whose rows arrive in parts, so that they are never in memory together.

        Args:
            tables: Contracts of tables that the asset makes.
            parts: The rows of each table in each part, as `PartWriter.add` takes them.
            part_count: Number of parts, for the log.

        Yields:
            The materialization of each table.
        """
        lake = self.tables.lake
        previous_values = {table: read_watched_values(lake, table) for table in tables}
        writers = [PartWriter(lake, table) for table in tables]
        first_rows = {table: pl.DataFrame(schema=table.schema) for table in tables}
        newest_times: dict[Table, list[datetime]] = {table: [] for table in tables}
        for part_number, rows_of_tables in enumerate(parts, start=1):
            for table, writer, rows in zip(tables, writers, rows_of_tables, strict=True):
                written_rows = writer.add(rows)
                if first_rows[table].is_empty():
                    first_rows[table] = written_rows.head(PREVIEW_ROWS)
                newest_times[table] += filter(None, [find_newest_time(written_rows)])
            if part_count > 1:
                self.log.info(f"{self.declaration.name}: part {part_number} of {part_count} is written")
        for table, writer in zip(tables, writers, strict=True):
            newest_time = max(newest_times[table], default=None)
            yield self._describe_write(table, writer.finish(), first_rows[table], newest_time, previous_values[table])

    def _compute_ranges(
        self, ranges: Sequence[PeopleRange], compute_rows: Callable[[TableReader], Sequence[pl.DataFrame]]
    ) -> Iterator[list[pl.DataFrame]]:
        """The rows of each table for one range of people after the other."""
        lake = self.tables.lake
        for people_range in ranges:
            scope = Scope(people_range=people_range)
            reader = TableReader(replace(lake, scope=scope) if isinstance(lake, DeclaredLake) else lake, scope)
            is_in_range = scope.includes(pl.col("person_id"))
            yield [rows.filter(is_in_range) for rows in compute_rows(reader)]

    def materialize_quarantine(self, table: Table) -> "MaterializeResult[None]":
        """The materialization of the quarantine of a table that this execution has written."""
        quarantine_contract, write_result = quarantine_table(table.name), self.written[table.name].quarantine
        assert write_result is not None
        first_rows = self.tables.scan(quarantine_contract).head(PREVIEW_ROWS).collect()
        return MaterializeResult(
            asset_key=quarantine_contract.name,
            metadata=written_metadata(write_result, first_rows, quarantine_contract, find_newest_time(first_rows)),
            data_version=DataVersion(write_result.content_sha256),
        )

    def _describe_write(
        self,
        table: Table,
        write_result: WriteResult,
        written_rows: pl.DataFrame,
        newest_time: datetime | None,
        previous_values: ValuesByColumn,
        present_names: pl.Series | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> "MaterializeResult[None]":
        """The materialization of a table that is written, with what vanished from it."""
        self.written[table.name] = write_result
        vanished_values = record_vanished_values(
            self.tables.lake, table, previous_values, self.context.today, present_names
        )
        vanished = {VANISHED: "\n".join(describe_vanished(table, vanished_values))} if vanished_values else {}
        return MaterializeResult(
            asset_key=table.name,
            metadata={
                **written_metadata(write_result, written_rows, table, newest_time),
                **(metadata or {}),
                **vanished,
            },
            data_version=DataVersion(write_result.content_sha256),
        )

    def _find_previous(self, table: Table) -> PreviousTable:
        if table.name not in self.declaration.previous_tables:
            raise UndeclaredRead(f"the asset {self.declaration.name} does not declare {table.name} in `reads_previous`")
        return self.declaration.previous_tables[table.name]


def start_asset_run(
    declaration: Declaration,
    context: AssetExecutionContext,
    pipeline: PipelineResource,
    scope: Scope = EVERYBODY,
    changes: Changes = Changes(),
) -> AssetRun:
    """The execution of an asset in a run.

    Args:
        declaration: What the asset makes and reads.
        context: Dagster's context of the execution.
        pipeline: The data root.
        scope: The people whose rows are computed.
        changes: What differs from the last execution.
    """
    lake = DeclaredLake(pipeline.lake.root, declaration.name, declaration.readable, scope, pipeline.cache)
    return AssetRun(
        declaration=declaration,
        context=RunContext(context.run.tags, pipeline.complete_runs),
        config=pipeline.config,
        settings=pipeline.settings,
        landing_folder=pipeline.landing_folder,
        tables=TableReader(lake, scope),
        log=context.log,
        changes=changes,
    )


def scan_previous(lake: Lake, previous_table: PreviousTable, as_of: date) -> pl.LazyFrame:
    """The rows of a previous table that a run of a day reads.

    Args:
        lake: Where the table is.
        previous_table: The declaration.
        as_of: The day of the run.
    """
    rows = lake.scan(previous_table.table)
    return rows if previous_table.date_column is None else rows.filter(pl.col(previous_table.date_column) < as_of)
