"""Degreed: the completions file.

Belongs here: the columns and how they map. A completion without a date gets the date in the file's name.
Does not belong here: required learning, which is not a completion.
"""

from pipelines.sources.declaration import FILE_NAME, Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, EMAIL_ADDRESS

ADAPTER = Adapter(
    system="degreed",
    title="Degreed completions (CSV)",
    domain="learning",
    formats=("csv",),
    signature=("UserID", "CourseID", "CompletionDate", "ContentType", "Provider"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("UserID", "CourseID", "ContentType", "Provider"), DIGEST, join="|"),
                FieldMap("account_code", ("UserID",), extract=r"^\s*([^@]+)$", required=True),
                FieldMap("work_email", ("UserID",), extract=EMAIL_ADDRESS),
                FieldMap("course_code", ("CourseID",), required=True),
                FieldMap("learning_verb", constant="completed"),
                FieldMap("occurred_at", ("CompletionDate",)),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d{6})"),
            ),
            signature=("UserID", "CourseID", "CompletionDate"),
        ),
    ),
    notes="Keep the date in the file's name: completions without a date get it.",
)
