"""Zoho People: employee records as JSON of the Forms API, and the employee view as CSV or JSON with labels.

Belongs here: the link names and labels of the employee form and how they map. The API keys a record by its id; the
address of a manager stands beside its name under a member with a dot in it.
Does not belong here: birth, marital status, addresses and other private fields, which are never read.

Source: zoho.com/people/api, Forms API (Get bulk records, Get records of a view); dumps of the form `employee` in public
clients, 2023-2025.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS


def _field_headers(link_name: str, *labels: str) -> tuple[str, ...]:
    # A path beginning with $ is the only way to a member with a dot in its name.
    return f'$."{link_name}"' if "." in link_name else link_name, *labels


ADAPTER = Adapter(
    system="zoho_people",
    title="Zoho People employees (JSON, CSV)",
    domain="hr",
    formats=("json", "csv"),
    records_path=("response.result[*].*",),
    signature=("EmployeeID", "EmailID", "Zoho_ID", "Employeestatus", "Dateofjoining"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", _field_headers("Zoho_ID", "recordId", "EmployeeID", "Employee ID")),
                FieldMap("employee_number", _field_headers("EmployeeID", "Employee ID")),
                FieldMap("work_email", _field_headers("EmailID", "Email ID", "Email address")),
                FieldMap("display_name", _field_headers("Full_Name")),
                FieldMap(
                    "display_name",
                    (*_field_headers("FirstName", "First Name"), *_field_headers("LastName", "Last Name")),
                    join=" ",
                ),
                FieldMap(
                    "manager_code",
                    (*_field_headers("Reporting_To.MailID"), *_field_headers("Reporting_To.ID"), "Reporting To"),
                ),
                FieldMap("unit_name", _field_headers("Department", "Department")),
                FieldMap("role_name", _field_headers("Designation", "Designation", "Title")),
                FieldMap("employment_status", _field_headers("Employeestatus", "Employee Status"), EMPLOYMENT_STATUS),
                FieldMap("hired_date", _field_headers("Dateofjoining", "Date of joining")),
                FieldMap("left_date", _field_headers("Dateofexit", "Date of exit")),
                FieldMap("changed_at", _field_headers("ModifiedTime")),
            ),
        ),
    ),
)
