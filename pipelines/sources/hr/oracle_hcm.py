"""Oracle Fusion Cloud HCM: people as JSON of the REST resources `emps` and `workers`, with what was expanded.

Belongs here: the members of an employee and of a worker and how they map. The first assignment of an employee gives
unit, role and manager as ids of Oracle, and every assignment is a period of a role. That of a worker's primary work
relationship gives unit and role by name.
Does not belong here: religion, citizenship, passports and other private members, which are never read.

Source: docs.oracle.com, REST API for Oracle Fusion Cloud HCM, Employees (`emps`) and child resource assignments;
Workers (`workers`, which replaces `emps`) and child resources names, emails (W1 is the e-mail address of work) and work
relationships with assignments.
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS

FIRST_ASSIGNMENT, EACH_ASSIGNMENT = "$.assignments[0]", "assignments[*]"
PRIMARY_RELATIONSHIP = "workRelationships[PrimaryFlag=true]"

ADAPTER = Adapter(
    system="oracle_hcm",
    title="Oracle Fusion HCM employees and workers (JSON)",
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
            "person",
            (
                FieldMap("account_code", ("PersonId",), required=True),
                FieldMap("employee_number", ("PersonNumber",), required=True),
                FieldMap("work_email", ("emails[EmailType=W1].EmailAddress",), extract=r"^([^|]+)"),
                # Where no address has a type, nothing says that one is private.
                FieldMap(
                    "work_email",
                    ("emails[*].EmailAddress",),
                    extract=r"^([^|]+)",
                    unless=Condition(("emails[*].EmailType",), (ANY_TEXT,)),
                ),
                FieldMap("display_name", ("names[*].DisplayName",), extract=r"^([^|]+)"),
                FieldMap("unit_name", (f"{PRIMARY_RELATIONSHIP}.assignments[0].DepartmentName",)),
                FieldMap("role_name", (f"{PRIMARY_RELATIONSHIP}.assignments[0].AssignmentName",)),
                FieldMap("hired_date", (f"{PRIMARY_RELATIONSHIP}.StartDate",)),
                FieldMap("left_date", (f"{PRIMARY_RELATIONSHIP}.TerminationDate",)),
                FieldMap("weekly_hours", (f"{PRIMARY_RELATIONSHIP}.assignments[0].StandardWorkingHours",), HOURS),
                FieldMap("changed_at", ("LastUpdateDate",)),
            ),
            signature=("PersonNumber", "workRelationships"),
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
    notes="Ask for `expand=assignments` (`emps`), or `expand=names,emails,workRelationships.assignments` (`workers`): "
    "without it, the file names no unit and no role.",
)
