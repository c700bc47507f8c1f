"""Redmine: issues and spent time, as CSV of the interface and as JSON of the API.

Belongs here: the columns in English and German, the members, and how they map. A CSV names people as they are
displayed; the API has their ids. Spent time names its activity, an issue its category.
Does not belong here: custom fields, which every company names itself (`mapping` reads them); comments.

Source: redmine/redmine, app/models/issue_query.rb and time_entry_query.rb (columns), config/locales/en.yml and de.yml
(headers, separator, decimal sign); redmine.org, REST API: Issues and Time entries.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS
from pipelines.sources.vocabularies.issue_states import ISSUE_STATES, REDMINE_STATUSES
from pipelines.sources.vocabularies.vocabulary import as_transform, merge_vocabularies

IS_DONE = as_transform(merge_vocabularies(ISSUE_STATES, REDMINE_STATUSES), "boolean")
PROJECT_HEADERS = ("project.id", "Project", "Projekt")


def _worklog_shape(*signature: str) -> ShapeMap:
    return ShapeMap(
        "worklog",
        (
            FieldMap("record_code", ("id",)),
            FieldMap("account_code", ("user.id", "User", "Benutzer"), required=True),
            FieldMap("project_code", PROJECT_HEADERS),
            FieldMap("assignment_code", ("issue.id",)),
            FieldMap("assignment_code", ("Issue", "Ticket"), extract=r"#(\d+)"),
            FieldMap("skill_text", ("activity.name", "Activity", "Aktivität")),
            FieldMap("worked_at", ("spent_on", "Date", "Datum"), required=True),
            FieldMap("worked_hours", ("hours", "Hours", "Stunden"), HOURS, required=True),
            FieldMap("changed_at", ("updated_on",)),
        ),
        signature=signature,
    )


def _issue_shape(*signature: str) -> ShapeMap:
    return ShapeMap(
        "assignment",
        (
            FieldMap("record_code", ("id", "#"), required=True),
            FieldMap("account_code", ("assigned_to.id", "Assignee", "Zugewiesen an")),
            FieldMap("project_code", PROJECT_HEADERS),
            FieldMap("assignment_code", ("id", "#"), required=True),
            FieldMap("skill_text", ("category.name", "Category", "Kategorie")),
            FieldMap("is_done", ("status.name", "Status"), IS_DONE),
            FieldMap("started_date", ("start_date", "Start date", "Beginn")),
            FieldMap("done_at", ("closed_on", "Closed")),
            FieldMap("planned_hours", ("estimated_hours", "Estimated time", "Geschätzter Aufwand"), HOURS),
            FieldMap("changed_at", ("updated_on", "Updated", "Aktualisiert")),
        ),
        signature=signature,
    )


ADAPTER = Adapter(
    system="redmine",
    title="Redmine issues and spent time (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("issues", "time_entries"),
    signature=("#", "Project", "Tracker", "Status", "Subject", "Assignee", "% Done"),
    shapes=(
        _issue_shape("#", "Tracker"),
        _issue_shape("tracker.name", "status.name"),
        _worklog_shape("Activity", "Hours"),
        _worklog_shape("Aktivität", "Stunden"),
        _worklog_shape("activity.name", "spent_on"),
    ),
)
