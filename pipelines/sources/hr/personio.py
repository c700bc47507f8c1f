"""Personio: employees as JSON of the interface's first version, each field as an object with its label and value.

Belongs here: the fields and how they map. Only fields that the company allowed for the interface are there.
Does not belong here: attendance and absence.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS


def _value(field: str) -> str:
    return f"attributes.{field}.value"


def _name(field: str) -> str:
    return f"attributes.{field}.value.attributes.name"


SUPERVISOR = "attributes.supervisor.value.attributes"

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
                FieldMap("account_code", (_value("id"),), required=True),
                FieldMap("employee_number", (_value("employee_number"), _value("personnel_number"))),
                FieldMap("work_email", (_value("email"),)),
                FieldMap("display_name", (_value("first_name"), _value("last_name")), join=" "),
                FieldMap("manager_code", (f"{SUPERVISOR}.email.value", f"{SUPERVISOR}.id.value")),
                FieldMap(
                    "unit_name",
                    (_name("department"), _name("team")),
                ),
                FieldMap("role_name", (_value("position"),)),
                FieldMap("employment_status", (_value("status"),), EMPLOYMENT_STATUS),
                FieldMap("hired_date", (_value("hire_date"),)),
                FieldMap("left_date", (_value("termination_date"), _value("contract_end_date"))),
                FieldMap("weekly_hours", (_value("weekly_working_hours"),)),
                FieldMap("changed_at", (_value("last_modified_at"),)),
            ),
            where=("type", ("Employee",)),
        ),
    ),
)
