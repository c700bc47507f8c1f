"""Udemy Business: the user course activity report.

Belongs here: the columns and how they map. The completed share can fall when lectures are added, so the dates count.
Does not belong here: assessments and paths.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, MINUTES
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform

VERBS = Vocabulary(
    "Udemy Business reporting API, user course activity: the dates of a course",
    {
        "course_first_completion_date": "completed",
        "course_completion_date": "completed",
        "course_start_date": "started",
        "course_enroll_date": "enrolled",
    },
)

ADAPTER = Adapter(
    system="udemy",
    title="Udemy Business course activity (CSV, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("results",),
    signature=("user_email", "course_id", "completion_ratio", "num_video_consumed_minutes"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("user_email", "user_external_id", "course_id"), DIGEST, join="|"),
                FieldMap("account_code", ("lms_user_id",)),
                FieldMap("employee_number", ("user_external_id",)),
                FieldMap("work_email", ("user_email",), required=True),
                FieldMap("course_code", ("course_id",), required=True),
                FieldMap("course_name", ("course_title",)),
                FieldMap("learning_verb", tuple(VERBS.proves), as_transform(VERBS), value_is_header=True),
                FieldMap("occurred_at", tuple(VERBS.proves)),
                FieldMap("learning_hours", ("num_video_consumed_minutes",), MINUTES),
                FieldMap("changed_at", ("course_last_accessed_date",)),
            ),
        ),
    ),
)
