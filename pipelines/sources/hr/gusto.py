"""Gusto: employees with their jobs and terminations as JSON of the API.

Belongs here: the members of an employee and how they map. The primary job gives the role, every job is a period of
a role. `email` is a private address, so it identifies nobody here.
Does not belong here: compensations, garnishments and other private members, which are never read.

Source: docs.gusto.com, Employees (`GET /v1/companies/{company_id}/employees`, API 2024-2025), Gusto/gusto-typescript
client, models Employee, Job and Termination.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, ShapeMap, Transform

# Of several jobs that do not say whether they are primary, the first one counts.
FIRST_TEXT_PATTERN = r"^([^|]+)"
STATUS_BY_TERMINATED = Transform(
    "category", values={"false": "active", "true": "left"}, source="Gusto API, Employee: terminated"
)

ADAPTER = Adapter(
    system="gusto",
    title="Gusto employees (JSON)",
    domain="hr",
    formats=("json",),
    signature=("uuid", "company_uuid", "manager_uuid", "terminated", "onboarded", "jobs"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("uuid",), required=True),
                FieldMap("employee_number", ("employee_code",)),
                FieldMap("work_email", ("work_email",)),
                FieldMap("display_name", ("first_name", "last_name"), join=" "),
                FieldMap("manager_code", ("manager_uuid",)),
                FieldMap("unit_name", ("department",)),
                FieldMap("role_name", ("jobs[primary=true|].title",), extract=FIRST_TEXT_PATTERN),
                FieldMap("employment_status", ("terminated",), STATUS_BY_TERMINATED, required=True),
                FieldMap("hired_date", ("jobs[primary=true|].hire_date",), extract=FIRST_TEXT_PATTERN),
                # A termination that was taken back stays in the list.
                FieldMap(
                    "left_date", ("$.terminations[0].effective_date",), when=Condition("employment_status", ("true",))
                ),
            ),
            signature=("uuid", "terminated"),
        ),
        ShapeMap(
            "role_period",
            (
                FieldMap("record_code", ("jobs[*].uuid",), required=True),
                FieldMap("account_code", ("uuid",), required=True),
                FieldMap("unit_name", ("department",)),
                FieldMap("role_name", ("jobs[*].title",)),
                FieldMap("started_date", ("jobs[*].hire_date",)),
            ),
            signature=("uuid", "jobs"),
            explode="jobs",
        ),
    ),
)
