"""Open edX: tracking logs, the grade report, and the lists that assign its ids to people.

Belongs here: the events that concern a complete course, the columns of the reports, and how they map. Anonymous ids
differ per user and course; a list of e-mail addresses and ids identifies them (shape `account`).
Does not belong here: Open edX events as xAPI statements (`xapi`).
"""

from pipelines.sources.declaration import (
    ANY_TEXT,
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    KNOWN_WORDS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
    Unpivot,
)
from pipelines.sources.value_maps import DIGEST, SHARE
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

_ENROLMENT_PREFIX = "edx.course.enrollment."
_PART_REASON = "it concerns a part of a course"
_UNFINISHED_REASON = "it is a mark of a course that may not be finished"
EVENTS = Vocabulary(
    "Open edX tracking log reference (openedx/edx-platform, docs: tracking_logs); lms/djangoapps/grades/"
    "course_grade_factory.py; openedx/event-routing-backends (2024), fixtures",
    {
        "edx.course.enrollment.activated": "enrolled",
        "edx.certificate.created": "completed",
        "edx.course.grade.passed.first_time": "passed",
        # Sent each time a grade is calculated: the last one counts, and a grade that is no pass yet is a start.
        "edx.course.grade.now_passed": "passed",
        "edx.course.grade.now_failed": "started",
        # A certificate that is revoked was none: what remains is that the course was taken.
        "edx.certificate.revoked": "started",
    },
    {
        **with_reason("it ends an enrolment or changes its kind", ("deactivated", "mode_changed"), _ENROLMENT_PREFIX),
        **with_reason(
            _UNFINISHED_REASON, ("edx.grades.course.grade_calculated", "edx.grades.subsection.grade_calculated")
        ),
        **with_reason(_PART_REASON, ("edx.grades.problem.submitted", "problem_check", "problem_show", "showanswer")),
        **with_reason(_PART_REASON, ("load_video", "play_video", "pause_video", "stop_video", "seek_video")),
        **with_reason(_PART_REASON, ("page_close", "seq_goto", "seq_next", "seq_prev", "edx.bookmark.added")),
    },
)
IS_GRADE = Condition(
    "learning_verb",
    ("edx.course.grade.passed.first_time", "edx.course.grade.now_passed", "edx.course.grade.now_failed"),
)
IS_CERTIFICATE = Condition("learning_verb", ("edx.certificate.created", "edx.certificate.revoked"))
# `event` may be an object or text that holds one (tracking_logs: string or JSON).
USER_PATHS = ("data::user_id", "event::user_id", "data::username", "event::username")
COURSE_PATHS = ("data::course_id", "event::course_id")
# Every other column of the grade report is a mark (edx-platform, lms/djangoapps/instructor_task, grades.py).
NO_MARK_PATTERN = (
    r"Student ID|Email|Username|Grade|Last Name|First Name|Cohort Name|Team Name|Experiment Group.*|Enrollment Track"
    r"|Verification Status|Certificate (?:Eligible|Delivered|Type)|Enrollment Status|.*\(Avg\)"
)
ID_HEADER_PATTERN = (
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
                # The event names the user whom it concerns; the context names the user who was logged in.
                FieldMap("account_code", USER_PATHS, required=True),
                FieldMap(
                    "account_code",
                    ("context.user_id", "context.username", "username"),
                    required=True,
                    unless=Condition(("data", "event"), (ANY_TEXT,)),
                ),
                FieldMap("course_code", (*COURSE_PATHS, "context.course_id")),
                FieldMap("learning_verb", ("name",), as_transform(EVENTS), required=True),
                # A person's grade in a course is one state, the certificate another: the order of the parts differs.
                FieldMap("state_code", (*USER_PATHS, *COURSE_PATHS), DIGEST, join="|", when=IS_GRADE),
                FieldMap("state_code", (*COURSE_PATHS, *USER_PATHS), DIGEST, join="|", when=IS_CERTIFICATE),
                FieldMap("occurred_at", ("timestamp", "time"), required=True),
            ),
            signature=("name", "context.course_id"),
            pass_over=(
                PassOver("event", "learning_verb", tuple(EVENTS.proves_nothing)),
                PassOver("unknown event", "learning_verb", other_than=(KNOWN_WORDS,)),
            ),
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
                # A type with several assignments is written `Homework 1: Joins`, one with a single one `Midterm`.
                FieldMap("skill_text", (COLUMN_NAME,), extract=r"^(?:[^:(]+ \d+: )?(.+)$"),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", (CELL_VALUE,), SHARE),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d\d-\d\d-\d\d)"),
            ),
            signature=("Student ID", "Email", "Grade"),
            counts_empty=True,
            unpivot=Unpivot(rf"^(?!(?:{NO_MARK_PATTERN})$)", empty_values=("-", "not attempted", "not available")),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", (CELL_VALUE,)),
                FieldMap("employee_number", ("employee_number", "Employee Number")),
                FieldMap("work_email", ("Email",)),
            ),
            signature=("username", "email"),
            counts_empty=True,
            unpivot=Unpivot(ID_HEADER_PATTERN),
        ),
    ),
    notes="Keep the date in a grade report's file name: the report has no other.",
)
