"""The sensor that starts a run for files that landed.

Belongs here: the sensor, and how a file is known to be complete.
Does not belong here: landing (`pipelines.ingest.landing`), alerts (`assets.automation.alerts`), the nightly schedule
(`assets.automation.schedules`).

The ledger, not the cursor, records what has been landed. The cursor holds the files for which a run was requested: a
file leaves it when its run has succeeded, or has failed too often.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from pydantic import TypeAdapter

from assets.automation.cursors import parse_cursor
from assets.automation.run_selection import Selection
from assets.automation.schedules import nightly_job, today_utc
from assets.incremental.automation_condition import MAX_ATTEMPTS
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import CAUSE_TAG, INCREMENTAL_TAG
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.landing import DONE_SUFFIX, list_landing_files
from pipelines.ingest.read_contents import find_read_contents
from pipelines.storage.atomic_write import file_sha256

BATCH_TAG = "footsteps/batch"
# Files of a source that never stops changing are landed after this many times `quiet_seconds`.
MAX_QUIET_PERIODS = 10
# A run that Dagster did not start within this time is requested again.
_LOST_AFTER_SECONDS = 900
UNFINISHED_STATUSES = {
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
}

BatchOutcome = Literal["under_way", "carried", "failed", "lost"]
# Size and time of change (ns) of a file, by "source:path".
FileVersions = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class SeenFile:
    """A file of the landing folder at a tick. The cursor stores it under these names.

    Attributes:
        source_name: Name of the source it belongs to.
        size: Bytes.
        changed_ns: Time of its last change, in nanoseconds.
        first: When the sensor saw it first, in seconds.
        since: Since when its size and time of change are the same, in seconds.
        is_done: Whether a marker file says that it is complete.
    """

    source_name: str
    size: int
    changed_ns: int
    first: float
    since: float
    is_done: bool = False

    @property
    def version(self) -> tuple[int, int]:
        """Size and time of change: a file with another version is a new file."""
        return self.size, self.changed_ns

    def is_complete(self, now_seconds: float, quiet_seconds: float) -> bool:
        """Whether its marker exists, or it did not change for long enough, by our clock and by the file's time."""
        return self.is_done or (
            now_seconds - self.since >= quiet_seconds and now_seconds - self.changed_ns / 1e9 >= quiet_seconds
        )


@dataclass(frozen=True)
class FileBatch:
    """The files of one requested run."""

    files: FileVersions
    sources: tuple[str, ...]
    attempt: int
    asked_at: float


@dataclass(frozen=True)
class Cursor:
    """What the sensor stores between ticks. `carried` are files that need no run, or failed too often."""

    seen: Mapping[str, SeenFile] = field(default_factory=dict)
    carried: FileVersions = field(default_factory=dict)
    batch: FileBatch | None = None
    number: int = 0


@dataclass(frozen=True)
class BatchRequest:
    """One run to request: the sources it lands, and the number of its batch."""

    source_names: tuple[str, ...]
    batch_number: int


_CURSOR_ADAPTER = TypeAdapter(Cursor)


def read_cursor(cursor_json: str | None) -> Cursor:
    """The stored cursor; an empty one if there is none, or if it has another form."""
    return parse_cursor(_CURSOR_ADAPTER, cursor_json, Cursor())


def write_cursor(cursor: Cursor) -> str:
    """The cursor as JSON."""
    return _CURSOR_ADAPTER.dump_json(cursor).decode()


