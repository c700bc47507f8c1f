"""Micro-skills, people, units, roles and course codes change between runs: each run publishes and reports it."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.run import RunSummary, execute_run
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import COURSE, EVIDENCE, PERSON, SKILL, UNKNOWN_MENTION
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY, SUPPORT_GAP
from pipelines.contracts.table import Table
from pipelines.storage.lake import Lake

pytestmark = pytest.mark.slow

REPORT_HEADER = ("Employee #", "First Name", "Last Name", "Job Title", "Department", "Work Email", "Employment Status")
TIME_HEADER = ("User", "Email", "Description", "Start date", "Start time", "End date", "End time", "Duration", "Tags")
ANALYSTS = {"61": "Ida", "62": "Jon", "64": "Lea", "65": "Moe"}
PEOPLE = {**{number: (name, "Analyst", "Data") for number, name in ANALYSTS.items()}, "63": ("Kim", "Engineer", "Ops")}
# Which tag each of the people has on the days from 1 June 2026.
WORK = ("61 SQL", "62 SQL", "61 dbt", "62 dbt", "63 dbt", "61 Git", "62 Git", "63 Git", "61 SQL", "62 dbt", "63 Git")


@dataclass(frozen=True)
class Company:
    """A company of five people: its folder of exports, its configuration and its data root, all in one folder."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(data_root=self.folder, config=self.folder / "footsteps.yaml")

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_path)

    def run(self, exports: Mapping[str, str]) -> RunSummary:
        """Lay exports over those of the run before, and run. A failed run raises."""
        for name, content in exports.items():
            path = self.settings.root / "landing" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        config = read_config(self.settings.config_path)
        return execute_run(self.settings, config, None, allow_row_count_drop=False)

    def configure(self, *lines: str) -> None:
        self.settings.config_path.write_text("\n".join(lines))

    def doctor(self) -> list[str]:
        arguments = ("--json", "--config", str(self.settings.config_path), "--data-root", str(self.settings.root))
        return list(json.loads(CliRunner().invoke(app, ["doctor", *arguments]).stdout)["vanished"])

    def core_values(self, table: Table, column: str) -> list[str]:
        return sorted(self.lake.scan(table).collect()[column].to_list())


def write_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def write_report(people: Mapping[str, tuple[str, str, str]]) -> str:
    return write_csv(
        REPORT_HEADER,
        [
            (number, first, "Roe", role, unit, f"{number}@acme.example", "Full-Time")
            for number, (first, role, unit) in people.items()
        ],
    )


def write_times(work: Sequence[str]) -> str:
    rows = []
    for i, (number, tag) in enumerate(entry.split(" ", 1) for entry in work):
        day = f"2026-06-{i + 1:02d}"
        rows.append(
            (PEOPLE[number][0], f"{number}@acme.example", "x", day, "09:00:00", day, "11:00:00", "2:00:00", tag)
        )
    return write_csv(TIME_HEADER, rows)


def read_published(summary: RunSummary, column: str) -> set[str]:
    tables = (NEXT_SKILL, OUT_MASTERY, SUPPORT_GAP)
    frames = [summary.snapshot.scan(table.name).collect() for table in tables]
    return {entry for frame in frames if column in frame.columns for entry in frame[column].drop_nulls()}


