"""Open Badges 3.0: achievement credentials as JSON, each earned by one person.

Belongs here: the members of a credential and how they map. An issued credential counts as passed.
Does not belong here: proofs and signatures, which are not verified here.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import EMAIL_ADDRESS

SUBJECT = "credentialSubject"
ACHIEVEMENT = f"{SUBJECT}.achievement"

ADAPTER = Adapter(
    system="open_badges",
    title="Open Badges 3.0 credentials (JSON)",
    domain="learning",
    formats=("json",),
    records_path=("credentials", "credential"),
    signature=("@context", "type", "credentialSubject.achievement.id", "validFrom"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", (f"{SUBJECT}.id",), extract=r"^((?:did|urn|https?):.+)$"),
                FieldMap(
                    "work_email", (f"{SUBJECT}.id", f"{SUBJECT}.identifier[*].identityHash"), extract=EMAIL_ADDRESS
                ),
                FieldMap("course_code", (f"{ACHIEVEMENT}.id",), required=True),
                FieldMap("course_name", (f"{ACHIEVEMENT}.name",)),
                FieldMap("skill_text", (f"{ACHIEVEMENT}.alignment[*].targetName", f"{ACHIEVEMENT}.tag[*]")),
                FieldMap("learning_verb", constant="passed"),
                FieldMap("occurred_at", ("awardedDate", "validFrom", "issuanceDate")),
            ),
        ),
    ),
)
