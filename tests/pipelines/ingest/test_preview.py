"""The preview of a file: the rows, the rows set aside with their rules, the columns left out; nothing is written."""

import json
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from assets.cli.app import app
from pipelines.config.company import SourceConfig
from pipelines.ingest.preview import find_matching_source, preview_file
from pipelines.sources.declaration import SourceOptions

DAY = date(2026, 6, 30)
HARVEST = (
    "Date,Client,Project,Project Code,Task,Notes,Hours,Billable?,Invoiced?,Approved?,First Name,Last Name,Employee Id,"
    "Roles,Employee?,Currency\n"
    "2026-03-02,Acme,Data,D1,sql,,1.5,Yes,No,No,P,One,E1,,Yes,EUR\n"
    "2026-03-03,Acme,Data,D1,sql,,plenty,Yes,No,No,P,Two,E2,,Yes,EUR\n"
)


def test_a_preview_shows_rows_and_rows_set_aside_with_their_rules(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(HARVEST)
    preview = preview_file(file, "harvest", SourceOptions(), DAY)
    assert preview.refused is None
    assert preview.shapes is not None
    worklog = preview.shapes["worklog"]
    assert [(row["account_code"], row["worked_hours"]) for row in worklog.rows] == [("E1", 1.5)]
    assert worklog.set_aside == [{"row_number": 2, "rules": ["worked_hours|parses"]}]
    assert "Client" in preview.columns_left_out
    assert [path.name for path in tmp_path.iterdir()] == ["hours.csv"]


def test_a_file_that_cannot_be_read_gives_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(HARVEST.splitlines()[0] + "\n")
    preview = preview_file(file, "harvest", SourceOptions(), DAY)
    assert preview.refused == "it holds a header and no row: export it again, or remove the file"
    assert preview.shapes is None


def test_the_command_prints_one_json_document_and_detects_the_system(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(HARVEST)
    run = CliRunner().invoke(app, ["sources", "preview", str(file), "--json"])
    assert run.exit_code == 0
    document = json.loads(run.stdout)
    assert (document["system"], document["detected"], document["refused"]) == ("harvest", "harvest", None)
    assert document["shapes"]["worklog"]["rows"][0]["worked_at"].startswith("2026-03-02")


def test_the_command_reads_with_the_options_of_the_source_and_fails_on_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text("who;day;hours\nE1;2026-03-02;1,5\n")
    config = tmp_path / "footsteps.yaml"
    config.write_text(
        "sources:\n  - {name: hours, system: tabular, shape: worklog, path: '*.csv', decimal_comma: true, mapping: "
        "{employee_number: who, worked_at: day, worked_hours: hours}}\n"
    )
    command = ["sources", "preview", str(file), "--json"]
    document = json.loads(CliRunner().invoke(app, [*command, "--config", str(config)]).stdout)
    assert document["shapes"]["worklog"]["rows"][0]["worked_hours"] == 1.5
    refused = CliRunner().invoke(app, [*command, "--system", "harvest"])
    assert refused.exit_code == 1
    assert "hours.csv" in json.loads(refused.stdout)["refused"]


def test_the_source_of_a_file_is_the_one_of_its_system_or_of_its_path() -> None:
    sources = [
        SourceConfig(name="a", system="jira", path="a/*.csv"),
        SourceConfig(name="b", system="jira", path="b/*.csv"),
        SourceConfig(name="c", system="toggl", path="c/*.csv"),
    ]
    assert find_matching_source(sources, Path("x/b/issues.csv"), None) == sources[1]
    assert find_matching_source(sources, Path("anywhere.csv"), "toggl") == sources[2]
    assert find_matching_source(sources, Path("anywhere.csv"), "jira") is None
