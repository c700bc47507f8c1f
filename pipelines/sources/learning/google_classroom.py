"""Google Classroom: submissions of students, course work and the list of students, as JSON of the API.

Belongs here: the members of these and how they map. A submission that was turned in or returned shows that the work was
done; its grade has no scale of its own and is not read. A submission names its course work by code, the list of
course work gives the title.
Does not belong here: attachments and comments.

Source: developers.google.com/classroom, REST v1: courses.courseWork, its studentSubmissions, courses.students.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, with_reason

SUBMISSION_STATES = Vocabulary(
    "Google Classroom REST v1, StudentSubmission: SubmissionState",
    {
        **dict.fromkeys(("turned_in", "returned"), "completed"),
        **dict.fromkeys(("created", "reclaimed_by_student"), "started"),
    },
    with_reason("the student never opened it", ("NEW", "SUBMISSION_STATE_UNSPECIFIED")),
)
# A single question is no course work that shows a skill.
QUESTION_TYPES = ("SHORT_ANSWER_QUESTION", "MULTIPLE_CHOICE_QUESTION")

ADAPTER = Adapter(
    system="google_classroom",
    title="Google Classroom submissions, course work and students (JSON)",
    domain="learning",
    formats=("json",),
    records_path=("studentSubmissions", "students", "courseWork"),
    signature=("courseId", "courseWorkId", "userId", "state", "courseWorkType"),
    shapes=(
        ShapeMap(
            "learning_record",
            (
                FieldMap("record_code", ("id",), required=True),
                FieldMap("account_code", ("userId",), required=True),
                FieldMap("course_code", ("courseWorkId",), required=True),
                FieldMap("learning_verb", ("state",), as_transform(SUBMISSION_STATES), required=True),
                # The last change may be a draft grade; the history has the last time at which the work was handed in.
                FieldMap(
                    "occurred_at",
                    ("submissionHistory[stateHistory.state=TURNED_IN].stateHistory.stateTimestamp",),
                    extract=r"([^|]+)$",
                    unless=Condition("learning_verb", ("created", "reclaimed_by_student")),
                ),
                FieldMap("occurred_at", ("updateTime", "creationTime"), required=True),
                FieldMap("changed_at", ("updateTime",)),
            ),
            signature=("courseWorkId", "userId"),
            pass_over=(
                PassOver("state", "learning_verb", words=tuple(SUBMISSION_STATES.proves_nothing)),
                PassOver("course work type", ("courseWorkType",), words=QUESTION_TYPES),
            ),
        ),
        ShapeMap(
            "course_catalogue",
            (
                FieldMap("course_code", ("id",), required=True),
                FieldMap("course_name", ("title",)),
                FieldMap("changed_at", ("updateTime",)),
            ),
            signature=("id", "title", "workType"),
            pass_over=(PassOver("state", ("state",), words=("DELETED",)),),
        ),
        ShapeMap(
            "account",
            (
                FieldMap("account_code", ("userId",), required=True),
                FieldMap("work_email", ("profile.emailAddress",), required=True),
            ),
            signature=("userId", "profile.emailAddress"),
        ),
    ),
)
