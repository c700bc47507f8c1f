"""ClickUp: tasks and time entries as JSON of the API, version 2.

Belongs here: the members and how they map. A task belongs to each assignee, and is done when the type of its status is
done or closed. Tags name skills. A timer that still runs has a negative duration and is set aside.
Does not belong here: custom fields, which every company names itself (`mapping` reads them); comments.

Source: developer.clickup.com, API 2.0: Get Tasks, Get time entries within a date range.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, Transform
from pipelines.sources.value_maps import MILLISECONDS, change_notice

IS_DONE = Transform(
    "boolean",
    values={**dict.fromkeys(("done", "closed"), "true"), **dict.fromkeys(("open", "custom", "unstarted"), "false")},
    source="ClickUp API 2.0, tasks: status.type",
)

ADAPTER = Adapter(
    system="clickup",
    title="ClickUp tasks and time entries (JSON)",
    domain="projects",
    formats=("json",),
    records_path=("tasks", "data"),
    signature=("id", "custom_id", "status.type", "date_created", "assignees", "list.id"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("id", "assignees[*].id"), join="/", required=True),
                FieldMap("account_code", ("assignees[*].id",)),
                FieldMap("work_email", ("assignees[*].email",)),
                FieldMap("project_code", ("list.id",)),
                FieldMap("assignment_code", ("id",)),
                FieldMap("skill_text", ("tags[*].name",)),
                FieldMap("is_done", ("status.type",), IS_DONE),
                FieldMap("started_date", ("start_date", "date_created")),
                FieldMap("done_at", ("date_done", "date_closed")),
                FieldMap("planned_hours", ("time_estimate",), MILLISECONDS),
                FieldMap("changed_at", ("date_updated",)),
            ),
            signature=("assignees", "date_created", "status.type"),
            explode="assignees",
            counts_empty=True,
        ),
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", ("user.id",), required=True),
                FieldMap("work_email", ("user.email",)),
                FieldMap("project_code", ("task_location.list_id",)),
                FieldMap("assignment_code", ("task.id",)),
                FieldMap("skill_text", ("tags[*].name",)),
                FieldMap("worked_at", ("start",), required=True),
                FieldMap("worked_hours", ("duration",), MILLISECONDS, required=True),
                FieldMap("changed_at", ("at",)),
            ),
            signature=("user.id", "duration", "wid"),
        ),
    ),
    refused_forms=(change_notice("ClickUp", "the list of tasks", "event", "webhook_id"),),
)
