"""Harvest: the detailed time report as CSV in its variants, and time entries as JSON.

Belongs here: Harvest's column names and how they map. The older report identifies people by their names only.
Does not belong here: rates and amounts, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS

ADAPTER = Adapter(
    system="harvest",
    title="Harvest time (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("time_entries",),
    signature=("Date", "Client", "Project Code", "Task", "Hours", "Billable?"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",)),
                FieldMap("account_code", ("Employee Id", "user.id", "user_id")),
                FieldMap("account_code", ("First Name", "Last Name"), join=" "),
                FieldMap("project_code", ("Project Code", "project.code", "project.id", "project_id", "Project")),
                FieldMap("assignment_code", ("task.id", "task_id", "Task")),
                FieldMap("skill_text", ("Task", "task.name")),
                FieldMap("worked_at", ("Date", "spent_date"), required=True),
                FieldMap("worked_hours", ("Hours", "hours", "Hours Rounded"), HOURS),
                FieldMap("changed_at", ("updated_at",)),
            ),
        ),
    ),
    notes="Reports with a decimal comma need `decimal_comma: true`.",
)
