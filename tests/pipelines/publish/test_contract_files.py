"""A contract of a snapshot follows the standard and leads to the rows, to the owner and to the terms of use."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from publishing import publish

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions, PublishOptions
from pipelines.contracts.documents.terms import ContractTerms, SupportChannel
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.contract_files import contract_folder, publish_contracts

TARGETS = PublishOptions(
    postgresql=PostgresqlOptions(schema_name="people"),
    object_store=ObjectStoreOptions(url="s3://people-data/footsteps", endpoint="https://s3.example"),
)
TERMS = ContractTerms(
    owner="learning-data",
    support=(SupportChannel("#learning-data", tool="slack", url="https://chat.example/learning-data"),),
    purposes=("To help people learn",),
    usage="Show rows to their person.",
    limitations="Projects in Jira only.",
)


def read_contract(folder: Path, options: PublishOptions, terms: ContractTerms) -> dict[str, Any]:
    """The contract of out__next_skill after it was written."""
    contracts = publish_contracts(publish(folder, "s0"), options, terms)
    assert sorted(path.name for path in contracts.iterdir()) == [
        f"{OUT_MASTERY.name}.odcs.yaml",
        f"{NEXT_SKILL.name}.odcs.yaml",
    ]
    return dict(yaml.safe_load((contracts / f"{NEXT_SKILL.name}.odcs.yaml").read_text()))


def test_a_contract_names_servers_owner_support_and_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", "postgresql://writer:hush-hush@db.example:5433,db2.example/people")
    document = read_contract(tmp_path, TARGETS, TERMS)
    servers = {server.pop("server"): server for server in document["servers"]}
    for server in servers.values():
        del server["description"]
    path = f"tables/{NEXT_SKILL.name}/s0.parquet"
    assert servers == {
        "parquet": {"type": "local", "path": path, "format": "parquet"},
        "postgresql": {
            "type": "postgresql",
            "host": "db.example",
            "port": 5433,
            "database": "people",
            "schema": "people",
        },
        "object_store": {
            "type": "s3",
            "location": f"s3://people-data/footsteps/published/{path}",
            "endpointUrl": "https://s3.example",
            "format": "parquet",
        },
    }
    assert (tmp_path / path).is_file()
    assert document["team"] == {"name": "learning-data"}
    assert document["support"] == [
        {"channel": "#learning-data", "tool": "slack", "url": "https://chat.example/learning-data"}
    ]
    assert document["description"] == {
        "purpose": "To help people learn",
        "usage": "Show rows to their person.",
        "limitations": "Projects in Jira only.",
    }
    assert "hush-hush" not in json.dumps(document)
    assert "writer" not in json.dumps(document)


@pytest.mark.parametrize(("options", "terms"), [(TARGETS, TERMS), (PublishOptions(), ContractTerms())])
def test_a_contract_with_servers_is_valid_under_the_standard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: PublishOptions, terms: ContractTerms
) -> None:
    package = pytest.importorskip("open_data_contract_standard")
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", "postgresql:///?user=people")
    schema = json.loads(files(package).joinpath("schema.json").read_text())
    document = read_contract(tmp_path, options, terms)
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    del document["support"][0]["channel"]
    assert list(validator.iter_errors(document))


def test_postgresql_is_no_server_of_a_contract_while_its_address_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOOTSTEPS_POSTGRESQL_URI", raising=False)
    document = read_contract(tmp_path, TARGETS, TERMS)
    assert [server["server"] for server in document["servers"]] == ["parquet", "object_store"]


def test_contracts_are_written_again_with_other_terms(tmp_path: Path) -> None:
    snapshot = publish(tmp_path, "s0")
    for owner in ("first", "second"):
        publish_contracts(snapshot, PublishOptions(), ContractTerms(owner=owner))
    text = (contract_folder(snapshot) / f"{OUT_MASTERY.name}.odcs.yaml").read_text()
    assert yaml.safe_load(text)["team"] == {"name": "second"}
