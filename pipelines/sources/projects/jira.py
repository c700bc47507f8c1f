"""Jira: issues as CSV, from the navigator (Cloud with all fields or with thirty) and the Data Center pipeline.

Belongs here: Jira's column names and how they map. `Labels`, `Components` and `Log Work` are repeated once per value; a
cell of `Log Work` is `comment;datetime;author;seconds`, and its comment is never read.
Does not belong here: worklogs of Tempo (`tempo`).
"""

from pipelines.sources.declaration import KNOWN_WORDS, Adapter, Condition, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, IS_DONE, LIST_MARKS, SECONDS, WORKING_SECONDS
from pipelines.sources.vocabularies.issue_states import JIRA_RESOLUTIONS, filled_means_done
from pipelines.sources.vocabularies.vocabulary import as_transform

RESOLUTION_TRANSFORM = as_transform(JIRA_RESOLUTIONS, "boolean")
HAS_KNOWN_RESOLUTION = Condition(("Resolution",), (KNOWN_WORDS,))
RESOLUTION_DAY_HEADERS = ("Resolved", "Resolution Date", "resolution_date", "resolutiondate")

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
                FieldMap("record_code", ("Issue id", "id", "Issue key", "Key"), required=True),
                FieldMap("account_code", ("Assignee Id", "Assignee", "assignee_id", "assignee_key", "assignee_name")),
                FieldMap("work_email", ("Assignee Email", "assignee_email")),
                FieldMap("project_code", ("Project key", "project_key", "Project name")),
                FieldMap("assignment_code", ("Issue key", "key"), required=True),
                FieldMap(
                    "skill_text", ("Labels", "Component/s", "Components", "Component"), join="|", split=LIST_MARKS
                ),
                # An issue is finished when a resolution is set, on the day Resolved, whatever its status is called; not
                # if the resolution says that nobody worked on it to its end.
                FieldMap("is_done", ("Resolution",), RESOLUTION_TRANSFORM, when=HAS_KNOWN_RESOLUTION),
                FieldMap(
                    "is_done", RESOLUTION_DAY_HEADERS, filled_means_done(*RESOLUTION_DAY_HEADERS), value_is_header=True
                ),
                FieldMap("is_done", ("Status Category", "status_category", "Status"), IS_DONE),
                FieldMap("started_date", ("Custom field (Start date)", "Created", "created_date")),
                FieldMap("done_at", RESOLUTION_DAY_HEADERS),
                FieldMap(
                    "planned_hours", ("Original Estimate", "Σ Original Estimate", "original_estimate"), WORKING_SECONDS
                ),
                FieldMap("changed_at", ("Updated", "updated_date")),
            ),
        ),
        ShapeMap(
            "worklog",
            (
                # The pattern keeps a bare id, and a `Log Work` cell without its comment.
                FieldMap(
                    "record_code",
                    ("Issue id", "Log Work"),
                    DIGEST,
                    join=";",
                    extract=r"(?:^|;)([^;]*;[^;]*;\d+|\d+)$",
                ),
                FieldMap("account_code", ("Log Work",), extract=r";([^;]*);\d+$"),
                FieldMap("project_code", ("Project key",)),
                FieldMap("assignment_code", ("Issue key",)),
                FieldMap("worked_at", ("Log Work",), extract=r"(?:^|;)([^;]*);[^;]*;\d+$"),
                FieldMap("worked_hours", ("Log Work",), SECONDS, extract=r";(\d+)$"),
            ),
            signature=("Issue key", "Log Work"),
            explode="Log Work",
        ),
    ),
)
