"""Open edX: tracking logs, the grade report, and the lists that assign its ids to people.

Belongs here: the events that concern a complete course, the columns of the reports, and how they map. Anonymous ids
differ per user and course; a list of e-mail addresses and ids identifies them (shape `account`).
Does not belong here: Open edX events as xAPI statements (`xapi`).
"""

from pipelines.sources.declaration import (
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    KNOWN_WORDS,
    Adapter,
    FieldMap,
    PassOver,
    ShapeMap,
    Transform,
    Unpivot,
)
from pipelines.sources.value_maps import DIGEST, SHARE

EVENTS = {
    "edx.course.enrollment.activated": "enrolled",
    "edx.certificate.created": "completed",
    "edx.course.grade.passed.first_time": "passed",
    "edx.course.grade.now_passed": "passed",
    "edx.course.grade.now_failed": "failed",
}
IDS = (
    r"(?i)^\s*(id|user[ _]id|student[ _]id|username|external[ _](?:user[ _])?id|anonymous[ _]user[ _]id"
    r"|(?:course specific )?anonymized user id)\s*$"
)

ADAPTER = Adapter(
    system="openedx",
    title="Open edX tracking logs, grade report, id lists (JSON lines, CSV)",
    domain="learning",
    formats=("csv", "json"),
    signature=("name", "context.course_id", "context.user_id"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                # The user whom the event concerns comes before the user of the session.
                FieldMap(
                    "account_code",
                    ("data.user_id", "event.user_id", "context.user_id", "context.username", "username"),
                    required=True,
                ),
                FieldMap("course_code", ("data.course_id", "event.course_id", "context.course_id")),
                FieldMap("learning_verb", ("name",), Transform("category", values=EVENTS), required=True),
                FieldMap("occurred_at", ("timestamp", "time"), required=True),
            ),
            signature=("name", "context.course_id"),
            pass_over=(PassOver("event", "learning_verb", other_than=(KNOWN_WORDS,)),),
        ),
        ShapeMap(
            "feedback",
            (
                FieldMap(
                    "record_code",
                    (FILE_NAME, "Student ID", COLUMN_NAME),
                    DIGEST,
                    join="|",
                    extract=r"^(.*?)(?:_grade_report_.*)?$",
                ),
                FieldMap("account_code", ("Student ID",)),
                FieldMap("work_email", ("Email",)),
                FieldMap("skill_text", (COLUMN_NAME,), extract=r"^[^:]+:\s*(.+)$"),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", (CELL_VALUE,), SHARE),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d\d-\d\d-\d\d)"),
            ),
            signature=("Student ID", "Email", "Grade"),
            unpivot=Unpivot(r"^[^:(]+ \d+: ", empty_values=("-", "not attempted", "not available")),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", (CELL_VALUE,)),
                FieldMap("employee_number", ("employee_number", "Employee Number")),
                FieldMap("work_email", ("Email",)),
            ),
            signature=("username", "email"),
            unpivot=Unpivot(IDS),
        ),
    ),
    notes="Keep the date in a grade report's file name: the report has no other.",
)
