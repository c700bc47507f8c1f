"""Courses that records name only by code get the names of a catalogue; without one the code itself is compared."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    COURSE,
    FEEDBACK,
    LEARNING_RECORD,
    SKILL_MENTION,
    WORKLOG,
)
from pipelines.core.courses import conform_course
from pipelines.core.evidence import collect_evidence, count_unknown_mentions
from pipelines.core.evidence_inputs import EvidenceInputs
from pipelines.core.taxonomy import Taxonomy, build_taxonomy, match_skills
from pipelines.validation.rule_evaluation import enforce_contract

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CODE = "course-v1:Ex+SQL1+2025"


def taxonomy(sql_aliases: str = "") -> Taxonomy:
    skills = [
        {"skill_id": "sql", "name": "SQL", "aliases": sql_aliases},
        {"skill_id": "c", "name": "C", "aliases": ""},
        {"skill_id": "course", "name": "Course", "aliases": ""},
    ]
    return build_taxonomy(pl.DataFrame(skills))


def record(**columns: Any) -> dict[str, Any]:
    origin = {"source_name": "lms", "record_code": "r1", "person_id": "ann", "file_sha256": "0" * 64, "row_number": 1}
    return {**origin, "learning_verb": "passed", "occurred_at": NOON, "course_code": CODE, **columns}


def inputs(courses: list[dict[str, Any]], *records: dict[str, Any]) -> EvidenceInputs:
    tables = (ASSIGNMENT, WORKLOG, LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)
    frames = {table.name: pl.DataFrame(schema=table.schema) for table in tables}
    frames[LEARNING_RECORD.name] = pl.DataFrame(list(records), schema=LEARNING_RECORD.schema)
    return EvidenceInputs(*frames.values(), course=pl.DataFrame(courses, schema=COURSE.schema))


def named(rows: EvidenceInputs, skills: Taxonomy) -> list[str]:
    return collect_evidence(rows, match_skills(rows.list_skill_texts(), skills))["skill_id"].to_list()


def unknown(rows: EvidenceInputs, skills: Taxonomy) -> dict[str, int]:
    counts = count_unknown_mentions(rows, match_skills(rows.list_skill_texts(), skills), skills.aliases)
    return dict(counts.select("mention_text", "mention_count").iter_rows())


def course(**columns: Any) -> dict[str, Any]:
    return {"source_name": "lms", "course_code": CODE, "catalogue_name": "catalogue", **columns}


def test_a_code_without_a_name_is_counted_as_unknown_and_its_parts_name_nothing() -> None:
    rows = inputs([], record(), record(record_code="r2", learning_verb="completed"))
    assert named(rows, taxonomy()) == []
    assert unknown(rows, taxonomy()) == {"course v1 ex+sql1+2025": 2}
    link = inputs([], record(course_code="https://lms.example/course/c"))
    assert named(link, taxonomy()) == []


def test_a_code_that_is_an_alias_names_its_micro_skill() -> None:
    rows = inputs([], record(), record(record_code="r2", course_name="Querying, part 1"))
    assert named(rows, taxonomy(CODE)) == ["sql", "sql"]
    assert unknown(rows, taxonomy(CODE)) == {}


def test_a_catalogue_names_a_course_by_its_title_and_before_that_by_its_skills() -> None:
    assert named(inputs([course(course_name="SQL for analysts")], record()), taxonomy()) == ["sql"]
    by_skills = inputs([course(course_name="SQL for analysts", skill_text="C")], record())
    assert named(by_skills, taxonomy()) == ["c"]
    assert unknown(inputs([course(course_name="Tact")], record()), taxonomy()) == {"tact": 1}


def test_the_text_of_the_record_counts_before_the_catalogue_if_it_names_a_micro_skill() -> None:
    listed = [course(course_name="C basics")]
    assert named(inputs(listed, record(course_name="SQL")), taxonomy()) == ["sql"]
    assert named(inputs(listed, record(course_name="Module 7")), taxonomy()) == ["c"]


def test_a_catalogue_of_another_source_names_nothing() -> None:
    assert named(inputs([course(source_name="other", course_name="SQL")], record()), taxonomy()) == []


def catalogue(*rows: dict[str, Any]) -> pl.LazyFrame:
    table = raw_table("tabular", CANONICAL_SCHEMAS["course_catalogue"])
    schema = {**table.schema, "system_name": pl.String}
    defaults = {"delivery_number": 1, "delivered_date": date(2026, 3, 1), "file_sha256": "0" * 64}
    return pl.LazyFrame([{**defaults, "row_number": i + 1, **row} for i, row in enumerate(rows)], schema=schema)


SERVED = pl.DataFrame(
    [("general", "moodle", False), ("general", "degreed", False), ("courses", "moodle", True)],
    schema=["catalogue_name", "source_name", "is_own"],
    orient="row",
)


def test_a_course_is_named_by_the_catalogue_of_its_system_before_a_general_one() -> None:
    rows = catalogue(
        {"source_name": "general", "course_code": "5", "course_name": "Tact"},
        {"source_name": "general", "course_code": "6", "course_name": "SQL"},
        {"source_name": "courses", "course_code": "5", "course_name": "Git"},
        {"source_name": "courses", "course_code": "6"},
    )
    courses = enforce_contract(COURSE, conform_course(rows, SERVED))
    assert courses.select("source_name", "course_code", "course_name", "catalogue_name").rows() == [
        ("degreed", "5", "Tact", "general"),
        ("degreed", "6", "SQL", "general"),
        ("moodle", "5", "Git", "courses"),
        ("moodle", "6", "SQL", "general"),
    ]
