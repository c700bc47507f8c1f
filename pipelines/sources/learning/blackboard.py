"""Blackboard Learn: the full grade centre or gradebook as a file of tab or comma separated text.

Belongs here: the columns and how they map. The header of a grade holds its name, its maximum points and its id. Totals
(`up to`) repeat grades; letters and texts are of the company's own scale.
Does not belong here: feedback and notes, which are text.

Source: help.blackboard.com, "Work offline with grade data"; header lines of downloads (`gc_COURSE_column_DATE.xls`,
text in UTF-16) in public scripts, 2017-2026.
"""

from pipelines.sources.declaration import (
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    Adapter,
    FieldMap,
    ShapeMap,
    Transform,
    Unpivot,
)
from pipelines.sources.value_maps import DIGEST

# `Lab 4 [Total Pts: 20 Score] |526963`, of older releases without the word, and the cell `17.50`.
POINTS_PATTERN = r"^(?:.*\[Total Pts: )?(-?\d+(?:[.,]\d+)?)(?:(?: Score)?\] ?\|\d+)?$"
SHARE_OF_POINTS = Transform("score", is_share=True, pattern=r"^([^/]+/[^/]+)$")

ADAPTER = Adapter(
    system="blackboard",
    title="Blackboard Learn grade centre (CSV, tab separated)",
    domain="learning",
    formats=("csv",),
    signature=("Last Name", "First Name", "Username", "Student ID", "Last Access", "Availability"),
    shapes=(
        ShapeMap(
            "feedback",
            (
                FieldMap("record_code", ("Username", COLUMN_NAME), DIGEST, join="|", extract=r"^(?:.*\|)?([^|]+)$"),
                FieldMap("account_code", ("Username",), required=True),
                FieldMap("employee_number", ("Student ID",)),
                FieldMap("skill_text", (COLUMN_NAME,), extract=r"^(.*?)\s*\[Total Pts: "),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", (CELL_VALUE, COLUMN_NAME), SHARE_OF_POINTS, join="/", extract=POINTS_PATTERN),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d\d-\d\d-\d\d)"),
            ),
            signature=("Username", "Last Name", "First Name"),
            counts_empty=True,
            unpivot=Unpivot(
                r"\[Total Pts: \d+(?:[.,]\d+)?(?: Score)?\] ?\|\d+$",
                empty_values=("-", "In Progress", "Needs Grading", "Exempt"),
            ),
        ),
    ),
    notes="Keep the date in the file's name: the download has no other.",
)
