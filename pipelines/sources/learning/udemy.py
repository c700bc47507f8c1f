"""Udemy Business: the user course activity report, as the API names its columns and as the administrators' page does.

Belongs here: the columns and how they map. The completed share can fall when lectures are added, so the dates count.
Does not belong here: assessments and paths.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, MINUTES
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform

DATE_VERBS = Vocabulary(
    "Udemy Business reporting API, user course activity: the dates of a course",
    {
        "course_first_completion_date": "completed",
        "course_completion_date": "completed",
        "course_start_date": "started",
        "course_enroll_date": "enrolled",
        "First Date Completed": "completed",
        "Date Completed": "completed",
        "Date Started": "started",
        "Date Enrolled": "enrolled",
    },
)

EMAIL_HEADERS = ("user_email", "User Email")
EXTERNAL_ID_HEADERS = ("user_external_id", "External ID", "User External ID")
COURSE_HEADERS = ("course_id", "Course ID")

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
                FieldMap("record_code", (*EMAIL_HEADERS, *EXTERNAL_ID_HEADERS, *COURSE_HEADERS), DIGEST, join="|"),
                FieldMap("account_code", ("lms_user_id",)),
                FieldMap("employee_number", EXTERNAL_ID_HEADERS),
                FieldMap("work_email", EMAIL_HEADERS, required=True),
                FieldMap("course_code", COURSE_HEADERS, required=True),
                FieldMap("course_name", ("course_title", "Course Title")),
                FieldMap("learning_verb", tuple(DATE_VERBS.proves), as_transform(DATE_VERBS), value_is_header=True),
                FieldMap("occurred_at", tuple(DATE_VERBS.proves)),
                FieldMap("learning_hours", ("num_video_consumed_minutes", "Minutes Video Consumed"), MINUTES),
                FieldMap("changed_at", ("course_last_accessed_date", "Date Last Accessed")),
            ),
        ),
    ),
)
