"""Basecamp: to-dos as JSON of the API, versions 3 and 4.

Belongs here: the members of a to-do and how they map. It belongs to each assignee; its list names a skill if anything
does, as Basecamp has no labels.
Does not belong here: descriptions, comments and schedules.

Source: basecamp/bc3-api, sections/todos.md (also released as basecamp/bc-api).
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap

ADAPTER = Adapter(
    system="basecamp",
    title="Basecamp to-dos (JSON)",
    domain="projects",
    formats=("json",),
    signature=("bucket.id", "parent.title", "assignees", "completed", "inherits_status"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("id", "assignees[*].id"), join="/", required=True),
                FieldMap("account_code", ("assignees[*].id",)),
                FieldMap("work_email", ("assignees[*].email_address",)),
                FieldMap("project_code", ("bucket.id",)),
                FieldMap("assignment_code", ("id",)),
                FieldMap("skill_text", ("parent.title",)),
                FieldMap("is_done", ("completed",)),
                FieldMap("started_date", ("starts_on", "created_at")),
                FieldMap("done_at", ("completion.created_at",)),
                FieldMap("changed_at", ("updated_at",)),
            ),
            signature=("bucket.id", "completed", "assignees"),
            explode="assignees",
            counts_empty=True,
            pass_over=(PassOver("type", ("type",), other_than=("Todo",)),),
        ),
    ),
)
