"""ServiceNow: incidents, catalogue tasks, problems and changes, as CSV of a list and as JSON of the Table API.

Belongs here: the columns of the table `task` and its children, and how they map. The Table API writes values, displayed
values or both, so a reference is a text, or an object of its value and its displayed value.
Does not belong here: callers, descriptions and work notes.

Source: servicenow.com/docs, Table API (`sysparm_display_value`), Task table and its states, Incident states and
resolution codes; the CSV of a list has the same column names.
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, ShapeMap, Transform
from pipelines.sources.value_maps import EMAIL_ADDRESS


def _display_first_headers(column_name: str) -> tuple[str, ...]:
    return f"{column_name}.display_value", f"{column_name}.value", column_name


def _value_first_headers(column_name: str) -> tuple[str, ...]:
    return f"{column_name}.value", f"{column_name}.display_value", column_name


def _state_transform(done_states: str, open_states: str) -> Transform:
    return Transform(
        "boolean",
        values=dict.fromkeys(done_states.split(", "), "true") | dict.fromkeys(open_states.split(", "), "false"),
        source="ServiceNow documentation: states of incident, task, change and problem records, and their numbers",
    )


DONE_STATES = "resolved, closed, closed complete, complete"
OPEN_STATES = (
    "new, open, in progress, on hold, pending, work in progress, canceled, cancelled, closed incomplete, "
    "closed skipped, assess, authorize, scheduled, implement, review, root cause analysis, fix in progress"
)
# A state may come as its number, and the numbers of incidents differ from those of other tasks.
STATE_TRANSFORM = _state_transform(DONE_STATES, OPEN_STATES)
INCIDENT_STATE_TRANSFORM = _state_transform(f"{DONE_STATES}, 6, 7", f"{OPEN_STATES}, 1, 2, 3, 8")
TASK_STATE_TRANSFORM = _state_transform(
    f"{DONE_STATES}, 3, 106, 107", f"{OPEN_STATES}, -5, -4, -3, -2, -1, 0, 1, 2, 4, 7, 101, 102, 103, 104"
)
CLASS_HEADERS = ("sys_class_name.value", "sys_class_name.display_value", "sys_class_name")
UNSOLVED_CLOSE_CODES = (
    *("not solved (not reproducible)", "not solved (too costly)", "closed/resolved by caller", "resolved by caller"),
    *("duplicate", "no resolution provided"),
)

ADAPTER = Adapter(
    system="servicenow",
    title="ServiceNow incidents and tasks (CSV, JSON)",
    domain="projects",
    formats=("csv", "json"),
    records_path=("result", "records"),
    signature=("number", "short_description", "assignment_group", "assigned_to", "opened_at", "sys_id"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap(
                    "record_code", (*_value_first_headers("sys_id"), *_value_first_headers("number")), required=True
                ),
                FieldMap("account_code", _value_first_headers("assigned_to")),
                FieldMap("work_email", _display_first_headers("assigned_to.email"), extract=EMAIL_ADDRESS),
                FieldMap("project_code", _display_first_headers("assignment_group")),
                FieldMap("assignment_code", _display_first_headers("number"), required=True),
                FieldMap(
                    "skill_text",
                    (*_display_first_headers("category"), *_display_first_headers("subcategory")),
                    join="|",
                ),
                FieldMap(
                    "is_done",
                    constant="false",
                    when=Condition(_display_first_headers("close_code"), UNSOLVED_CLOSE_CODES),
                ),
                FieldMap(
                    "is_done",
                    _value_first_headers("state"),
                    INCIDENT_STATE_TRANSFORM,
                    when=Condition(CLASS_HEADERS, ("incident",)),
                ),
                FieldMap(
                    "is_done",
                    _value_first_headers("state"),
                    TASK_STATE_TRANSFORM,
                    when=Condition(CLASS_HEADERS, (ANY_TEXT,)),
                ),
                FieldMap("is_done", _display_first_headers("state"), STATE_TRANSFORM),
                FieldMap(
                    "started_date",
                    (
                        *_value_first_headers("work_start"),
                        *_value_first_headers("opened_at"),
                        *_value_first_headers("sys_created_on"),
                    ),
                ),
                FieldMap("done_at", (*_value_first_headers("resolved_at"), *_value_first_headers("closed_at"))),
                FieldMap("changed_at", _value_first_headers("sys_updated_on")),
            ),
            signature=("number", "sys_updated_on"),
        ),
    ),
    notes="Export the column sys_class_name too: without it, the number of a state says nothing.",
)
