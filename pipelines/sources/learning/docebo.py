"""Docebo: enrolments as JSON of the API, and reports of users and courses as CSV or as an answer of the report builder.

Belongs here: the members of an enrolment and how they map. A waiting or suspended enrolment is not learning.
Does not belong here: the score, whose scale each course defines itself (`mapping` reads it with its scale); the time
spent of the API, whose unit is not documented.

Source: help.docebo.com, API Browser, `GET /course/v1/courses/enrollments`; public clients of it, 2024-2026. Reports:
the fields of public readers of them (caseydunlap/docebo_etl, 2025).
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, EMAIL_ADDRESS, MINUTES, SECONDS
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

ENROLLED_STATUSES = ("enrolled", "subscribed", "not_started", "not started")
STATUSES = Vocabulary(
    "Docebo API, enrollments: enrollment_status; reports: Course Enrollment Status",
    {
        "completed": "completed",
        "in_progress": "started",
        "in progress": "started",
        **dict.fromkeys(ENROLLED_STATUSES, "enrolled"),
    },
    with_reason("the learner cannot open the course", ("waiting", "waiting list", "suspended", "overbooking")),
)

ADAPTER = Adapter(
    system="docebo",
    title="Docebo enrolments (JSON) and course reports (CSV, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("data.items", "data"),
    signature=("user_id", "course_id", "course_uid", "enrollment_status", "enrollment_created_at"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("user_id", "course_id"), join="/", required=True),
                FieldMap("account_code", ("user_id",), required=True),
                FieldMap("work_email", ("username",), extract=EMAIL_ADDRESS),
                FieldMap("course_code", ("course_code", "course_uid", "course_id"), required=True),
                FieldMap("course_name", ("course_name",)),
                FieldMap("learning_verb", ("enrollment_status",), as_transform(STATUSES), required=True),
                FieldMap("occurred_at", ("enrollment_created_at",), when=Condition("learning_verb", ENROLLED_STATUSES)),
                FieldMap("occurred_at", ("enrollment_completion_date", "enrollment_date_last_updated")),
                FieldMap("changed_at", ("enrollment_date_last_updated",)),
            ),
            signature=("user_id", "enrollment_status"),
            pass_over=(
                PassOver("enrollment_level", ("enrollment_level",), words=("tutor", "instructor")),
                PassOver("enrollment_status", "learning_verb", words=tuple(STATUSES.proves_nothing)),
            ),
        ),
        ShapeMap(
            "learning_record",
            (
                FieldMap(
                    "record_code",
                    ("Username", "Email", "Course Code", "Course Name", "Enrollment Date"),
                    DIGEST,
                    join="|",
                ),
                FieldMap("account_code", ("Username",)),
                FieldMap("work_email", ("Email",)),
                FieldMap("work_email", ("Username",), extract=EMAIL_ADDRESS),
                FieldMap("course_code", ("Course Code", "Course Unique ID")),
                FieldMap("course_name", ("Course Name",)),
                FieldMap("learning_verb", ("Course Enrollment Status",), as_transform(STATUSES), required=True),
                FieldMap("occurred_at", ("Enrollment Date",), when=Condition("learning_verb", ENROLLED_STATUSES)),
                FieldMap("occurred_at", ("Completion Date", "Course Last Access Date", "Enrollment Date")),
                FieldMap("learning_hours", ("Session Time (min)",), MINUTES),
                FieldMap("learning_hours", ("Training Material Time (sec)",), SECONDS),
            ),
            signature=("Username", "Course Enrollment Status"),
            pass_over=(PassOver("Course Enrollment Status", "learning_verb", words=tuple(STATUSES.proves_nothing)),),
        ),
    ),
    notes="The API gives pages: concatenate them, or export all in one.",
)
