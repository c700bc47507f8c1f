"""A step of the night: it is run only where something it is made of changed, and for those people only where it can.

Belongs here: the comparison of a step's inputs with its stamp, and what follows for a night and for a run by day.
Does not belong here: what a step computes; the stamp (`pipelines.storage.run_state`), whose rows changed
(`pipelines.storage.change_log`).

What a step is made of is what its assets depend on, the day, footsteps.yaml and the code. A complete night makes anew
whatever differs. A run by day follows new files to the people they touch: steps that name their `own` inputs (of which
only a person's own rows matter to that person's rows) are made for those people, or for the records that changed where
they can tell (`assets.incremental.new_records`); every other step waits for the night.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from assets.automation.schedules import on_changed_inputs
from assets.resources.lineage import attach_lineage
from assets.resources.metadata import table_contract
from assets.resources.pipeline import PipelineResource
from pipelines.contracts.table import Table
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# The tag that tells what a run by day does with an asset.
INCREMENTAL_MODE_TAG = "footsteps/by_day"
# Everything that writes the lake; dagster.yaml lets one run at a time into it.
POOL = "lake"
IncrementalMode = Literal["as_at_night", "own", "waits"]
Results = Iterator[Any]


@dataclass(frozen=True)
class IncrementalSpec:
    """How a step may be cut short.

    own: inputs of which only a person's own rows matter. crowd: other people's rows matter too, so that a night makes
    it whole where anything changed. dated: the day as of which the world is seen matters. columns: of an input, only
    these matter. by_day: what a run by day does with it.
    """

    name: str
    makes: tuple[Table, ...]
    reads: tuple[str, ...]
    own: tuple[str, ...] = ()
    crowd: bool = False
    dated: bool = True
    by_day: IncrementalMode = "waits"
    columns: Mapping[str, tuple[str, ...]] | None = None
    also: Callable[[PipelineResource, AssetExecutionContext], str] | None = None


def incremental_asset(
    *,
    name: str,
    specs: Sequence[AssetSpec],
    own: Sequence[Table] = (),
    crowd: bool = False,
    dated: bool = True,
    by_day: IncrementalMode | None = None,
    columns: Mapping[str, tuple[str, ...]] | None = None,
    also: Callable[[PipelineResource, AssetExecutionContext], str] | None = None,
) -> Callable[[Callable[..., Results]], AssetsDefinition]:
    """`@multi_asset` for a body that yields `night.materialize(…)`; see `Declared` for what else can be said."""
    declared = IncrementalSpec(
        name,
        tuple(table_contract(spec.key.to_user_string()) for spec in specs),
        tuple(sorted({dep.asset_key.to_user_string() for spec in specs for dep in spec.deps})),
        tuple(table.name for table in own),
        crowd,
        dated,
        by_day or ("own" if own else "waits"),
        columns,
        also,
    )

    def decorate(body: Callable[..., Results]) -> AssetsDefinition:
        told = [
            spec.merge_attributes(tags={INCREMENTAL_MODE_TAG: declared.by_day}).replace_attributes(
                automation_condition=on_changed_inputs()
            )
            for spec in specs
        ]
        takes_context = "context" in inspect.signature(body).parameters

        @multi_asset(name=name, specs=told, description=body.__doc__, pool=POOL)
        def run(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
            def call(scoped: PipelineResource) -> Results:
                return body(context, scoped) if takes_context else body(scoped)

            yield from attach_lineage(_make(declared, call, context, pipeline), context)

        return run

    return decorate


def _make(
    declared: IncrementalSpec,
    call: Callable[[PipelineResource], Results],
    context: AssetExecutionContext,
    pipeline: PipelineResource,
) -> Results:
    root = pipeline.lake.root
    inputs = inputs_of(declared, context, pipeline)
    outputs = {table.name: pipeline.lake.content_hash(table) for table in declared.makes}
    stamp = read_asset_state(root, declared.name)
    if stamp is not None and (dict(stamp.outputs) != outputs or None in outputs.values()):
        stamp = None  # a table is not the one the stamp speaks of: it broke off, or somebody else wrote it
    by_day = pipeline.is_incremental(context)
    people = None
    if stamp is not None:
        waits = by_day and declared.by_day == "waits"
        if waits or (dict(stamp.inputs) == inputs and (by_day or not stamp.is_partial)):
            yield from _kept(declared, stamp)
            return
        people = _people_to_make(declared, stamp, inputs, by_day, pipeline)
        if people is not None and not people:
            if not by_day:
                write_asset_state(
                    root, AssetState(declared.name, inputs, outputs, stamp.numeric_metadata, stamp.is_partial)
                )
            yield from _kept(declared, stamp)
            return
    said: dict[str, dict[str, float]] = {}
    for result in call(pipeline.about(people, stamp, inputs)):
        if isinstance(result, MaterializeResult) and result.asset_key is not None:
            said[result.asset_key.to_user_string()] = numeric_metadata(result.metadata or {})
        yield result
    made_of = inputs
    if people is not None and by_day:
        assert stamp is not None
        made_of = {**stamp.inputs, **{name: inputs[name] for name in declared.own}}
    now = {table.name: pipeline.lake.content_hash(table) for table in declared.makes}
    write_asset_state(root, AssetState(declared.name, made_of, now, said, declared.crowd and people is not None))


def inputs_of(
    declared: IncrementalSpec, context: AssetExecutionContext, pipeline: PipelineResource
) -> dict[str, str | None]:
    """The fingerprint of each thing the step is made of, by name."""
    found = {name: pipeline.fingerprint(name, (declared.columns or {}).get(name)) for name in declared.reads}
    found["code"] = fingerprint_code()
    found["footsteps.yaml"] = hashlib.sha256(pipeline.config.model_dump_json().encode()).hexdigest()[:16]
    if declared.dated:
        day: date = pipeline.as_of(context)
        found["as_of"] = day.isoformat()
    if declared.also is not None:
        found["also"] = declared.also(pipeline, context)
    return found


def _people_to_make(
    declared: IncrementalSpec,
    stamp: AssetState,
    inputs: Mapping[str, str | None],
    by_day: bool,
    pipeline: PipelineResource,
) -> frozenset[str] | None:
    """The people whose rows are to be made anew; None for everybody."""
    if not declared.own or declared.by_day != "own":
        return None
    differing = {name for name in {*inputs, *stamp.inputs} if inputs.get(name) != stamp.inputs.get(name)}
    if not by_day and (declared.crowd or not differing <= set(declared.own)):
        return None
    found: frozenset[str] = frozenset()
    for name in declared.own:
        reach = find_changed_people(pipeline.lake.root, table_contract(name), stamp.inputs.get(name), inputs[name])
        if reach is None:
            return None
        found |= reach
    return found


def _kept(declared: IncrementalSpec, stamp: AssetState) -> Iterator[MaterializeResult[None]]:
    for table in declared.makes:
        yield kept_result(table.name, stamp)


def kept_result(name: str, stamp: AssetState) -> "MaterializeResult[None]":
    """What the UI is told of a table that was left as it is: the same data version, the same numbers, and that."""
    content = stamp.outputs.get(name)
    metadata: dict[str, Any] = {**stamp.numeric_metadata.get(name, {}), "unchanged": MetadataValue.bool(True)}
    return MaterializeResult(asset_key=name, metadata=metadata, data_version=DataVersion(content) if content else None)


def numeric_metadata(metadata: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among an asset's metadata, which Dagster plots over time."""
    plain = {name: getattr(value, "value", value) for name, value in metadata.items()}
    found = {name: value for name, value in plain.items() if isinstance(value, int | float)}
    return {name: value for name, value in found.items() if not isinstance(value, bool)}
