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

VERBS = Vocabulary(
    "LinkedIn Learning reporting API (learningActivityReports): engagementType",
    {"COMPLETIONS": "completed", "SECONDS_VIEWED": "attended"},
    with_reason("it was opened, not finished, and for no known time", ("DAYS_ACTIVE", "VIEWS")),
)
KIND, AMOUNT = "activities[*].engagementType", "activities[*].engagementValue"
LEARNER, CONTENT = "learnerDetails", "contentDetails"

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
                        f"{LEARNER}.uniqueUserId",
                        f"{LEARNER}.entity.profileUrn",
                        f"{LEARNER}.email",
                        f"{CONTENT}.contentUrn",
                        KIND,
                        "activities[*].firstEngagedAt",
                    ),
                    DIGEST,
                    join="|",
                ),
                FieldMap("account_code", (f"{LEARNER}.uniqueUserId", f"{LEARNER}.entity.profileUrn")),
                FieldMap("work_email", (f"{LEARNER}.email",)),
                FieldMap("course_code", (f"{CONTENT}.contentUrn",)),
                FieldMap("course_name", (f"{CONTENT}.name",)),
                FieldMap("learning_verb", (KIND,), as_transform(VERBS), required=True),
                FieldMap("occurred_at", ("activities[*].lastEngagedAt", "activities[*].firstEngagedAt")),
                FieldMap("learning_hours", (AMOUNT,), SECONDS, when=Condition("learning_verb", ("SECONDS_VIEWED",))),
                FieldMap("changed_at", ("latestDataAt",)),
            ),
            pass_over=(
                PassOver("engagement", "learning_verb", tuple(VERBS.proves_nothing)),
                PassOver("unknown engagement", "learning_verb", other_than=(KNOWN_WORDS,)),
                # A video is part of a course; articles and learning paths are items of their own.
                PassOver("asset type", ("activities[*].assetType",), ("VIDEO", "CHAPTER")),
                # The API writes an activity that did not take place with the value 0.
                PassOver("amount", (AMOUNT,), ("0",)),
            ),
            explode="activities",
            counts_empty=True,
        ),
    ),
)
