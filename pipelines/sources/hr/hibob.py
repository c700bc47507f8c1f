"""HiBob: the people search as JSON, and the flat employee table that connectors write.

Belongs here: the fields and how they map. List fields hold ids; `humanReadable` also gives their names.
Does not belong here: the skills API.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS, change_notice

ADAPTER = Adapter(
    system="hibob",
    title="HiBob employees (JSON, CSV)",
    domain="hr",
    formats=("csv", "json"),
    records_path=("employees",),
    signature=("id", "displayName", "work.reportsTo.id", "work.employeeIdInCompany"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("id",), required=True),
                FieldMap("employee_number", ("work.employeeIdInCompany", "employee_id_in_company")),
                FieldMap("work_email", ("email",)),
                FieldMap("display_name", ("displayName", "display_name", "fullName")),
                FieldMap("display_name", ("firstName", "first_name", "surname"), join=" "),
                FieldMap(
                    "manager_code",
                    (
                        "work.reportsTo.email",
                        "work.reportsTo.id",
                        "work.reportsToIdInCompany",
                        "reports_to_id_in_company",
                        "manager",
                    ),
                ),
                FieldMap("unit_name", ("humanReadable.work.department", "work.department", "department")),
                FieldMap("role_name", ("humanReadable.work.title", "work.title", "title")),
                FieldMap(
                    "employment_status",
                    ("humanReadable.internal.status", "internal.status", "internal.lifecycleStatus", "status", "state"),
                    EMPLOYMENT_STATUS,
                ),
                FieldMap("hired_date", ("work.startDate", "start_date", "employment_active_effective_date")),
                FieldMap("left_date", ("internal.terminationDate", "termination_date")),
                FieldMap("weekly_hours", ("payroll.employment.weeklyHours", "weekly_hours"), HOURS),
                FieldMap("changed_at", ("internal.lastModified", "last_modified")),
            ),
        ),
    ),
    refused_forms=(change_notice("HiBob", "the people", "companyId", "type", "triggeredAt"),),
)
