"""SAP SuccessFactors: the user data file, a CSV with system keys in the first row and labels in the second.

Belongs here: the keys and how they map. Code lists are written as `Label(code)`; people without a manager have a
constant in place of its id.
Does not belong here: learning history (`learning.sap_learning`).
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS, LABEL_WITHOUT_CODE

NO_MANAGER = Condition("manager_code", ("NO_MANAGER", "NO_MGR", "NO MANAGER"))

ADAPTER = Adapter(
    system="successfactors",
    title="SAP SuccessFactors user data file (CSV)",
    domain="hr",
    formats=("csv",),
    skip_after_header=1,
    data_row_mark=("STATUS", tuple(EMPLOYMENT_STATUS.values)),
    signature=("STATUS", "USERID", "USERNAME", "MANAGER"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("USERID",), required=True),
                FieldMap("employee_number", ("EMPID", "EMPLOYEEID")),
                FieldMap("work_email", ("EMAIL",)),
                FieldMap("display_name", ("FIRSTNAME", "LASTNAME"), join=" "),
                FieldMap("manager_code", ("MANAGER",), unless=NO_MANAGER),
                FieldMap("unit_name", ("DEPARTMENT", "DIVISION"), extract=LABEL_WITHOUT_CODE),
                FieldMap("role_name", ("TITLE", "JOBCODE"), extract=LABEL_WITHOUT_CODE),
                FieldMap("employment_status", ("STATUS",), EMPLOYMENT_STATUS, required=True),
                FieldMap("hired_date", ("HIREDATE",)),
                FieldMap("left_date", ("TERMINATIONDATE", "EXITDATE")),
                FieldMap("changed_at", ("LASTMODIFIEDDATE_UTC", "LASTMODIFIED")),
            ),
        ),
    ),
    notes="The second row is skipped if it holds labels.",
)
