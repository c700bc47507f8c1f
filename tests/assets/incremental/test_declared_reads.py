"""Every asset declares what it reads: the code is searched for tables, and the lake refuses the others at run time."""

import dis
import inspect
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from conftest import DemoRun
from dagster import AssetsDefinition, materialize

from assets.definitions import build_definitions
from assets.incremental.asset_run import AssetRun, Declaration, PreviousTable
from assets.incremental.incremental_asset import Results, incremental_asset, pipeline_asset
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import AS_OF_TAG
from assets.resources.table_reader import TableReader, UndeclaredRead
from assets.tables.core import core_assets
from pipelines.config.company import TaxonomyConfig, read_config
from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import DELIVERY, EVIDENCE, PERSON, PREFERENCE, SKILL, TABLES, WORKLOG
from pipelines.contracts.feature_tables import TRACING
from pipelines.contracts.output_tables import PUBLISHED_TABLES, SNAPSHOT
from pipelines.contracts.table import Table
from pipelines.publish.site.build import build_site
from pipelines.storage.lake import Lake

# Landing reads files, and writes raw tables by the ledger alone.
WITHOUT_DECLARATION = "land_"
# Types of parameters through which a function can reach tables.
READERS = ("Lake", "TableReader", "AssetRun", "EmployeeInput", "PublishContext", "PageData")
# Functions that an asset imports only when it calls them.
IMPORTED_LATE: dict[str, Callable[..., Any]] = {"publish_targets": build_site}
# The ledger comes with every raw table; the published folder, which its table describes, is read by its pointer.
READ_WITHOUT_NAME = {DELIVERY.name, SNAPSHOT.name}


def search_tables(function: Callable[..., Any]) -> set[str]:
    """The names of all tables that a function, or a function it calls, names in any branch.

    Searched are functions of `assets`, and functions of other packages that receive a lake.
    """
    tables: set[str] = set()
    waiting, searched = [function], set()
    while waiting:
        current = waiting.pop()
        if current in searched:
            continue
        searched.add(current)
        for value in list_referenced_values(current):
            for member in flatten(value):
                if isinstance(member, Table):
                    tables.add(member.name)
                elif isinstance(member, FunctionType) and is_searched(member):
                    waiting.append(member)
    return tables


def is_searched(function: FunctionType) -> bool:
    annotations = [str(parameter.annotation) for parameter in inspect.signature(function).parameters.values()]
    reads = any(word in text for text in annotations for word in READERS)
    return reads and function.__module__.startswith(("assets.tables", "assets.incremental", "pipelines.", __name__))


def list_referenced_values(function: Callable[..., Any]) -> Iterator[Any]:
    """The values of all global names and of all variables of enclosing functions that the code of a function names."""
    assert isinstance(function, FunctionType)
    if function.__closure__:
        yield from (cell.cell_contents for cell in function.__closure__)
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        names = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
        yield from (function.__globals__[name] for name in names if name in function.__globals__)


def flatten(value: Any) -> Iterator[Any]:
    """The members of a collection of tables or functions; the value itself if it is none."""
    if value is TABLES:  # the catalogue, in which contracts are looked up by name
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        yield from value
    else:
        yield value


def find_variable(function: Any, name: str) -> Any:
    """The variable of an enclosing function, searched through the functions that the code encloses."""
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if variable == name:
            return cell.cell_contents
        if isinstance(cell.cell_contents, FunctionType):
            inner = find_variable(cell.cell_contents, name)
            if inner is not None:
                return inner
    return None


def declaration_of(asset: AssetsDefinition) -> Declaration:
    declaration = find_variable(asset.op.compute_fn.decorated_fn, "declaration")  # type: ignore[union-attr]
    assert isinstance(declaration, Declaration), asset.op.name
    return declaration


def search_named_tables(asset: AssetsDefinition) -> set[str]:
    """The tables that the function of an asset names."""
    body = find_variable(asset.op.compute_fn.decorated_fn, "body")  # type: ignore[union-attr]
    functions = [body, *(function for name, function in IMPORTED_LATE.items() if name == asset.op.name)]
    return set().union(*map(search_tables, functions))


def find_undeclared_tables(asset: AssetsDefinition) -> set[str]:
    """The tables that the function of an asset names without declaring them."""
    declaration, execute = declaration_of(asset), asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]
    rule, tables = find_variable(execute, "rule"), search_named_tables(asset)
    if rule is not None and rule.extra_fingerprint is not None:
        tables |= search_tables(rule.extra_fingerprint)
    declared = {*declaration.readable, *declaration.previous_tables, DELIVERY.name}
    if SNAPSHOT.name in declaration.readable:  # the snapshot holds all published tables
        declared |= {table.name for table in PUBLISHED_TABLES}
    return tables - declared


