"""Open Badges 1 to 3, and the credentials of a CLR 2.0: achievements as JSON, each earned by one person.

Belongs here: the members of an assertion and of a credential and how they map. An issued credential counts as passed;
an endorsement is somebody's opinion of a credential, and no credential. A recipient that is hashed without a salt is
compared with the addresses of people (`hash_addresses`).
Does not belong here: proofs and signatures, which are not verified here.

Source: Open Badges 1.0 and 1.1, Assertion (`uid`, `verify`, `issuedOn` as ISO 8601 or a Unix timestamp); 2.0, 4.1
Assertion, IdentityObject and IdentityHash (no salt: not salted); 0.5, the assertion before `uid`.
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, FileForm, PassOver, ShapeMap
from pipelines.sources.value_maps import EMAIL_ADDRESS

SUBJECT_PATH = "credentialSubject"
ACHIEVEMENT_PATH = f"{SUBJECT_PATH}.achievement"
# Open Badges 3.0, B.1.22 AlignmentTargetType: a competency or an item of a competency framework. An alignment to a
# credential, a rubric, a level of a qualifications framework or a decision is no skill.
COMPETENCY_TYPES = "|ceasn:Competency|CFItem|CTDL"
# Open Badges 3.0, 5.4 and 2.0, 4.1: what a document is, beside a badge that somebody earned.
OTHER_DOCUMENT_TYPES = ("EndorsementCredential", "Endorsement", "BadgeClass", "Issuer", "Profile", "CryptographicKey")
IS_REVOKED = Condition(("revoked",), ("true",))
IS_HASHED = Condition(("recipient.hashed",), ("true",))
IS_SALTED = Condition(("recipient.salt",), (ANY_TEXT,))
IRI_PATTERN = r"^((?:did|urn|https?):.+)$"
HASH_PATTERN = r"^((?:md5|sha256)\$[0-9A-Fa-f]+)$"
ADVICE_ON_SALT = "ask the issuer for the assertions with plain addresses, or for credentials of Open Badges 3.0"
PASSED_FIELD = FieldMap("learning_verb", constant="passed", unless=IS_REVOKED)
PASS_OVER_DOCUMENTS = (PassOver("document", (f"type[={'|'.join(OTHER_DOCUMENT_TYPES)}]",), OTHER_DOCUMENT_TYPES),)


def _salted_form(version: str, version_header: str) -> FileForm:
    """The form of assertions with a salt; only files of that version have the header `version_header`."""
    return FileForm(
        f"holds {version} assertions whose recipients are hashed with a salt: addresses of people are not compared "
        f"with salted hashes, so such a row is set aside; {ADVICE_ON_SALT}",
        ("recipient.salt", version_header),
    )


ADAPTER = Adapter(
    system="open_badges",
    title="Open Badges assertions and credentials (JSON)",
    domain="learning",
    formats=("json",),
    records_path=("credentials", "credential", "verifiableCredential", f"{SUBJECT_PATH}.verifiableCredential"),
    signature=("@context", "type", "credentialSubject.achievement.id", "validFrom"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id", "uid"), required=True, unless=IS_REVOKED),
                FieldMap("record_code", ("id", "uid", "revoked"), join=" revoked ", when=IS_REVOKED),
                FieldMap("work_email", ("recipient.identity",), extract=EMAIL_ADDRESS),
                FieldMap(
                    "account_code", ("recipient.identity",), extract=HASH_PATTERN, when=IS_HASHED, unless=IS_SALTED
                ),
                FieldMap("account_code", ("recipient.identity",), extract=IRI_PATTERN, unless=IS_HASHED),
                FieldMap("course_code", ("badge.id", "badge"), required=True),
                FieldMap("course_name", ("badge.name",)),
                FieldMap("skill_text", (f"badge.alignment[targetType={COMPETENCY_TYPES}].targetName", "badge.tags[*]")),
                PASSED_FIELD,
                FieldMap("occurred_at", ("issuedOn",)),
                # A revoked badge voids the record of its issue (Open Badges 2.0, 4.1 Assertion).
                FieldMap("voids_code", ("id", "uid"), when=IS_REVOKED),
            ),
            signature=("recipient.identity", "issuedOn"),
            pass_over=PASS_OVER_DOCUMENTS,
        ),
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", (f"{SUBJECT_PATH}.id",), extract=IRI_PATTERN),
                FieldMap(
                    "work_email",
                    (f"{SUBJECT_PATH}.id", f"{SUBJECT_PATH}.identifier[*].identityHash"),
                    extract=EMAIL_ADDRESS,
                ),
                FieldMap("course_code", (f"{ACHIEVEMENT_PATH}.id",), required=True),
                FieldMap("course_name", (f"{ACHIEVEMENT_PATH}.name",)),
                FieldMap(
                    "skill_text",
                    (
                        f"{ACHIEVEMENT_PATH}.alignment[targetType={COMPETENCY_TYPES}].targetName",
                        f"{ACHIEVEMENT_PATH}.tag[*]",
                    ),
                ),
                FieldMap("learning_verb", constant="passed"),
                FieldMap("occurred_at", ("awardedDate", "validFrom", "issuanceDate")),
            ),
            pass_over=PASS_OVER_DOCUMENTS,
        ),
    ),
    refused_forms=(
        FileForm(
            "is an assertion of Open Badges 0.5, which has no id of its own and no date that every issuer writes: ask "
            "the issuer for assertions of Open Badges 2.0 or credentials of Open Badges 3.0, as JSON",
            ("recipient", "badge.name"),
        ),
    ),
    noted_forms=(
        _salted_form("Open Badges 1", "verify.type"),
        _salted_form("Open Badges 2.0", "verification.type"),
    ),
)
