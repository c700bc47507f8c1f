"""TalentLMS: users with their courses, as JSON of the API.

Belongs here: the members of a user and of each course and how they map. A date is written in the portal's order, and
again as a number of seconds, which counts.
Does not belong here: custom fields, which every company names itself (`mapping` reads them); instructors of a course.

Source: talentlms.com/pages/docs/TalentLMS-API-Documentation.pdf, v1: Users, Courses; its sample responses.
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap, Transform
from pipelines.sources.value_maps import HOURS, SECONDS

EACH_COURSE = "courses[*]"
VERB_BY_STATUS = Transform(
    "category",
    source="TalentLMS API, users: courses[].completion_status",
    values={"completed": "completed", "failed": "failed", "incomplete": "started", "not_attempted": "enrolled"},
)
DATE_MEMBERS = ("completed_on_timestamp", "enrolled_on_timestamp", "completed_on", "enrolled_on")

ADAPTER = Adapter(
    system="talentlms",
    title="TalentLMS users and courses (JSON)",
    domain="learning",
    formats=("json",),
    signature=("login", "user_type", "courses", "branches"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id", f"{EACH_COURSE}.id"), join="/", required=True),
                FieldMap("account_code", ("id",), required=True),
                FieldMap("work_email", ("email",)),
                FieldMap("course_code", (f"{EACH_COURSE}.id",)),
                FieldMap("course_name", (f"{EACH_COURSE}.name",)),
                FieldMap("learning_verb", (f"{EACH_COURSE}.completion_status",), VERB_BY_STATUS, required=True),
                FieldMap("occurred_at", tuple(f"{EACH_COURSE}.{member}" for member in DATE_MEMBERS)),
                FieldMap("learning_hours", (f"{EACH_COURSE}.total_time_seconds",), SECONDS),
                FieldMap("learning_hours", (f"{EACH_COURSE}.total_time",), HOURS),
            ),
            signature=("login", "courses"),
            explode="courses",
            counts_empty=True,
            pass_over=(PassOver("role", (f"{EACH_COURSE}.role",), words=("instructor",)),),
        ),
    ),
)
