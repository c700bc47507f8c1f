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
    category_values,
    header_words,
    subjects_of,
    topic_fit,
)
from pipelines.sources.value_maps import EMPLOYMENT_STATUS

# Of a closed list of words, this share must be known for the column to be the list.
MIN_WORD_SHARE = 0.6
# A table with so many names of skills as headers has one column per skill.
MIN_SKILL_HEADERS = 3
# Words in the name of a day on which a course ended.
_COMPLETED_WORDS = {"completion", "issued", *LEARNING_VERB_WORDS["completed"].split(", ")}


def propose_mapping(path_words: set[str], profiles: Sequence[ColumnProfile], company: CompanyValues) -> TableProposal:
    """Propose how a table is read.

    Args:
        path_words: The words of the file's path.
        profiles: Its columns, without those that are never read.
        company: Values of the other files.

    Returns:
        The proposal; without a shape if the columns make none.
    """
    if (proposal := propose_by_schema(profiles, company)) is not None:
        return proposal
    roles = assign_roles(profiles, company)
    subjects = subjects_of(path_words) or subjects_of(
        {word for profile in profiles for word in header_words(profile.header)}
    )
    draft = MappingDraft(roles, subjects)
    for propose in _PROPOSALS:
        if (shape := propose(draft)) is not None:
            return draft.finish(shape)
    draft.fill_event("occurred_at")
    questions = (*roles.questions, *_describe_wide_table(profiles, company), *_why_no_shape(roles))
    return TableProposal(None, tuple(draft.fields), tuple(dict.fromkeys(questions)))


def _propose_account(draft: MappingDraft) -> CanonicalSchemaName | None:
    """An account map: a unique key of a person beside a unique account, and nothing that happened."""
    roles = draft.roles
    if roles.account is None or not roles.persons or not roles.persons[0].is_unique:
        return None
    if not roles.account.serves and (roles.skill or roles.hours or roles.day or roles.unit or roles.role):
        return None
    draft.fill("account_code", roles.account)
    draft.fill_person([column for column in roles.persons if column.key != "account_code"])
    return "account" if len(draft.fields) > 1 else None


def _propose_person(draft: MappingDraft) -> CanonicalSchemaName | None:
    """People: a key that is never repeated, beside what HR knows of a person."""
    roles = draft.roles
    description_columns = [roles.name, roles.unit, roles.role, roles.manager, roles.start]
    if (
        roles.skill
        or roles.hours
        or roles.has_former_state
        or sum(column is not None for column in description_columns) < 2
    ):
        return None
    if not roles.persons or not roles.persons[0].is_unique:
        return None
    person_column = roles.persons[0]
    draft.fill_person(roles.persons)
    draft.fill("account_code", person_column)
    draft.fill("display_name", roles.name)
    draft.fill("manager_code", roles.manager)
    draft.fill("unit_name", roles.unit)
    draft.fill("role_name", roles.role)
    draft.fill("hired_date", roles.start)
    draft.fill("left_date", roles.end)
    draft.fill_category("employment_status", roles.status, dict(EMPLOYMENT_STATUS.values))
    return "person"


def _propose_wish(draft: MappingDraft) -> CanonicalSchemaName | None:
    roles = draft.roles
    if "wish" not in draft.subjects or not roles.skill:
        return None
    draft.fill_event("stated_at")
    draft.fill_score("wish_weight")
    return "aspiration"


def _propose_role_period(draft: MappingDraft) -> CanonicalSchemaName | None:
    roles = draft.roles
    if roles.role is None or not roles.persons or roles.skill or roles.hours or roles.course:
        return None
    start_column = roles.start or roles.day
    if start_column is None:
        return None
    draft.fill_person(roles.persons)
    draft.fill("unit_name", roles.unit)
    draft.fill("role_name", roles.role)
    draft.fill("started_date", start_column)
    draft.fill("ended_date", roles.end)
    return "role_period"


