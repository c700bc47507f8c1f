"""Toggl Track: the detailed report as CSV, and time entries as JSON of the second and third report API.

Belongs here: Toggl's column names and how they map.
Does not belong here: amounts, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, LIST_MARKS, MILLISECONDS, SECONDS

ADAPTER = Adapter(
    system="toggl",
    title="Toggl detailed time (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("data",),
    signature=("User", "Email", "Client", "Project", "Task", "Start date", "Start time", "Duration"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("time_entries[*].id",), required=True),
                FieldMap("account_code", ("user_id",)),
                FieldMap("work_email", ("email",)),
                FieldMap("project_code", ("project_id",)),
                FieldMap("assignment_code", ("task_id",)),
                FieldMap("skill_text", ("tag_names",)),
                FieldMap("worked_at", ("time_entries[*].start",), required=True),
                FieldMap("worked_hours", ("time_entries[*].seconds",), SECONDS),
                FieldMap("changed_at", ("time_entries[*].at",)),
            ),
            signature=("time_entries",),
            explode="time_entries",
        ),
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",)),
                # A timer starts once; the task that was worked on can be corrected later.
                FieldMap(
                    "record_code", ("Email", "Start date", "Start time", "End date", "End time"), DIGEST, join="|"
                ),
                FieldMap("account_code", ("uid",)),
                FieldMap("work_email", ("Email",)),
                FieldMap("project_code", ("pid", "project", "Project")),
                FieldMap("assignment_code", ("tid", "task", "Task")),
                FieldMap("skill_text", ("Tags", "Task"), join="|", split=rf"{LIST_MARKS}|\s*,\s*"),
                FieldMap("skill_text", ("tags", "task"), join="|", split=rf"{LIST_MARKS}|\s*,\s*"),
                FieldMap("worked_at", ("start",)),
                FieldMap("worked_at", ("Start date", "Start time"), join=" ", required=True),
                FieldMap("worked_hours", ("Duration",)),
                FieldMap("worked_hours", ("dur",), MILLISECONDS),
                # The interface of version 9 writes seconds, and a negative number while a timer runs.
                FieldMap("worked_hours", ("duration",), SECONDS),
                FieldMap("changed_at", ("updated",)),
            ),
        ),
    ),
)
