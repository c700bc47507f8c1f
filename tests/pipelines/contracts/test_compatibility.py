"""What readers were promised is kept: within a major version a published table only grows."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from assets.cli.contracts import DOCS, render_contract, write_contracts
from pipelines.contracts.compatibility import (
    ReleasedContract,
    contract_from_table,
    find_breaking_changes,
    promised,
    read_released_contracts,
    version_parts,
)
from pipelines.contracts.odcs import render_odcs
from pipelines.contracts.output_tables import NEXT_SKILL, PUBLISHED_TABLES
from pipelines.contracts.table import Table

RELEASES = [(table, promise) for table in PUBLISHED_TABLES for promise in read_released_contracts(table.name)]


@pytest.mark.parametrize(("table", "promise"), RELEASES, ids=lambda one: getattr(one, "version", ""))
def test_every_released_promise_is_kept(table: Table, promise: ReleasedContract) -> None:
    now = contract_from_table(table)
    if version_parts(promise.version) < version_parts(now.version):
        assert find_breaking_changes(promise, now) == []
    else:
        assert promised(promise) == promised(now), "declare a new version, then run `footsteps contracts --write`"


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_every_published_table_is_released_in_its_version(table: Table) -> None:
    released = [one.version for one in read_released_contracts(table.name)]
    assert table.version in released, "run `footsteps contracts --write`"


def altered(**changes: object) -> ReleasedContract:
    """The promise of out__next_skill with changed traits of the column probability."""
    now = contract_from_table(NEXT_SKILL)
    columns = tuple(replace(one, **changes) if one.name == "probability" else one for one in now.columns)  # type: ignore[arg-type]
    return replace(now, version="1.99.0", columns=columns)


@pytest.mark.parametrize(
    "changes",
    [{"name": "chance"}, {"type": "Float32"}, {"unit": "percent"}, {"maximum": 100.0}, {"minimum": None}],
)
def test_a_change_that_trips_readers_is_named(changes: dict[str, object]) -> None:
    found = find_breaking_changes(contract_from_table(NEXT_SKILL), altered(**changes))
    assert len(found) == 1
    assert found[0].startswith("probability")


def test_a_column_that_was_never_null_stays_so() -> None:
    now = contract_from_table(NEXT_SKILL)
    loosened = tuple(replace(one, required=False) for one in now.columns)
    found = find_breaking_changes(now, replace(now, version="1.99.0", columns=loosened))
    assert "person_id: was never null, it may be now" in found


def test_adding_a_column_asks_for_a_minor_version_and_a_new_major_version_may_do_anything() -> None:
    now = contract_from_table(NEXT_SKILL)
    added = replace(now, columns=(*now.columns, replace(now.columns[0], name="new")))
    assert find_breaking_changes(now, added) != []
    assert find_breaking_changes(now, replace(added, version="1.99.0")) == []
    assert find_breaking_changes(now, replace(now, version="2.0.0", columns=())) == []
    assert find_breaking_changes(now, replace(now, version="0.9.0", key=())) == []


@pytest.mark.parametrize("table", PUBLISHED_TABLES, ids=lambda table: table.name)
def test_an_open_data_contract_keeps_the_standard(table: Table) -> None:
    package = pytest.importorskip("open_data_contract_standard")
    schema = json.loads(files(package).joinpath("schema.json").read_text())
    document = yaml.safe_load(render_contract(render_odcs(table)))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert [one["name"] for one in document["schema"][0]["properties"]] == list(table.column_names)
    del document["kind"]
    assert list(validator.iter_errors(document))


def test_the_contract_files_are_up_to_date(tmp_path: Path) -> None:
    for path in write_contracts(tmp_path):
        assert (DOCS / path.name).read_text() == path.read_text(), "run `footsteps contracts --write`"