def _propose_feedback(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Feedback: a score, a judge, or a kind of feedback; without a kind, the least trusted that fits."""
    roles, kind_by_word = draft.roles, category_values(FEEDBACK_KIND_WORDS)
    has_kind = roles.kind is not None and _known_share(roles.kind.words, kind_by_word) >= MIN_WORD_SHARE
    is_feedback = has_kind or bool({"feedback", "certificate"} & draft.subjects) or bool(roles.score and roles.giver)
    is_rating = bool(roles.score and not roles.hours and not roles.course)
    if not roles.skill or not (is_feedback or is_rating):
        return None
    draft.fill_event("occurred_at")
    draft.fill("given_by_code", roles.giver)
    draft.fill_score("score_share")
    if has_kind:
        draft.fill_category("feedback_kind", roles.kind, kind_by_word)
    elif "certificate" in draft.subjects:
        draft.fill_constant("feedback_kind", "certificate", "the file or a header speaks of certificates", True)
    elif roles.giver is not None:
        reason = "no column tells the kind, and somebody else gives it: `manager` and `assessment` are trusted more"
        draft.fill_constant("feedback_kind", "peer", reason, False)
    else:
        reason = "no column tells who gives it, so it counts as self-assessment, the least trusted kind"
        draft.fill_constant("feedback_kind", "self", reason, False)
    if roles.score is None and "certificate" not in draft.subjects:
        draft.questions.append("no column holds a score, so all feedback counts as fully positive: map `score_share`")
    return "feedback"


def _propose_teaching(draft: MappingDraft) -> CanonicalSchemaName | None:
    roles = draft.roles
    if not roles.skill or not (roles.mentor or "teaching" in draft.subjects):
        return None
    teacher_column = roles.mentor or (roles.persons[0] if roles.persons else None)
    if teacher_column is not None:
        draft.fill(teacher_column.key or "account_code", teacher_column)
    draft.fill("record_code", roles.record)
    draft.fill("skill_text", roles.skill)
    draft.fill("occurred_at", roles.day)
    draft.fill_hours("worked_hours")
    is_sure = roles.mentor is not None
    reason = "the header names a teacher" if is_sure else "the file speaks of teaching: check that the person taught"
    draft.fill_constant("mode", "teaching", reason, is_sure)
    return "skill_mention"


def _propose_learning(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Learning: a course, or the word of what happened; without that word, the course was attended."""
    roles, verb_by_word = draft.roles, category_values(LEARNING_VERB_WORDS)
    verb_column = next(
        (
            column
            for column in (roles.status, roles.kind)
            if column and _known_share(column.words, verb_by_word) >= MIN_WORD_SHARE
        ),
        None,
    )
    if roles.course is None and not ("learning" in draft.subjects and roles.skill):
        return None
    draft.fill_event("occurred_at")
    draft.fill("course_name", roles.course or _find_course_in_skill(roles))
    draft.fill_hours("learning_hours")
    draft.fill_score("score_share")
    if verb_column is not None:
        draft.fill_category("learning_verb", verb_column, verb_by_word)
    elif roles.day and _COMPLETED_WORDS & set(header_words(roles.day.header)):
        draft.fill_constant("learning_verb", "completed", "the day is the day of completion", True)
    else:
        reason = "no column tells what happened: `completed` or `passed` if the table lists completed courses"
        draft.fill_constant("learning_verb", "attended", reason, False)
    return "learning_record"


def _find_course_in_skill(roles: ColumnRoles) -> RoleColumn | None:
    """Return the column of skills if it is called a course: its texts then are names of courses as well."""
    return roles.skill if roles.skill and topic_fit(roles.skill.header, "course") else None


def _propose_work(draft: MappingDraft) -> CanonicalSchemaName | None:
    """Work: hours, or a skill that was used in a project, on a task, or in a table of work."""
    roles = draft.roles
    is_work = bool(roles.skill and (roles.project or roles.task or "work" in draft.subjects))
    if not is_work and (roles.hours is None or not (roles.skill or roles.project or roles.task)):
        return None
    draft.fill_event("worked_at")
    draft.fill("project_code", roles.project)
    draft.fill("assignment_code", roles.task)
    if roles.skill is None:
        draft.fill("skill_text", roles.task or roles.project)
        draft.questions.append("no column names skills, so the task or project stands for the skill: map `skill_text`")
    draft.fill_hours("worked_hours")
    return "worklog"


def _propose_mention(draft: MappingDraft) -> CanonicalSchemaName | None:
    if draft.roles.skill is None or not draft.roles.persons:
        return None
    draft.fill_event("occurred_at")
    draft.fill_hours("worked_hours")
    draft.questions.append(
        "no column tells how the skill was used, so each row counts as learning: map `mode`, or set "
        "`mode: {constant: repetition}` if it was practised in work"
    )
    return "skill_mention"


# The first that fits is taken.
_PROPOSALS: tuple[Callable[[MappingDraft], CanonicalSchemaName | None], ...] = (
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


def _known_share(words: frozenset[str], meaning_by_word: Mapping[str, str]) -> float:
    """Return the share of the words that have a meaning."""
    return len([word for word in words if word in meaning_by_word]) / len(words) if words else 0.0


def _describe_wide_table(profiles: Sequence[ColumnProfile], company: CompanyValues) -> list[str]:
    """Say that a table has one column per skill, if its headers are names of skills."""
    if sum(" ".join(header_words(profile.header)) in company.skills for profile in profiles) < MIN_SKILL_HEADERS:
        return []
    return ["its columns are skills: export it with one row per person and skill"]


def _why_no_shape(roles: ColumnRoles) -> list[str]:
    """Say what the table lacks."""
    lacking_parts = [
        part_name
        for part_name, column in (("a person", roles.persons), ("a day", roles.day), ("a skill", roles.skill))
        if not column
    ]
    return (
        [f"no column was recognised as {' or as '.join(lacking_parts)}"]
        if lacking_parts
        else ["its columns make no known shape"]
    )
