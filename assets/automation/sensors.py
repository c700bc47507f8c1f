"""What reacts to the world by day: files that landed.

Belongs here: the sensor, and how a file is known to be whole.
Does not belong here: landing (`pipelines.ingest.landing`), alerts (`assets.automation.alerts`), the night
(`assets.automation.schedules`).

The ledger, not the cursor, tells what has been landed. The cursor holds what was asked for and not yet carried through:
a file leaves it when the run that carries it succeeded, or when it failed too often.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.automation.run_selection import Selection
from assets.automation.schedules import MOST_ATTEMPTS, nightly_job, today_utc
from assets.resources.pipeline import INCREMENTAL_TAG, PipelineResource
from pipelines.ingest.landing import DONE_SUFFIX, list_landing_files, read_ledger
from pipelines.storage.atomic_write import file_sha256

BATCH_TAG = "footsteps/batch"
# A source that never falls quiet is carried through all the same after so many times the quiet it should keep.
LONGEST_WAIT = 10
# A run that Dagster never took up is asked for again.
_LOST_AFTER_SECONDS = 900
_UNDER_WAY = {
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
}

Outcome = str  # "under_way", "carried", "failed" or "lost"


@dataclass(frozen=True)
class SeenFile:
    """A file as it lay there at a tick: its size and time of change, and since when (seconds) both are the same."""

    source_name: str
    size: int
    changed_ns: int
    first: float
    since: float
    is_done: bool = False


@dataclass(frozen=True)
class FileBatch:
    """Files that a run was asked to carry through: each with its size and time of change."""

    files: Mapping[str, tuple[int, int]]
    sources: tuple[str, ...]
    attempt: int
    asked_at: float


@dataclass(frozen=True)
class Cursor:
    """What the sensor remembers. carried: files that need nothing more, or that failed too often."""

    seen: Mapping[str, SeenFile] = field(default_factory=dict)
    carried: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    batch: FileBatch | None = None
    number: int = 0


@dataclass(frozen=True)
class BatchRequest:
    """One run to be asked for: the sources it lands and the number of its batch."""

    sources: tuple[str, ...]
    number: int


def read_cursor(text: str | None) -> Cursor:
    """The cursor as it was written; an empty one for anything else."""
    try:
        said = json.loads(text or "")
        batch = said["batch"]
        return Cursor(
            {path: SeenFile(**one) for path, one in said["seen"].items()},
            {path: (one[0], one[1]) for path, one in said["carried"].items()},
            None
            if batch is None
            else FileBatch(
                {path: (one[0], one[1]) for path, one in batch["files"].items()},
                tuple(batch["sources"]),
                batch["attempt"],
                batch["asked_at"],
            ),
            said["number"],
        )
    except (ValueError, KeyError, TypeError):
        return Cursor()


def write_cursor(cursor: Cursor) -> str:
    """The cursor as text."""
    return json.dumps(asdict(cursor))


def plan_next_batch(
    cursor: Cursor,
    files: Mapping[str, SeenFile],
    now: float,
    quiet_seconds: float,
    outcome: Outcome,
    is_known: Callable[[str], bool],
) -> tuple[Cursor, BatchRequest | None]:
    """What to remember and, at most, one run to ask for.

    While a run is under way nothing further is asked for: what comes meanwhile is one batch, however many files it is.
    A batch that failed is asked for again, together with what came since, up to `MOST_ATTEMPTS` times in all.
    """
    seen = {path: _still(cursor.seen.get(path), one, now) for path, one in files.items()}
    carried = {path: known for path, known in cursor.carried.items() if path in files}
    cursor = replace(cursor, seen=seen, carried=carried)
    batch = cursor.batch
    if batch is not None:
        if outcome == "under_way":
            return cursor, None
        if outcome == "carried" or (outcome == "failed" and batch.attempt >= MOST_ATTEMPTS):
            carried = {**carried, **{path: known for path, known in batch.files.items() if path in files}}
            cursor, batch = replace(cursor, carried=carried, batch=None), None
    new = {path: one for path, one in seen.items() if carried.get(path) != (one.size, one.changed_ns)}
    # what another run has landed, or refused, needs no run: but what a failed one of ours has landed does
    mine = set() if batch is None else set(batch.files)
    known = {path for path in new if path not in mine and _is_whole(new[path], now, quiet_seconds) and is_known(path)}
    cursor = replace(cursor, carried={**carried, **{path: (new[path].size, new[path].changed_ns) for path in known}})
    ready = _ready({path: one for path, one in new.items() if path not in known}, now, quiet_seconds)
    if batch is None and not ready:
        return cursor, None
    if batch is not None and outcome == "failed" and now - batch.asked_at < quiet_seconds * batch.attempt:
        return cursor, None  # what failed a moment ago would fail again
    asked = {path: (seen[path].size, seen[path].changed_ns) for path in {*ready, *(mine & set(files))}}
    sources = tuple(sorted({*(seen[path].source_name for path in asked), *(batch.sources if batch else ())}))
    attempt = 1 if batch is None else batch.attempt + (outcome == "failed")
    number = cursor.number + 1
    return replace(cursor, batch=FileBatch(asked, sources, attempt, now), number=number), BatchRequest(sources, number)


def _still(before: SeenFile | None, now_seen: SeenFile, now: float) -> SeenFile:
    if before is not None and (before.size, before.changed_ns) == (now_seen.size, now_seen.changed_ns):
        return replace(now_seen, first=before.first, since=before.since)
    return replace(now_seen, first=before.first if before else now, since=now)


def _is_whole(one: SeenFile, now: float, quiet_seconds: float) -> bool:
    """Said to be whole by a marker, or unchanged for long enough, by our own watch and by the file's time."""
    return one.is_done or (now - one.since >= quiet_seconds and now - one.changed_ns / 1e9 >= quiet_seconds)


