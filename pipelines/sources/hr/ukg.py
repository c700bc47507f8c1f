"""UKG Pro: employment details and person details as JSON of the Personnel API.

Belongs here: the members of both and how they map. Employment details fill people, person details connect the same
employee id to an e-mail address.
Does not belong here: pay, private and compensation details, which are never read.

Source: developer.ukg.com/hcm, `/personnel/v1/employment-details`, `/personnel/v1/person-details`,
`/personnel/v1/employee-employment-details`; fixtures of public clients of these, 2025-2026.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, Transform

EMPLOYEE_ID_HEADERS = ("employeeId", "employeeID")
STATUS_BY_CODE = Transform(
    "category",
    values={"a": "active", "l": "leave", "t": "left"},
    source="UKG Pro, employment-details: employeeStatusCode",
)

ADAPTER = Adapter(
    system="ukg",
    title="UKG Pro employment and person details (JSON)",
    domain="hr",
    formats=("json",),
    signature=("employeeNumber", "companyID", "employeeStatusCode", "employeeTypeCode"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", EMPLOYEE_ID_HEADERS, required=True),
                FieldMap("employee_number", ("employeeNumber",), required=True),
                FieldMap("manager_code", ("supervisorEmployeeNumber", "supervisorEmployeeID")),
                FieldMap("unit_name", ("orgLevel2Code", "orgLevel1Code")),
                FieldMap("role_name", ("jobDescription", "primaryJobCode")),
                FieldMap("employment_status", ("employeeStatusCode",), STATUS_BY_CODE, required=True),
                FieldMap("hired_date", ("lastHireDate", "startDate")),
                FieldMap("left_date", ("terminationDate",)),
            ),
            signature=("employeeNumber", "employeeStatusCode"),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", EMPLOYEE_ID_HEADERS, required=True),
                FieldMap("work_email", ("emailAddress",), required=True),
            ),
            signature=("employeeId", "emailAddress", "firstName"),
        ),
    ),
    notes="Declare one source per file: employment details, and person details for the e-mail addresses.",
)
