"""Cornerstone: the transcript view of its reporting API, the user view with the ids of people, and transcript reports.

Belongs here: the columns of the views and of reports, and how they map. Only a person's latest registration for a
learning object is read; a registration that was removed voids its record. A report writes a column as `Transcript
Status` or with its object in front, `Transcript - Transcript Status`.
Does not belong here: comments.

Source of the reports: the columns of public readers of them, in English (2024-2026).
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, HOURS, MINUTES, PERCENT
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

# Status ids differ per portal, dates do not: the most advanced date that is filled gives the status.
DATE_VERBS = Vocabulary(
    "Cornerstone reporting API, vw_rpt_transcript: the dates of a registration",
    {
        "user_lo_comp_dt": "completed",
        "user_lo_start_dt": "started",
        "user_lo_reg_dt": "enrolled",
        "user_lo_assigned_dt": "enrolled",
    },
)
REGISTRATION_IDS = ("transc_user_id", "transc_object_id")
IS_REMOVED = Condition(("is_removed",), ("1", "true", "yes"))

STATUSES = Vocabulary(
    "Cornerstone transcript reports: Transcript Status",
    {
        **dict.fromkeys(("completed", "completed (equivalent)"), "completed"),
        **dict.fromkeys(("in progress", "in progress / past due"), "started"),
        **dict.fromkeys(("registered", "registered / past due", "approved", "not started", "assigned"), "enrolled"),
        "failed": "failed",
    },
    with_reason(
        "the person did not take part",
        (
            "exempt",
            "completed (exempt)",
            "withdrawn",
            "cancelled",
            "denied",
            "removed",
            "no show",
            "waitlisted",
            "pending approval",
            "expired",
        ),
    ),
)


def _report_map(separator: str | None) -> ShapeMap:
    """Return the map of a transcript report.

    Args:
        separator: What parts the object in front of a header from its name; None if headers name no object.
    """

    def report_header(record_type: str, column_name: str) -> str:
        return column_name if separator is None else f"{record_type}{separator}{column_name}"

    status_header = report_header("Transcript", "Transcript Status")
    user_headers = report_header("User", "User ID"), report_header("User", "User Email"), report_header("User", "Email")
    training_headers = report_header("Training", "Training Object ID"), report_header("Training", "Training Title")
    registration_headers = (
        report_header("Transcript", "Transcript Registration Date"),
        report_header("Transcript", "Transcript Assigned Date"),
    )
    return ShapeMap(
        "learning_record",
        (
            FieldMap("record_code", (*user_headers, *training_headers, *registration_headers), DIGEST, join="|"),
            FieldMap("employee_number", user_headers[:1]),
            FieldMap("work_email", user_headers[1:]),
            FieldMap("course_code", training_headers[:1]),
            FieldMap("course_name", training_headers[1:]),
            FieldMap("learning_verb", (status_header,), as_transform(STATUSES), required=True),
            FieldMap(
                "occurred_at",
                (
                    report_header("Transcript", "Transcript Completed Date"),
                    report_header("Training", "Training Start Date"),
                    *registration_headers,
                ),
            ),
            FieldMap("learning_hours", (report_header("Training", "Training Hours"),), HOURS),
            FieldMap("learning_hours", (report_header("Transcript", "Transcript Time in training (min)"),), MINUTES),
            FieldMap("score_share", (report_header("Transcript", "Transcript Score"),), PERCENT),
        ),
        signature=(status_header,),
        pass_over=(PassOver("Transcript Status", "learning_verb", words=tuple(STATUSES.proves_nothing)),),
    )


ADAPTER = Adapter(
    system="cornerstone",
    title="Cornerstone transcript, users and transcript reports (CSV, JSON)",
    domain="learning",
    formats=("csv", "json"),
    records_path=("value",),
    signature=("transc_user_id", "transc_object_id", "is_latest_reg_num"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", REGISTRATION_IDS, join="/", required=True),
                FieldMap("account_code", ("transc_user_id",), required=True),
                FieldMap("course_code", ("transc_object_id",), required=True),
                FieldMap("course_name", ("lo_title", "transc_object_title")),
                FieldMap(
                    "learning_verb",
                    tuple(DATE_VERBS.proves),
                    as_transform(DATE_VERBS),
                    value_is_header=True,
                    unless=IS_REMOVED,
                ),
                FieldMap("occurred_at", (*DATE_VERBS.proves, "user_lo_last_action_dt", "user_lo_last_modified_dt")),
                FieldMap("learning_hours", ("user_lo_minutes_participated",), MINUTES),
                FieldMap("score_share", ("user_lo_score",), PERCENT),
                FieldMap("voids_code", REGISTRATION_IDS, join="/", when=IS_REMOVED),
                FieldMap("changed_at", ("user_lo_last_modified_dt", "_last_touched_dt_utc")),
            ),
            signature=("transc_user_id", "is_latest_reg_num"),
            pass_over=(PassOver("latest registration", ("is_latest_reg_num",), other_than=("1", "true", "yes")),),
        ),
        _report_map(None),
        _report_map(" - "),
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
