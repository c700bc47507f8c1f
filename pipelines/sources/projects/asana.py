"""Asana: the tasks of a project as CSV, tasks and time entries as JSON of the API.

Belongs here: the columns and members and how they map. A tag names a skill. The CSV names assignees with their
addresses, the API by gid; a time entry belongs to the person who made it.
Does not belong here: custom fields, which every company names itself (`mapping` reads them); notes and comments.

Source: the header of a project's CSV export (help.asana.com, "Exporting a project"; header lines in public importers,
2025-2026); developers.asana.com, Task and Time tracking entry; airbyte source-asana, schemas/tasks.json.
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import MINUTES, change_notice

# Digits, with the signs that a spreadsheet adds.
TASK_ID_PATTERN = r"^\s*(\d[\d.,E+]*)\s*$"

ADAPTER = Adapter(
    system="asana",
    title="Asana tasks and time entries (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("data",),
    signature=("Task ID", "Section/Column", "Assignee Email", "Parent task"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("Task ID",), required=True, extract=TASK_ID_PATTERN),
                FieldMap("work_email", ("Assignee Email",)),
                FieldMap("project_code", ("Projects",)),
                FieldMap("assignment_code", ("Task ID",), extract=TASK_ID_PATTERN),
                FieldMap("skill_text", ("Tags",), split=r"\s*,\s*"),
                FieldMap("started_date", ("Start Date", "Created At")),
                FieldMap("done_at", ("Completed At",)),
                FieldMap("changed_at", ("Last Modified",)),
            ),
            signature=("Task ID", "Completed At"),
        ),
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("gid",), required=True),
                FieldMap("account_code", ("assignee.gid",)),
                FieldMap("work_email", ("assignee.email",)),
                FieldMap("project_code", ("projects[*].gid",)),
                FieldMap("assignment_code", ("gid",)),
                FieldMap("skill_text", ("tags[*].name",)),
                FieldMap("is_done", ("completed",)),
                FieldMap("started_date", ("start_on", "created_at")),
                FieldMap("done_at", ("completed_at",)),
                FieldMap("changed_at", ("modified_at",)),
            ),
            signature=("gid", "completed", "completed_at"),
            # A milestone marks a day, a section is a heading: neither is work.
            pass_over=(PassOver("task type", ("resource_subtype",), words=("milestone", "section")),),
        ),
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("gid",), required=True),
                FieldMap("account_code", ("created_by.gid",)),
                FieldMap("work_email", ("created_by.email",)),
                FieldMap("project_code", ("attributable_to.gid",)),
                FieldMap("assignment_code", ("task.gid",)),
                FieldMap("worked_at", ("entered_on",), required=True),
                FieldMap("worked_hours", ("duration_minutes",), MINUTES, required=True),
                FieldMap("changed_at", ("updated_at",)),
            ),
            signature=("duration_minutes", "entered_on"),
        ),
    ),
    refused_forms=(change_notice("Asana", "the tasks of the project", "events[*].action", "events[*].resource.gid"),),
    notes="A CSV of one project ends at 2,000 tasks: export larger projects as JSON.",
)
