"""Cornerstone: the transcript view of its reporting API, and the user view with the ids of people.

Belongs here: the columns of both views and how they map. Only a person's latest registration for a learning object is
read; a registration that was removed voids its record.
Does not belong here: comments.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import MINUTES, PERCENT
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform

# Status ids differ per portal, dates do not: the most advanced date that is filled gives the status.
VERBS = Vocabulary(
    "Cornerstone reporting API, vw_rpt_transcript: the dates of a registration",
    {
        "user_lo_comp_dt": "completed",
        "user_lo_start_dt": "started",
        "user_lo_reg_dt": "enrolled",
        "user_lo_assigned_dt": "enrolled",
    },
)
REGISTRATION = ("transc_user_id", "transc_object_id")
REMOVED = Condition(("is_removed",), ("1", "true", "yes"))

ADAPTER = Adapter(
    system="cornerstone",
    title="Cornerstone transcript and users (CSV, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("value",),
    signature=("transc_user_id", "transc_object_id", "is_latest_reg_num"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", REGISTRATION, join="/", required=True),
                FieldMap("account_code", ("transc_user_id",), required=True),
                FieldMap("course_code", ("transc_object_id",), required=True),
                FieldMap("course_name", ("lo_title", "transc_object_title")),
                FieldMap(
                    "learning_verb",
                    tuple(VERBS.proves),
                    as_transform(VERBS),
                    value_is_header=True,
                    unless=REMOVED,
                ),
                FieldMap("occurred_at", (*VERBS.proves, "user_lo_last_action_dt", "user_lo_last_modified_dt")),
                FieldMap("learning_hours", ("user_lo_minutes_participated",), MINUTES),
                FieldMap("score_share", ("user_lo_score",), PERCENT),
                FieldMap("voids_code", REGISTRATION, join="/", when=REMOVED),
                FieldMap("changed_at", ("user_lo_last_modified_dt", "_last_touched_dt_utc")),
            ),
            signature=("transc_user_id", "is_latest_reg_num"),
            pass_over=(PassOver("latest registration", ("is_latest_reg_num",), other_than=("1", "true", "yes")),),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", ("user_id",), required=True),
                FieldMap("employee_number", ("user_ref",)),
                FieldMap("work_email", ("user_email",)),
            ),
            signature=("user_id", "user_ref"),
        ),
    ),
)
