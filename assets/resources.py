"""The night as a resource: where the lake is, what the company declared, and as of which day a run sees the world.

Belongs here: the one place where a run's settings, its clock and its configuration meet.
Does not belong here: any step of the flow.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from dagster import AssetExecutionContext, ConfigurableResource, MaterializeResult

from assets.io import written_metadata
from pipelines.config import Config, Source, read_config
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.shapes import SHAPES, ShapeName, raw_table
from pipelines.contracts.table import Table
from pipelines.identity import WHO, read_accounts
from pipelines.lake import Lake
from pipelines.landing import Landing, scan_current, source_tables
from pipelines.settings import Settings

AS_OF_TAG = "footsteps/as_of"
ACCEPT_SHRINK_TAG = "footsteps/accept_shrink"


class Night(ConfigurableResource):  # type: ignore[type-arg]
    """Settings of the flow, as strings so that the UI can show and change them."""

    data_root: str
    config_path: str
    landing_path: str

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

    def materialize(
        self, table: Table, frame: pl.DataFrame, metadata: Mapping[str, Any] | None = None
    ) -> "MaterializeResult[None]":
        """Write the frame through its contract, and say what was written. Raises ContractBroken."""
        written = self.lake.write(table, frame)
        said = {**written_metadata(written, frame, table), **(metadata or {})}
        return MaterializeResult(asset_key=table.name, metadata=said)

    def landing(self, context: AssetExecutionContext) -> Landing:
        """What a landing needs to know of this run."""
        now = datetime.now(UTC)
        accept = context.run.tags.get(ACCEPT_SHRINK_TAG) == "true"
        return Landing(self.lake, self.landing_folder, now.date(), now, accept, context.log.info)

    def as_of(self, context: AssetExecutionContext) -> date:
        """The day after which nothing may be seen: the run's tag, or what footsteps.yaml declares, or today."""
        if tag := context.run.tags.get(AS_OF_TAG):
            return date.fromisoformat(tag)
        declared = self.config.as_of
        if isinstance(declared, date):
            return declared
        today = datetime.now(ZoneInfo(self.config.time_zone)).date()
        if declared == "newest_event":
            newest = self.lake.scan(EVIDENCE).filter(pl.col("occurred_at") < _end_of(today))
            last = newest.select(pl.col("occurred_at").max()).collect().item()
            return last.date() if last else today
        return today

    def sources_of(self, shape: ShapeName) -> dict[str, list[Source]]:
        """The declared sources that hold a shape, by system."""
        found: dict[str, list[Source]] = {}
        for source in self.config.sources:
            if shape in source_tables(source):
                found.setdefault(source.system, []).append(source)
        return found

    def rows_of(self, shape: ShapeName) -> pl.LazyFrame:
        """The rows of a shape that count now, of all systems, with system_name."""
        kinds = {source.name: source.accounts for source in self.config.sources}
        frames = [
            read_accounts(
                scan_current(self.lake, raw_table(system, SHAPES[shape]), shape, sources), kinds
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
        rows = self.rows_of("account").select("source_name", *WHO).collect()
        return rows.join(systems, on="source_name").select("serves", "settles", *WHO).unique().sort(pl.all())


def _any(source: Source) -> list[None]:
    return [] if source.serves else [None]


def _no_rows(shape: ShapeName) -> pl.LazyFrame:
    schema = raw_table("none", SHAPES[shape]).schema
    return pl.LazyFrame(schema=schema).with_columns(pl.lit("none").alias("system_name"))


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
