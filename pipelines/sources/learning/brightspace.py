"""D2L Brightspace: the grades export, data sets of grades and users, and the advanced data set Learner Usage.

Belongs here: the columns of these files and how they map. A grade of the export names its item and maximum points in
its header; the form in which Brightspace imports grades states no maximum. A row of Grade Results has only a code,
which Grade Objects names, so it shows that work was done. Ids of the export begin with #.
Does not belong here: comments; letter grades, which are of the company's own scale.

Source: community.d2l.com, "Grades data sets", "Users data sets", "Learner Usage data sets"; brightspaceR,
R/schemas.R and R/ads_schemas.R, and mjfk23/brightspace-bds-schema (columns); header lines of the grades export in
public scripts.
"""

from pipelines.sources.declaration import (
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    Adapter,
    FieldMap,
    FileForm,
    PassOver,
    ShapeMap,
    Transform,
    Unpivot,
)
from pipelines.sources.value_maps import DIGEST

# `Quiz 1 Points Grade <Numeric MaxPoints:10 Weight:5 Category:Quizzes CategoryWeight:20>`, and the cell `8.5`.
POINTS_PATTERN = r"^(?:.*<Numeric MaxPoints:)?(\d+(?:[.,]\d+)?)(?:[ >].*)?$"
SHARE_OF_POINTS = Transform("score", is_share=True, pattern=r"^([^/]+/[^/]+)$")
END_OF_LINE_HEADER = "End-of-Line Indicator"
ATTENDANCE_DESCRIPTION = "holds attendance, which is no grade and is not read: for grades, export the grade book"
ID_PATTERN = r"^\s*#?(.*)$"

ADAPTER = Adapter(
    system="brightspace",
    title="D2L Brightspace grades export and data sets (CSV)",
    domain="learning",
    formats=("csv",),
    signature=("OrgDefinedId", "Username", END_OF_LINE_HEADER),
    shapes=(
        ShapeMap(
            "feedback",
            (
                FieldMap(
                    "record_code",
                    (FILE_NAME, "OrgDefinedId", "Username", COLUMN_NAME),
                    DIGEST,
                    join="|",
                    extract=r"^(.*?)(?:_GradesExport_.*| <Numeric .*)?$",
                ),
                FieldMap("account_code", ("Username",), extract=ID_PATTERN),
                FieldMap("employee_number", ("OrgDefinedId",), extract=ID_PATTERN),
                FieldMap("work_email", ("Email",)),
                FieldMap("skill_text", (COLUMN_NAME,), extract=r"^(.*?) Points Grade <"),
                FieldMap("feedback_kind", constant="assessment"),
                FieldMap("score_share", (CELL_VALUE, COLUMN_NAME), SHARE_OF_POINTS, join="/", extract=POINTS_PATTERN),
                FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d\d-\d\d-\d\d)"),
            ),
            signature=(END_OF_LINE_HEADER,),
            counts_empty=True,
            unpivot=Unpivot(r" Points Grade <Numeric MaxPoints:"),
        ),
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("GradeObjectId", "UserId"), join="/", required=True),
                FieldMap("account_code", ("UserId",), required=True),
                FieldMap("course_code", ("GradeObjectId",), required=True),
                FieldMap("learning_verb", constant="completed"),
                FieldMap("occurred_at", ("GradeReleasedDate", "LastModified"), required=True),
                FieldMap("score_share", ("PointsNumerator", "PointsDenominator"), SHARE_OF_POINTS, join="/"),
                FieldMap("changed_at", ("LastModified",)),
            ),
            signature=("GradeObjectId", "PointsNumerator"),
            pass_over=(
                PassOver("IsDeleted", ("IsDeleted",), words=("true", "1")),
                PassOver("points", ("PointsNumerator",), words=("",)),
            ),
        ),
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("course offering id", "user id"), join="/", required=True),
                FieldMap("account_code", ("user id",), required=True),
                FieldMap("employee_number", ("org defined id",)),
                FieldMap("course_code", ("course offering code", "course offering id")),
                FieldMap("course_name", ("course offering name",)),
                FieldMap("learning_verb", constant="started"),
                FieldMap("occurred_at", ("last visited date",), required=True),
                FieldMap("changed_at", ("last visited date",)),
            ),
            signature=("course offering id", "user id", "last visited date"),
            pass_over=(PassOver("visit", ("last visited date",), words=("",)),),
        ),
        ShapeMap(
            "course_catalogue",
            (
                FieldMap("course_code", ("GradeObjectId",), required=True),
                FieldMap("course_name", ("Name",)),
                FieldMap("changed_at", ("LastModified",)),
            ),
            signature=("GradeObjectId", "Name", "TypeName"),
            pass_over=(PassOver("IsDeleted", ("IsDeleted",), words=("true", "1")),),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", ("UserId",), required=True),
                FieldMap("employee_number", ("OrgDefinedId",)),
                FieldMap("work_email", ("ExternalEmail",)),
            ),
            signature=("UserId", "OrgDefinedId", "ExternalEmail"),
        ),
    ),
    noted_forms=(
        FileForm(ATTENDANCE_DESCRIPTION, (END_OF_LINE_HEADER, "P", "R", "A", "X")),
        FileForm(ATTENDANCE_DESCRIPTION, (END_OF_LINE_HEADER, "% Attendance")),
        FileForm(
            "holds columns of marks that are left out because they state no maximum ({headers}): export the grades "
            "from Brightspace itself, or write the maximum into the header, as in `Quiz Points Grade <Numeric "
            "MaxPoints:10>`",
            (END_OF_LINE_HEADER,),
            r" Points Grade$",
        ),
    ),
    notes="Keep the date in the name of a grades export: it has no other.",
)
