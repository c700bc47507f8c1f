"""BambooHR: the employee report as CSV, the custom report and the directory as JSON.

Belongs here: BambooHR's column names and how they map. A report has the fields that its author chose; labels and API
names are both read.
Does not belong here: pay, birth, ethnicity and other sensitive columns, which are never read.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS, change_notice

# The API writes an empty date as 0000-00-00.
DAY_PATTERN = r"^(?:0000-00-00)?(.*)$"

ADAPTER = Adapter(
    system="bamboohr",
    title="BambooHR employee report or directory",
    domain="hr",
    formats=("csv", "json"),
    records_path=("employees",),
    signature=("Employee #", "Job Title", "Department", "Work Email"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("id", "Employee Id", "EEID", "employeeNumber", "Employee #"), required=True),
                FieldMap("employee_number", ("Employee #", "Employee Number", "employeeNumber")),
                FieldMap("work_email", ("Work Email", "workEmail")),
                FieldMap("display_name", ("Display Name", "displayName", "Name")),
                FieldMap("display_name", ("First Name", "firstName", "Last Name", "lastName"), join=" "),
                FieldMap(
                    "manager_code",
                    ("Reports To Email", "supervisorEId", "Supervisor EID", "supervisorId", "Reports To", "supervisor"),
                ),
                FieldMap("unit_name", ("Department", "department", "Division", "division")),
                FieldMap("role_name", ("Job Title", "jobTitle")),
                FieldMap(
                    "employment_status",
                    ("Status", "status", "Employment Status", "employmentHistoryStatus"),
                    EMPLOYMENT_STATUS,
                ),
                FieldMap("hired_date", ("Hire Date", "hireDate"), extract=DAY_PATTERN),
                FieldMap("left_date", ("Termination Date", "terminationDate"), extract=DAY_PATTERN),
                FieldMap(
                    "weekly_hours", ("Standard Hours Per Week", "standardHoursPerWeek", "Standard Hours/Week"), HOURS
                ),
                FieldMap("changed_at", ("Last Changed", "lastChanged")),
            ),
        ),
    ),
    refused_forms=(change_notice("BambooHR", "the employee report", "action", "changedFields"),),
)
