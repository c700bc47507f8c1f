"""SAP SuccessFactors Learning: the learning history, as CSV and as the connector's file whose records end `!##!`.

Belongs here: the columns of both and how they map. A company adds completion statuses of its own; such a status proves
nothing until footsteps.yaml says what it means.
Does not belong here: the user data file (`hr.successfactors`).
"""

from pipelines.sources.declaration import Adapter, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, HOURS, PERCENT
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

_PREFIXES = ("", "COURSE-", "COURSE_", "CRS-", "CRS_", "CLASS-", "CLASS_", "EXAM-", "EXAM_", "ONLINE-", "ONLINE_")
_ENDINGS_BY_VERB = {
    "completed": ("COMP", "COMPL", "COMPLETE", "COMPLETED", "CMPL"),
    "passed": ("PASS", "PASSED"),
    "failed": ("FAIL", "FAILED"),
}
STATUSES = Vocabulary(
    "SAP SuccessFactors Learning: completion statuses, a list that each company extends (SAP KBA 2469700; CData, "
    "LearningHistories: CompletionStatusID)",
    {
        f"{prefix}{ending}": verb
        for verb, endings in _ENDINGS_BY_VERB.items()
        for prefix in _PREFIXES
        for ending in endings
    }
    | {"DOC-READ": "completed", "DOC_READ": "completed", "NOT PASSED": "failed"},
    with_reason(
        "the learner was absent, or did not finish",
        ("INCOMPLETE", "INCOMP", "NO_SHOW", "NO-SHOW", "NOSHOW", "CANCELLED", "CANCELED", "WITHDRAWN"),
    ),
)
# The connector's columns, the columns of CData's table, and the members of SAP's own answers.
LEARNER_HEADERS = ("STUD_ID", "StudentID", "studentID")
COURSE_HEADERS = ("CPNT_ID", "ComponentID", "componentID")
COMPLETION_HEADERS = ("COMPL_DTE", "CompletionDate", "completionDate")
STATUS_HEADERS = ("CMPL_STAT_ID", "CompletionStatusID", "completionStatusID")

ADAPTER = Adapter(
    system="sap_learning",
    title="SAP SuccessFactors Learning history (CSV, connector file, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("value", "results"),
    record_terminator="!##!",
    signature=("STUD_ID", "CPNT_ID", "CMPL_STAT_ID", "COMPL_DTE"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap(
                    "record_code",
                    (
                        *LEARNER_HEADERS,
                        "CPNT_TYP_ID",
                        "ComponentTypeID",
                        "componentTypeID",
                        *COURSE_HEADERS,
                        *COMPLETION_HEADERS,
                    ),
                    DIGEST,
                    join="|",
                ),
                FieldMap("account_code", LEARNER_HEADERS, required=True),
                FieldMap("course_code", COURSE_HEADERS, required=True),
                FieldMap("course_name", ("CPNT_TITLE", "ComponentTitle", "componentTitle", "Title", "title")),
                FieldMap("learning_verb", STATUS_HEADERS, as_transform(STATUSES), required=True),
                FieldMap("occurred_at", COMPLETION_HEADERS, required=True),
                FieldMap("learning_hours", ("TOTAL_HRS", "TotalHours", "totalHours"), HOURS),
                # A grade can be a letter; only a number is a share of 100.
                FieldMap(
                    "score_share", ("GRADE", "Grade", "grade"), PERCENT, extract=r"^\s*(\d+(?:[.,]\d+)?)\s*%?\s*$"
                ),
                FieldMap("changed_at", ("LST_UPD_TSTMP", "LastUpdateTimestamp", "lastUpdateTimestamp")),
            ),
            pass_over=(PassOver("status", "learning_verb", tuple(STATUSES.proves_nothing)),),
        ),
    ),
)
