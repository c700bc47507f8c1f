"""When the flow runs by itself: the night.

Belongs here: jobs and schedules.
Does not belong here: what runs (`assets.raw` to `assets.out`), what reacts to files (`assets.sensors`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
    schedule,
)

from assets.resources import AS_OF_TAG

NIGHT_JOB = "night"

night_job = define_asset_job(
    NIGHT_JOB,
    selection=AssetSelection.all(),
    description="The whole night: land, judge, conform, learn, recommend, publish.",
)


def night_schedule(time_zone: str) -> ScheduleDefinition:
    """The night at two o'clock in the company's time zone; it sees the world as of the day that just ended there."""

    @schedule(
        name="every_night_at_two",
        job=night_job,
        cron_schedule="0 2 * * *",
        execution_timezone=time_zone,
        default_status=DefaultScheduleStatus.STOPPED,
        description="The whole night at 02:00. Switch it on in production.",
    )
    def every_night_at_two(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        tick = context.scheduled_execution_time or datetime.now(UTC)
        day = tick.astimezone(ZoneInfo(time_zone)).date()
        yield RunRequest(run_key=day.isoformat(), tags={AS_OF_TAG: day.isoformat()})

    return every_night_at_two
