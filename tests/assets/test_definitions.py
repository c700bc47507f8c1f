"""What the UI shows: every asset is described, grouped and checked, and no edge leads to an earlier layer."""

import pytest
from conftest import DemoRun
from dagster import AssetKey, Definitions

from assets.definitions import build_definitions
from assets.resources.metadata import table_contract
from pipelines.contracts.lineage import DERIVED_FROM, PASSED_THROUGH_FROM, RUN_COLUMNS, find_origins
from pipelines.contracts.table import Severity

LAYERS = ["raw", "core", "feat", "model", "out"]
GRAINS = ("One row ", "Connects ")
# Made of files outside the lake, or a record of the run itself.
WITHOUT_INPUT_TABLES = (
    "core_taxonomy__",
    "out__snapshot",
    "out__way_in",
    "core_landing__",
    "core_policy__event_pause",
    "core_badge__",
    "model_audit__",
)


@pytest.fixture(scope="module")
def definitions(demo_run: DemoRun) -> Definitions:
    return build_definitions(demo_run.settings)


def test_every_asset_has_grain_owner_kind_group_and_columns(definitions: Definitions) -> None:
    specs = list(definitions.resolve_all_asset_specs())
    assert len(specs) > 30
    for spec in specs:
        name = spec.key.to_user_string()
        assert spec.description is not None, name
        assert spec.description.startswith(GRAINS), name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.group_name == table_contract(name).layer
        columns = spec.metadata["dagster/column_schema"].columns  # type: ignore[attr-defined]
        assert [column.name for column in columns] == list(table_contract(name).column_names)
        assert all(column.description for column in columns)


def test_every_column_has_an_origin_among_the_inputs_or_comes_from_the_run(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        name = key.to_user_string()
        parents = {parent.to_user_string() for parent in graph.get(key).parent_keys}
        declared = {table for origins in DERIVED_FROM.get(name, {}).values() for table, _ in origins}
        assert {*declared, *(table.name for table in PASSED_THROUGH_FROM.get(name, ()))} <= parents, name
        # a table of a shape for which this company has no source is made of nothing yet
        if name.startswith(("raw_", "quarantine__", *WITHOUT_INPUT_TABLES)) or is_without_source(name, parents):
            continue
        origins = find_origins(table_contract(name), [table_contract(parent) for parent in parents])
        assert set(table_contract(name).column_names) - RUN_COLUMNS <= set(origins), name


def test_the_description_of_a_column_names_its_origin(definitions: Definitions) -> None:
    (spec,) = (spec for spec in definitions.resolve_all_asset_specs() if spec.key == AssetKey("out__next_skill"))
    described = {column.name: column.description for column in spec.metadata["dagster/column_schema"].columns}  # type: ignore[attr-defined]
    assert described["probability"].endswith("From model_ranker__assn_candidate.probability.")
    assert "From" not in described["as_of"]
    assert described["score"].endswith("more.")


def is_without_source(name: str, parents: set[str]) -> bool:
    """Whether a core table has no raw table among its inputs."""
    return name.startswith(("core_hr__", "core_wish__", "core_reader__", "core_learning__codes_")) and not any(
        parent.startswith("raw_") for parent in parents
    )


def layer_of(name: str) -> int:
    """The position of a table's layer; a quarantine belongs to the layer of its table."""
    return LAYERS.index(table_contract(name.removeprefix("quarantine__")).layer)


def test_no_edge_leads_to_an_earlier_layer(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert layer_of(parent.to_user_string()) <= layer_of(key.to_user_string()), (key, parent)


def test_a_rule_that_is_an_error_blocks_and_a_warning_does_not(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in (AssetKey("raw_tempo__event_worklog"), AssetKey("out__next_skill")):
        table = table_contract(key.to_user_string())
        specs = {check.name: graph.get_check_spec(check) for check in graph.get_check_keys_for_assets({key})}
        for rule in table.rules:
            assert specs[rule.check_name].blocking == (rule.severity is Severity.ERROR)
