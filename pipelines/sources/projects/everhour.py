"""Everhour: time records as JSON of the API.

Belongs here: the members of a record and how they map. Labels of the task name skills, else its name does.
Does not belong here: rates and budgets, which are never read; comments.

Source: everhour.docs.apiary.io, Time Records; airbyte source-everhour, manifest.yaml (stream time_records).
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import SECONDS

ADAPTER = Adapter(
    system="everhour",
    title="Everhour time records (JSON)",
    domain="projects",
    formats=("json",),
    signature=("time", "date", "user", "task.id", "task.projects"),
    shapes=(
        ShapeMap(
            "worklog",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", ("user.id", "user"), required=True),
                FieldMap("work_email", ("user.email",)),
                FieldMap("project_code", ("task.projects[*]",)),
                FieldMap("assignment_code", ("task.id",)),
                FieldMap("skill_text", ("task.labels[*]", "task.name")),
                FieldMap("worked_at", ("date",), required=True),
                FieldMap("worked_hours", ("time",), SECONDS, required=True),
            ),
            signature=("time", "date", "user"),
        ),
    ),
    notes="A record names its user by id: an account map connects ids to people.",
)
