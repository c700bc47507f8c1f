"""Oracle Fusion Cloud HCM: employees as JSON of the REST resource `emps`, with their assignments if expanded.

Belongs here: the members of an employee and how they map. The first assignment gives unit, role and manager as ids of
Oracle; every assignment is a period of a role.
Does not belong here: religion, citizenship, passports and other private members, which are never read.

Source: docs.oracle.com, REST API for Oracle Fusion Cloud HCM, Employees (`emps`) and child resource assignments.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS

FIRST_ASSIGNMENT, EACH_ASSIGNMENT = "$.assignments[0]", "assignments[*]"

ADAPTER = Adapter(
    system="oracle_hcm",
    title="Oracle Fusion HCM employees (JSON)",
    domain="hr",
    formats=("json",),
    records_path=("items",),
    signature=("PersonNumber", "PersonId", "WorkEmail", "HireDate", "DisplayName"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("PersonId",), required=True),
                FieldMap("employee_number", ("PersonNumber",), required=True),
                FieldMap("work_email", ("WorkEmail",)),
                FieldMap("display_name", ("DisplayName",)),
                FieldMap("display_name", ("FirstName", "LastName"), join=" "),
                FieldMap("manager_code", (f"{FIRST_ASSIGNMENT}.ManagerId",)),
                FieldMap("unit_name", (f"{FIRST_ASSIGNMENT}.DepartmentId",)),
                FieldMap("role_name", (f"{FIRST_ASSIGNMENT}.AssignmentName", f"{FIRST_ASSIGNMENT}.JobId")),
                FieldMap("hired_date", ("HireDate",)),
                FieldMap("left_date", ("TerminationDate",)),
                FieldMap("weekly_hours", (f"{FIRST_ASSIGNMENT}.WorkingHours",), HOURS),
                FieldMap("changed_at", ("LastUpdateDate",)),
            ),
            signature=("PersonNumber", "HireDate"),
        ),
        ShapeMap(
            "role_period",
            (
                FieldMap(
                    "record_code",
                    (f"{EACH_ASSIGNMENT}.AssignmentId", f"{EACH_ASSIGNMENT}.EffectiveStartDate"),
                    join="/",
                ),
                FieldMap("account_code", ("PersonId",), required=True),
                FieldMap("employee_number", ("PersonNumber",)),
                FieldMap("unit_name", (f"{EACH_ASSIGNMENT}.DepartmentId",)),
                FieldMap("role_name", (f"{EACH_ASSIGNMENT}.AssignmentName", f"{EACH_ASSIGNMENT}.JobId")),
                FieldMap("started_date", (f"{EACH_ASSIGNMENT}.EffectiveStartDate",), required=True),
                # Oracle writes the end of time for an assignment that continues.
                FieldMap("ended_date", (f"{EACH_ASSIGNMENT}.EffectiveEndDate",), extract=r"^(?:4712-12-31)?(.*)$"),
                FieldMap("changed_at", (f"{EACH_ASSIGNMENT}.LastUpdateDate",)),
            ),
            signature=("PersonNumber", "assignments"),
            explode="assignments",
        ),
    ),
    notes="Ask for `expand=assignments`: without it, the file names no unit, role or manager.",
)
