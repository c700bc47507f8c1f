"""The command line: help with examples, one sentence on failure, only JSON on standard output."""

import json
from pathlib import Path

import duckdb
import pytest
from conftest import DemoRun
from typer.testing import CliRunner, Result

from assets.checks.exit_codes import ExitCode
from assets.cli.app import app
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS

COMMANDS = [
    ["demo"],
    ["init"],
    ["run"],
    ["show"],
    ["evaluate"],
    ["sources"],
    ["tables"],
    ["dictionary"],
    ["doctor"],
    ["acknowledge"],
    ["up"],
    ["sources", "detect"],
    ["sources", "sniff"],
    ["sources", "preview"],
    ["sources", "taxonomy"],
    ["reply"],
    ["exposure"],
    ["outcome"],
    ["contracts"],
    ["feed"],
    ["site"],
    ["access"],
    ["restore"],
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
    ("arguments", "sentence", "exit_code"),
    [
        (["run"], "footsteps demo", ExitCode.CONFIGURATION),
        (["tables"], "footsteps run", ExitCode.FAILED),
        (["show", "E1"], "footsteps run", ExitCode.FAILED),
        (["show"], "--sample", ExitCode.FAILED),
        (["access", "E1"], "--output", ExitCode.FAILED),
        (["site", "--renew"], "--person", ExitCode.FAILED),
        (["evaluate", "nothing.csv"], "does not exist", ExitCode.FAILED),
    ],
)
def test_a_failure_is_one_sentence_with_a_remedy(
    tmp_path: Path, arguments: list[str], sentence: str, exit_code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTSTEPS_DATA_ROOT", str(tmp_path))
    result = call(*arguments)
    assert result.exit_code == exit_code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_tables_of_a_run_are_listed_with_queries_that_run(demo_run: DemoRun) -> None:
    result = call("tables", "--json", "--data-root", str(demo_run.settings.root))
    targets = json.loads(result.stdout)
    assert {target["format"] for target in targets} == {"parquet", "delta", "duckdb"}
    for target in targets:
        assert set(target) == {"name", "format", "location", "rows", "query"}
        assert set(target["query"]) == {"python", "sql", "pandas"}
        if target["format"] != "delta":  # its SQL is a line of Python
            assert len(duckdb.connect().execute(target["query"]["sql"]).fetchall()) == min(target["rows"], 10)


def test_a_person_is_shown_with_steps_and_stages(demo_run: DemoRun) -> None:
    result = call("show", "--sample", "2", "--json", "--data-root", str(demo_run.settings.root))
    people = json.loads(result.stdout)["people"]
    assert len(people) == 2
    for person in people:
        assert {row["person_id"] for row in person["next"]} == {person["person_id"]}
        assert [row["rank"] for row in person["next"]] == list(range(1, len(person["next"]) + 1))
    text = call("show", people[0]["person_id"], "--data-root", str(demo_run.settings.root))
    assert people[0]["person_id"] in text.stdout
    assert text.stdout.count("How:") == len(people[0]["next"])
    assert "What would have changed it:" in text.stdout


def test_an_unknown_person_is_a_failure_and_not_an_empty_page(demo_run: DemoRun) -> None:
    result = call("show", "nobody", "--data-root", str(demo_run.settings.root))
    assert result.exit_code == 1
    assert "nobody has the person_id" in result.stderr


def test_systems_are_listed_with_their_domain_and_formats() -> None:
    systems = json.loads(call("sources", "--json").stdout)
    by_name = {system["system"]: system for system in systems}
    assert by_name["bamboohr"]["domain"] == "hr"
    assert "csv" in by_name["jira"]["formats"]
    assert all({"system", "domain", "formats", "needed", "optional"} <= set(system) for system in systems)


def test_the_columns_of_every_shape_are_listed_with_meaning_type_unit_and_example() -> None:
    systems = json.loads(call("sources", "--json").stdout)
    columns_by_shape = next(system["columns"] for system in systems if system["system"] == "tabular")
    assert set(columns_by_shape) == set(CANONICAL_SCHEMAS)
    assert next(column for column in columns_by_shape["worklog"] if column["name"] == "worked_hours") == {
        "name": "worked_hours",
        "needed": "",
        "type": "number",
        "unit": "hours",
        "example": "7.5",
        "meaning": "Hours worked, on a day or in a week.",
    }
    assert list(next(system["columns"] for system in systems if system["system"] == "harvest")) == ["worklog"]
    text = call("sources").stdout
    assert not [name for schema in CANONICAL_SCHEMAS.values() for name in schema.columns if name not in text]


def test_the_system_of_a_file_is_detected_and_its_configuration_printed(demo_run: DemoRun) -> None:
    path = next((demo_run.settings.root / "landing" / "bamboohr").glob("*.csv"))
    document = json.loads(call("sources", "detect", str(path), "--json").stdout)
    assert document["guesses"][0]["system"] == "bamboohr"
    assert list(document["guesses"][0]) == ["system", "shape", "score", "matching", "missing", "why"]
    assert "system: bamboohr" in document["block"]


def test_the_doctor_finds_a_source_without_files(demo_run: DemoRun, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("option", ["--limit", "--most"])
def test_the_feed_is_limited_by_the_new_and_the_old_option(demo_run: DemoRun, option: str) -> None:
    root = str(demo_run.settings.root)
    document = json.loads(call("feed", option, "2", "--json", "--data-root", root).stdout)
    assert len(document["events"]) == 2


def test_the_old_options_of_run_are_accepted(tmp_path: Path) -> None:
    result = call("run", "--accept-shrink", "--by-day", "--data-root", str(tmp_path))
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "footsteps demo" in result.stderr
