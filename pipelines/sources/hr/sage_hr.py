"""Sage HR: employees and terminated employees as JSON of the API.

Belongs here: the members of an employee and how they map. Terminated employees are a list of their own.
Does not belong here: birth, nationality, tax numbers and other private members, which are never read.

Source: sagehr.docs.apiary.io, Employees and Terminated employees; airbyte source-sage-hr, manifest.yaml (streams
employees and terminated-employees); sample responses in public clients.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS

ADAPTER = Adapter(
    system="sage_hr",
    title="Sage HR employees (JSON)",
    domain="hr",
    formats=("json",),
    records_path=("data",),
    signature=("employment_start_date", "employment_status", "position_id", "reports_to_employee_id"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("id",), required=True),
                FieldMap("employee_number", ("employee_number",)),
                FieldMap("work_email", ("email",)),
                FieldMap("display_name", ("first_name", "last_name"), join=" "),
                FieldMap("manager_code", ("reports_to_employee_id",)),
                FieldMap("unit_name", ("team",)),
                FieldMap("role_name", ("position",)),
                FieldMap("employment_status", ("employment_status",), EMPLOYMENT_STATUS),
                FieldMap("hired_date", ("employment_start_date",)),
                FieldMap("left_date", ("termination_date",)),
            ),
            signature=("employment_start_date", "first_name"),
        ),
    ),
)
