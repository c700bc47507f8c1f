"""Personio: employees as JSON of the API's first version, each field as an object with its label and value.

Belongs here: the fields and how they map. The API returns only the fields that the company allowed.
Does not belong here: attendance and absence.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS


def _value_headers(*field_names: str) -> tuple[str, ...]:
    return tuple(f"attributes.{field_name}.value" for field_name in field_names)


STILL_EMPLOYED = Condition("employment_status", ("active", "onboarding", "leave"))

ADAPTER = Adapter(
    system="personio",
    title="Personio employees, v1 (JSON)",
    domain="hr",
    formats=("json",),
    records_path=("data",),
    signature=("type", "attributes.id.value", "attributes.email.value"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", _value_headers("id"), required=True),
                FieldMap("employee_number", _value_headers("employee_number", "personnel_number")),
                FieldMap("work_email", _value_headers("email")),
                FieldMap("display_name", _value_headers("first_name", "last_name"), join=" "),
                FieldMap(
                    "manager_code",
                    _value_headers("supervisor.value.attributes.email", "supervisor.value.attributes.id"),
                ),
                FieldMap(
                    "unit_name",
                    ("attributes.department.value.attributes.name", "attributes.team.value.attributes.name"),
                ),
                FieldMap("role_name", _value_headers("position")),
                FieldMap("employment_status", _value_headers("status"), EMPLOYMENT_STATUS),
                FieldMap("hired_date", _value_headers("hire_date")),
                FieldMap("left_date", _value_headers("termination_date")),
                # The contract of somebody who works on was prolonged, or will be.
                FieldMap("left_date", _value_headers("contract_end_date"), unless=STILL_EMPLOYED),
                FieldMap("weekly_hours", _value_headers("weekly_working_hours"), HOURS),
                FieldMap("changed_at", _value_headers("last_modified_at")),
            ),
            pass_over=(PassOver("type", ("type",), other_than=("Employee",)),),
        ),
    ),
)
