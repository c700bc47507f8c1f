"""An asset that is recomputed only if an input changed, and, if possible, only for the people it changed for.

Belongs here: the comparison of an asset's inputs with those of its last execution, and what follows from it.
Does not belong here: what an asset computes (`assets.tables`), the stored state (`pipelines.storage.run_state`), whose
rows changed (`pipelines.storage.change_log`).

The inputs of an asset are the tables it depends on, the day, footsteps.yaml and the code. A complete run recomputes
every asset with a changed input. An incremental run follows new files to the people they touch: an asset that names
`per_person_inputs` is recomputed for those people, or for the records that changed if the asset can tell
(`assets.incremental.new_records`). Every other asset stays as it is until the next complete run.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dagster import AssetExecutionContext, AssetsDefinition, DataVersion, MaterializeResult, multi_asset

from assets.incremental.automation_condition import on_changed_inputs
from assets.resources.metadata import attach_lineage, build_asset_spec, numeric_metadata, table_contract
from assets.resources.pipeline import PipelineResource, Scope
from pipelines.contracts.table import Table
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# The asset tag that holds the asset's incremental mode.
INCREMENTAL_MODE_TAG = "footsteps/incremental_mode"
# The pool of everything that writes to the lake; dagster.yaml admits one run at a time.
POOL = "lake"
# What an incremental run does with an asset: the same as a complete run, only the changed people, or nothing.
IncrementalMode = Literal["as_complete_run", "changed_people", "skip"]
Results = Iterator[Any]
ExtraFingerprint = Callable[[PipelineResource, AssetExecutionContext], str]


@dataclass(frozen=True)
class IncrementalSpec:
    """What an incremental asset makes and depends on; see `incremental_asset`."""

    name: str
    tables: tuple[Table, ...]
    inputs: tuple[str, ...]
    per_person_inputs: tuple[str, ...]
    depends_on_population: bool
    depends_on_date: bool
    incremental_mode: IncrementalMode
    input_columns: Mapping[str, tuple[str, ...]]
    extra_fingerprint: ExtraFingerprint | None


def incremental_asset(
    *,
    name: str,
    tables: Sequence[Table],
    deps: Sequence[Table],
    per_person_inputs: Sequence[Table] = (),
    depends_on_population: bool = False,
    depends_on_date: bool = True,
    incremental_mode: IncrementalMode | None = None,
    input_columns: Mapping[str, tuple[str, ...]] | None = None,
    extra_fingerprint: ExtraFingerprint | None = None,
) -> Callable[[Callable[..., Results]], AssetsDefinition]:
    """Make a `@multi_asset` of a function that yields `pipeline.materialize(…)` for each table.

    The function takes the pipeline, or the execution context and the pipeline. It is not called if nothing changed.

    Args:
        name: Name of the op; the state of the asset is stored under it.
        tables: Contracts of the tables that the function materializes.
        deps: Contracts of the tables they are made of.
        per_person_inputs: Inputs of which only a person's own rows affect that person's rows.
        depends_on_population: Whether rows of other people matter too. A complete run then recomputes everybody if
            anything changed, also if only some people's rows were recomputed since the last complete run.
        depends_on_date: Whether the day as of which data is seen matters.
        incremental_mode: What an incremental run does; by default `changed_people` if there are `per_person_inputs`,
            else `skip`.
        input_columns: For inputs of which only some columns matter: those columns, by table name.
        extra_fingerprint: Returns a text that changes if anything else changes that the asset depends on.
    """
    spec = IncrementalSpec(
        name=name,
        tables=tuple(tables),
        inputs=tuple(sorted({table.name for table in deps})),
        per_person_inputs=tuple(table.name for table in per_person_inputs),
        depends_on_population=depends_on_population,
        depends_on_date=depends_on_date,
        incremental_mode=incremental_mode or ("changed_people" if per_person_inputs else "skip"),
        input_columns=input_columns or {},
        extra_fingerprint=extra_fingerprint,
    )
    specs = [
        build_asset_spec(table, deps=deps)
        .merge_attributes(tags={INCREMENTAL_MODE_TAG: spec.incremental_mode})
        .replace_attributes(automation_condition=on_changed_inputs())
        for table in tables
    ]

    def decorate(body: Callable[..., Results]) -> AssetsDefinition:
        takes_context = "context" in inspect.signature(body).parameters

        @multi_asset(name=name, specs=specs, description=body.__doc__, pool=POOL)
        def run(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
            def compute(scoped: PipelineResource) -> Results:
                return body(context, scoped) if takes_context else body(scoped)

            yield from attach_lineage(_materialize(spec, compute, context, pipeline), context)

        return run

    return decorate


def unchanged_results(tables: Sequence[Table], state: AssetState) -> "Iterator[MaterializeResult[None]]":
    """Results for tables that stay as they are, with the data version and numbers of their last execution.

    Args:
        tables: Contracts of the tables.
        state: State after the last execution.
    """
    for table in tables:
        content = state.outputs.get(table.name)
        yield MaterializeResult(
            asset_key=table.name,
            metadata={**state.numeric_metadata.get(table.name, {}), "unchanged": True},
            data_version=DataVersion(content) if content else None,
        )


def _materialize(
    spec: IncrementalSpec,
    compute: Callable[[PipelineResource], Results],
    context: AssetExecutionContext,
    pipeline: PipelineResource,
) -> Results:
    root, is_incremental = pipeline.lake.root, pipeline.is_incremental(context)
    inputs = _fingerprint_inputs(spec, context, pipeline)
    outputs = _hash_outputs(spec, pipeline)
    previous, people = read_asset_state(root, spec.name), None
    if previous is not None and (dict(previous.outputs) != outputs or None in outputs.values()):
        previous = None  # another process wrote a table since, or the last execution broke off
    if previous is not None:
        is_skipped = is_incremental and spec.incremental_mode == "skip"
        is_current = dict(previous.inputs) == inputs and (is_incremental or not previous.is_partial)
        if not is_skipped and not is_current:
            people = _find_people_to_update(spec, previous, inputs, is_incremental, pipeline)
        if is_skipped or is_current or people == frozenset():
            if people is not None and not is_incremental:
                write_asset_state(root, replace(previous, inputs=inputs))
            yield from unchanged_results(spec.tables, previous)
            return
    metadata_numbers: dict[str, dict[str, float]] = {}
    for result in compute(pipeline.scoped_to(Scope(people, previous, inputs))):
        if isinstance(result, MaterializeResult) and result.asset_key is not None:
            metadata_numbers[result.asset_key.to_user_string()] = numeric_metadata(result.metadata or {})
        yield result
    if previous is not None and people is not None and is_incremental:
        inputs = {**previous.inputs, **{name: inputs[name] for name in spec.per_person_inputs}}
    is_partial = spec.depends_on_population and people is not None
    write_asset_state(root, AssetState(spec.name, inputs, _hash_outputs(spec, pipeline), metadata_numbers, is_partial))


def _fingerprint_inputs(
    spec: IncrementalSpec, context: AssetExecutionContext, pipeline: PipelineResource
) -> dict[str, str | None]:
    """The fingerprint of each input, by name."""
    fingerprints = {name: pipeline.fingerprint(name, spec.input_columns.get(name)) for name in spec.inputs}
    fingerprints["code"] = fingerprint_code()
    fingerprints["footsteps.yaml"] = hashlib.sha256(pipeline.config.model_dump_json().encode()).hexdigest()[:16]
    if spec.depends_on_date:
        fingerprints["as_of"] = pipeline.as_of(context).isoformat()
    if spec.extra_fingerprint is not None:
        fingerprints["also"] = spec.extra_fingerprint(pipeline, context)
    return fingerprints


def _hash_outputs(spec: IncrementalSpec, pipeline: PipelineResource) -> dict[str, str | None]:
    return {table.name: pipeline.lake.content_hash(table) for table in spec.tables}


def _find_people_to_update(
    spec: IncrementalSpec,
    previous: AssetState,
    inputs: Mapping[str, str | None],
    is_incremental: bool,
    pipeline: PipelineResource,
) -> frozenset[str] | None:
    """person_id of the people whose rows are to be recomputed; None for everybody."""
    if not spec.per_person_inputs or spec.incremental_mode != "changed_people":
        return None
    changed = Scope(None, previous, inputs).changed_inputs()
    if not is_incremental and (spec.depends_on_population or not changed <= set(spec.per_person_inputs)):
        return None
    people: set[str] = set()
    for name in spec.per_person_inputs:
        changed_people = find_changed_people(
            pipeline.lake.root, table_contract(name), previous.inputs.get(name), inputs[name]
        )
        if changed_people is None:
            return None
        people |= changed_people
    return frozenset(people)
