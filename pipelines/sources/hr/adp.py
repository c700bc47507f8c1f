"""ADP Workforce Now: workers as JSON of the API, version 2.

Belongs here: the members of a worker and how they map. A worker's primary assignment gives unit, role and manager, or
the first one where none is marked as primary; every assignment is a period of a role. The e-mail address is the one for
business, never the private one.
Does not belong here: person, pay and government ids, which are never read.

Source: developers.adp.com, Workers v2 (`/hr/v2/workers`), sample response and field list.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS

# The primary assignment, or those that do not say whether they are.
MAIN_ASSIGNMENTS, EACH_ASSIGNMENT = "workAssignments[primaryIndicator=true|]", "workAssignments[*]"
WORK_EMAILS = "businessCommunication.emails[*].emailUri"
# Several texts come as one; the first one counts.
FIRST_TEXT_PATTERN = r"^([^|]+)"


def _member_paths(parent_path: str, *member_names: str) -> tuple[str, ...]:
    return tuple(f"{parent_path}.{member_name}" for member_name in member_names)


JOB_MEMBERS = "jobTitle", "jobCode.longName", "jobCode.shortName"
UNIT_MEMBERS = "homeOrganizationalUnits[0].nameCode.longName", "homeOrganizationalUnits[0].nameCode.shortName"

ADAPTER = Adapter(
    system="adp",
    title="ADP Workforce Now workers, v2 (JSON)",
    domain="hr",
    formats=("json",),
    records_path=("workers",),
    signature=("associateOID", "workerID.idValue", "workAssignments", "workerStatus.statusCode.codeValue"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("associateOID",), required=True),
                FieldMap("employee_number", ("workerID.idValue",)),
                FieldMap("work_email", (WORK_EMAILS,), extract=FIRST_TEXT_PATTERN),
                FieldMap("display_name", ("person.preferredName.formattedName", "person.legalName.formattedName")),
                FieldMap("display_name", ("person.legalName.givenName", "person.legalName.familyName1"), join=" "),
                FieldMap(
                    "manager_code",
                    _member_paths(MAIN_ASSIGNMENTS, "reportsTo[0].workerID.idValue", "reportsTo[0].associateOID"),
                    extract=FIRST_TEXT_PATTERN,
                ),
                FieldMap("unit_name", _member_paths(MAIN_ASSIGNMENTS, *UNIT_MEMBERS), extract=FIRST_TEXT_PATTERN),
                FieldMap("role_name", _member_paths(MAIN_ASSIGNMENTS, *JOB_MEMBERS), extract=FIRST_TEXT_PATTERN),
                FieldMap("employment_status", ("workerStatus.statusCode.codeValue",), EMPLOYMENT_STATUS),
                FieldMap("hired_date", ("workerDates.rehireDate", "workerDates.originalHireDate")),
                FieldMap("left_date", ("workerDates.terminationDate",)),
                FieldMap(
                    "weekly_hours",
                    _member_paths(MAIN_ASSIGNMENTS, "standardHours.hoursQuantity"),
                    HOURS,
                    extract=FIRST_TEXT_PATTERN,
                ),
            ),
        ),
        ShapeMap(
            "role_period",
            (
                FieldMap("record_code", ("associateOID", f"{EACH_ASSIGNMENT}.itemID"), join="/", required=True),
                FieldMap("account_code", ("associateOID",), required=True),
                FieldMap("employee_number", ("workerID.idValue",)),
                FieldMap("unit_name", _member_paths(EACH_ASSIGNMENT, *UNIT_MEMBERS)),
                FieldMap("role_name", _member_paths(EACH_ASSIGNMENT, *JOB_MEMBERS)),
                FieldMap("started_date", _member_paths(EACH_ASSIGNMENT, "actualStartDate", "hireDate")),
                FieldMap("ended_date", _member_paths(EACH_ASSIGNMENT, "terminationDate")),
            ),
            signature=("associateOID", "workAssignments"),
            explode="workAssignments",
        ),
    ),
)
