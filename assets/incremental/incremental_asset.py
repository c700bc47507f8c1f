"""An asset that is recomputed only if an input changed, and, if possible, only for the people it changed for.

Belongs here: the comparison of an asset's inputs with those of its last execution, and what follows from it.
Does not belong here: what an asset computes (`assets.tables`), the stored state (`pipelines.storage.run_state`), whose
rows changed (`pipelines.storage.change_log`).

The inputs of an asset are the tables it declares, the day, footsteps.yaml and the code. Its function receives an
`AssetRun`, which serves the declared tables and refuses all others. A complete run recomputes
every asset with a changed input. An incremental run follows new files to the people they touch: an asset that names
`per_person_inputs` is recomputed for those people, or for the records that changed if the asset can tell
(`assets.incremental.new_records`). Every other asset stays as it is until the next complete run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    DataVersion,
    MaterializeResult,
    multi_asset,
)

from assets.checks.contract_checks import contract_check_specs, evaluate_contract_checks
from assets.incremental.asset_run import (
    AssetRun,
    Changes,
    Declaration,
    PreviousTable,
    scan_previous,
    start_asset_run,
)
from assets.incremental.automation_condition import on_changed_inputs
from assets.resources.fingerprints import fingerprint_config, fingerprint_table
from assets.resources.memory import return_freed_memory
from assets.resources.metadata import attach_lineage, build_asset_spec, numeric_metadata, table_contract
from assets.resources.pipeline import PipelineResource
from assets.resources.table_reader import Scope
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.contracts.table import Table
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.parquet_files import content_sha256
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# The asset tag that holds the asset's incremental mode.
INCREMENTAL_MODE_TAG = "footsteps/incremental_mode"
# The pool of everything that writes to the lake; dagster.yaml admits one run at a time.
POOL = "lake"
# What an incremental run does with an asset: the same as a complete run, only the changed people, or nothing.
IncrementalMode = Literal["as_complete_run", "changed_people", "skip"]
Results = Iterator[Any]
Body = Callable[[AssetRun], Results]
ExtraFingerprint = Callable[[AssetRun], str]


@dataclass(frozen=True)
class UpdateRule:
    """When an asset is recomputed, and for whom; see `incremental_asset`."""

    per_person_inputs: tuple[str, ...]
    depends_on_population: bool
    depends_on_date: bool
    incremental_mode: IncrementalMode
    input_columns: Mapping[str, tuple[str, ...]]
    extra_fingerprint: ExtraFingerprint | None


@dataclass(frozen=True)
class FollowUp:
    """What the op of an asset does after it, in every run: also if the asset stays as it is.

    Attributes:
        declaration: The tables that it makes, and what it reads. They are materialized with the asset, and never alone.
        body: The function.
        check_specs: The asset checks that the function yields results of.
    """

    declaration: Declaration
    body: Body
    check_specs: tuple[AssetCheckSpec, ...] = ()


def pipeline_asset(
    *,
    name: str,
    tables: Sequence[Table],
    reads: Sequence[Table],
    reads_previous: Sequence[PreviousTable] = (),
    check_specs: Sequence[AssetCheckSpec] = (),
    kinds: set[str] | None = None,
    description: str | None = None,
) -> Callable[[Body], AssetsDefinition]:
    """Make a `@multi_asset` of a function that yields `run.materialize(…)` for each table; it is always executed.

    Each table has the checks of its contract.

    Args:
        name: Name of the op.
        tables: Contracts of the tables that the function makes.
        reads: Contracts of all tables that it reads; the `AssetRun` refuses others.
        reads_previous: Tables that it reads as earlier runs left them.
        check_specs: The asset checks that the function yields results of.
        kinds: Labels that the UI shows; Polars and Parquet if None.
        description: Description of the op; the docstring of the function if None.
    """
    declaration = Declaration(name, tuple(tables), tuple(reads), tuple(reads_previous))
    asset_specs = [_describe_asset(declaration, table, kinds) for table in tables]

    def decorate(body: Body) -> AssetsDefinition:
        def execute(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
            run = start_asset_run(declaration, context, pipeline)
            yield from _with_checks(body(run), run)

        return _build_asset([declaration], asset_specs, check_specs, description or body.__doc__, execute)

    return decorate


def incremental_asset(
    *,
    name: str,
    tables: Sequence[Table],
    reads: Sequence[Table],
    reads_previous: Sequence[PreviousTable] = (),
    per_person_inputs: Sequence[Table] = (),
    depends_on_population: bool = False,
    depends_on_date: bool = True,
    incremental_mode: IncrementalMode | None = None,
    input_columns: Mapping[str, tuple[str, ...]] | None = None,
    extra_fingerprint: ExtraFingerprint | None = None,
    follow_up: FollowUp | None = None,
) -> Callable[[Body], AssetsDefinition]:
    """Make a `@multi_asset` of a function that yields `run.materialize(…)` for each table.

    Each table has the checks of its contract. The function is not called if nothing changed.

    Args:
        name: Name of the op; the state of the asset is stored under it.
        tables: Contracts of the tables that the function makes.
        reads: Contracts of all tables that it reads; the `AssetRun` refuses others.
        reads_previous: Tables that it reads as earlier runs left them.
        per_person_inputs: Inputs of which only a person's own rows affect that person's rows.
        depends_on_population: Whether rows of other people matter too. A complete run then recomputes everybody if
            anything changed, also if only some people's rows were recomputed since the last complete run.
        depends_on_date: Whether the day as of which data is seen matters.
        incremental_mode: What an incremental run does; by default `changed_people` if there are `per_person_inputs`,
            else `skip`.
        input_columns: For inputs of which only the distinct values of some columns matter: those columns, by table
            name.
        extra_fingerprint: Returns a text that changes if anything else changes that the asset depends on.
        follow_up: What the op does afterwards.
    """
    declaration = Declaration(name, tuple(tables), tuple(reads), tuple(reads_previous))
    update_rule = UpdateRule(
        per_person_inputs=tuple(table.name for table in per_person_inputs),
        depends_on_population=depends_on_population,
        depends_on_date=depends_on_date,
        incremental_mode=incremental_mode or ("changed_people" if per_person_inputs else "skip"),
        input_columns=input_columns or {},
        extra_fingerprint=extra_fingerprint,
    )
    asset_specs = _describe_updatable(declaration, update_rule.incremental_mode)
    declarations = [declaration] if follow_up is None else [declaration, follow_up.declaration]
    check_specs = () if follow_up is None else follow_up.check_specs
    if follow_up is not None:
        asset_specs += [_describe_asset(follow_up.declaration, table) for table in follow_up.declaration.tables]

    def decorate(body: Body) -> AssetsDefinition:
        def execute(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
            yield from _materialize(declaration, update_rule, body, context, pipeline)
            if follow_up is not None:
                run = start_asset_run(follow_up.declaration, context, pipeline)
                yield from _with_checks(follow_up.body(run), run)

        return _build_asset(declarations, asset_specs, check_specs, body.__doc__, execute)

    return decorate


def unchanged_results(tables: Sequence[Table], state: AssetState) -> "Iterator[MaterializeResult[None]]":
    """Results for tables that stay as they are, with the data version and numbers of their last execution.

    Args:
        tables: Contracts of the tables.
        state: State after the last execution.
    """
    for table in tables:
        content_hash = state.outputs.get(table.name)
        yield MaterializeResult(
            asset_key=table.name,
            metadata={**state.numeric_metadata.get(table.name, {}), "unchanged": True},
            data_version=DataVersion(content_hash) if content_hash else None,
        )


def _describe_asset(declaration: Declaration, table: Table, kinds: set[str] | None = None) -> AssetSpec:
    """The asset of a table, with an edge from each table that it is made of."""
    asset_spec = build_asset_spec(table, deps=declaration.upstream, kinds=kinds)
    if not declaration.reads_previous:
        return asset_spec
    previous_names = ", ".join(sorted(declaration.previous_tables))
    return asset_spec.merge_attributes(metadata={"reads_of_earlier_runs": previous_names})


def _describe_updatable(declaration: Declaration, incremental_mode: IncrementalMode) -> list[AssetSpec]:
    """The assets of tables that are recomputed only if an input changed, and follow changes made by hand."""
    return [
        _describe_asset(declaration, table)
        .merge_attributes(tags={INCREMENTAL_MODE_TAG: incremental_mode})
        .replace_attributes(automation_condition=on_changed_inputs())
        for table in declaration.tables
    ]


def _build_asset(
    declarations: Sequence[Declaration],
    asset_specs: Sequence[AssetSpec],
    check_specs: Sequence[AssetCheckSpec],
    description: str | None,
    execute: Callable[[AssetExecutionContext, PipelineResource], Results],
) -> AssetsDefinition:
    tables = [table for declaration in declarations for table in declaration.tables]
    contract_check_specs_of_tables = [check_spec for table in tables for check_spec in contract_check_specs(table)]

    @multi_asset(
        name=declarations[0].name,
        specs=asset_specs,
        check_specs=[*contract_check_specs_of_tables, *check_specs],
        description=description,
        pool=POOL,
    )
    def compute_asset(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
        yield from attach_lineage(execute(context, pipeline), context)
        return_freed_memory()

    return compute_asset


def _materialize(
    declaration: Declaration,
    update_rule: UpdateRule,
    body: Body,
    context: AssetExecutionContext,
    pipeline: PipelineResource,
) -> Results:
    run = start_asset_run(declaration, context, pipeline)
    lake_root, is_incremental = pipeline.lake.root, run.context.is_incremental
    input_fingerprints, output_hashes = _fingerprint_inputs(update_rule, run, pipeline), _hash_outputs(run)
    previous_state, people_to_update = read_asset_state(lake_root, declaration.name), None
    if previous_state is not None and (dict(previous_state.outputs) != output_hashes or None in output_hashes.values()):
        previous_state = None  # another process wrote a table since, or the last execution broke off
    changes = Changes(previous_state, input_fingerprints)
    if previous_state is not None:
        is_skipped = is_incremental and update_rule.incremental_mode == "skip"
        is_current = not changes.changed_inputs() and (is_incremental or not previous_state.is_partial)
        if not is_skipped and not is_current:
            people_to_update = _find_people_to_update(update_rule, changes, is_incremental, lake_root)
        if is_skipped or is_current or people_to_update == frozenset():
            if people_to_update is not None and not is_incremental:
                write_asset_state(lake_root, replace(previous_state, inputs=input_fingerprints))
            yield from _with_checks(unchanged_results(declaration.tables, previous_state), run)
            return
    numeric_by_table: dict[str, dict[str, float]] = {}
    run = start_asset_run(declaration, context, pipeline, Scope(people_to_update), changes)
    for asset_result in _with_checks(body(run), run):
        if isinstance(asset_result, MaterializeResult) and asset_result.asset_key is not None:
            numeric_by_table[asset_result.asset_key.to_user_string()] = numeric_metadata(asset_result.metadata or {})
        yield asset_result
    if previous_state is not None and people_to_update is not None and is_incremental:
        input_fingerprints = {
            **previous_state.inputs,
            **{table_name: input_fingerprints[table_name] for table_name in update_rule.per_person_inputs},
        }
    is_partial = update_rule.depends_on_population and people_to_update is not None
    new_state = AssetState(declaration.name, input_fingerprints, _hash_outputs(run), numeric_by_table, is_partial)
    write_asset_state(lake_root, new_state)


def _with_checks(results: Results, run: AssetRun) -> Results:
    """The results of an asset, each materialization followed by the results of its contract's checks.

    The checks of a table that the execution did not write repeat what was recorded when it was written.
    """
    contract_by_name = {table.name: table for table in run.declaration.tables if table.layer != "quarantine"}
    for asset_result in results:
        yield asset_result
        table_name = (
            asset_result.asset_key.to_user_string()
            if isinstance(asset_result, MaterializeResult) and asset_result.asset_key
            else None
        )
        if table_name in contract_by_name:
            write_result = run.written.get(table_name)
            rule_counts = (
                run.tables.lake.rule_counts(contract_by_name[table_name])
                if write_result is None
                else write_result.counts
            )
            docs_path = run.settings.docs_path
            yield from evaluate_contract_checks(
                contract_by_name[table_name], rule_counts, docs_path, is_unchanged=write_result is None
            )


def _fingerprint_inputs(update_rule: UpdateRule, run: AssetRun, pipeline: PipelineResource) -> dict[str, str | None]:
    """The fingerprint of each input, by name."""
    input_names = sorted({table.name for table in run.declaration.reads})
    fingerprints = {
        input_name: fingerprint_table(
            run.tables.lake, pipeline.config, input_name, update_rule.input_columns.get(input_name)
        )
        for input_name in input_names
    }
    for table_name, previous_table in run.declaration.previous_tables.items():
        if previous_table.changes_rows:
            previous_rows = scan_previous(run.previous_lake, previous_table, run.as_of).collect()
            fingerprints[f"previous {table_name}"] = content_sha256(previous_rows)
    fingerprints["code"] = fingerprint_code()
    fingerprints["footsteps.yaml"] = fingerprint_config(pipeline.config)
    if update_rule.depends_on_date:
        fingerprints["as_of"] = run.as_of.isoformat()
    if update_rule.extra_fingerprint is not None:
        fingerprints["also"] = update_rule.extra_fingerprint(run)
    return fingerprints


def _hash_outputs(run: AssetRun) -> dict[str, str | None]:
    return {table.name: run.tables.lake.content_hash(table) for table in run.declaration.tables}


def _find_people_to_update(
    update_rule: UpdateRule, changes: Changes, is_incremental: bool, lake_root: Path
) -> frozenset[str] | None:
    """person_id of the people whose rows are to be recomputed; None for everybody."""
    if (
        changes.previous is None
        or not update_rule.per_person_inputs
        or update_rule.incremental_mode != "changed_people"
    ):
        return None
    if PAUSE.name in changes.changed_inputs():  # it concerns everybody, also in an incremental run
        return None
    is_personal = changes.changed_inputs() <= set(update_rule.per_person_inputs)
    if not is_incremental and (update_rule.depends_on_population or not is_personal):
        return None
    people_to_update: set[str] = set()
    for table_name in update_rule.per_person_inputs:
        previous_fingerprint, fingerprint = changes.previous.inputs.get(table_name), changes.inputs[table_name]
        changed_people = find_changed_people(lake_root, table_contract(table_name), previous_fingerprint, fingerprint)
        if changed_people is None:
            return None
        people_to_update |= changed_people
    return frozenset(people_to_update)
