"""The command line speaks plainly: help with examples, one sentence on failure, JSON alone on standard output."""

import json
from pathlib import Path

import duckdb
import pytest
from conftest import DemoRun
from typer.testing import CliRunner, Result

from assets.cli.app import app

COMMANDS = [
    ["demo"],
    ["run"],
    ["show"],
    ["evaluate"],
    ["sources"],
    ["tables"],
    ["dictionary"],
    ["doctor"],
    ["up"],
    ["sources", "sniff"],
    ["sources", "taxonomy"],
    ["reply"],
    *(
        ["bench", name]
        for name in (
            "validate",
            "sources",
            "recommender",
            "companions",
            "counterfactuals",
            "publish",
            "readers",
            "site",
            "mastery",
            "tracing",
            "truth",
        )
    ),
]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"footsteps {' '.join(command)}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "footsteps demo"),
        (["tables"], "footsteps run"),
        (["show", "E1"], "footsteps run"),
        (["show"], "--sample"),
        (["evaluate", "nothing.csv"], "does not exist"),
    ],
)
def test_a_failure_is_one_sentence_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTSTEPS_DATA_ROOT", str(tmp_path))
    result = call(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_tables_of_a_night_are_listed_with_queries_that_run(demo_run: DemoRun) -> None:
    result = call("tables", "--json", "--data-root", str(demo_run.settings.root))
    ways = json.loads(result.stdout)
    assert {way["format"] for way in ways} == {"parquet", "delta", "duckdb"}
    for way in ways:
        assert set(way) == {"name", "format", "location", "rows", "query"}
        assert set(way["query"]) == {"python", "sql", "pandas"}
        if way["format"] != "delta":  # whose SQL is a line of Python
            assert len(duckdb.connect().execute(way["query"]["sql"]).fetchall()) == min(way["rows"], 10)


def test_a_person_is_shown_with_steps_and_stages(demo_run: DemoRun) -> None:
    result = call("show", "--sample", "2", "--json", "--data-root", str(demo_run.settings.root))
    people = json.loads(result.stdout)["people"]
    assert len(people) == 2
    for person in people:
        assert {row["person_id"] for row in person["next"]} == {person["person_id"]}
        assert [row["rank"] for row in person["next"]] == list(range(1, len(person["next"]) + 1))
    said = call("show", people[0]["person_id"], "--data-root", str(demo_run.settings.root))
    assert people[0]["person_id"] in said.stdout
    assert said.stdout.count("How:") == len(people[0]["next"])
    assert "What would have changed it:" in said.stdout


def test_an_unknown_person_is_a_failure_and_not_an_empty_page(demo_run: DemoRun) -> None:
    result = call("show", "nobody", "--data-root", str(demo_run.settings.root))
    assert result.exit_code == 1
    assert "nobody has the person_id" in result.stderr


def test_systems_are_listed_with_their_domain_and_formats() -> None:
    systems = json.loads(call("sources", "--json").stdout)
    by_name = {one["system"]: one for one in systems}
    assert by_name["bamboohr"]["domain"] == "hr"
    assert "csv" in by_name["jira"]["formats"]
    assert all({"system", "domain", "formats", "needed", "optional"} <= set(one) for one in systems)


def test_a_file_is_sniffed_and_its_block_of_configuration_written(demo_run: DemoRun) -> None:
    path = next((demo_run.settings.root / "landing" / "bamboohr").glob("*.csv"))
    said = json.loads(call("sources", "sniff", str(path), "--json").stdout)
    assert said["guesses"][0]["system"] == "bamboohr"
    assert "system: bamboohr" in said["block"]


def test_the_doctor_finds_a_source_that_never_came(demo_run: DemoRun, tmp_path: Path) -> None:
    config = demo_run.settings.config_path.read_text()
    extra = "  - {name: ghosts, system: bamboohr, path: 'ghosts/*.csv'}\n"
    changed = tmp_path / "footsteps.yaml"
    changed.write_text(config.replace("taxonomy:", f"{extra}taxonomy:", 1))
    result = call("doctor", "--json", "--config", str(changed), "--data-root", str(demo_run.settings.root))
    findings = json.loads(result.stdout)["findings"]
    assert any(finding.startswith("ghosts: no file was ever landed") for finding in findings)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("person_id,skill_id\na,b\n", "no column ts"),
        ("person_id,skill_id,ts\na,b,yesterday\n", "1 of 1 rows"),
        ("person_id,skill_id,ts\na,,2024-01-01\n", "1 of 1 rows"),
    ],
)
def test_a_history_that_cannot_be_evaluated_is_refused_with_its_reason(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(content)
    result = call("evaluate", str(path))
    assert result.exit_code == 1
    assert sentence in result.stderr
