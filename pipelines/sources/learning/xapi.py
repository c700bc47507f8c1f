"""xAPI 1.0.3 statements, as JSON lines or as an array, with the verbs of cmi5, of Moodle's plugin and of Open edX.

Belongs here: the members of a statement and how they map. A voiding statement voids the one that it names; an activity
inside a course, a sub-statement and a statement about a group are passed over.
Does not belong here: what verbs and types of activities prove (`vocabularies`).
"""

from dataclasses import replace

from pipelines.sources.declaration import (
    ANY_TEXT,
    KNOWN_WORDS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
    Transform,
)
from pipelines.sources.value_maps import DIGEST, SECONDS, SHARE
from pipelines.sources.vocabularies.vocabulary import as_transform
from pipelines.sources.vocabularies.xapi_activity_types import XAPI_ACTIVITY_TYPES
from pipelines.sources.vocabularies.xapi_verbs import FAILED, PASSED, VOIDED, XAPI_VERBS

VERB_TRANSFORM = as_transform(XAPI_VERBS)
# Open edX sends `failed` each time a grade is calculated and is no pass yet, and `passed` each time after it is one
# (edx.course.grade.now_failed, now_passed): of these the last one counts, and a grade that is no pass yet is a start.
OPEN_EDX_VERB_TRANSFORM = replace(VERB_TRANSFORM, values={**VERB_TRANSFORM.values, FAILED: "started"})
_OPEN_EDX_EXTENSIONS = (
    "https://w3id.org/xapi/openedx/extension/transformer-version",
    "https://github.com/openedx/event-routing-backends/blob/master/docs/xapi-extensions/eventVersion.rst",
    "https://github.com/edx/event-routing-backends/blob/master/docs/xapi-extensions/eventVersion.rst",
)
IS_BY_OPEN_EDX = Condition(
    tuple(f'$.context.extensions."{extension}"' for extension in _OPEN_EDX_EXTENSIONS), (ANY_TEXT,)
)
IS_NOT_BY_OPEN_EDX = Condition(IS_BY_OPEN_EDX.column, ("",))
IS_GRADE = Condition("learning_verb", (PASSED, FAILED))
IS_VOIDING = Condition("learning_verb", (VOIDED,))
ACCOUNT_MEMBERS = ("actor.account.homePage", "actor.account.name")
ACTOR_MEMBERS = (*ACCOUNT_MEMBERS, "actor.mbox", "actor.mbox_sha1sum", "actor.openid")
# cmi5 9.5.5.2: an administrative waiver says nothing of what the person can do.
WAIVING_REASON_MEMBER = ('$.result.extensions."https://w3id.org/xapi/cmi5/result/extensions/reason"',)
PREFERRED_LANGUAGES = ("en", "en-US", "en-GB", "de")
ACTIVITY_NAME = "object.definition.name"

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
                # A record store gives each statement an id; what has none is told apart by its attempt and time.
                FieldMap(
                    "record_code",
                    (*ACTOR_MEMBERS, "verb.id", "object.id", "context.registration", "timestamp"),
                    DIGEST,
                    join="|",
                ),
                # Two systems may have an account of the same name (xAPI 1.0.3, Data 2.4.2.4).
                FieldMap("account_code", ACCOUNT_MEMBERS, join="|", when=Condition(ACCOUNT_MEMBERS[1:], (ANY_TEXT,))),
                FieldMap("account_code", ("actor.mbox_sha1sum", "actor.openid")),
                FieldMap("work_email", ("actor.mbox",)),
                FieldMap("course_code", ("object.id",), unless=IS_VOIDING),
                FieldMap("course_name", tuple(f"{ACTIVITY_NAME}.{language}" for language in PREFERRED_LANGUAGES)),
                # Any language is better than none; of several, the first.
                FieldMap("course_name", (f"{ACTIVITY_NAME}.*",), extract=r"^([^|]+)"),
                FieldMap(
                    "learning_verb", ("verb.id",), OPEN_EDX_VERB_TRANSFORM, when=IS_BY_OPEN_EDX, unless=IS_VOIDING
                ),
                FieldMap("learning_verb", ("verb.id",), VERB_TRANSFORM, required=True, unless=IS_VOIDING),
                FieldMap(
                    "state_code",
                    (*ACTOR_MEMBERS, "object.id", "context.registration"),
                    DIGEST,
                    join="|",
                    when=IS_GRADE,
                    unless=IS_NOT_BY_OPEN_EDX,
                ),
                FieldMap("occurred_at", ("timestamp", "stored"), ISO_TIME),
                FieldMap("learning_hours", ("result.duration",), SECONDS),
                # A tool may scale from -1 to 1 what it scores from 0 to 10, so points of a maximum come first.
                FieldMap(
                    "score_share",
                    ("result.score.raw",),
                    SHARE,
                    lowest_headers=("result.score.min",),
                    highest_headers=("result.score.max",),
                ),
                # The standard allows -1 to 1; a score below 0 counts as 0.
                FieldMap("score_share", ("result.score.scaled",), SHARE),
                FieldMap("voids_code", ("object.id",), when=IS_VOIDING),
                FieldMap("changed_at", ("stored",), ISO_TIME),
            ),
            pass_over=(
                PassOver("verb", "learning_verb", tuple(XAPI_VERBS.proves_nothing)),
                PassOver("unknown verb", "learning_verb", other_than=(KNOWN_WORDS, VOIDED)),
                PassOver("object", ("object.objectType",), ("SubStatement", "Agent", "Group")),
                PassOver("actor", ("actor.objectType",), ("Group",)),
                PassOver("activity type", ("object.definition.type",), tuple(XAPI_ACTIVITY_TYPES.proves_nothing)),
                PassOver("waived for a reason", WAIVING_REASON_MEMBER, ("Administrative",)),
            ),
        ),
    ),
)