def _ready(new: Mapping[str, SeenFile], now: float, quiet_seconds: float) -> set[str]:
    """The whole files of sources that have fallen quiet, or that kept us waiting for too long."""
    found: set[str] = set()
    for source in {one.source_name for one in new.values()}:
        mine = {path: one for path, one in new.items() if one.source_name == source}
        whole = {path for path, one in mine.items() if _is_whole(one, now, quiet_seconds)}
        waited = now - min(one.first for one in mine.values())
        if len(whole) == len(mine) or waited >= LONGEST_WAIT * quiet_seconds:
            found |= whole
    return found


def scan_landing_folder(pipeline: PipelineResource, now: float) -> dict[str, SeenFile]:
    """The files that lie in the landing folder now, by their path in it."""
    found = {}
    for source in pipeline.config.sources:
        for path in list_landing_files(pipeline.landing_folder, source.path):
            about = path.stat()
            done = path.with_name(path.name + DONE_SUFFIX).exists()
            name = f"{source.name}:{path.relative_to(pipeline.landing_folder)}"
            found[name] = SeenFile(source.name, about.st_size, about.st_mtime_ns, now, now, done)
    return found


def outcome_of(instance: DagsterInstance, number: int, asked_at: float, now: float) -> Outcome:
    """What became of the run of a batch."""
    runs = instance.get_runs(RunsFilter(tags={BATCH_TAG: str(number)}), limit=10)
    statuses = {run.status for run in runs}
    if DagsterRunStatus.SUCCESS in statuses:
        return "carried"
    if statuses & _UNDER_WAY:
        return "under_way"
    if not runs:
        return "lost" if now - asked_at > _LOST_AFTER_SECONDS else "under_way"
    return "failed"


def build_landed_files_sensor(
    pipeline: PipelineResource, select: Callable[[Sequence[str]], Selection]
) -> SensorDefinition:
    """The sensor that carries new files through to the people they touch; `select` names the steps for sources."""

    @sensor(
        name="files_that_landed",
        job=nightly_job,
        minimum_interval_seconds=15,
        default_status=DefaultSensorStatus.STOPPED,
        description="Carries files that landed and are whole through to the recommendations of the people they touch.",
    )
    def files_that_landed(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        now = datetime.now(UTC).timestamp()
        cursor = read_cursor(context.cursor)
        outcome = "carried"
        if cursor.batch is not None:
            outcome = outcome_of(context.instance, cursor.number, cursor.batch.asked_at, now)
        known = _known_contents(pipeline)

        def is_known(name: str) -> bool:
            source, path = name.split(":", 1)
            return (source, file_sha256(pipeline.landing_folder / path)) in known

        cursor, asked = plan_next_batch(
            cursor, scan_landing_folder(pipeline, now), now, pipeline.config.quiet_seconds, outcome, is_known
        )
        requests = [] if asked is None else [_request(pipeline, asked, select)]
        return SensorResult(run_requests=requests, cursor=write_cursor(cursor))

    return files_that_landed


def _known_contents(pipeline: PipelineResource) -> set[tuple[str, str]]:
    """Source and content of everything that was landed or refused under the mapping of today."""
    codes = {source.name: source.mapping_code for source in pipeline.config.sources}
    ledger = read_ledger(pipeline.lake).select("source_name", "file_sha256", "mapping_code")
    return {(source, sha) for source, sha, code in ledger.iter_rows() if codes.get(source) == code}


def _request(
    pipeline: PipelineResource, asked: BatchRequest, select: Callable[[Sequence[str]], Selection]
) -> RunRequest:
    tags = {BATCH_TAG: str(asked.number)}
    day = today_utc().isoformat()
    if pipeline.last_as_of() is None:
        return RunRequest(tags=tags, partition_key=day)  # nothing to merge into yet: the first run is a night
    chosen = select(asked.sources)
    return RunRequest(
        tags={**tags, INCREMENTAL_TAG: "true"},
        partition_key=day,
        asset_selection=list(chosen.assets),
        asset_check_keys=list(chosen.checks),
    )
