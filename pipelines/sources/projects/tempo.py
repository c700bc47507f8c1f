"""Tempo Timesheets: the worklog report as CSV, and worklogs as JSON of the Cloud (v4) and server (v4) APIs.

Belongs here: Tempo's column names and how they map. Cloud v4 gives only the issue's id; the key is joined later.
Does not belong here: issues (`jira`).
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS, SECONDS

ADAPTER = Adapter(
    system="tempo",
    title="Tempo worklogs (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("results", "worklogs"),
    signature=("Issue Key", "Hours", "Work date", "Username"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                FieldMap(
                    "record_code",
                    (
                        "tempoWorklogId",
                        "Worklog id",
                        "Worklog ID",
                        "Tempo Worklog ID",
                        "originId",
                        "id",
                        "jiraWorklogId",
                    ),
                ),
                FieldMap("account_code", ("author.accountId", "worker", "Account ID", "Username", "Author", "author")),
                FieldMap("work_email", ("Email", "User Email")),
                FieldMap("project_code", ("Project Key", "issue.projectKey")),
                FieldMap("assignment_code", ("Issue Key", "issue.key", "issue.id"), required=True),
                FieldMap("skill_text", ("Labels",)),
                FieldMap("worked_at", ("started", "Work date", "startDate", "Date"), required=True),
                FieldMap("worked_hours", ("Hours",), HOURS),
                FieldMap("worked_hours", ("timeSpentSeconds", "Time Spent (seconds)"), SECONDS),
                FieldMap("changed_at", ("updatedAt", "Updated", "updated")),
            ),
        ),
    ),
)
