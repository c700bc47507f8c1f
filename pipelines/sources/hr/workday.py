"""Workday: a custom report as a service (RaaS), as CSV or as JSON under `Report_Entry`.

Belongs here: the names that integrators recommend for such a report. A report has the names that its author chose:
`mapping` in the configuration gives other names.
Does not belong here: leave and absence reports, which hold health data and nothing about skills.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS

NUMBER_HEADERS = ("Employee_ID", "Employee ID", "employeeID", "Worker_ID", "Worker ID", "worker_code")

ADAPTER = Adapter(
    system="workday",
    title="Workday custom report, RaaS (CSV, JSON)",
    domain="hr",
    formats=("csv", "json"),
    records_path=("Report_Entry",),
    signature=("Employee_ID", "Worker_Status", "Supervisory_Organization"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", (*NUMBER_HEADERS, "workdayID", "Workday_ID", "WID"), required=True),
                FieldMap("employee_number", NUMBER_HEADERS),
                FieldMap(
                    "work_email",
                    ("Work_Email", "primaryWorkEmail", "Primary_Work_Email", "Email_-_Work", "CF_Adjusted_Work_Email"),
                ),
                FieldMap("display_name", ("Display_Name", "Worker", "Preferred_Name")),
                FieldMap(
                    "display_name",
                    ("First_Name", "Legal_Name_First_Name", "Last_Name", "Legal_Name_Last_Name"),
                    join=" ",
                ),
                FieldMap("display_name", ("preferredFirstName", "lastName"), join=" "),
                FieldMap(
                    "manager_code",
                    ("Manager_Employee_ID", "Manager_ID", "managerID", "Manager_Work_Email"),
                ),
                FieldMap("unit_name", ("Supervisory_Organization", "supervisoryOrganization", "Cost_Center_Name")),
                FieldMap("role_name", ("Business_Title", "businessTitle", "Job_Profile", "jobProfileName")),
                FieldMap(
                    "employment_status", ("Worker_Status", "Active_Status", "Active", "active"), EMPLOYMENT_STATUS
                ),
                FieldMap("hired_date", ("Hire_Date", "hireDate", "Original_Hire_Date")),
                FieldMap("left_date", ("Termination_Date", "terminationDate")),
                FieldMap("weekly_hours", ("Scheduled_Weekly_Hours", "scheduledWeeklyHours"), HOURS),
                FieldMap("changed_at", ("Last_Functionally_Updated", "lastFunctionallyUpdated")),
            ),
        ),
    ),
    notes="The author of the report chooses the names; give other names by `mapping`.",
)
