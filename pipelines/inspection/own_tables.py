"""A mapping is proposed for a table of the company's own: the shape, and the column of each field.

Belongs here: which roles of columns make which canonical schema.
Does not belong here: which column has which role (`roles`), what the words mean (`vocabulary`).
"""

from collections.abc import Callable, Mapping, Sequence

from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.inspection.columns import ColumnProfile, CompanyValues
from pipelines.inspection.proposal import MappingDraft, TableProposal
from pipelines.inspection.role_columns import ColumnRoles, RoleColumn
from pipelines.inspection.roles import assign_roles
from pipelines.inspection.schema_tables import propose_by_schema
from pipelines.inspection.vocabulary import (
    FEEDBACK_KIND_WORDS,
    LEARNING_VERB_WORDS,
    build_meaning_by_word,
    find_subjects,
    header_words,
    topic_fit,
)
from pipelines.sources.value_maps import EMPLOYMENT_STATUS

# Of a closed list of words, this share must be known for the column to be the list.
MIN_WORD_SHARE = 0.6
# A table with so many names of skills as headers has one column per skill.
MIN_SKILL_HEADERS = 3
# Words in the name of a day on which a course ended.
_COMPLETION_WORDS = {"completion", "issued", *LEARNING_VERB_WORDS["completed"].split(", ")}


def propose_mapping(
    path_words: set[str], profiles: Sequence[ColumnProfile], company_values: CompanyValues
) -> TableProposal:
    """Propose how a table is read.

    Args:
        path_words: The words of the file's path.
        profiles: Its columns, without those that are never read.
        company_values: Values of the other files.

    Returns:
        The proposal; without a shape if the columns make none.
    """
    if (schema_proposal := propose_by_schema(profiles, company_values)) is not None:
        return schema_proposal
    column_roles = assign_roles(profiles, company_values)
    subjects = find_subjects(path_words) or find_subjects(
        {word for profile in profiles for word in header_words(profile.header)}
    )
    draft = MappingDraft(column_roles, subjects)
    for propose_shape in _SHAPE_PROPOSERS:
        if (shape := propose_shape(draft)) is not None:
            return draft.finish(shape)
    draft.fill_event("occurred_at")
    questions = (
        *column_roles.questions,
        *_describe_wide_table(profiles, company_values),
        *_explain_no_shape(column_roles),
    )
    return TableProposal(None, tuple(draft.fields), tuple(dict.fromkeys(questions)))


def _propose_account(draft: MappingDraft) -> CanonicalSchemaName | None:
    """An account map: a unique key of a person beside a unique account, and nothing that happened."""
    column_roles = draft.column_roles
    if column_roles.account is None or not column_roles.persons or not column_roles.persons[0].is_unique:
        return None
    if not column_roles.account.served_systems and (
        column_roles.skill or column_roles.hours or column_roles.day or column_roles.unit or column_roles.role
    ):
        return None
    draft.fill("account_code", column_roles.account)
    draft.fill_person([column for column in column_roles.persons if column.person_key != "account_code"])
    return "account" if len(draft.fields) > 1 else None


def _propose_person(draft: MappingDraft) -> CanonicalSchemaName | None:
    """People: a key that is never repeated, beside what HR knows of a person."""
    column_roles = draft.column_roles
    description_columns = [
        column_roles.name,
        column_roles.unit,
        column_roles.role,
        column_roles.manager,
        column_roles.start,
    ]
    if (
        column_roles.skill
        or column_roles.hours
        or column_roles.has_former_state
        or sum(column is not None for column in description_columns) < 2
    ):
        return None
    if not column_roles.persons or not column_roles.persons[0].is_unique:
        return None
    person_column = column_roles.persons[0]
    draft.fill_person(column_roles.persons)
    draft.fill("account_code", person_column)
    draft.fill("display_name", column_roles.name)
    draft.fill("manager_code", column_roles.manager)
    draft.fill("unit_name", column_roles.unit)
    draft.fill("role_name", column_roles.role)
    draft.fill("hired_date", column_roles.start)
    draft.fill("left_date", column_roles.end)
    draft.fill_category("employment_status", column_roles.status, dict(EMPLOYMENT_STATUS.values))
    return "person"


