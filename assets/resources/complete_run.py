"""The last complete run: what it saw and published, and which day a run sees.

Belongs here: the record of a complete run, the comparison of its inputs with the present ones, the day of a run.
Does not belong here: whether one asset is recomputed (`assets.incremental.incremental_asset`).

A run in which nothing is new keeps the day of the last complete run: there is no later data to see. The record is one
more `AssetState`, that of the run as a whole.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from assets.resources.fingerprints import fingerprint_taxonomy_files
from assets.resources.table_reader import RunCache
from pipelines.config.company import Config
from pipelines.contracts.catalog import DELIVERY, EVIDENCE
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.core.pauses import fingerprint_pauses
from pipelines.ingest.deliveries import current_deliveries
from pipelines.storage.change_log import clear_change_log
from pipelines.storage.lake import Lake
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# The name under which the state of the last complete run is stored.
_LAST_COMPLETE_RUN = "last_night"
# After this many days a run moves to the present day although nothing landed: stages fade and projects end by date.
MAX_DAYS_BEHIND = 7


@dataclass(frozen=True)
class CompleteRuns:
    """The complete runs of a data root.

    Attributes:
        lake: Where the record is.
        config: The declared sources, taxonomy and day.
        landing_folder: The folder to which paths of the taxonomy are relative.
        cache: The current deliveries that the run has listed already.
    """

    lake: Lake
    config: Config
    landing_folder: Path
    cache: RunCache = field(default_factory=RunCache)

    def last_as_of(self) -> date | None:
        """The day as of which the last complete run has seen data; None before the first one."""
        last_run_state = self._read_last_run()
        as_of_text = last_run_state.inputs.get("as_of") if last_run_state else None
        return date.fromisoformat(as_of_text) if as_of_text else None

    def has_no_new_input(self) -> bool:
        """Whether the last complete run has seen every input, and its published tables are still in place.

        A run that broke off since then, or one of another day or of some assets, may have replaced them.
        """
        last_run_state = self._read_last_run()
        return (
            last_run_state is not None
            and self._has_seen_inputs(last_run_state)
            and last_run_state.outputs == self._hash_published_tables()
        )

    def record(self, as_of: date) -> None:
        """Store what a complete run has seen and published. The last action of its publication."""
        input_fingerprints = {"known": self._fingerprint_inputs(), "as_of": as_of.isoformat()}
        write_asset_state(
            self.lake.root, AssetState(_LAST_COMPLETE_RUN, input_fingerprints, self._hash_published_tables())
        )
        clear_change_log(self.lake.root)

    def choose_as_of(self, today: date) -> date:
        """The last day whose data a run sees, by footsteps.yaml.

        Args:
            today: The day of the run.
        """
        declared_as_of = self.config.as_of
        if isinstance(declared_as_of, date):
            return declared_as_of
        if declared_as_of == "newest_event":
            event_times = (
                self.lake.scan(EVIDENCE).select("occurred_at").filter(pl.col("occurred_at") < end_of_day(today))
            )
            newest_event_time = event_times.max().collect().item()
            return newest_event_time.date() if newest_event_time else today
        last_run_state, as_of = self._read_last_run(), self.last_as_of()
        if (
            last_run_state is None
            or as_of is None
            or not timedelta(0) <= today - as_of < timedelta(days=MAX_DAYS_BEHIND)
        ):
            return today
        return as_of if self._has_seen_inputs(last_run_state) else today

    def keeps_as_of(self, as_of: date | None, scheduled_day: date | None) -> bool:
        """Whether a run would see data as of the same day as the last complete run.

        Args:
            as_of: The day asked for; None for the declared one.
            scheduled_day: The day for which the run is made; None for today.
        """
        if as_of is not None or self.config.as_of != "today":
            return True
        return self.choose_as_of(scheduled_day or self.local_date()) == self.last_as_of()

    def local_date(self) -> date:
        """The current day in the company's time zone."""
        return datetime.now(UTC).astimezone(ZoneInfo(self.config.time_zone)).date()

    def _read_last_run(self) -> AssetState | None:
        return read_asset_state(self.lake.root, _LAST_COMPLETE_RUN)

    def _has_seen_inputs(self, last_run_state: AssetState) -> bool:
        return last_run_state.inputs.get("known") == self._fingerprint_inputs()

    def _hash_published_tables(self) -> dict[str, str | None]:
        return {table.name: self.lake.content_hash(table) for table in PUBLISHED_TABLES}

    def _fingerprint_inputs(self) -> str:
        """A hash of every input of a run: deliveries, footsteps.yaml, the taxonomy's files, the code, pauses."""
        taxonomy_hash = fingerprint_taxonomy_files(self.config.taxonomy, self.landing_folder)
        pauses_hash = fingerprint_pauses(self.lake.root.parent, self.config.pause, self.local_date())
        declared_inputs = [self.config.dump_inputs(), taxonomy_hash, fingerprint_code(), pauses_hash]
        return hashlib.sha256(json.dumps([self._list_deliveries(), *declared_inputs]).encode()).hexdigest()

    def _list_deliveries(self) -> list[tuple[str, ...]]:
        """Source, content and mapping of each current delivery. Every asset needs them; only landing changes them."""
        ledger_hash = self.lake.content_hash(DELIVERY)
        deliveries: list[tuple[str, ...]] | None = self.cache.find("deliveries", ledger_hash)
        if deliveries is None:
            key_columns = ("source_name", "file_sha256", "mapping_code")
            deliveries_by_source = (
                current_deliveries(self.lake, source).select(key_columns) for source in self.config.sources
            )
            deliveries = [
                delivery_row for source_deliveries in deliveries_by_source for delivery_row in source_deliveries.rows()
            ]
            self.cache.store("deliveries", ledger_hash, deliveries)
        return deliveries