def plan_next_batch(
    cursor: Cursor,
    current_files: Mapping[str, SeenFile],
    now_seconds: float,
    quiet_seconds: float,
    batch_outcome: BatchOutcome,
    needs_no_landing: Callable[[str], bool],
) -> tuple[Cursor, BatchRequest | None]:
    """Decide whether to request a run.

    No run is requested while one is under way: all files that arrive meanwhile form the next batch. A batch that failed
    is requested again, together with new files, up to `MAX_ATTEMPTS` times in all.

    Args:
        cursor: The stored cursor.
        current_files: The files in the landing folder now, by "source:path".
        now_seconds: The time in seconds.
        quiet_seconds: How long a file must stay unchanged to be complete.
        batch_outcome: What became of the run of the cursor's batch.
        needs_no_landing: Whether landing a file would change nothing, by its "source:path".

    Returns:
        The cursor to store, and the run to request, if any.
    """
    seen_files = _add_earlier_times(current_files, cursor.seen, now_seconds)
    settled_versions = _select_existing(cursor.carried, current_files)
    batch = cursor.batch
    is_given_up = batch is not None and batch_outcome == "failed" and batch.attempt >= MAX_ATTEMPTS
    if batch is not None and (batch_outcome == "carried" or is_given_up):
        settled_versions |= _select_existing(batch.files, current_files)
        batch = None
    elif batch is not None and batch_outcome == "under_way":
        return replace(cursor, seen=seen_files, carried=settled_versions), None
    # files that another run has landed or refused need no run; files that our own failed run has landed do
    batch_file_keys = set(batch.files) if batch else set()
    settled_versions |= {
        file_key: seen_file.version
        for file_key, seen_file in _exclude_settled(seen_files, settled_versions).items()
        if file_key not in batch_file_keys
        and seen_file.is_complete(now_seconds, quiet_seconds)
        and needs_no_landing(file_key)
    }
    cursor = replace(cursor, seen=seen_files, carried=settled_versions, batch=batch)
    ready_file_keys = _find_ready_files(_exclude_settled(seen_files, settled_versions), now_seconds, quiet_seconds)
    if batch is None and not ready_file_keys:
        return cursor, None
    if batch is not None and batch_outcome == "failed" and now_seconds - batch.asked_at < quiet_seconds * batch.attempt:
        return cursor, None  # a run that failed just now would fail again
    requested_keys = {*ready_file_keys, *(batch_file_keys & set(current_files))}
    requested_versions = {file_key: seen_files[file_key].version for file_key in requested_keys}
    requested_sources = {seen_files[file_key].source_name for file_key in requested_keys}
    source_names = tuple(sorted({*requested_sources, *(batch.sources if batch else ())}))
    attempt_number = 1 if batch is None else batch.attempt + (batch_outcome == "failed")
    new_batch = FileBatch(requested_versions, source_names, attempt_number, now_seconds)
    cursor = replace(cursor, batch=new_batch, number=cursor.number + 1)
    return cursor, BatchRequest(source_names, cursor.number)


def _select_existing(version_by_key: FileVersions, current_files: Mapping[str, SeenFile]) -> dict[str, tuple[int, int]]:
    """The versions of files that are still in the landing folder."""
    return {file_key: file_version for file_key, file_version in version_by_key.items() if file_key in current_files}


def _exclude_settled(seen_files: Mapping[str, SeenFile], settled_versions: FileVersions) -> dict[str, SeenFile]:
    """The files whose version is not among the versions that need no run."""
    return {
        file_key: seen_file
        for file_key, seen_file in seen_files.items()
        if settled_versions.get(file_key) != seen_file.version
    }


def _add_earlier_times(
    current_files: Mapping[str, SeenFile], last_seen_files: Mapping[str, SeenFile], now_seconds: float
) -> dict[str, SeenFile]:
    """The files with the times of the earlier tick, as far as they still hold."""
    return {
        file_key: _keep_earlier_times(last_seen_files.get(file_key), current_file, now_seconds)
        for file_key, current_file in current_files.items()
    }


def _keep_earlier_times(last_seen_file: SeenFile | None, current_file: SeenFile, now_seconds: float) -> SeenFile:
    """The file with the times of the earlier tick, as far as they still hold; now if the file is new."""
    if last_seen_file is None:
        return replace(current_file, first=now_seconds, since=now_seconds)
    return replace(
        current_file,
        first=last_seen_file.first,
        since=last_seen_file.since if last_seen_file.version == current_file.version else now_seconds,
    )


def _find_ready_files(seen_files: Mapping[str, SeenFile], now_seconds: float, quiet_seconds: float) -> set[str]:
    """The complete files of sources that have only complete files, or whose files have waited for too long."""
    ready_file_keys: set[str] = set()
    for source_name in {seen_file.source_name for seen_file in seen_files.values()}:
        source_files = {
            file_key: seen_file for file_key, seen_file in seen_files.items() if seen_file.source_name == source_name
        }
        complete_file_keys = {
            file_key
            for file_key, seen_file in source_files.items()
            if seen_file.is_complete(now_seconds, quiet_seconds)
        }
        waited_seconds = now_seconds - min(seen_file.first for seen_file in source_files.values())
        if len(complete_file_keys) == len(source_files) or waited_seconds >= MAX_QUIET_PERIODS * quiet_seconds:
            ready_file_keys |= complete_file_keys
    return ready_file_keys


