"""Open Badges 2.0 and 3.0, and the credentials of a CLR 2.0: achievements as JSON, each earned by one person.

Belongs here: the members of an assertion and of a credential and how they map. An issued credential counts as passed;
an endorsement is somebody's opinion of a credential, and no credential.
Does not belong here: proofs and signatures, which are not verified here.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import EMAIL_ADDRESS

SUBJECT = "credentialSubject"
ACHIEVEMENT = f"{SUBJECT}.achievement"
# Open Badges 3.0, B.1.22 AlignmentTargetType: a competency or an item of a competency framework. An alignment to a
# credential, a rubric, a level of a qualifications framework or a decision is no skill.
COMPETENCIES = "|ceasn:Competency|CFItem|CTDL"
# Open Badges 3.0, 5.4 and 2.0, 4.1: what a document is, beside a badge that somebody earned.
NO_BADGE = ("EndorsementCredential", "Endorsement", "BadgeClass", "Issuer", "Profile", "CryptographicKey")
IS_REVOKED = Condition(("revoked",), ("true",))
PASSED = FieldMap("learning_verb", constant="passed", unless=IS_REVOKED)
PASS_OVER = (PassOver("document", (f"type[={'|'.join(NO_BADGE)}]",), NO_BADGE),)

ADAPTER = Adapter(
    system="open_badges",
    title="Open Badges 2.0 and 3.0 (JSON)",
    domain="learning",
    formats=("json",),
    records_path=("credentials", "credential", "verifiableCredential", f"{SUBJECT}.verifiableCredential"),
    signature=("@context", "type", "credentialSubject.achievement.id", "validFrom"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id", "uid"), required=True, unless=IS_REVOKED),
                FieldMap("record_code", ("id", "uid", "revoked"), join=" revoked ", when=IS_REVOKED),
                FieldMap("work_email", ("recipient.identity",), extract=EMAIL_ADDRESS),
                FieldMap("account_code", ("recipient.identity",), extract=r"^((?:did|urn|https?):.+)$"),
                FieldMap("course_code", ("badge.id", "badge"), required=True),
                FieldMap("course_name", ("badge.name",)),
                FieldMap("skill_text", (f"badge.alignment[targetType={COMPETENCIES}].targetName", "badge.tags[*]")),
                PASSED,
                FieldMap("occurred_at", ("issuedOn",)),
                # A revoked badge voids the record of its issue (Open Badges 2.0, 4.1 Assertion).
                FieldMap("voids_code", ("id", "uid"), when=IS_REVOKED),
            ),
            signature=("recipient.identity", "issuedOn"),
            pass_over=PASS_OVER,
        ),
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
                FieldMap(
                    "skill_text",
                    (f"{ACHIEVEMENT}.alignment[targetType={COMPETENCIES}].targetName", f"{ACHIEVEMENT}.tag[*]"),
                ),
                FieldMap("learning_verb", constant="passed"),
                FieldMap("occurred_at", ("awardedDate", "validFrom", "issuanceDate")),
            ),
            pass_over=PASS_OVER,
        ),
    ),
)
