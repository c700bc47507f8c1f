"""Types of xAPI activities that are no learning items: what is inside a course, and what is beside it.

Belongs here: types of activities by their specification. A type that is not listed here, or missing, is taken for a
learning item: anybody may mint types, and `definition.type` is optional (xAPI 1.0.3, Data 2.4.4.1).
Does not belong here: verbs (`xapi_verbs`).
"""

from pipelines.sources.vocabularies.vocabulary import Vocabulary, with_reason

_ADL = "http://adlnet.gov/expapi/activities/"
_TINCAN = "http://id.tincanapi.com/activitytype/"
_STREAMS = "http://activitystrea.ms/schema/1.0/"
_ACROSSX = "https://w3id.org/xapi/acrossx/activities/"
_EDLM = "https://xapi.edlm/profiles/edlm-lms/concepts/activity-types/"

_INSIDE = "the activity is part of a learning item: a question, an attempt, a video, a page or a file"
_BESIDE = "the activity is no learning item: a platform, a profile, a message or a report"

XAPI_ACTIVITY_TYPES = Vocabulary(
    "ADL activity types (adlnet.gov/expapi/activities); Tin Can registry; xAPI video profile 1.0; acrossX profile; "
    "xAPI-vle/moodle-logstore_xapi (2025); openedx/event-routing-backends (2024)",
    {},
    {
        **with_reason(
            _INSIDE, ("attempt", "cmi.interaction", "file", "interaction", "link", "media", "question"), _ADL
        ),
        **with_reason(_INSIDE, ("resource", "solution", "essay", "step", "chapter", "slide", "survey"), _TINCAN),
        **with_reason(_INSIDE, ("audio", "comment", "file", "image", "note", "page", "video"), _STREAMS),
        **with_reason(_INSIDE, ("page", "video", "webpage"), _ACROSSX),
        "https://w3id.org/xapi/video/activity-type/video": _INSIDE,
        **with_reason(_INSIDE, ("lesson-session", "submission", "wiki-page"), _EDLM),
        f"{_ADL}profile": _BESIDE,
        **with_reason(
            _BESIDE, ("lms", "site", "source", "user-profile", "forum-reply", "forum-topic", "discussion"), _TINCAN
        ),
        **with_reason(_BESIDE, ("application", "group", "organization", "person", "service"), _STREAMS),
        **with_reason(_BESIDE, ("message",), _ACROSSX),
        **with_reason(_BESIDE, ("calendar", "calendar-event", "calendar-subscription", "report"), _EDLM),
    },
)
