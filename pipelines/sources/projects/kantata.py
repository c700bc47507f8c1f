"""Kantata OX: the time entries of the data exporter, of the API and of connectors.

Belongs here: the column names and how they map. The administrator chooses the columns of an export.
Does not belong here: rates, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS, MINUTES

ADAPTER = Adapter(
    system="kantata",
    title="Kantata time entries (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("time_entries", "results"),
    signature=("Time Entry ID", "User ID", "Project ID", "Task ID"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("Time Entry ID", "id", "ID")),
                FieldMap("account_code", ("User ID", "user_id"), required=True),
                FieldMap("employee_number", ("User Employee ID", "Employee ID")),
                FieldMap("work_email", ("User Email", "Email")),
                FieldMap("project_code", ("Project ID", "workspace_id", "Project")),
                FieldMap("assignment_code", ("Task ID", "story_id", "Task")),
                FieldMap("skill_text", ("Task", "Task Name", "Role", "story_title")),
                FieldMap("worked_at", ("Date Performed", "date_performed", "Time Entry Date", "Date"), required=True),
                FieldMap("worked_hours", ("Hours", "Time (Hours)"), HOURS),
                FieldMap("worked_hours", ("time_in_minutes", "Time In Minutes", "Minutes"), MINUTES),
                FieldMap("changed_at", ("Updated At", "updated_at", "Updated Date")),
            ),
        ),
    ),
)
