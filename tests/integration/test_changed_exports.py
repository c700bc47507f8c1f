"""Micro-skills, people, units, roles and course codes change between runs: each run publishes and reports it."""

import json
from pathlib import Path

import polars as pl
import pytest
from changing_company import PEOPLE, WORK, Company, read_published, write_csv, write_report, write_times

from pipelines.contracts.catalog import COURSE, EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import OUT_MASTERY

pytestmark = pytest.mark.slow


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
    assert first.vanished_sentences == ()
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
    assert sorted(second.vanished_sentences) == [
        f"1 micro-skill has vanished: SQL.{remedy}follows it.",
        "1 person has vanished.",
        "1 role has vanished: Engineer.",
        "1 unit has vanished: Ops.",
    ]
    assert sorted(sentence.split(": ", 1)[1] for sentence in company.doctor()) == sorted(second.vanished_sentences)

    # all return, in exports that equal those of the first run
    third = company.run({"hr.csv": write_report(PEOPLE), "times.csv": write_times(WORK)})
    assert [sentence[:38] for sentence in third.vanished_sentences] == ["1 micro-skill has vanished: SQL basics"]
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
    assert first.vanished_sentences == ()
    assert company.unknown_texts() == {"course v1 acme+q1+2026": 1, "course v1 acme+q2+2026": 1}
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
    assert [sentence.split(".")[0] for sentence in sorted(second.vanished_sentences)] == [
        "1 course has vanished: other",
        "2 micro-skills have vanished: Java, Ops",
    ]
    assert company.core_values(COURSE, "course_code") == [codes[1]]
    evidence = company.lake.scan(EVIDENCE).collect()
    of_courses = evidence.filter(source_name="lms").select("person_id", "skill_id").unique().sort("person_id").rows()
    assert of_courses == [("61", "SQL"), ("62", "Git")]
    # the hours of 61: dbt once, and ETL once
    assert evidence.filter(pl.col("mode") == "repetition", person_id="61", skill_id="dbt").height == 2
    assert company.unknown_texts() == {"java": 1, "ops": 1}

    kept_columns = ("person_id", "display_name", "work_email", "unit_name", "employment_status")
    assert company.lake.scan(PERSON).select(kept_columns).collect().equals(before.select(kept_columns))
    hr = {source["name"]: source for source in second.source_states}["hr"]
    assert "2_notice.json is a notice of a change" in str(hr["refused"])