def scan_landing_folder(pipeline: PipelineResource, now_seconds: float) -> dict[str, SeenFile]:
    """The files in the landing folder now, by "source:path"."""
    return {
        f"{source.name}:{file_path.relative_to(pipeline.landing_folder)}": _describe_file(
            source.name, file_path, now_seconds
        )
        for source in pipeline.config.sources
        for file_path in list_landing_files(pipeline.landing_folder, source.path)
    }


def _describe_file(source_name: str, file_path: Path, now_seconds: float) -> SeenFile:
    file_stat, is_done = file_path.stat(), file_path.with_name(file_path.name + DONE_SUFFIX).exists()
    return SeenFile(source_name, file_stat.st_size, file_stat.st_mtime_ns, now_seconds, now_seconds, is_done)


def find_batch_outcome(
    instance: DagsterInstance, batch_number: int, requested_at: float, now_seconds: float
) -> BatchOutcome:
    """What became of the run of a batch.

    Args:
        instance: Dagster's instance.
        batch_number: Number of the batch.
        requested_at: When the run was requested, in seconds.
        now_seconds: The time in seconds.
    """
    run_statuses = {run.status for run in instance.get_runs(RunsFilter(tags={BATCH_TAG: str(batch_number)}), limit=10)}
    if DagsterRunStatus.SUCCESS in run_statuses:
        return "carried"
    if run_statuses & UNFINISHED_STATUSES:
        return "under_way"
    if run_statuses:
        return "failed"
    return "lost" if now_seconds - requested_at > _LOST_AFTER_SECONDS else "under_way"


def build_landed_files_sensor(
    pipeline: PipelineResource, select_for_sources: Callable[[Sequence[str]], Selection]
) -> SensorDefinition:
    """The sensor that starts a run for files that landed.

    Args:
        pipeline: The pipeline resource: data root, configuration and landing folder.
        select_for_sources: Returns the assets and checks of an incremental run for sources, by their names.
    """

    @sensor(
        name="landed_files_sensor",
        job=nightly_job,
        minimum_interval_seconds=15,
        default_status=DefaultSensorStatus.STOPPED,
        description="Lands complete files and updates the recommendations of the people they touch.",
    )
    def landed_files_sensor(context: SensorEvaluationContext) -> SensorResult:
        now_seconds, cursor = datetime.now(UTC).timestamp(), read_cursor(context.cursor)
        batch_outcome: BatchOutcome = "carried"  # no batch: nothing is pending
        if cursor.batch is not None:
            batch_outcome = find_batch_outcome(context.instance, cursor.number, cursor.batch.asked_at, now_seconds)
        delivery_ledger = read_ledger(pipeline.lake)
        known_contents_by_source = {
            source.name: find_read_contents(delivery_ledger, source) for source in pipeline.config.sources
        }

        def needs_no_landing(file_key: str) -> bool:
            source_name, relative_path = file_key.split(":", 1)
            landed_file = pipeline.landing_folder / relative_path
            return known_contents_by_source[source_name].includes(landed_file.name, file_sha256(landed_file))

        current_files = scan_landing_folder(pipeline, now_seconds)
        cursor, batch_request = plan_next_batch(
            cursor, current_files, now_seconds, pipeline.config.quiet_seconds, batch_outcome, needs_no_landing
        )
        return SensorResult(
            run_requests=[_build_run_request(pipeline, batch_request, select_for_sources)] if batch_request else [],
            cursor=write_cursor(cursor),
        )

    return landed_files_sensor


def _build_run_request(
    pipeline: PipelineResource, batch_request: BatchRequest, select_for_sources: Callable[[Sequence[str]], Selection]
) -> RunRequest:
    run_cause = f"new files of {', '.join(batch_request.source_names)}"
    run_tags = {BATCH_TAG: str(batch_request.batch_number), CAUSE_TAG: run_cause}
    partition_key = today_utc().isoformat()
    if pipeline.complete_runs.last_as_of() is None:
        # there is nothing to update yet: the first run is complete
        return RunRequest(tags=run_tags, partition_key=partition_key)
    selection = select_for_sources(batch_request.source_names)
    return RunRequest(
        tags={**run_tags, INCREMENTAL_TAG: "true"},
        partition_key=partition_key,
        asset_selection=list(selection.assets),
        asset_check_keys=list(selection.checks),
    )
