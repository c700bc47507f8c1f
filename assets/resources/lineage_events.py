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


def build_run_events(history: RunHistory, namespace: str) -> Iterator[RunEvent]:
    """The events of a run that ended, except its first: beginning and end of each step, and the end of the run.

    Args:
        history: What the run did.
        namespace: Namespace of jobs and datasets.

    Returns:
        Events in the order of the steps. The id of a step's run follows from the run and the step, so that events that
        are sent twice are the same.
    """
    parent = ParentRunFacet(ParentRun(history.run_id), ParentJob(namespace, history.job_name))
    for step in history.steps:
        yield from _build_step_events(step, history, namespace, parent)
    run_job = _build_job(namespace, history.job_name, "JOB")
    facets = _describe_error("a step failed") if history.outcome == "failed" else {}
    yield _build_event(_RUN_STATES[history.outcome], history.ended_at, history.run_id, facets, run_job)


def _build_step_events(
    step: StepHistory, history: RunHistory, namespace: str, parent: ParentRunFacet
) -> Iterator[RunEvent]:
    step_run_id = str(uuid5(UUID(history.run_id), step.name))
    job = _build_job(namespace, f"{history.job_name}.{step.name}", "OP")
    facets: dict[str, RunFacet] = {"parent": parent}
    inputs = [_build_input(table, namespace, history.checks.get(table.name, ())) for table in step.reads]
    yield _build_event(RunState.START, step.started_at, step_run_id, facets, job, inputs)
    if step.outcome == "failed":
        facets = {**facets, **_describe_error(step.error_class or "an error")}
    outputs = [_build_output(table, namespace, step.metadata.get(table.name)) for table in step.makes]
    ended_at = step.ended_at or history.ended_at
    yield _build_event(_RUN_STATES[step.outcome], ended_at, step_run_id, facets, job, inputs, outputs)


def _build_event(
    state: RunState,
    happened_at: datetime,
    run_id: str,
    run_facets: dict[str, RunFacet],
    job: Job,
    inputs: Sequence[InputDataset] = (),
    outputs: Sequence[OutputDataset] = (),
) -> RunEvent:
    return RunEvent(
        eventType=state,
        eventTime=happened_at.isoformat(),
        run=Run(run_id, run_facets),
        job=job,
        inputs=list(inputs),
        outputs=list(outputs),
        producer=_name_producer(),
    )


def _build_job(namespace: str, job_name: str, job_type: str) -> Job:
    job_type_facet = JobTypeJobFacet(
        processingType="BATCH", integration="FOOTSTEPS", jobType=job_type, producer=_name_producer()
    )
    return Job(namespace, job_name, {"jobType": job_type_facet})


def _build_input(table: Table, namespace: str, checks: Sequence[CheckOutcome]) -> InputDataset:
    """A table that a step reads, with the checks that the run evaluated of it."""
    assertions = [Assertion(check.name, check.passed, severity=check.severity) for check in checks]
    input_facets: dict[str, Any] = {}
    if assertions:
        input_facets["dataQualityAssertions"] = DataQualityAssertionsDatasetFacet(assertions, producer=_name_producer())
    return InputDataset(namespace, table.name, facets=_describe_schema(table), inputFacets=input_facets)


def _build_output(table: Table, namespace: str, metadata: dict[str, Any] | None) -> OutputDataset:
    """A table that a step makes, with the number of its rows if it was made."""
    metadata, facets = metadata or {}, _describe_schema(table)
    if content_hash := metadata.get("content_sha256"):
        facets["version"] = DatasetVersionDatasetFacet(content_hash, producer=_name_producer())
    output_facets: dict[str, Any] = {}
    if (row_count := metadata.get("dagster/row_count")) is not None:
        byte_count = metadata.get("bytes")
        output_facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(
            rowCount=int(row_count),
            size=None if byte_count is None else int(byte_count),
            producer=_name_producer(),
        )
    return OutputDataset(namespace, table.name, facets=facets, outputFacets=output_facets)


def _describe_schema(table: Table) -> dict[str, DatasetFacet]:
    """The columns of a table, from its contract."""
    fields = [SchemaDatasetFacetFields(column.name, str(column.dtype), column.description) for column in table.columns]
    return {"schema": SchemaDatasetFacet(fields=fields, producer=_name_producer())}


def _describe_error(message: str) -> dict[str, RunFacet]:
    return {"errorMessage": ErrorMessageRunFacet(message, "python", producer=_name_producer())}


def _name_producer() -> str:
    """The URI of the code that makes the events."""
    try:
        return f"urn:footsteps:{version('footsteps')}"
    except PackageNotFoundError:  # the packages lie in a folder and are not installed
        return "urn:footsteps"
