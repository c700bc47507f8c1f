"""xAPI 1.0.3 statements, as JSON lines or as an array, with the verbs of cmi5.

Belongs here: the verbs and members of a statement and how they map. A voiding statement voids the one that it names.
Does not belong here: the profiles of single vendors.
"""

from pipelines.sources.declaration import KNOWN_WORDS, Adapter, Condition, FieldMap, PassOver, ShapeMap, Transform
from pipelines.sources.value_maps import SECONDS, SHARE

ADL, CMI5, TINCAN = (
    "http://adlnet.gov/expapi/verbs/",
    "https://w3id.org/xapi/adl/verbs/",
    "http://activitystrea.ms/schema/1.0/",
)
VOIDED = f"{ADL}voided"
VERBS = {
    f"{ADL}registered": "enrolled",
    f"{ADL}launched": "started",
    f"{ADL}initialized": "started",
    f"{ADL}attempted": "started",
    f"{ADL}attended": "attended",
    f"{ADL}completed": "completed",
    f"{TINCAN}complete": "completed",
    f"{ADL}passed": "passed",
    f"{ADL}mastered": "passed",
    f"{ADL}failed": "failed",
    f"{CMI5}waived": "waived",
    f"{CMI5}satisfied": "passed",
    f"{ADL}shared": "taught",
    "http://id.tincanapi.com/verb/taught": "taught",
    "http://id.tincanapi.com/verb/mentored": "taught",
}
IS_VOIDING = Condition("learning_verb", (VOIDED,))

# Times are ISO 8601 by the specification of xAPI: no order of day and month has to be proven.
ISO_TIME = Transform("datetime", formats=("%Y-%m-%dT%H:%M:%S%.f%#z",))

ADAPTER = Adapter(
    system="xapi",
    title="xAPI 1.0.3 statements (JSON lines or array)",
    domain="learning",
    formats=("json",),
    records_path=("statements",),
    signature=("actor", "verb.id", "object.id"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", ("actor.account.name", "actor.mbox_sha1sum")),
                FieldMap("work_email", ("actor.mbox",)),
                FieldMap("course_code", ("object.id",), unless=IS_VOIDING),
                FieldMap(
                    "course_name",
                    (
                        "object.definition.name.en",
                        "object.definition.name.en-US",
                        "object.definition.name.en-GB",
                        "object.definition.name.de",
                    ),
                ),
                FieldMap(
                    "learning_verb", ("verb.id",), Transform("category", values=VERBS), required=True, unless=IS_VOIDING
                ),
                FieldMap("occurred_at", ("timestamp", "stored"), ISO_TIME),
                FieldMap("learning_hours", ("result.duration",), SECONDS),
                # A tool may scale from -1 to 1 what it scores from 0 to 10, so points of a maximum come first.
                FieldMap(
                    "score_share",
                    ("result.score.raw",),
                    SHARE,
                    lowest=("result.score.min",),
                    highest=("result.score.max",),
                ),
                # The standard allows -1 to 1; a score below 0 counts as 0.
                FieldMap("score_share", ("result.score.scaled",), SHARE),
                FieldMap("voids_code", ("object.id",), when=IS_VOIDING),
                FieldMap("changed_at", ("stored",), ISO_TIME),
            ),
            pass_over=(PassOver("verb", "learning_verb", other_than=(KNOWN_WORDS, VOIDED)),),
        ),
    ),
)
