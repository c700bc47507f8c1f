"""Linear: issues as CSV of a workspace, team or view, and as JSON of the GraphQL API.

Belongs here: the columns and members and how they map. An assignee is an address in the CSV of a workspace, a name in
older ones. Labels name skills. Estimates are points of the team's own scale, so they are not read.
Does not belong here: comments and cycles.

Source: the header and rows of a workspace export (linear.app/docs, "Exporting data"; header lines with 31 to 34 columns
in public importers, 2025-2026); linear/linear, packages/sdk/src/schema.graphql, type Issue.
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, ShapeMap, Transform
from pipelines.sources.value_maps import EMAIL_ADDRESS, change_notice
from pipelines.sources.vocabularies.issue_states import LINEAR_STATE_TYPES
from pipelines.sources.vocabularies.vocabulary import as_transform

# `Wed May 13 2026 11:21:41 GMT+0000 (GMT+00:00)`, as a browser writes a time; the name of the day and zone say nothing.
BROWSER_TIME_PATTERN = r"^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(.*?)(?: \([^)]*\))?$"
TIME_TRANSFORM, DAY_TRANSFORM = (Transform(kind, formats=("%b %d %Y %H:%M:%S GMT%z",)) for kind in ("datetime", "date"))
IS_GIVEN_UP = Condition(("Canceled", "canceledAt", "Duplicate of"), (ANY_TEXT,))
IS_DONE = as_transform(LINEAR_STATE_TYPES, "boolean")

ADAPTER = Adapter(
    system="linear",
    title="Linear issues (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("data.issues.nodes", "issues"),
    signature=("ID", "Team", "Title", "Creator", "Assignee", "Cycle Number", "Triaged", "Canceled"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                # A key changes when the issue moves to another team; older exports have no other.
                FieldMap("record_code", ("UUID", "id", "ID"), required=True),
                FieldMap("account_code", ("assignee.id",)),
                FieldMap("account_code", ("Assignee",), extract=r"^\s*([^@]+?)\s*$"),
                FieldMap("work_email", ("Assignee", "assignee.email"), extract=EMAIL_ADDRESS),
                FieldMap("project_code", ("Project", "project.name", "Team", "team.key")),
                FieldMap("assignment_code", ("identifier", "ID"), required=True),
                FieldMap("skill_text", ("labels.nodes[*].name",)),
                FieldMap("skill_text", ("Labels",), split=r"\s*,\s*"),
                FieldMap("is_done", constant="false", when=IS_GIVEN_UP),
                FieldMap("is_done", ("state.type",), IS_DONE),
                FieldMap(
                    "started_date",
                    ("Started", "startedAt", "Created", "createdAt"),
                    DAY_TRANSFORM,
                    extract=BROWSER_TIME_PATTERN,
                ),
                FieldMap("done_at", ("Completed", "completedAt"), TIME_TRANSFORM, extract=BROWSER_TIME_PATTERN),
                FieldMap("changed_at", ("Updated", "updatedAt"), TIME_TRANSFORM, extract=BROWSER_TIME_PATTERN),
            ),
        ),
    ),
    refused_forms=(change_notice("Linear", "the issues", "action", "webhookTimestamp"),),
)
