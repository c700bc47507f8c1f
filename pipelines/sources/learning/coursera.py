"""Coursera for Business and for Campus: the usage report as CSV, one row per learner, program and course.

Belongs here: the columns and how they map. The most advanced date that is filled tells what happened.
Does not belong here: columns that the company adds about its people (`mapping` reads them).

Source: the header of the usage report (coursera.support, "Enterprise: Usage reports"; header lines in public scripts,
2023-2025: with `Estimated Learning Hours` or `Learning Hours Spent`).
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, Transform
from pipelines.sources.value_maps import DIGEST, HOURS, PERCENT

VERB_BY_DATE_HEADER = {
    "Completion Time": "completed",
    "Last Course Activity Time": "started",
    "Enrollment Time": "enrolled",
}

ADAPTER = Adapter(
    system="coursera",
    title="Coursera usage report (CSV)",
    domain="learning",
    formats=("csv",),
    signature=("Email", "External Id", "Course ID", "Course Slug", "Enrollment Time", "Removed From Program"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("Email", "External Id", "Course ID", "Program Slug"), DIGEST, join="|"),
                FieldMap("employee_number", ("External Id",)),
                FieldMap("work_email", ("Email",), required=True),
                FieldMap("course_code", ("Course ID",), required=True),
                FieldMap("course_name", ("Course",)),
                FieldMap(
                    "learning_verb",
                    tuple(VERB_BY_DATE_HEADER),
                    Transform(
                        "category", values=VERB_BY_DATE_HEADER, source="Coursera usage report: the dates of a course"
                    ),
                    value_is_header=True,
                ),
                FieldMap("occurred_at", tuple(VERB_BY_DATE_HEADER)),
                FieldMap("learning_hours", ("Learning Hours Spent", "Estimated Learning Hours"), HOURS),
                FieldMap("score_share", ("Course Grade",), PERCENT),
                FieldMap("changed_at", ("Last Course Activity Time",)),
            ),
        ),
    ),
)
