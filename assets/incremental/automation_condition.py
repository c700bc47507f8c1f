"""When Dagster materializes an asset by itself, outside a run of the whole job.

Belongs here: automation conditions.
Does not belong here: the sensor that evaluates them, jobs and schedules (`assets.automation.schedules`).
"""

from datetime import UTC, datetime

from dagster import AssetKey, AutomationCondition, AutomationContext, AutomationResult, DagsterRunStatus, RunsFilter

# After this many failures in a row an asset waits for the next complete run, or for somebody who looks.
MAX_ATTEMPTS = 3
# The tag of runs that materialize whatever follows from what they change.
CARRIES_CHANGES_TAG = "footsteps/carries_changes"


class FailedTooOften(AutomationCondition):  # type: ignore[type-arg]
    """True for an asset that failed `MAX_ATTEMPTS` times since its last materialization."""

    @property
    def name(self) -> str:
        """The name that the UI shows."""
        return f"failed_{MAX_ATTEMPTS}_times"

    def evaluate(self, context: AutomationContext) -> AutomationResult:  # type: ignore[type-arg]
        """Count the failed runs that selected the asset and were created after its last materialization."""
        instance, asset_key = context.asset_graph_view.instance, context.key
        assert isinstance(asset_key, AssetKey)
        latest_materialization = instance.get_latest_materialization_event(asset_key)
        materialized_at = (
            datetime.fromtimestamp(latest_materialization.timestamp, UTC) if latest_materialization else None
        )
        failed_runs = instance.get_runs(
            RunsFilter(statuses=[DagsterRunStatus.FAILURE], created_after=materialized_at), limit=50
        )
        failure_count = sum(
            not failed_run.asset_selection or asset_key in failed_run.asset_selection for failed_run in failed_runs
        )
        true_subset = context.candidate_subset if failure_count >= MAX_ATTEMPTS else context.get_empty_subset()
        return AutomationResult(context, true_subset=true_subset)


def on_changed_inputs() -> AutomationCondition:  # type: ignore[type-arg]
    """Materialize an asset if the content of an input changed and no input is being materialized.

    Not `eager`: that condition reacts to every materialization, and a complete run materializes every table. Here only
    a changed data version counts, or an input that the same run will materialize. A failed run is tried again, up to
    `MAX_ATTEMPTS` times in a row. The condition is for tables that were materialized by hand or by a backfill: runs of
    the nightly job carry every change through themselves, or leave it to the next complete run. Their tag tells them
    apart. An asset that was never materialized waits for the first complete run. That an input is missing says nothing:
    a raw table always lacks the partitions of days on which nothing was delivered.
    """
    is_carried = AutomationCondition.all_new_updates_have_run_tags(tag_keys={CARRIES_CHANGES_TAG})
    has_changed_inputs = AutomationCondition.any_deps_match(
        (AutomationCondition.data_version_changed() & ~is_carried) | AutomationCondition.will_be_requested()
    )
    is_handled = AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
    return (
        (has_changed_inputs.since(is_handled) | AutomationCondition.execution_failed())
        & ~AutomationCondition.missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
        & ~FailedTooOften()
    ).with_label("on_changed_inputs")
