"""Moodle: the log report, the standard log store, the grade export, and ratings of competencies.

Belongs here: the columns of these four exports and how they map. Only events that concern a complete course are read
from logs. A mark is an assessment if the export gives it as a percentage; other marks only show that work was done.
Does not belong here: competency frameworks (`taxonomy`).
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
    Unpivot,
)
from pipelines.sources.value_maps import DIGEST, PERCENT, SHARE
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

EVENTS = Vocabulary(
    "Moodle 4: lib/classes/event (course_completed, user_enrolment_created, user_enrolment_deleted), and the names of "
    "these events in English",
    {
        r"\core\event\course_completed": "completed",
        r"\core\event\user_enrolment_created": "enrolled",
        "course completed": "completed",
        "user enrolled in course": "enrolled",
    },
    with_reason(
        "it ends an enrolment",
        (r"\core\event\user_enrolment_deleted", "User unenrolled from course"),
    )
    | with_reason(
        "it concerns a part of a course",
        (
            r"\core\event\course_viewed",
            r"\core\event\course_module_viewed",
            r"\core\event\course_module_completion_updated",
            "Course viewed",
            "Course module viewed",
            "Course activity completion updated",
        ),
    ),
)
# Which events are read: those of a complete course.
PASS_OVER_EVENTS = (
    PassOver("event", "learning_verb", tuple(EVENTS.proves_nothing)),
    PassOver("unknown event", "learning_verb", other_than=(KNOWN_WORDS,)),
)
# A grade column of an activity is "Type: name", one of an item made by hand only its name, each with the format of its
# marks in brackets. A total repeats the others; "Feedback: …" and "(Feedback)" hold a teacher's text
# (moodle/moodle, grade/export/lib.php: format_column_name).
_ACTIVITY_TYPES = (
    "Assignment|BigBlueButton|Database|External tool|Forum|Glossary|H5P|Lesson|Quiz|SCORM package|Workshop|Attendance"
)
_NO_TOTAL_PATTERN = rf"(?:(?:{_ACTIVITY_TYPES}): |(?!.*\btotal(?: \([^()]*\))?$))"
MARK_PATTERN = (
    rf"^(?!Feedback:){_NO_TOTAL_PATTERN}(?:.*\(Real\)|[^:(]+: .*(?<!\(Letter\))(?<!\(Feedback\))(?<!\(Percentage\)))$"
)
PERCENTAGE_PATTERN = rf"^(?!Feedback:){_NO_TOTAL_PATTERN}.*\(Percentage\)$"
ACTIVITY_NAME_PATTERN = r"^(?:[^:(]+:\s*)?(.+?)(?:\s*\((?:Real|Percentage)\))?$"
COURSE_PATTERN = r"^(.*?)(?: Grades-.*)?$"
# The time of the export, or the date in its file's name; Moodle does not export when a mark was given.
EXPORT_TIME_PATTERN = r"(\d{9,10}$|20\d{6})"


def _grade_fields(*further_fields: FieldMap) -> tuple[FieldMap, ...]:
    return (
        FieldMap(
            "record_code",
            (FILE_NAME, "ID number", "Email address", COLUMN_NAME),
            DIGEST,
            join="|",
            extract=COURSE_PATTERN,
        ),
        FieldMap("employee_number", ("ID number",)),
        FieldMap("work_email", ("Email address",)),
        FieldMap("occurred_at", ("Last downloaded from this course",), extract=EXPORT_TIME_PATTERN),
        FieldMap("occurred_at", (FILE_NAME,), extract=EXPORT_TIME_PATTERN),
        *further_fields,
    )


ADAPTER = Adapter(
    system="moodle",
    title="Moodle logs, grades and competencies (CSV)",
    domain="learning",
    formats=("csv",),
    signature=("User full name", "Event context", "Event name", "Affected user"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id",), required=True),
                # The log store writes NULL or \N if there is no such user.
                FieldMap("account_code", ("relateduserid",), extract=r"^(\d+)$"),
                FieldMap("account_code", ("userid",), extract=r"^(\d+)$"),
                FieldMap("course_code", ("courseid",)),
                FieldMap("learning_verb", ("eventname",), as_transform(EVENTS), required=True),
                FieldMap("occurred_at", ("timecreated",), required=True),
            ),
            signature=("eventname", "timecreated"),
            pass_over=PASS_OVER_EVENTS,
        ),
        ShapeMap(
            "learning_record",
            (
                # "The user with id '2' enrolled the user with id '5' …": the last one is the user concerned.
                FieldMap("account_code", ("Description",), extract=r".*user with id '(\d+)'", required=True),
                FieldMap("course_code", ("Description",), extract=r"course with id '(\d+)'"),
                FieldMap("course_name", ("Event context",), extract=r"^Course:\s*(.+)$"),
                FieldMap("learning_verb", ("Event name",), as_transform(EVENTS), required=True),
                FieldMap("occurred_at", ("Time",), required=True),
            ),
            signature=("Event name", "Event context"),
            pass_over=PASS_OVER_EVENTS,
        ),
        ShapeMap(
            "learning_record",
            _grade_fields(
                FieldMap("course_name", (COLUMN_NAME,), extract=ACTIVITY_NAME_PATTERN),
                FieldMap("learning_verb", constant="completed"),
            ),
            signature=("First name", "Email address"),
            counts_empty=True,
            unpivot=Unpivot(MARK_PATTERN),
        ),
        ShapeMap(
            "feedback",
            _grade_fields(
                FieldMap("skill_text", (COLUMN_NAME,), extract=ACTIVITY_NAME_PATTERN),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", (CELL_VALUE,), PERCENT),
            ),
            signature=("First name", "Email address"),
            unpivot=Unpivot(PERCENTAGE_PATTERN),
        ),
        ShapeMap(
            "feedback",
            (
                FieldMap("record_code", ("userid", "competencyid"), join="/", required=True),
                FieldMap("account_code", ("userid",), required=True),
                FieldMap("given_by_code", ("reviewerid",), extract=r"^(\d+)$"),
                FieldMap("skill_text", ("shortname", "idnumber", "competencyid")),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", ("proficiency",), SHARE),
                FieldMap("occurred_at", ("timemodified", "timecreated"), required=True),
                FieldMap("changed_at", ("timemodified",)),
            ),
            signature=("competencyid", "proficiency"),
            pass_over=(PassOver("proficiency", "score_share", other_than=("0", "1")),),
        ),
    ),
    notes="Keep the names Moodle gives to grade exports: they name the course.",
)
