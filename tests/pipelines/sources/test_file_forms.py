"""Files of a form that is not read, or not wholly: the message says what the file is and the way out."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.ingest.preview import PassedOver, Preview, preview_file
from pipelines.sources.adapter import NO_OPTIONS, Export, get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.detect import rank_systems
from pipelines.sources.readers.files import ExportRefused


def write_json(folder: Path, *records: Any) -> Path:
    path = folder / "a.json"
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def read(path: Path, system: str) -> Export:
    return read_export(path, get_adapter(system))


def refusals(path: Path, system: str) -> set[str]:
    """Return why the file is refused, as a file of the system and as a file of any system."""
    messages = set()
    for open_as in (lambda: read(path, system), lambda: rank_systems(path)):
        with pytest.raises(ExportRefused) as caught:
            open_as()
        messages.add(str(caught.value))
    return messages


ASSERTION_0_5 = {
    "recipient": "sha256$c7ef",
    "salt": "deadsea",
    "issued_on": "2012-05-01",
    "badge": {"version": "0.5.0", "name": "SQL", "criteria": "https://b.example/c", "issuer": {"name": "Acme"}},
}
ASSERTION = {
    "uid": "1",
    "recipient": {"type": "email", "hashed": False, "identity": "anna@example.com"},
    "issuedOn": 1767225600,
    "badge": "https://b.example/sql.json",
}
HASHED = {"type": "email", "hashed": True, "salt": "deadsea", "identity": "sha256$c7ef"}


def test_an_assertion_of_open_badges_0_5_is_refused_by_its_version(tmp_path: Path) -> None:
    (message,) = refusals(write_json(tmp_path, ASSERTION_0_5), "open_badges")
    assert message.startswith("a.json is an assertion of Open Badges 0.5, ")
    assert message.endswith(
        "ask the issuer for assertions of Open Badges 2.0 or credentials of Open Badges 3.0, as JSON"
    )


def test_a_file_with_records_that_are_read_is_not_refused_for_others(tmp_path: Path) -> None:
    records = read(write_json(tmp_path, ASSERTION_0_5, ASSERTION), "open_badges").shapes["learning_record"].collect()
    assert records["record_code"].to_list() == [None, "1"]


@pytest.mark.parametrize(("member", "version"), [("verify", "1"), ("verification", "2.0")])
def test_recipients_hashed_with_a_salt_are_noted_with_the_version(tmp_path: Path, member: str, version: str) -> None:
    assertion = {**ASSERTION, member: {"type": "hosted"}}
    assert read(write_json(tmp_path, assertion), "open_badges").notes == ()
    (note,) = read(write_json(tmp_path, {**assertion, "recipient": HASHED}), "open_badges").notes
    assert note.startswith(f"it holds Open Badges {version} assertions whose recipients are hashed with a salt: ")


NOTICES: dict[str, dict[str, Any]] = {
    "asana": {"events": [{"action": "changed", "resource": {"gid": "1", "resource_type": "task"}, "parent": None}]},
    "bamboohr": {"employees": [{"id": "1", "action": "Deleted", "changedFields": [], "fields": {"Status": "Active"}}]},
    "clickup": {"event": "taskUpdated", "history_items": [{"id": "1"}], "task_id": "1", "webhook_id": "2"},
    "github": {
        "action": "closed",
        "issue": {"closed_at": "2026-01-08"},
        "repository": {"id": 2},
        "sender": {"login": "anna"},
    },
    "gitlab": {"object_kind": "issue", "user": {"id": 1}, "object_attributes": {"id": 2, "iid": 3}},
    "hibob": {"companyId": 1, "type": "employee.updated", "triggeredAt": "2026-01-08T13:06:26", "data": {"id": "2"}},
    "linear": {"action": "update", "type": "Issue", "data": {"id": "1"}, "webhookTimestamp": 1767225600000},
    "trello": {"action": {"type": "updateCard", "data": {"card": {"id": "1"}}}, "model": {"id": "2"}},
}


@pytest.mark.parametrize("system", NOTICES)
@pytest.mark.parametrize("notice_count", [1, 2])
def test_a_notice_of_a_change_is_refused_as_one(tmp_path: Path, system: str, notice_count: int) -> None:
    (message,) = refusals(write_json(tmp_path, *[NOTICES[system]] * notice_count), system)
    assert message.startswith("a.json is a notice of a change (a ")
    assert "webhook), not an export" in message
    assert "; take it out of the folder and export the " in message


def test_a_mapping_of_the_configuration_may_read_notices(tmp_path: Path) -> None:
    mapping = {"account_code": "sender.login", "skill_text": "repository.id", "occurred_at": "issue.closed_at"}
    options = SourceOptions(mapping=mapping, shape="skill_mention")
    export = read_export(write_json(tmp_path, NOTICES["github"]), get_adapter("tabular"), options)
    assert export.shapes["skill_mention"].collect()["account_code"].to_list() == ["anna"]


def write_grades(folder: Path, header: str, *rows: str) -> Path:
    path = folder / "1_GradesExport_2026-06-29-17-41.csv"
    path.write_text("\n".join((f"{header},End-of-Line Indicator", *(f"{row},#" for row in rows), "")))
    return path


def preview(path: Path, system: str) -> Preview:
    return preview_file(path, system, NO_OPTIONS, date(2026, 7, 1))


@pytest.mark.parametrize("summary", ["P,R,A,X", "% Attendance"])
def test_attendance_is_passed_over_as_attendance(tmp_path: Path, summary: str) -> None:
    rows = ["#anna,P," + ",".join("1" * len(summary.split(","))), "#bob,A," + ",".join("0" * len(summary.split(",")))]
    seen = preview(write_grades(tmp_path, f"Username,January 30,{summary}", *rows), "brightspace")
    assert seen.passed_over == (PassedOver("no readable column with marks", 2),)
    assert seen.notes == ("it holds attendance, which is no grade and is not read: for grades, export the grade book",)
    assert seen.shapes is not None
    assert (seen.shapes["feedback"].rows, seen.shapes["feedback"].set_aside) == ([], [])


def test_a_column_of_marks_without_a_maximum_is_noted(tmp_path: Path) -> None:
    header = "OrgDefinedId,Username,Quiz Points Grade,SQL Points Grade <Numeric MaxPoints:10>"
    seen = preview(write_grades(tmp_path, header, "#1,#anna,8,9", "#2,#bob,,7"), "brightspace")
    assert seen.shapes is not None
    assert [row["score_share"] for row in seen.shapes["feedback"].rows] == [0.9, 0.7]
    (note,) = seen.notes
    assert note.startswith(
        "it holds columns of marks that are left out because they state no maximum (`Quiz Points Grade`)"
    )


def test_every_column_of_marks_without_a_maximum_leaves_each_row_passed_over(tmp_path: Path) -> None:
    seen = preview(write_grades(tmp_path, "Username,Quiz Points Grade,Essay Points Grade", "#anna,8,9"), "brightspace")
    assert seen.passed_over == (PassedOver("no readable column with marks", 1),)
    assert "(`Quiz Points Grade`, `Essay Points Grade`)" in seen.notes[0]


def test_a_maximum_that_is_written_into_the_header_is_read(tmp_path: Path) -> None:
    """The way out that the note names."""
    header = "Username,Quiz Points Grade <Numeric MaxPoints:10>"
    seen = preview(write_grades(tmp_path, header, "#anna,8"), "brightspace")
    assert seen.shapes is not None
    assert [row["score_share"] for row in seen.shapes["feedback"].rows] == [0.8]
    assert seen.notes == ()
