"""Jira: the issue navigator's CSV export, Cloud with all fields and the older thirty-column form.

Belongs here: Jira's column names and how they map. `Labels`, `Components` and the like are repeated once per value.
Does not belong here: worklogs (`tempo`).
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, Transform

# Jira's estimates are written in seconds in every CSV form.
SECONDS = Transform("hours", unit="seconds")
DONE = Transform(
    "boolean",
    values=dict.fromkeys(("done", "closed", "resolved", "fixed", "complete", "completed"), "true"),
    otherwise="false",
)

ADAPTER = Adapter(
    system="jira",
    title="Jira issues (CSV)",
    domain="projects",
    formats=("csv",),
    signature=("Issue key", "Issue id", "Project key", "Issue Type"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("Issue id", "Issue key"), needed=True),
                FieldMap("account_code", ("Assignee Id", "Assignee")),
                FieldMap("work_email", ("Assignee Email",)),
                FieldMap("project_code", ("Project key", "Project name")),
                FieldMap("assignment_code", ("Issue key",), needed=True),
                FieldMap("skill_text", ("Labels", "Component/s", "Components", "Component"), join="|"),
                FieldMap("is_done", ("Status Category", "Status"), DONE),
                FieldMap("started_date", ("Custom field (Start date)", "Created")),
                FieldMap("done_at", ("Resolved", "Resolution Date")),
                FieldMap("planned_hours", ("Original Estimate", "Σ Original Estimate"), SECONDS),
                FieldMap("changed_at", ("Updated",)),
            ),
        ),
    ),
)
