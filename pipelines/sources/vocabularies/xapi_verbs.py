"""Verbs of xAPI statements: ADL, cmi5, activity streams, the TLA and EDLM profiles, and what Open edX sends as xAPI.

Belongs here: every verb that is documented and met, and what it proves about the actor. http and https, with and
without a slash at the end, are one verb (adlnet/xAPI-Spec issue 1058).
Does not belong here: types of activities (`xapi_activity_types`), members of a statement (`learning.xapi`).
"""

from pipelines.sources.vocabularies.vocabulary import Vocabulary, merge_vocabularies, with_reason

_ADL = "http://adlnet.gov/expapi/verbs/"
_CMI5 = "https://w3id.org/xapi/adl/verbs/"
_STREAMS = "http://activitystrea.ms/schema/1.0/"
_TINCAN = "http://id.tincanapi.com/verb/"
_TLA = "https://w3id.org/xapi/tla/verbs/"
_EDLM = "https://xapi.edlm/profiles/edlm-lms/concepts/verbs/"

_ON_THE_WAY = "it shows activity within an item, and neither that the item was finished nor how well"
_A_MARK = "it is a mark of unfinished work: it says neither that the item was finished nor that it was passed"
_NO_LEARNING = "it is no learning of the actor"
_ENDED = "a session ended, finished or not"
_CANCELLED = "an enrolment was cancelled"

ADL_VERBS = Vocabulary(
    "ADL verb registry (adlnet.gov/expapi/verbs); xAPI 1.0.3, Data 2.4.3",
    {
        f"{_ADL}registered": "enrolled",
        f"{_ADL}launched": "started",
        f"{_ADL}initialized": "started",
        f"{_ADL}attempted": "started",
        f"{_ADL}attended": "attended",
        f"{_ADL}completed": "completed",
        f"{_ADL}passed": "passed",
        f"{_ADL}mastered": "passed",
        f"{_ADL}failed": "failed",
    },
    {
        **with_reason(
            _ON_THE_WAY,
            ("answered", "asked", "experienced", "interacted", "progressed", "resumed", "responded", "suspended"),
            _ADL,
        ),
        **with_reason(_ENDED, ("exited", "terminated"), _ADL),
        f"{_ADL}scored": _A_MARK,
        # "the actor's intent to openly provide access to an object": a link was passed on, nobody was taught
        **with_reason(_NO_LEARNING, ("commented", "imported", "preferred", "shared"), _ADL),
    },
)

CMI5_VERBS = Vocabulary(
    "cmi5 (AICC/CMI-5_Spec_Current, Quartz): 9.3 Verbs, 9.3.7 Waived, 9.3.9 Satisfied, 10.2.4 moveOn",
    {f"{_CMI5}waived": "waived"},
    {
        f"{_CMI5}abandoned": _ENDED,
        # moveOn may be Completed or NotApplicable, which is met at enrolment: it is neither a pass nor a completion
        f"{_CMI5}satisfied": "the course's moveOn criterion is met, which may be met without opening the course",
    },
)

ACTIVITY_STREAM_VERBS = Vocabulary(
    "Activity Streams 1.0, activity base schema, 3 Verbs; Tin Can verb registry (registry.tincanapi.com)",
    {
        f"{_STREAMS}start": "started",
        f"{_STREAMS}attend": "attended",
        f"{_STREAMS}complete": "completed",
        f"{_TINCAN}taught": "taught",
        f"{_TINCAN}mentored": "taught",
    },
    {
        **with_reason(_NO_LEARNING, ("create", "delete", "like", "receive", "save", "share", "submit"), _STREAMS),
        **with_reason(_ON_THE_WAY, ("viewed", "skipped", "previewed", "reviewed", "paused"), _TINCAN),
        f"{_TINCAN}unregistered": _CANCELLED,
    },
)

MOODLE_VERBS = Vocabulary(
    "xAPI-vle/moodle-logstore_xapi (2025), src/transformer/events and utils/get_verb.php; ADL TLA profile",
    {
        f"{_EDLM}enrolled": "enrolled",
        # an issued certificate or badge of the platform, whose criteria the statement does not give
        f"{_TLA}achieved": "completed",
    },
    {
        f"{_TLA}scored": _A_MARK,
        f"{_EDLM}unenrolled": _CANCELLED,
        **with_reason(_NO_LEARNING, ("login", "logout", "locked", "toured", "unlocked"), _EDLM),
        f"{_EDLM}restarted": _ON_THE_WAY,
    },
)

OPEN_EDX_VERBS = Vocabulary(
    "openedx/event-routing-backends (2024), processors/xapi/constants.py and event_transformers",
    {},
    {
        # sent each time a grade is calculated
        f"{_TINCAN}earned": _A_MARK,
        **with_reason(_ON_THE_WAY, ("played", "paused", "seeked"), "https://w3id.org/xapi/video/verbs/"),
        "https://w3id.org/xapi/acrossx/verbs/evaluated": _ON_THE_WAY,
        "https://w3id.org/xapi/dod-isd/verbs/navigated": _ON_THE_WAY,
        **with_reason(_NO_LEARNING, ("posted", "edited", "reported"), "https://w3id.org/xapi/acrossx/verbs/"),
        **with_reason(_NO_LEARNING, ("voted", "unreported"), "https://w3id.org/xapi/openedx/verb/"),
        "https://w3id.org/xapi/dod-isd/verbs/deleted": _NO_LEARNING,
    },
)

XAPI_VERBS: Vocabulary = merge_vocabularies(ADL_VERBS, CMI5_VERBS, ACTIVITY_STREAM_VERBS, MOODLE_VERBS, OPEN_EDX_VERBS)
# The only statement that changes another one (xAPI 1.0.3, Data 2.3.2).
VOIDED = f"{_ADL}voided"
PASSED, FAILED = f"{_ADL}passed", f"{_ADL}failed"
