"""When the flow runs by itself: the night, and what carries on after a part of it was made by hand.

Belongs here: jobs, schedules, and automation conditions, each named and argued.
Does not belong here: what runs (`assets.tables.raw` to `assets.tables.recommendations`), what reacts to files
(`assets.automation.sensors`).
"""

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from dagster import (
    AssetKey,
    AssetSelection,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    AutomationContext,
    AutomationResult,
    BetaWarning,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
    schedule,
)

from assets.resources.pipeline import SCHEDULED_DAY_TAG

NIGHTLY_JOB = "night"
# After so many failures since it last went well a step waits for the night, or for somebody who looks.
MOST_ATTEMPTS = 3
# The check that fails where a challenger was refused.
PROMOTED = "challenger_takes_over"

nightly_job = define_asset_job(
    NIGHTLY_JOB,
    selection=AssetSelection.all(),
    description="The whole night: land, judge, conform, learn, recommend, publish.",
)


def build_nightly_schedule(time_zone: str) -> ScheduleDefinition:
    """The night at two o'clock in the company's time zone; it sees the world as of the day that begins there.

    A night that no daemon was there for is made up: Dagster asks for the missed tick when it comes back, of several
    for the newest, and a later night does all that an earlier one left (see dagster.yaml).
    """

    @schedule(
        name="every_night_at_two",
        job=nightly_job,
        cron_schedule="0 2 * * *",
        execution_timezone=time_zone,
        default_status=DefaultScheduleStatus.STOPPED,
        description="The whole night at 02:00. Switch it on in production.",
    )
    def every_night_at_two(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
        tick = context.scheduled_execution_time or datetime.now(UTC)
        day = tick.astimezone(ZoneInfo(time_zone)).date()
        yield RunRequest(
            run_key=day.isoformat(), tags={SCHEDULED_DAY_TAG: day.isoformat()}, partition_key=today_utc().isoformat()
        )

    return every_night_at_two


def today_utc() -> date:
    """The delivery day of a run that begins now: partitions are days of UTC."""
    return datetime.now(UTC).date()


class FailedTooOften(AutomationCondition):  # type: ignore[type-arg]
    """True for an asset whose last runs, as many as are allowed, all failed since it was last made."""

    @property
    def name(self) -> str:
        """What the UI calls it."""
        return f"failed_{MOST_ATTEMPTS}_times"

    def evaluate(self, context: AutomationContext) -> AutomationResult:  # type: ignore[type-arg]
        """Count the failed runs that meant to make the asset and came after the last that did."""
        instance = context.asset_graph_view.instance
        key = context.key
        assert isinstance(key, AssetKey)
        latest = instance.get_latest_materialization_event(key)
        since = datetime.fromtimestamp(latest.timestamp, UTC) if latest else None
        failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE], created_after=since), limit=50)
        mine = [run for run in failed if not run.asset_selection or key in run.asset_selection]
        every, none = context.candidate_subset, context.get_empty_subset()
        return AutomationResult(context, true_subset=every if len(mine) >= MOST_ATTEMPTS else none)


def on_changed_inputs() -> AutomationCondition:  # type: ignore[type-arg]
    """An asset is made when what it is made of holds something else than before, and nothing before it still runs.

    Not `eager`: that one runs after every materialisation, and a night materialises every table; here only a changed
    data version counts, so that where nothing is new nothing runs. Not after a failure without end: a run that failed
    is tried again, up to three times in a row, and then waits. Meant for what is made by hand or by a backfill: a
    night and a run by day carry everything through themselves, in one run.
    """
    news = AutomationCondition.any_deps_match(AutomationCondition.data_version_changed())
    asked = AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
    return (
        (news.since(asked) | AutomationCondition.execution_failed())
        & ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
        & ~FailedTooOften()
    ).with_label("follows_its_inputs")


def build_backfill_downstream_sensor() -> AutomationConditionSensorDefinition:
    """The sensor that evaluates `follows_its_inputs`; off until it is switched on."""
    with warnings.catch_warnings():
        # a condition of our own is evaluated where our code is, which Dagster calls beta
        warnings.simplefilter("ignore", BetaWarning)
        return AutomationConditionSensorDefinition(
            "carry_on_what_was_changed_by_hand",
            target=AssetSelection.all(),
            default_status=DefaultSensorStatus.STOPPED,
            minimum_interval_seconds=60,
            use_user_code_server=True,
            description="Makes what follows anew after raw tables were backfilled or a table was made by hand.",
        )
