"""OneRoster 1.1 and 1.2: users.csv as people, roles.csv of 1.2 as periods of a role.

Belongs here: the columns of both versions and how they map. The file manifest.csv tells whether a file is complete.
Does not belong here: classes, enrolments and results.
"""

from pipelines.sources.declaration import KNOWN_WORDS, Adapter, Condition, FieldMap, ShapeMap
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform

_SPECIFICATION = "1EdTech OneRoster 1.1, 4.13.8 StatusType (inactive in 1.0) and enabledUser; 1.2 CSV binding"
_LEFT_BY_WORD = {"tobedeleted": "left", "inactive": "left"}
STATUS_IF_DELETED = as_transform(
    Vocabulary(_SPECIFICATION, _LEFT_BY_WORD, {"active": "the account may be disabled all the same"})
)
STATUS_BY_ENABLED = as_transform(
    Vocabulary(_SPECIFICATION, {"true": "active", "1": "active", "false": "left", "0": "left"})
)
STATUS_TRANSFORM = as_transform(Vocabulary(_SPECIFICATION, {"active": "active", **_LEFT_BY_WORD}))

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
                # A record that is to be deleted counts as left, even if its account is still enabled.
                FieldMap(
                    "employment_status", ("status",), STATUS_IF_DELETED, when=Condition(("status",), (KNOWN_WORDS,))
                ),
                FieldMap("employment_status", ("enabledUser",), STATUS_BY_ENABLED),
                FieldMap("employment_status", ("status",), STATUS_TRANSFORM),
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
                # A role without a first day was held on the day of its last change.
                FieldMap("started_date", ("beginDate", "dateLastModified")),
                # A role that a delta deletes has ended; without this row its last delivery would still count.
                FieldMap("ended_date", ("endDate",)),
                FieldMap("ended_date", ("dateLastModified",), when=Condition(("status",), ("tobedeleted",))),
                FieldMap("changed_at", ("dateLastModified",)),
            ),
            signature=("sourcedId", "roleType"),
        ),
    ),
    notes="Declare one source per file of a zip: `member: users.csv`, `member: roles.csv`. The manifest.csv is read.",
)
