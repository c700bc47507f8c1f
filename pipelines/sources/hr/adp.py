"""ADP Workforce Now: workers as JSON of the API, version 2.

Belongs here: the members of a worker and how they map. A worker's primary assignment gives unit, role and manager, or
the first one where none is marked as primary; every assignment is a period of a role. The e-mail address is the one for
business, never the private one.
Does not belong here: person, pay and government ids, which are never read.

Source: developers.adp.com, Workers v2 (`/hr/v2/workers`), sample response and field list.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, HOURS

PRIMARY_ASSIGNMENT, FIRST_ASSIGNMENT = "workAssignments[primaryIndicator=true]", "$.workAssignments[0]"
EACH_ASSIGNMENT = "workAssignments[*]"
WORK_EMAILS = "businessCommunication.emails[*].emailUri"
# Several addresses come as one text; the first one counts.
FIRST_ADDRESS_PATTERN = r"^([^|]+)"


def _member_paths(parent_path: str, *member_names: str) -> tuple[str, ...]:
    return tuple(f"{parent_path}.{member_name}" for member_name in member_names)


def _main_assignment_paths(*member_names: str) -> tuple[str, ...]:
    return _member_paths(PRIMARY_ASSIGNMENT, *member_names) + _member_paths(FIRST_ASSIGNMENT, *member_names)


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
                FieldMap("work_email", (WORK_EMAILS,), extract=FIRST_ADDRESS_PATTERN),
                FieldMap("display_name", ("person.preferredName.formattedName", "person.legalName.formattedName")),
                FieldMap("display_name", ("person.legalName.givenName", "person.legalName.familyName1"), join=" "),
                FieldMap(
                    "manager_code",
                    _main_assignment_paths("reportsTo[0].workerID.idValue", "reportsTo[0].associateOID"),
                ),
                FieldMap("unit_name", _main_assignment_paths(*UNIT_MEMBERS)),
                FieldMap("role_name", _main_assignment_paths(*JOB_MEMBERS)),
                FieldMap("employment_status", ("workerStatus.statusCode.codeValue",), EMPLOYMENT_STATUS),
                FieldMap("hired_date", ("workerDates.rehireDate", "workerDates.originalHireDate")),
                FieldMap("left_date", ("workerDates.terminationDate",)),
                FieldMap("weekly_hours", _main_assignment_paths("standardHours.hoursQuantity"), HOURS),
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
