"""Canvas: the gradebook export, one column per assignment; its row `Points Possible` holds the maximum points.

Belongs here: the columns and how they map. The date is the one in the file's name: Canvas exports no other.
Does not belong here: totals and current scores, which repeat the assignments.
"""

from pipelines.sources.declaration import (
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    MAX_POINTS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
    Unpivot,
)
from pipelines.sources.value_maps import EMAIL_ADDRESS, SHARE

# An assignment with its id; a grading period called 2026 gives a total "Current Score (2026)".
ASSIGNMENT_PATTERN = r"^(?!.*\b(?:Current|Final) (?:Score|Grade|Points) \().*\(\d+\)\s*$"
SPECIAL_ROW_NAMES = ("Points Possible", "Student, Test", "Test Student", "Manual Posting", "")
# A gradebook with first and last names apart writes the words of its special rows under the last name.
STUDENT_HEADERS = ("Student", "LastName")

ADAPTER = Adapter(
    system="canvas",
    title="Canvas gradebook (CSV)",
    domain="learning",
    formats=("csv",),
    signature=("Student", "ID", "SIS User ID", "SIS Login ID", "Section"),
    shapes=(
        ShapeMap(
            "feedback",
            (
                FieldMap("record_code", ("ID", COLUMN_NAME), join="/", extract=r"(\d+)\)?\s*$"),
                FieldMap("account_code", ("ID",), required=True),
                FieldMap("employee_number", ("SIS User ID",)),
                FieldMap("work_email", ("SIS Login ID",), extract=EMAIL_ADDRESS),
                FieldMap("skill_text", (COLUMN_NAME,), extract=r"^(.*\S)\s*\(\d+\)\s*$"),
                FieldMap("feedback_kind", constant="assessment"),
                # Without maximum points a mark cannot become a share: such a cell is set aside.
                FieldMap("score_share", (CELL_VALUE,), SHARE, highest_headers=(MAX_POINTS,)),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d\d-\d\d-\d\d)"),
            ),
            pass_over=(PassOver("student", STUDENT_HEADERS, SPECIAL_ROW_NAMES),),
            counts_empty=True,
            unpivot=Unpivot(
                ASSIGNMENT_PATTERN,
                empty_values=("-", "n/a", "ex"),
                points_row=Condition(STUDENT_HEADERS, ("points possible",)),
            ),
        ),
    ),
    notes="Keep the date in the file's name: the export has no other.",
)
