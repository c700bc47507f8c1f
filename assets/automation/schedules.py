"""The nightly job, its schedule, and the sensor that carries on what was materialized by hand.

Belongs here: jobs and schedules.
Does not belong here: what runs (`assets.tables`), what reacts to files (`assets.automation.sensors`), when an asset
follows its inputs (`assets.incremental.automation_condition`).
"""

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    BetaWarning,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
    schedule,
)

from assets.incremental.automation_condition import CARRIES_CHANGES_TAG
from assets.resources.run_context import CAUSE_TAG, SCHEDULED_DAY_TAG

NIGHTLY_JOB = "nightly"
NIGHTLY_SCHEDULE = "nightly_schedule"
# Dagster's tag of the partition of a run.
_PARTITION_TAG = "dagster/partition"

nightly_job = define_asset_job(
    NIGHTLY_JOB,
    selection=AssetSelection.all(),
    tags={CARRIES_CHANGES_TAG: "true"},
    description="The complete run: land, validate, conform, train, recommend, publish.",
)


def build_nightly_schedule(time_zone: str, hour: int) -> ScheduleDefinition:
    """A complete run once a day, as of the current day in the company's time zone.

    If no daemon is running at the scheduled time, Dagster starts the newest missed run once the daemon is back. That
    run does everything that the earlier missed ones would have done (see dagster.yaml).

    Args:
        time_zone: The company's time zone, such as Europe/Berlin.
        hour: The hour there, 0 to 23.
    """

    @schedule(
        name=NIGHTLY_SCHEDULE,
        job=nightly_job,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone=time_zone,
        default_status=DefaultScheduleStatus.STOPPED,
        description=f"The complete run at {hour:02}:00. Switch it on in production.",
    )
    def nightly_schedule(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        scheduled_at = context.scheduled_execution_time or datetime.now(UTC)
        scheduled_day = scheduled_at.astimezone(ZoneInfo(time_zone)).date().isoformat()
        partition_key = today_utc().isoformat()
        run_tags = {SCHEDULED_DAY_TAG: scheduled_day, CAUSE_TAG: "the nightly schedule"}
        # with the tag, Dagster does not look the partition up as of the scheduled time: a missed run that starts on a
        # later day lands the files of that day
        run_tags[_PARTITION_TAG] = partition_key
        yield RunRequest(run_key=scheduled_day, tags=run_tags, partition_key=partition_key)

    return nightly_schedule


def today_utc() -> date:
    """The delivery day of a run that begins now: partitions are days in UTC."""
    return datetime.now(UTC).date()


def build_backfill_downstream_sensor() -> AutomationConditionSensorDefinition:
    """The sensor that evaluates the assets' automation condition, `on_changed_inputs`."""
    with warnings.catch_warnings():
        # Dagster calls it a beta feature that a custom condition is evaluated in the code server
        warnings.simplefilter("ignore", BetaWarning)
        return AutomationConditionSensorDefinition(
            "backfill_downstream_sensor",
            target=AssetSelection.all(),
            default_status=DefaultSensorStatus.STOPPED,
            minimum_interval_seconds=60,
            use_user_code_server=True,
            # one run materializes everything downstream of what was materialized by hand
            run_tags={
                CARRIES_CHANGES_TAG: "true",
                CAUSE_TAG: "an input was materialized by hand, or the last run failed",
            },
            description="Materializes what depends on raw tables that were backfilled, or on a table that was "
            "materialized by hand.",
        )
