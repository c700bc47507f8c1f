"""OneRoster 1.1 and 1.2: users.csv as people, roles.csv of 1.2 as periods of a role.

Belongs here: the columns of both versions and how they map. Whether a file is whole or a delta stands in manifest.csv.
Does not belong here: classes, enrolments and results.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMPLOYMENT_STATUS

GONE_OR_ENABLED = r"(?i)^\s*(tobedeleted|inactive|true|false|1|0)\s*$"

ADAPTER = Adapter(
    system="oneroster",
    title="OneRoster 1.1 and 1.2: users.csv, roles.csv",
    domain="hr",
    formats=("csv",),
    manifest="manifest.csv",
    signature=("sourcedId", "dateLastModified", "enabledUser", "givenName"),
    shapes=(
        ShapeMap(
            "person",
            (
                FieldMap("account_code", ("sourcedId",), required=True),
                FieldMap("employee_number", ("identifier",)),
                FieldMap("work_email", ("email",)),
                FieldMap("display_name", ("givenName", "familyName"), join=" "),
                FieldMap("unit_name", ("primaryOrgSourcedId", "orgSourcedIds"), extract=r"^([^,]+)"),
                FieldMap("role_name", ("role",)),
                # A record that is to be deleted has left, whether or not its account still works.
                FieldMap("employment_status", ("status", "enabledUser"), EMPLOYMENT_STATUS, extract=GONE_OR_ENABLED),
                FieldMap("changed_at", ("dateLastModified",)),
            ),
            signature=("sourcedId", "givenName"),
        ),
        ShapeMap(
            "role_period",
            (
                FieldMap("record_code", ("sourcedId",), required=True),
                FieldMap("account_code", ("userSourcedId", "userSourcedIds"), required=True),
                FieldMap("unit_name", ("orgSourcedId",)),
                FieldMap("role_name", ("role",)),
                # A role without a first day is known to be held on the day it was last written.
                FieldMap("started_date", ("beginDate", "dateLastModified")),
                # A role that a delta takes away has ended; without the row its last delivery would go on counting.
                FieldMap("ended_date", ("endDate",), fallback=("dateLastModified", ("status", ("tobedeleted",)))),
                FieldMap("changed_at", ("dateLastModified",)),
            ),
            signature=("sourcedId", "roleType"),
        ),
    ),
    notes="Of a zip one source a file: `member: users.csv`, `member: roles.csv`; manifest.csv is obeyed.",
)
