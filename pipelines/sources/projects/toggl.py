"""Toggl Track: the detailed report as CSV, and time entries as JSON of the second and third report API.

Belongs here: Toggl's column names and how they map.
Does not belong here: amounts, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, HOURS, LIST_MARKS, MILLISECONDS, SECONDS

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
            counts_empty=True,
        ),
        # Time entries of the interface: the duration is in seconds, and negative while the timer runs.
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", ("user_id", "uid")),
                FieldMap("project_code", ("project_id", "pid")),
                FieldMap("assignment_code", ("task_id", "tid")),
                FieldMap("skill_text", ("tags",), split=LIST_MARKS),
                FieldMap("worked_at", ("start",), required=True),
                FieldMap(
                    "worked_hours", ("duration",), SECONDS, form="json", start_headers=("start",), end_headers=("stop",)
                ),
                FieldMap("changed_at", ("at",)),
            ),
            signature=("start", "stop", "duration"),
            pass_over=(PassOver("stop", ("stop",), words=("",)),),
        ),
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",)),
                # A timer starts once; the task that was worked on can be corrected later.
                FieldMap(
                    "record_code",
                    ("Email", "Start date", "Start time", "End date", "End time", "Stop date", "Stop time"),
                    DIGEST,
                    join="|",
                ),
                FieldMap("account_code", ("uid",)),
                FieldMap("work_email", ("Email",)),
                FieldMap("project_code", ("pid", "project", "Project")),
                FieldMap("assignment_code", ("tid", "task", "Task")),
                FieldMap("skill_text", ("Tags", "Task"), join="|", split=rf"{LIST_MARKS}|\s*,\s*"),
                FieldMap("skill_text", ("tags", "task"), join="|", split=rf"{LIST_MARKS}|\s*,\s*"),
                FieldMap("worked_at", ("start",)),
                FieldMap("worked_at", ("Start date", "Start time"), join=" ", required=True),
                FieldMap(
                    "worked_hours",
                    ("Duration",),
                    HOURS,
                    form="table",
                    start_headers=("Start date", "Start time"),
                    end_headers=("End date", "End time", "Stop date", "Stop time"),
                ),
                FieldMap(
                    "worked_hours", ("dur",), MILLISECONDS, form="json", start_headers=("start",), end_headers=("end",)
                ),
                FieldMap(
                    "worked_hours", ("duration",), SECONDS, form="json", start_headers=("start",), end_headers=("stop",)
                ),
                FieldMap("changed_at", ("updated",)),
            ),
        ),
    ),
)
