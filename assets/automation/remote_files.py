"""The sensor that starts a fetch for files that were placed at an origin.

Belongs here: the sensor, and how often a file that was not fetched is tried again.
Does not belong here: fetching (`assets.tables.fetch`), the sensor for the landing folder, which lands what was fetched
(`assets.automation.sensors`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from pydantic import TypeAdapter

from assets.automation.cursors import parse_cursor
from assets.automation.run_selection import NewRemoteFile, Selection, find_new_remote_files
from assets.automation.schedules import nightly_job
from assets.automation.sensors import UNFINISHED_STATUSES
from assets.incremental.automation_condition import MAX_ATTEMPTS
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import CAUSE_TAG

FETCH_TAG = "footsteps/fetch"
# Each tick logs in to each server, and servers lock out clients that log in too often.
_TICK_INTERVAL_SECONDS = 300
_RETRIES_ENDED = f"new files were tried {MAX_ATTEMPTS} times and are not requested again until they change"


@dataclass(frozen=True)
class FetchCursor:
    """What the sensor stores between ticks.

    Attributes:
        attempts: Number of fetches that were requested for each version of a file that is still new.
        number: Number of the last requested fetch.
    """

    attempts: Mapping[str, int] = field(default_factory=dict)
    number: int = 0


_CURSOR_ADAPTER = TypeAdapter(FetchCursor)


def read_fetch_cursor(cursor_json: str | None) -> FetchCursor:
    """The stored cursor; an empty one if there is none, or if it has another form."""
    return parse_cursor(_CURSOR_ADAPTER, cursor_json, FetchCursor())


def plan_fetch(fetch_cursor: FetchCursor, new_remote_files: list[NewRemoteFile]) -> tuple[FetchCursor, bool]:
    """Decide whether to request a fetch.

    Args:
        fetch_cursor: The stored cursor.
        new_remote_files: The files that no run has fetched.

    Returns:
        The cursor to store, and whether fewer than `MAX_ATTEMPTS` fetches were requested for at least one of the files.
    """
    attempts_by_version = {
        new_remote_file.version: fetch_cursor.attempts.get(new_remote_file.version, 0)
        for new_remote_file in new_remote_files
    }
    if all(attempt_count >= MAX_ATTEMPTS for attempt_count in attempts_by_version.values()):
        return FetchCursor(attempts_by_version, fetch_cursor.number), False
    attempts_by_version = {
        file_version: min(attempt_count + 1, MAX_ATTEMPTS)
        for file_version, attempt_count in attempts_by_version.items()
    }
    return FetchCursor(attempts_by_version, fetch_cursor.number + 1), True


def build_remote_files_sensor(pipeline: PipelineResource, fetch_selection: Selection) -> SensorDefinition:
    """The sensor that starts a fetch for files that were placed at an origin.

    Args:
        pipeline: The pipeline resource: data root, configuration and landing folder.
        fetch_selection: The assets and checks of the run that fetches.
    """

    @sensor(
        name="remote_files_sensor",
        job=nightly_job,
        minimum_interval_seconds=_TICK_INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.STOPPED,
        description="Fetches files that were placed at an origin of footsteps.yaml into the landing folder. "
        "landed_files_sensor then lands them.",
    )
    def remote_files_sensor(context: SensorEvaluationContext) -> SensorResult:
        fetch_cursor = read_fetch_cursor(context.cursor)
        unfinished_fetch_filter = RunsFilter(
            tags={FETCH_TAG: str(fetch_cursor.number)}, statuses=list(UNFINISHED_STATUSES)
        )
        if fetch_cursor.number and context.instance.get_runs(unfinished_fetch_filter, limit=1):
            return SensorResult(skip_reason=SkipReason("the last fetch has not ended"))
        new_remote_files, origin_problems = find_new_remote_files(pipeline)
        fetch_cursor, is_fetch_due = plan_fetch(fetch_cursor, new_remote_files)
        new_cursor_json = _CURSOR_ADAPTER.dump_json(fetch_cursor).decode()
        if not is_fetch_due:
            no_fetch_reason = _RETRIES_ENDED if new_remote_files else "no new file"
            return SensorResult(
                skip_reason=SkipReason("; ".join(origin_problems) or no_fetch_reason), cursor=new_cursor_json
            )
        run_request = RunRequest(
            tags={FETCH_TAG: str(fetch_cursor.number), CAUSE_TAG: "new files at an origin"},
            asset_selection=list(fetch_selection.assets),
            asset_check_keys=list(fetch_selection.checks),
        )
        return SensorResult(run_requests=[run_request], cursor=new_cursor_json)

    return remote_files_sensor
