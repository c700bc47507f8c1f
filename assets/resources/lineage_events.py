"""OpenLineage events of a run: one job per Dagster job and per step, one dataset per table.

Belongs here: which events and facets there are.
Does not belong here: reading the run (`run_history`), sending events (`lineage`).

Events hold names of tables, columns, checks and steps, counts and hashes, and of an error its class. They hold nothing
about a person.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import UUID, uuid5

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.generated.base import DatasetFacet, RunFacet
from openlineage.client.generated.data_quality_assertions_dataset import Assertion, DataQualityAssertionsDatasetFacet
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.job_type_job import JobTypeJobFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
from openlineage.client.generated.parent_run import Job as ParentJob
from openlineage.client.generated.parent_run import ParentRunFacet
from openlineage.client.generated.parent_run import Run as ParentRun
from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

from assets.resources.run_history import CheckOutcome, RunHistory, StepHistory
from pipelines.contracts.table import Table

_RUN_STATES = {"complete": RunState.COMPLETE, "failed": RunState.FAIL, "aborted": RunState.ABORT}


def build_run_start(run_id: str, job_name: str, namespace: str, started_at: datetime) -> RunEvent:
    """The event that a run begins.

    Args:
        run_id: Dagster's id of the run.
        job_name: Name of its job.
        namespace: Namespace of jobs and datasets.
        started_at: When it began (UTC).
    """
    return _build_event(RunState.START, started_at, run_id, {}, _build_job(namespace, job_name, "JOB"))


def build_run_events(run_history: RunHistory, namespace: str) -> Iterator[RunEvent]:
    """The events of a run that ended, except its first: beginning and end of each step, and the end of the run.

    Args:
        run_history: What the run did.
        namespace: Namespace of jobs and datasets.

    Returns:
        Events in the order of the steps. The id of a step's run follows from the run and the step, so that events that
        are sent twice are the same.
    """
    parent_facet = ParentRunFacet(ParentRun(run_history.run_id), ParentJob(namespace, run_history.job_name))
    for step_history in run_history.steps:
        yield from _build_step_events(step_history, run_history, namespace, parent_facet)
    run_job = _build_job(namespace, run_history.job_name, "JOB")
    run_facets = _describe_error("a step failed") if run_history.outcome == "failed" else {}
    yield _build_event(_RUN_STATES[run_history.outcome], run_history.ended_at, run_history.run_id, run_facets, run_job)


def _build_step_events(
    step_history: StepHistory, run_history: RunHistory, namespace: str, parent_facet: ParentRunFacet
) -> Iterator[RunEvent]:
    step_run_id = str(uuid5(UUID(run_history.run_id), step_history.name))
    step_job = _build_job(namespace, f"{run_history.job_name}.{step_history.name}", "OP")
    run_facets: dict[str, RunFacet] = {"parent": parent_facet}
    input_datasets = [
        _build_input(table, namespace, run_history.checks.get(table.name, ())) for table in step_history.reads
    ]
    yield _build_event(RunState.START, step_history.started_at, step_run_id, run_facets, step_job, input_datasets)
    if step_history.outcome == "failed":
        run_facets = {**run_facets, **_describe_error(step_history.error_class or "an error")}
    output_datasets = [
        _build_output(table, namespace, step_history.metadata.get(table.name)) for table in step_history.makes
    ]
    ended_at = step_history.ended_at or run_history.ended_at
    yield _build_event(
        _RUN_STATES[step_history.outcome], ended_at, step_run_id, run_facets, step_job, input_datasets, output_datasets
    )


def _build_event(
    run_state: RunState,
    happened_at: datetime,
    run_id: str,
    run_facets: dict[str, RunFacet],
    job: Job,
    input_datasets: Sequence[InputDataset] = (),
    output_datasets: Sequence[OutputDataset] = (),
) -> RunEvent:
    return RunEvent(
        eventType=run_state,
        eventTime=happened_at.isoformat(),
        run=Run(run_id, run_facets),
        job=job,
        inputs=list(input_datasets),
        outputs=list(output_datasets),
        producer=_name_producer(),
    )


def _build_job(namespace: str, job_name: str, job_type: str) -> Job:
    job_type_facet = JobTypeJobFacet(
        processingType="BATCH", integration="FOOTSTEPS", jobType=job_type, producer=_name_producer()
    )
    return Job(namespace, job_name, {"jobType": job_type_facet})


def _build_input(table: Table, namespace: str, check_outcomes: Sequence[CheckOutcome]) -> InputDataset:
    """A table that a step reads, with the checks that the run evaluated of it."""
    assertions = [
        Assertion(check_outcome.name, check_outcome.passed, severity=check_outcome.severity)
        for check_outcome in check_outcomes
    ]
    input_facets: dict[str, Any] = {}
    if assertions:
        input_facets["dataQualityAssertions"] = DataQualityAssertionsDatasetFacet(assertions, producer=_name_producer())
    return InputDataset(namespace, table.name, facets=_describe_schema(table), inputFacets=input_facets)


def _build_output(table: Table, namespace: str, metadata: dict[str, Any] | None) -> OutputDataset:
    """A table that a step makes, with the number of its rows if it was made."""
    metadata, dataset_facets = metadata or {}, _describe_schema(table)
    if content_hash := metadata.get("content_sha256"):
        dataset_facets["version"] = DatasetVersionDatasetFacet(content_hash, producer=_name_producer())
    output_facets: dict[str, Any] = {}
    if (row_count := metadata.get("dagster/row_count")) is not None:
        byte_count = metadata.get("bytes")
        output_facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(
            rowCount=int(row_count),
            size=None if byte_count is None else int(byte_count),
            producer=_name_producer(),
        )
    return OutputDataset(namespace, table.name, facets=dataset_facets, outputFacets=output_facets)


def _describe_schema(table: Table) -> dict[str, DatasetFacet]:
    """The columns of a table, from its contract."""
    schema_fields = [
        SchemaDatasetFacetFields(column.name, str(column.dtype), column.description) for column in table.columns
    ]
    return {"schema": SchemaDatasetFacet(fields=schema_fields, producer=_name_producer())}


def _describe_error(message: str) -> dict[str, RunFacet]:
    return {"errorMessage": ErrorMessageRunFacet(message, "python", producer=_name_producer())}


def _name_producer() -> str:
    """The URI of the code that makes the events."""
    try:
        return f"urn:footsteps:{version('footsteps')}"
    except PackageNotFoundError:  # the packages lie in a folder and are not installed
        return "urn:footsteps"
