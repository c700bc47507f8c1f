"""Pluralsight Skills: the reports of course completion and course usage as CSV, course progress as JSON of GraphQL.

Belongs here: the columns and members and how they map. Seconds of a day count as attendance.
Does not belong here: skill assessments and the note about a user, which may hold anything.

Source: pluralsight.com, "API reporting with Pluralsight" (columns of both reports); developer.pluralsight.com, GraphQL
courseProgress (paas-api, 2025).
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, Transform
from pipelines.sources.value_maps import DIGEST, SECONDS

VERB_BY_DATE_HEADER = {
    "Completion date": "completed",
    "completedOn": "completed",
    "First view date": "started",
    "firstViewedClipOn": "started",
}
LEARNER_HEADERS, COURSE_HEADERS = ("User ID", "userId"), ("Course ID", "courseId")

ADAPTER = Adapter(
    system="pluralsight",
    title="Pluralsight course completion, usage and progress (CSV, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("data.courseProgress.nodes",),
    signature=("User ID", "Is on account", "Course ID", "Course name"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", (*LEARNER_HEADERS, *COURSE_HEADERS, "View date"), DIGEST, join="|"),
                FieldMap("account_code", LEARNER_HEADERS, required=True),
                FieldMap("work_email", ("Email",)),
                FieldMap("course_code", COURSE_HEADERS, required=True),
                FieldMap("course_name", ("Course name",)),
                FieldMap("learning_verb", constant="attended"),
                FieldMap("occurred_at", ("View date",), required=True),
                FieldMap("learning_hours", ("Usage in seconds",), SECONDS, required=True),
            ),
            signature=("User ID", "Usage in seconds"),
        ),
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", (*LEARNER_HEADERS, *COURSE_HEADERS), DIGEST, join="|"),
                FieldMap("account_code", LEARNER_HEADERS, required=True),
                FieldMap("work_email", ("Email",)),
                FieldMap("course_code", COURSE_HEADERS, required=True),
                FieldMap("course_name", ("Course name",)),
                FieldMap(
                    "learning_verb",
                    tuple(VERB_BY_DATE_HEADER),
                    Transform(
                        "category",
                        values=VERB_BY_DATE_HEADER,
                        source="Pluralsight reports and courseProgress: the dates of a course",
                    ),
                    value_is_header=True,
                ),
                FieldMap("occurred_at", tuple(VERB_BY_DATE_HEADER)),
                FieldMap("learning_hours", ("totalWatchedSeconds",), SECONDS),
                FieldMap("changed_at", ("updatedOn",)),
            ),
        ),
    ),
)