@pytest.fixture(scope="module")
def assets_with_declaration(demo_run: DemoRun) -> list[AssetsDefinition]:
    config = read_config(demo_run.settings.config_path)
    observed = core_assets(config.model_copy(update={"taxonomy": TaxonomyConfig(system="observed")}))
    definitions = [*(build_definitions(demo_run.settings).assets or []), *observed]
    return [
        asset
        for asset in definitions
        if isinstance(asset, AssetsDefinition) and not asset.op.name.startswith(WITHOUT_DECLARATION)
    ]


def test_no_asset_names_a_table_that_it_does_not_declare(assets_with_declaration: list[AssetsDefinition]) -> None:
    undeclared = [(asset.op.name, find_undeclared_tables(asset)) for asset in assets_with_declaration]
    assert len(undeclared) > 50
    assert [(name, tables) for name, tables in undeclared if tables] == []


def test_every_declared_table_is_named_or_an_input_of_the_conformed_rows(
    assets_with_declaration: list[AssetsDefinition],
) -> None:
    """A declaration that nothing reads would draw an edge that is not true."""
    superfluous = {}
    for asset in assets_with_declaration:
        declaration = declaration_of(asset)
        named = search_named_tables(asset)
        read = {table.name for table in declaration.reads if table.layer != "raw"}
        if unread := read - named - READ_WITHOUT_NAME:
            superfluous[asset.op.name] = unread
    assert superfluous == {}


def read_helper(tables: TableReader) -> None:
    tables.read(PREFERENCE)


def test_a_read_in_a_branch_that_is_never_executed_is_found() -> None:
    @incremental_asset(name="read_too_much", tables=[TRACING], reads=[EVIDENCE])
    def read_too_much(run: AssetRun) -> Results:
        if run.as_of < date(1900, 1, 1):
            run.tables.scan(WORKLOG)
            read_helper(run.tables)
        yield run.materialize(TRACING, run.tables.read(EVIDENCE))

    assert find_undeclared_tables(read_too_much) == {WORKLOG.name, PREFERENCE.name}


@pytest.fixture(scope="module")
def pipeline(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> PipelineResource:
    root = tmp_path_factory.mktemp("declared") / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    return PipelineResource(
        data_root=str(root), config_path=str(root / "footsteps.yaml"), landing_path=str(root / "landing")
    )


@pytest.mark.parametrize("how", ["read", "read_scoped", "scan", "content_hash", "files", "previous", "published"])
def test_an_undeclared_read_is_refused_at_run_time(how: str, pipeline: PipelineResource) -> None:
    reads: dict[str, Callable[[AssetRun], Any]] = {
        "read": lambda run: run.tables.read(WORKLOG),
        "read_scoped": lambda run: run.tables.read_scoped(WORKLOG),
        "scan": lambda run: run.tables.scan(WORKLOG),
        "content_hash": lambda run: run.tables.lake.content_hash(WORKLOG),
        "files": lambda run: run.tables.lake.files(WORKLOG),
        "previous": lambda run: run.read_previous(WORKLOG),
        "published": lambda run: run.list_published(WORKLOG),
    }

    @pipeline_asset(name="read_too_much", tables=[TRACING], reads=[EVIDENCE])
    def read_too_much(run: AssetRun) -> Results:
        reads[how](run)
        yield from ()

    with pytest.raises(UndeclaredRead, match=f"read_too_much does not declare {WORKLOG.name}"):
        materialize([read_too_much], resources={"pipeline": pipeline}, tags={AS_OF_TAG: "2026-06-30"})


def test_a_table_that_the_asset_does_not_make_is_not_written(pipeline: PipelineResource) -> None:
    before = Lake(Path(pipeline.data_root) / "lake").content_hash(PERSON)

    @pipeline_asset(name="write_too_much", tables=[TRACING], reads=[PERSON])
    def write_too_much(run: AssetRun) -> Results:
        yield run.materialize(PERSON, run.tables.read(PERSON).head(1))

    with pytest.raises(UndeclaredRead, match=f"does not declare that it makes {PERSON.name}"):
        materialize([write_too_much], resources={"pipeline": pipeline}, tags={AS_OF_TAG: "2026-06-30"})
    assert Lake(Path(pipeline.data_root) / "lake").content_hash(PERSON) == before


def test_a_declaration_knows_the_tables_of_references_and_keeps_earlier_runs_apart() -> None:
    declaration = Declaration("any", (EVIDENCE,), (WORKLOG,), (PreviousTable(PREFERENCE),))
    assert {table.name for table in declaration.upstream} == {WORKLOG.name, PERSON.name, SKILL.name}
    own = {EVIDENCE.name, quarantine_table(EVIDENCE.name).name}
    assert declaration.readable == {*own, WORKLOG.name, PERSON.name, SKILL.name}
    assert set(declaration.previous_tables) == {PREFERENCE.name}
