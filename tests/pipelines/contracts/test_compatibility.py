"""Within a major version a published table only grows, and its contract follows the standard."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import polars as pl
import pytest
import yaml

from assets.cli.tables import CONTRACTS_FOLDER, write_contracts
from pipelines.contracts.documents.compatibility import (
    ReleasedContract,
    contract_from_table,
    find_breaking_changes,
    read_released_contracts,
)
from pipelines.contracts.documents.odcs import render_odcs
from pipelines.contracts.output_tables import NEXT_SKILL, PUBLISHED_TABLES
from pipelines.contracts.table import Table
from pipelines.publish.contract_files import render_contract

RELEASES = [(table, contract) for table in PUBLISHED_TABLES for contract in read_released_contracts(table.name)]


@pytest.mark.parametrize(("table", "released"), RELEASES, ids=lambda value: getattr(value, "version", ""))
def test_every_released_contract_still_holds(table: Table, released: ReleasedContract) -> None:
    current = contract_from_table(table)
    if released.version_numbers < current.version_numbers:
        assert find_breaking_changes(released, current) == []
    else:
        assert released.guarantees == current.guarantees, (
            "declare a new version, then run `footsteps contracts --write`"
        )


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_the_version_of_every_published_table_is_released(table: Table) -> None:
    released = [contract.version for contract in read_released_contracts(table.name)]
    assert table.version in released, "run `footsteps contracts --write`"


def alter(**changes: object) -> ReleasedContract:
    """The contract of out__next_skill with changed fields of the column probability."""
    current = contract_from_table(NEXT_SKILL)
    columns = tuple(
        replace(column, **changes) if column.name == "probability" else column  # type: ignore[arg-type]
        for column in current.columns
    )
    return replace(current, version="1.99.0", columns=columns)


@pytest.mark.parametrize(
    "changes",
    [{"name": "chance"}, {"type": "Float32"}, {"unit": "percent"}, {"maximum": 100.0}, {"minimum": None}],
)
def test_a_change_that_breaks_readers_is_named(changes: dict[str, object]) -> None:
    (change,) = find_breaking_changes(contract_from_table(NEXT_SKILL), alter(**changes))
    assert change.startswith("probability")


def test_a_limit_may_become_narrower() -> None:
    assert find_breaking_changes(contract_from_table(NEXT_SKILL), alter(minimum=0.1, maximum=0.9)) == []


def test_a_column_that_was_never_null_must_stay_so() -> None:
    current = contract_from_table(NEXT_SKILL)
    loosened = tuple(replace(column, required=False) for column in current.columns)
    changes = find_breaking_changes(current, replace(current, version="1.99.0", columns=loosened))
    assert "person_id: was never null, it may be null now" in changes


def test_a_new_column_needs_a_minor_version_and_a_new_major_version_may_change_everything() -> None:
    current = contract_from_table(NEXT_SKILL)
    extended = replace(current, columns=(*current.columns, replace(current.columns[0], name="new")))
    assert find_breaking_changes(current, extended) == ["the columns changed: declare version 1.5.0"]
    assert find_breaking_changes(current, replace(extended, version="1.99.0")) == []
    assert find_breaking_changes(current, replace(current, version="2.0.0", columns=())) == []
    assert find_breaking_changes(current, replace(current, version="0.9.0", key=())) == []


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_an_open_data_contract_is_valid_under_the_standard(table: Table) -> None:
    package = pytest.importorskip("open_data_contract_standard")
    schema = json.loads(files(package).joinpath("schema.json").read_text())
    document = yaml.safe_load(render_contract(render_odcs(table)))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert [prop["name"] for prop in document["schema"][0]["properties"]] == list(table.column_names)
    del document["kind"]
    assert list(validator.iter_errors(document))


def build_sql_type(document: dict[str, Any]) -> str:
    """The SQL type that a property of a contract declares, put together from its physical types."""
    physical_type = str(document["physicalType"])
    if physical_type == "ARRAY":
        return f"{build_sql_type(document['items'])}[]"
    if physical_type == "STRUCT":
        fields = (f'"{prop["name"]}" {build_sql_type(prop)}' for prop in document["properties"])
        return f"STRUCT({', '.join(fields)})"
    has_time_zone = document.get("logicalTypeOptions", {}).get("timezone", False)
    return f"{physical_type} WITH TIME ZONE" if has_time_zone else physical_type


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_physical_types_are_the_types_of_the_parquet_file_in_sql(table: Table, tmp_path: Path) -> None:
    pl.DataFrame(schema=table.schema).write_parquet(tmp_path / "rows.parquet")
    properties = render_odcs(table)["schema"][0]["properties"]
    columns = ", ".join([f'"{prop["name"]}" {build_sql_type(prop)}' for prop in properties])
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE declared ({columns})")
        declared_types = connection.execute("SELECT column_name, column_type FROM (DESCRIBE declared)").fetchall()
        file_types = connection.execute(
            f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{tmp_path / 'rows.parquet'}')"
        ).fetchall()
    assert declared_types == file_types


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_physical_types_are_names_that_datacontract_cli_reads(table: Table) -> None:
    """It writes `None` for any other name, `TIMESTAMP WITH TIME ZONE` and `TEXT[]` included (see findings)."""
    read_names = {"TEXT", "DOUBLE", "BIGINT", "BOOLEAN", "DATE", "TIMESTAMP", "ARRAY", "STRUCT"}
    physical_types = re.findall(r"^ *(?:- )?physicalType: (.*)$", render_contract(render_odcs(table)), re.MULTILINE)
    assert set(physical_types) - {"table"} <= read_names


def test_the_contract_files_are_up_to_date(tmp_path: Path) -> None:
    for path in write_contracts(tmp_path):
        assert (CONTRACTS_FOLDER / path.name).read_text() == path.read_text(), "run `footsteps contracts --write`"