def _propose_wish(draft: MappingDraft) -> CanonicalSchemaName | None:
    column_roles = draft.column_roles
    if "wish" not in draft.subjects or not column_roles.skill:
        return None
    draft.fill_event("stated_at")
    draft.fill_score("wish_weight")
    return "aspiration"


def _propose_role_period(draft: MappingDraft) -> CanonicalSchemaName | None:
    column_roles = draft.column_roles
    if (
        column_roles.role is None
        or not column_roles.persons
        or column_roles.skill
        or column_roles.hours
        or column_roles.course
    ):
        return None
    start_column = column_roles.start or column_roles.day
    if start_column is None:
        return None
    draft.fill_person(column_roles.persons)
    draft.fill("unit_name", column_roles.unit)
    draft.fill("role_name", column_roles.role)
    draft.fill("started_date", start_column)
    draft.fill("ended_date", column_roles.end)
    return "role_period"


def _propose_feedback(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Feedback: a table with a skill column, and with a kind of feedback, feedback or certificates as its subject, a
    score with a giver, or a score without hours and course.

    Without a kind, the draft declares the least trusted kind that fits.
    """
    column_roles, kind_by_word = draft.column_roles, build_meaning_by_word(FEEDBACK_KIND_WORDS)
    has_kind = (
        column_roles.kind is not None
        and _compute_known_share(column_roles.kind.distinct_words, kind_by_word) >= MIN_WORD_SHARE
    )
    is_feedback = (
        has_kind
        or bool({"feedback", "certificate"} & draft.subjects)
        or bool(column_roles.score and column_roles.giver)
    )
    is_rating = bool(column_roles.score and not column_roles.hours and not column_roles.course)
    if not column_roles.skill or not (is_feedback or is_rating):
        return None
    draft.fill_event("occurred_at")
    draft.fill("given_by_code", column_roles.giver)
    draft.fill_score("score_share")
    if has_kind:
        draft.fill_category("feedback_kind", column_roles.kind, kind_by_word)
    elif "certificate" in draft.subjects:
        draft.fill_constant("feedback_kind", "certificate", "the file or a header mentions certificates", True)
    elif column_roles.giver is not None:
        reason = (
            "no column states the kind, and the giver is another person: `peer` is assumed, because `manager` and "
            "`assessment` are trusted more"
        )
        draft.fill_constant("feedback_kind", "peer", reason, False)
    else:
        reason = "no column states who gives it, so it counts as self-assessment, the least trusted kind"
        draft.fill_constant("feedback_kind", "self", reason, False)
    if column_roles.score is None and "certificate" not in draft.subjects:
        draft.questions.append("no column holds a score, so all feedback counts as fully positive: map `score_share`")
    return "feedback"


def _propose_teaching(draft: MappingDraft) -> CanonicalSchemaName | None:
    column_roles = draft.column_roles
    if not column_roles.skill or not (column_roles.mentor or "teaching" in draft.subjects):
        return None
    teacher_column = column_roles.mentor or (column_roles.persons[0] if column_roles.persons else None)
    if teacher_column is not None:
        draft.fill(teacher_column.person_key or "account_code", teacher_column)
    draft.fill("record_code", column_roles.record)
    draft.fill("skill_text", column_roles.skill)
    draft.fill("occurred_at", column_roles.day)
    draft.fill_hours("worked_hours")
    is_sure = column_roles.mentor is not None
    reason = "the header names a teacher" if is_sure else "the file mentions teaching: check that the person taught"
    draft.fill_constant("mode", "teaching", reason, is_sure)
    return "skill_mention"


def _propose_learning(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Learning: a course, or the word of what happened; without that word, the course was attended."""
    column_roles, verb_by_word = draft.column_roles, build_meaning_by_word(LEARNING_VERB_WORDS)
    verb_column = next(
        (
            column
            for column in (column_roles.status, column_roles.kind)
            if column and _compute_known_share(column.distinct_words, verb_by_word) >= MIN_WORD_SHARE
        ),
        None,
    )
    if column_roles.course is None and not ("learning" in draft.subjects and column_roles.skill):
        return None
    draft.fill_event("occurred_at")
    draft.fill("course_name", column_roles.course or _find_course_in_skill(column_roles))
    draft.fill_hours("learning_hours")
    draft.fill_score("score_share")
    if verb_column is not None:
        draft.fill_category("learning_verb", verb_column, verb_by_word)
    elif column_roles.day and _COMPLETION_WORDS & set(header_words(column_roles.day.header)):
        draft.fill_constant("learning_verb", "completed", "the day is the day of completion", True)
    else:
        reason = "no column tells what happened: `completed` or `passed` if the table lists completed courses"
        draft.fill_constant("learning_verb", "attended", reason, False)
    return "learning_record"


def _find_course_in_skill(column_roles: ColumnRoles) -> RoleColumn | None:
    """Return the column of skills if it is called a course: its texts then are names of courses as well."""
    return column_roles.skill if column_roles.skill and topic_fit(column_roles.skill.header, "course") else None


def _propose_work(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Work: hours, or a skill that was used in a project, on a task, or in a table of work."""
    column_roles = draft.column_roles
    is_project_work = bool(
        column_roles.skill and (column_roles.project or column_roles.task or "work" in draft.subjects)
    )
    if not is_project_work and (
        column_roles.hours is None or not (column_roles.skill or column_roles.project or column_roles.task)
    ):
        return None
    draft.fill_event("worked_at")
    draft.fill("project_code", column_roles.project)
    draft.fill("assignment_code", column_roles.task)
    if column_roles.skill is None:
        draft.fill("skill_text", column_roles.task or column_roles.project)
        draft.questions.append("no column names skills, so the task or project stands for the skill: map `skill_text`")
    draft.fill_hours("worked_hours")
    return "worklog"


def _propose_mention(draft: MappingDraft) -> CanonicalSchemaName | None:
    if draft.column_roles.skill is None or not draft.column_roles.persons:
        return None
    draft.fill_event("occurred_at")
    draft.fill_hours("worked_hours")
    draft.questions.append(
        "no column tells how the skill was used, so each row counts as learning: map `mode`, or set "
        "`mode: {constant: repetition}` if it was practised in work"
    )
    return "skill_mention"


# The first that fits is taken.
_SHAPE_PROPOSERS: tuple[Callable[[MappingDraft], CanonicalSchemaName | None], ...] = (
    _propose_account,
    _propose_person,
    _propose_wish,
    _propose_role_period,
    _propose_feedback,
    _propose_teaching,
    _propose_learning,
    _propose_work,
    _propose_mention,
)


def _compute_known_share(words: frozenset[str], meaning_by_word: Mapping[str, str]) -> float:
    """Return the share of the words that have a meaning."""
    return len([word for word in words if word in meaning_by_word]) / len(words) if words else 0.0


def _describe_wide_table(profiles: Sequence[ColumnProfile], company_values: CompanyValues) -> list[str]:
    """Say that a table has one column per skill, if its headers are names of skills."""
    if (
        sum(" ".join(header_words(profile.header)) in company_values.skill_names for profile in profiles)
        < MIN_SKILL_HEADERS
    ):
        return []
    return ["its columns are skills: export it with one row per person and skill"]


def _explain_no_shape(column_roles: ColumnRoles) -> list[str]:
    """Say what the table lacks."""
    lacking_roles = [
        role_phrase
        for role_phrase, role_columns in (
            ("a person", column_roles.persons),
            ("a day", column_roles.day),
            ("a skill", column_roles.skill),
        )
        if not role_columns
    ]
    return (
        [f"no column was recognised as {' or as '.join(lacking_roles)}"]
        if lacking_roles
        else ["its columns make no known shape"]
    )
