"""Metrics of a data root in OpenMetrics, as one file for the textfile collector of Prometheus' node exporter.

Belongs here: which metrics there are, the file, and the sensor that keeps it fresh.
Does not belong here: the states that are measured (`assets.checks`), alerts (`assets.automation.alerts`).

Every metric is a gauge without a timestamp: the collector refuses timestamps and reads the older text format, in which
other types of OpenMetrics have no name. Labels hold names of sources, tables, targets and schedules, never of people.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from assets.automation.schedules import NIGHTLY_JOB, NIGHTLY_SCHEDULE
from assets.checks.automation_health import find_failed_runs, is_switched_on
from assets.checks.exit_codes import ExitCode, choose_exit_code
from assets.checks.source_states import describe_sources
from assets.checks.target_health import read_target_states
from assets.resources.pipeline import PipelineResource
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot
from pipelines.storage.atomic_write import replacing

METRICS_SENSOR = "metrics_sensor"
_ENDED_STATUSES = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
# The node exporter is another user, and the file holds nothing about a person.
_METRICS_FILE_MODE = 0o644


@dataclass(frozen=True)
class Metric:
    """One metric and its samples.

    Attributes:
        name: Name without the prefix `footsteps_`; it ends with the unit if it has one.
        description: What it measures, in one sentence.
        value_by_label: The measured numbers by the value of the label; by "" if there is no label.
        label_name: Name of the label.
    """

    name: str
    description: str
    value_by_label: Mapping[str, float]
    label_name: str = ""


def write_configured_metrics(pipeline: PipelineResource, instance: DagsterInstance, now: datetime) -> None:
    """Write the metrics to the file that footsteps.yaml names, if it names one.

    Args:
        pipeline: The data root.
        instance: Dagster's instance.
        now: The current time (UTC).

    Raises:
        OSError: If the file cannot be written; the old file stays.
    """
    if (metrics_file := pipeline.config.monitoring.metrics_file) is not None:
        write_metrics(metrics_file, measure_metrics(pipeline, instance, now))


def write_metrics(metrics_path: Path, metrics: Iterable[Metric]) -> None:
    """Replace a file by one with these metrics in OpenMetrics, readable for every user of the machine.

    Args:
        metrics_path: The file.
        metrics: The metrics.

    Raises:
        OSError: If it cannot be written; the old file stays.
    """
    # imported here because few data roots have metrics
    from prometheus_client import CollectorRegistry, Gauge
    from prometheus_client.openmetrics.exposition import generate_latest

    metric_registry = CollectorRegistry()
    for metric in metrics:
        metric_unit = "seconds" if metric.name.endswith("_seconds") else ""
        label_names = [metric.label_name] if metric.label_name else []
        gauge = Gauge(
            f"footsteps_{metric.name}", metric.description, label_names, unit=metric_unit, registry=metric_registry
        )
        for label_value, measured_value in metric.value_by_label.items():
            (gauge.labels(label_value) if metric.label_name else gauge).set(measured_value)
    with replacing(metrics_path) as unfinished_file:
        unfinished_file.write_bytes(generate_latest(metric_registry))  # type: ignore[no-untyped-call]
    metrics_path.chmod(_METRICS_FILE_MODE)


def measure_metrics(pipeline: PipelineResource, instance: DagsterInstance | None, now: datetime) -> list[Metric]:
    """Measure the runs, the sources, the publication and its targets.

    Args:
        pipeline: The data root.
        instance: Dagster's instance; None if nothing was ever run.
        now: The current time (UTC).

    Returns:
        One entry per metric. What does not exist yet, such as a snapshot, has no metric.
    """
    config, lake = pipeline.config, pipeline.lake
    try:
        snapshot = current_snapshot(pipeline.settings.published_path)
    except NothingPublished:
        snapshot = None
    source_states = describe_sources(lake, config, pipeline.landing_folder)
    target_states = read_target_states(lake, config, snapshot.snapshot_id if snapshot else "")
    metrics = [
        Metric(
            "open_refusals",
            "Refused files of a source that nobody has put right or acknowledged.",
            {source_state["name"]: len(source_state["refused"]) for source_state in source_states},
            "source",
        ),
        Metric(
            "quarantined_rows",
            "Rows of the current files of a source that are in quarantine.",
            {source_state["name"]: source_state["quarantined"] for source_state in source_states},
            "source",
        ),
        Metric(
            "target_current",
            "Whether a publish target holds the current snapshot: 1 or 0.",
            {target_state.target: float(target_state.problem is None) for target_state in target_states},
            "target",
        ),
    ]
    if snapshot is not None:
        metrics += _measure_snapshot(snapshot, now)
    if instance is not None:
        metrics += _measure_automation(pipeline, instance)
        metrics += _measure_last_run(instance, choose_exit_code(source_states, target_states))
    return metrics


def _measure_snapshot(snapshot: Snapshot, now: datetime) -> list[Metric]:
    validity_end_seconds = datetime.combine(snapshot.valid_until + timedelta(days=1), time(), UTC).timestamp()
    metrics = [
        Metric(
            "published_rows",
            "Rows of a published table.",
            {published_table.name: published_table.rows for published_table in snapshot.tables},
            "table",
        ),
        Metric(
            "snapshot_valid_until_timestamp_seconds",
            "End of the last day (UTC) on which the current snapshot is valid.",
            {"": validity_end_seconds},
        ),
    ]
    if snapshot.published_at is not None:
        metrics += [
            Metric(
                "snapshot_published_timestamp_seconds",
                "When the current snapshot was published.",
                {"": snapshot.published_at.timestamp()},
            ),
            Metric(
                "snapshot_age_seconds",
                "Age of the current snapshot when this file was written.",
                {"": (now - snapshot.published_at).total_seconds()},
            ),
        ]
    return metrics


def _measure_automation(pipeline: PipelineResource, instance: DagsterInstance) -> list[Metric]:
    unresolved_run_statuses = [
        failed_run.status for failed_run in find_failed_runs(instance, pipeline.settings.lock_path)
    ]
    killed_run_count = unresolved_run_statuses.count(DagsterRunStatus.STARTED)
    return [
        Metric(
            "unresolved_runs",
            "Failed and killed runs whose work no later run has done.",
            {"failed": len(unresolved_run_statuses) - killed_run_count, "killed": killed_run_count},
            "outcome",
        ),
        Metric(
            "schedule_on",
            "Whether the schedule is switched on: 1 or 0.",
            {NIGHTLY_SCHEDULE: float(is_switched_on(instance, NIGHTLY_SCHEDULE))},
            "schedule",
        ),
    ]


def _measure_last_run(instance: DagsterInstance, exit_code_of_success: ExitCode) -> list[Metric]:
    """When the last run of the nightly job ended, how long it took and how it ended; when the last one succeeded."""
    last_run = _find_last_run(instance, _ENDED_STATUSES)
    if last_run is None or last_run.end_time is None:
        return []
    is_successful = last_run.dagster_run.status is DagsterRunStatus.SUCCESS
    # a run that broke off before its first step has no start
    duration_seconds = last_run.end_time - (last_run.start_time or last_run.end_time)
    metrics = [
        Metric("last_run_timestamp_seconds", "When the last run ended.", {"": last_run.end_time}),
        Metric("last_run_duration_seconds", "How long the last run took.", {"": duration_seconds}),
        Metric(
            "last_run_exit_code",
            "How the last run ended, as the exit code of `footsteps run`: 0 all well, 1 stopped, 3 a file refused, "
            "4 a target failed.",
            {"": exit_code_of_success if is_successful else ExitCode.FAILED},
        ),
    ]
    last_success = last_run if is_successful else _find_last_run(instance, [DagsterRunStatus.SUCCESS])
    if last_success is not None and last_success.end_time is not None:
        metrics.append(
            Metric("last_success_timestamp_seconds", "When the last successful run ended.", {"": last_success.end_time})
        )
    return metrics


def _find_last_run(instance: DagsterInstance, run_statuses: list[DagsterRunStatus]) -> RunRecord | None:
    """The newest run of the nightly job with one of these statuses."""
    run_records = instance.get_run_records(RunsFilter(job_name=NIGHTLY_JOB, statuses=run_statuses), limit=1)
    return run_records[0] if run_records else None


def build_metrics_sensor(pipeline: PipelineResource) -> SensorDefinition:
    """The sensor that writes the metrics every minute, whoever started the last run; on unless it is switched off."""

    @sensor(
        name=METRICS_SENSOR,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Writes the metrics to the file that footsteps.yaml names under `monitoring`.",
    )
    def metrics_sensor(context: SensorEvaluationContext) -> SkipReason:
        write_configured_metrics(pipeline, context.instance, datetime.now(UTC))
        return SkipReason("written")

    return metrics_sensor
