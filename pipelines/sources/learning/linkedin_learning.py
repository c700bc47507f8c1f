"""LinkedIn Learning: activity reports of the API, one element per learner and content, with a list of activities.

Belongs here: the members and how they map. Seconds viewed count as attendance; views and likes are not read.
Does not belong here: the learner summary download, which names no content.
"""

from pipelines.sources.declaration import (
    KNOWN_WORDS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
)
from pipelines.sources.value_maps import DIGEST, SECONDS
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

ENGAGEMENT_VERBS = Vocabulary(
    "LinkedIn Learning reporting API (learningActivityReports): engagementType",
    {"COMPLETIONS": "completed", "SECONDS_VIEWED": "attended"},
    with_reason("it was opened, not finished, and for no known time", ("DAYS_ACTIVE", "VIEWS")),
)
ENGAGEMENT_TYPE, ENGAGEMENT_VALUE = "activities[*].engagementType", "activities[*].engagementValue"
LEARNER_PATH, CONTENT_PATH = "learnerDetails", "contentDetails"

ADAPTER = Adapter(
    system="linkedin_learning",
    title="LinkedIn Learning activity reports (JSON)",
    domain="learning",
    formats=("json",),
    records_path=("elements",),
    signature=("latestDataAt", "activities", "learnerDetails.email", "contentDetails.contentUrn"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap(
                    "record_code",
                    (
                        f"{LEARNER_PATH}.uniqueUserId",
                        f"{LEARNER_PATH}.entity.profileUrn",
                        f"{LEARNER_PATH}.email",
                        f"{CONTENT_PATH}.contentUrn",
                        ENGAGEMENT_TYPE,
                        "activities[*].firstEngagedAt",
                    ),
                    DIGEST,
                    join="|",
                ),
                FieldMap("account_code", (f"{LEARNER_PATH}.uniqueUserId", f"{LEARNER_PATH}.entity.profileUrn")),
                FieldMap("work_email", (f"{LEARNER_PATH}.email",)),
                FieldMap("course_code", (f"{CONTENT_PATH}.contentUrn",)),
                FieldMap("course_name", (f"{CONTENT_PATH}.name",)),
                FieldMap("learning_verb", (ENGAGEMENT_TYPE,), as_transform(ENGAGEMENT_VERBS), required=True),
                FieldMap("occurred_at", ("activities[*].lastEngagedAt", "activities[*].firstEngagedAt")),
                FieldMap(
                    "learning_hours", (ENGAGEMENT_VALUE,), SECONDS, when=Condition("learning_verb", ("SECONDS_VIEWED",))
                ),
                FieldMap("changed_at", ("latestDataAt",)),
            ),
            pass_over=(
                PassOver("engagement", "learning_verb", tuple(ENGAGEMENT_VERBS.proves_nothing)),
                PassOver("unknown engagement", "learning_verb", other_than=(KNOWN_WORDS,)),
                # A video is part of a course; articles and learning paths are items of their own.
                PassOver("asset type", ("activities[*].assetType",), ("VIDEO", "CHAPTER")),
                # The API writes an activity that did not take place with the value 0.
                PassOver("amount", (ENGAGEMENT_VALUE,), ("0",)),
            ),
            explode="activities",
            counts_empty=True,
        ),
    ),
)
