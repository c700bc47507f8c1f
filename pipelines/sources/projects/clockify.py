"""Clockify: the detailed time report as CSV, with or without the columns that plans and locales add.

Belongs here: Clockify's column names and how they map. Dates and times follow the workspace's locale.
Does not belong here: rates and amounts, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, HOURS

ADAPTER = Adapter(
    system="clockify",
    title="Clockify detailed time (CSV)",
    domain="projects",
    formats=("csv",),
    signature=("Project", "Client", "Description", "User", "Email", "Start Date", "Start Time", "Duration (decimal)"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                # A timer starts once; the task that was worked on can be corrected later.
                FieldMap(
                    "record_code",
                    ("Email", "User", "Start Date", "Start Time", "End Date", "End Time"),
                    DIGEST,
                    join="|",
                ),
                FieldMap("work_email", ("Email",), required=True),
                FieldMap("project_code", ("Project",)),
                FieldMap("assignment_code", ("Task", "Activity")),
                FieldMap("skill_text", ("Tags", "Task", "Activity"), join="|", split=r"\s*,\s*"),
                FieldMap("worked_at", ("Start Date", "Start Time"), join=" ", required=True),
                FieldMap(
                    "worked_hours",
                    ("Duration (decimal)", "Duration (h)"),
                    HOURS,
                    start_headers=("Start Date", "Start Time"),
                    end_headers=("End Date", "End Time"),
                ),
            ),
            # Clockify API, time entries: type is REGULAR, BREAK, HOLIDAY or TIME_OFF; only regular time is work.
            pass_over=(PassOver("type", ("Type",), ("Break", "Holiday", "Time off", "TIME_OFF")),),
        ),
    ),
)