def test_runs_publish_and_report_when_tags_people_units_and_roles_vanish_and_return(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.configure(
        "company: Changing tags",
        "as_of: newest_event",
        "sources:",
        "  - {name: hr, system: bamboohr, path: hr.csv, delivery: full}",
        "  - {name: times, system: toggl, path: times.csv, delivery: full}",
        "taxonomy: {system: observed}",
    )
    first = company.run({"hr.csv": write_report(PEOPLE), "times.csv": write_times(WORK)})
    assert first.vanished == ()
    assert read_published(first, "skill_id") == {"SQL", "dbt", "Git"}
    assert read_published(first, "person_id") == set(PEOPLE)

    # the tag has another name, one person left with the only role of its kind, and the unit with it
    renamed = [entry.replace("SQL", "SQL basics") for entry in WORK]
    remaining = {number: person for number, person in PEOPLE.items() if number != "63"}
    second = company.run({"hr.csv": write_report(remaining), "times.csv": write_times(renamed)})
    assert read_published(second, "skill_id") == {"SQL basics", "dbt", "Git"}
    assert read_published(second, "person_id") == set(remaining)
    assert second.snapshot.scan(OUT_MASTERY.name).filter(skill_id="SQL basics").collect()["person_id"].to_list() == [
        "61",
        "62",
    ]
    remedy = " If renamed or merged, state the successor by `replaced_by` or `taxonomy: {aliases: FILE}`: evidence "
    assert sorted(second.vanished) == [
        f"1 micro-skill has vanished: SQL.{remedy}follows it.",
        "1 person has vanished.",
        "1 role has vanished: Engineer.",
        "1 unit has vanished: Ops.",
    ]
    assert sorted(sentence.split(": ", 1)[1] for sentence in company.doctor()) == sorted(second.vanished)

    # all return, in exports that equal those of the first run
    third = company.run({"hr.csv": write_report(PEOPLE), "times.csv": write_times(WORK)})
    assert [sentence[:38] for sentence in third.vanished] == ["1 micro-skill has vanished: SQL basics"]
    assert read_published(third, "skill_id") == {"SQL", "dbt", "Git"}
    assert read_published(third, "person_id") == set(PEOPLE)


def write_grade(number: str, course: str, minute: int) -> str:
    event = "edx.course.grade.passed.first_time"
    return json.dumps(
        {
            "name": event,
            "event_type": event,
            "time": f"2026-05-02T08:{minute:02d}:00+00:00",
            "username": "",
            "event_source": "server",
            "context": {"course_id": course, "org_id": "Acme"},
            "event": {"user_id": number, "course_id": course},
        }
    )


SKILL_HEADER = ("skill_id", "name", "aliases", "capability_id", "replaced_by")
NOTICE = {
    "employees": [
        {
            "action": "Updated",
            "changedFields": ["Job Title"],
            "fields": {"Job Title": "Lead", "Work Email": "61@acme.example"},
            "id": "61",
            "timestamp": "2026-06-20T08:00:00+0000",
        },
        {"action": "Deleted", "changedFields": [], "fields": {}, "id": "62", "timestamp": "2026-06-20T08:00:00+0000"},
    ]
}


def test_a_notice_wipes_nobody_and_course_codes_count_once_an_alias_or_a_catalogue_names_them(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.configure(
        "company: Codes",
        "as_of: newest_event",
        "sources:",
        "  - {name: hr, system: bamboohr, path: 'hr/*'}",
        "  - {name: times, system: toggl, path: times.csv, delivery: full}",
        "  - {name: lms, system: openedx, path: log.jsonl, accounts: employee_number}",
        "  - name: catalogue",
        "    system: tabular",
        "    shape: course_catalogue",
        "    path: catalogue.csv",
        "    delivery: full",
        "    mapping: {course_code: code, course_name: title, skill_text: skills}",
        "taxonomy: {system: tabular, skills: skills.csv, prerequisites: prerequisites.csv}",
    )
    codes = ("course-v1:Acme+Q1+2026", "course-v1:Acme+Q2+2026")
    skills = [(skill, skill, "", "data", "") for skill in ("SQL", "dbt", "Git", "ETL", "Ops", "Java")]
    requirement = write_csv(("skill_id", "requires_skill_id"), [("dbt", "ETL"), ("ETL", "SQL")])
    first = company.run(
        {
            "hr/1_report.csv": write_report(PEOPLE),
            "times.csv": write_times((*WORK, "61 ETL", "62 ETL", "63 Ops", "64 Java")),
            "log.jsonl": "\n".join([write_grade("61", codes[0], 1), write_grade("62", codes[1], 2)]),
            "skills.csv": write_csv(SKILL_HEADER, skills),
            "prerequisites.csv": requirement,
            "catalogue.csv": write_csv(("code", "title", "skills"), [("other", "Another course", "")]),
        }
    )
    assert first.vanished == ()
    unknown = dict(company.lake.scan(UNKNOWN_MENTION).select("mention_text", "mention_count").collect().iter_rows())
    assert unknown == {"course v1 acme+q1+2026": 1, "course v1 acme+q2+2026": 1}
    before = company.lake.scan(PERSON).collect()

    # ETL was merged into dbt, Ops was split, Java was removed; an alias names the first course, a catalogue the second
    later_skills = [("SQL", "SQL", codes[0], "data", ""), *skills[1:3]]
    later_skills += [("ETL", "ETL", "", "data", "dbt"), ("Ops", "Ops", "", "data", "dbt|Git")]
    second = company.run(
        {
            "hr/2_notice.json": json.dumps(NOTICE),
            "skills.csv": write_csv(SKILL_HEADER, later_skills),
            "catalogue.csv": write_csv(("code", "title", "skills"), [(codes[1], "Versions of files", "Git")]),
        }
    )
    assert company.core_values(SKILL, "skill_id") == ["Git", "SQL", "dbt"]
    assert read_published(second, "skill_id") == {"Git", "SQL", "dbt"}
    assert [sentence.split(".")[0] for sentence in sorted(second.vanished)] == [
        "1 course has vanished: other",
        "2 micro-skills have vanished: Java, Ops",
    ]
    assert company.core_values(COURSE, "course_code") == [codes[1]]
    evidence = company.lake.scan(EVIDENCE).collect()
    of_courses = evidence.filter(source_name="lms").select("person_id", "skill_id").unique().sort("person_id").rows()
    assert of_courses == [("61", "SQL"), ("62", "Git")]
    # the hours of 61: dbt once, and ETL once
    assert evidence.filter(pl.col("mode") == "repetition", person_id="61", skill_id="dbt").height == 2
    unknown = dict(company.lake.scan(UNKNOWN_MENTION).select("mention_text", "mention_count").collect().iter_rows())
    assert unknown == {"java": 1, "ops": 1}

    kept_columns = ("person_id", "display_name", "work_email", "unit_name", "employment_status")
    assert company.lake.scan(PERSON).select(kept_columns).collect().equals(before.select(kept_columns))
    hr = {source["name"]: source for source in second.sources}["hr"]
    assert "2_notice.json is a notice of a change" in str(hr["refused"])
