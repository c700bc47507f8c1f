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
    "2026-02-30,Acme,Data,D1,sql,,2,Yes,No,No,P,Two,E2,,Yes,EUR\n"
    "2026-03-03,Acme,Data,D1,sql,,plenty,Yes,No,No,P,Two,E3,,Yes,EUR\n"
)


def test_a_preview_shows_rows_and_rows_set_aside_with_their_rules(tmp_path: Path) -> None:
    file = tmp_path / "hours.csv"
    file.write_text(HARVEST)
    preview = preview_file(file, "harvest", SourceOptions(), DAY)
    assert preview.refused is None
    assert preview.shapes is not None
    worklog = preview.shapes["worklog"]
    assert [(row["account_code"], row["worked_hours"]) for row in worklog.rows] == [("E1", 1.5), ("E3", None)]
    assert worklog.set_aside == [{"row_number": 2, "rules": ["worked_at|parses"]}]
    assert worklog.values_left_out == [{"row_number": 3, "rules": ["worked_hours|parses"]}]
    assert "Client" in preview.columns_left_out
    assert [path.name for path in tmp_path.iterdir()] == ["hours.csv"]


def test_a_duration_beyond_what_is_possible_is_left_out_by_name(tmp_path: Path) -> None:
    """A year, two months and ten days are more than 10,000 hours: the statement counts, without them."""
    file = tmp_path / "statements.json"
    statement = {
        "id": "00000000-0000-4000-8000-000000000001",
        "actor": {"mbox": "mailto:dana@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://lms.example/course/1"},
        "result": {"duration": "P1Y2M10DT2H30M"},
        "timestamp": "2026-03-01T09:00:00Z",
    }
    file.write_text(json.dumps([statement]))
    shapes = preview_file(file, "xapi", SourceOptions(), DAY).shapes
    assert shapes is not None
    assert [row["learning_hours"] for row in shapes["learning_record"].rows] == [None]
    assert shapes["learning_record"].values_left_out == [{"row_number": 1, "rules": ["learning_hours|between"]}]
    run = CliRunner().invoke(app, ["sources", "preview", str(file)])
    assert "1 rows kept without a value" in run.stdout


def test_finished_work_without_a_day_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("ID,Work Item Type,Title,Assigned To,State  \n18,Task,a,Ana <ana@example.com>,Resolved  \n")
    preview = preview_file(file, "azure_devops", SourceOptions(), DAY)
    assert preview.notes == ("1 finished records have no day of completion: they are no evidence of practice",)


def test_columns_that_no_row_fills_are_noted(tmp_path: Path) -> None:
    """Neither is an id of a person all that HR knows, nor does work count that is nobody's."""
    people, items = tmp_path / "people.json", tmp_path / "items.csv"
    people.write_text(
        '{"employees": [{"id": "1", "workEmail": "a@x.example", "department": "Data", "hireDate": null}]}'
    )
    items.write_text("ID,Work Item Type,Title,State\n18,Task,a,New\n19,Task,b,New\n")
    for file, system, empty_columns in (
        (people, "bamboohr", ("role_name", "hired_date")),
        (items, "azure_devops", ("work_email",)),
    ):
        notes = preview_file(file, system, SourceOptions(), DAY).notes
        assert [note.split("`")[1] for note in notes] == list(empty_columns)
        assert all("is empty in every kept row" in note for note in notes)


def test_what_an_adapter_reads_under_no_name_is_not_noted_as_empty(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,givenName,familyName\nu1,,,true,o1,teacher,Ana,Lind\n"
    )
    assert preview_file(file, "oneroster", SourceOptions(), DAY).notes == ()


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


def test_records_inside_an_envelope_are_refused_for_it(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text('{"stream": "time_entries", "data": {"id": 1, "spent_date": "2026-05-25", "hours": 8.0}}\n')
    refusal = preview_file(file, "harvest", SourceOptions(), DAY).refused
    assert refusal is not None
    assert "nearest: data.spent_date (each record lies inside `data`: export the records themselves)" in refusal
    file.write_text('{"day_entry": {"id": 1, "spent_at": "2026-05-25", "hours": 8.0}}\n')
    refusal = preview_file(file, "harvest", SourceOptions(), DAY).refused
    assert refusal is not None
    assert "nearest: none is near (each record lies inside `day_entry`: export the records themselves)" in refusal


def test_a_notice_of_changes_wipes_nobody(tmp_path: Path) -> None:
    """BambooHR's field-based webhook: each entry names a person and fills nothing else that a report fills."""
    path = tmp_path / "notice.json"
    entries = [{"action": "Deleted", "id": "2", "fields": {}}, {"action": "Updated", "id": "1", "fields": {}}]
    path.write_text(json.dumps({"employees": entries}))
    person = (preview_file(path, "bamboohr", SourceOptions(), date(2026, 6, 30)).shapes or {})["person"]
    assert person.rows == []
    assert [row["rules"] for row in person.set_aside] == [["account_code|fills_more_than_its_key"]] * 2


def test_an_own_employment_status_costs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Employee #,Job Title,Employment Status\n1,Analyst,Per Diem\n2,Analyst,Terminated\n")
    person = (preview_file(path, "bamboohr", SourceOptions(), date(2026, 6, 30)).shapes or {})["person"]
    assert [row["employment_status"] for row in person.rows] == [None, "left"]
    assert person.set_aside == []


def test_an_empty_list_and_one_page_of_several_are_named(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    statement = {
        "id": "s1",
        "actor": {"mbox": "mailto:a@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
    }
    statement |= {"object": {"id": "https://x.example.org/1"}, "timestamp": "2026-03-02T09:00:00Z"}
    path.write_text(json.dumps({"statements": [], "more": ""}))
    assert "holds no record" in str(preview_file(path, "xapi", SourceOptions(), date(2026, 6, 30)).refused)
    path.write_text(json.dumps({"statements": [statement], "more": ""}))
    assert preview_file(path, "xapi", SourceOptions(), date(2026, 6, 30)).notes == ()
    path.write_text(json.dumps({"statements": [statement], "more": "/xapi/statements?cursor=2"}))
    preview = preview_file(path, "xapi", SourceOptions(), date(2026, 6, 30))
    assert len((preview.shapes or {})["learning_record"].rows) == 1
    assert "one page of several" in preview.notes[0]
