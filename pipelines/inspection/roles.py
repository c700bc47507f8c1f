"""Which column of a table is the person, the day, the skill, the hours, by the cells first and the header second.

Belongs here: the choice of one column per role, and the reason for it.
Does not belong here: what the roles make together (`own_tables`), the figures of a column (`columns`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipelines.inspection.columns import ColumnProfile, CompanyValues
from pipelines.inspection.forms import suggest_scale
from pipelines.inspection.role_columns import ColumnRoles, RoleColumn
from pipelines.inspection.vocabulary import Topic, header_words, names_a_topic, names_former_state, topic_fit

# Most cells of a column are of one kind; the others are typing errors.
MIN_SHARE = 0.9
# Tables also name people who left or who are not in HR.
MIN_KEY_SHARE = 0.5
MIN_SKILL_SHARE = 0.3
# Contractual and legal limits of a day and a week.
HOURS_PER_DAY, HOURS_PER_WEEK = 24, 168
# A text beyond this mean length is a remark, not the name of a skill.
MAX_SKILL_LENGTH = 60
_DESCRIPTION_BY_KEY = {
    "employee_number": "employee numbers in HR",
    "work_email": "work e-mail addresses in HR",
    "account_code": "accounts of HR",
}
# Topics of people other than the one whom the row is about.
_OTHER_PEOPLE: tuple[Topic, ...] = ("giver", "manager", "mentor")
_NUMBER_WORDS = {"number", "no", "nr", "id", "code", "matricule", "mitarbeiternummer", "personalnummer", "matricola"}


@dataclass
class _Table:
    """The columns that have no role yet."""

    free_columns: list[ColumnProfile]
    company_values: CompanyValues
    questions: list[str] = field(default_factory=list)

    def take(self, topic: Topic, is_suitable: Callable[[ColumnProfile], bool]) -> RoleColumn | None:
        """Take the free column that the topic names best, if the test holds for it."""
        ranked_candidates = [
            (topic_fit(profile.header, topic), not names_former_state(profile.header), profile)
            for profile in self.free_columns
            if is_suitable(profile)
        ]
        header_fit, _, profile = max(ranked_candidates, key=lambda candidate: candidate[:2], default=(0, False, None))
        if profile is None or not header_fit:
            return None
        return self.use(profile, "its name", is_sure=header_fit > 1)

    def use(self, profile: ColumnProfile, reason: str, is_sure: bool = True, **column_traits: object) -> RoleColumn:
        """Give a column its role."""
        self.free_columns.remove(profile)
        return RoleColumn(
            profile.header,
            reason,
            is_sure,
            is_unique=profile.is_unique,
            distinct_words=profile.distinct_words,
            **column_traits,  # type: ignore[arg-type]
        )


def assign_roles(profiles: Sequence[ColumnProfile], company_values: CompanyValues) -> ColumnRoles:
    """Find the column of each role.

    Args:
        profiles: The columns of the table.
        company_values: Values of the other files.

    Returns:
        The roles. A column has one role at most.
    """
    table = _Table(list(profiles), company_values)
    account_column = _find_served_account(table)
    other_person_columns = {topic: _find_other_person(table, topic) for topic in _OTHER_PEOPLE}
    person_key_columns = _find_persons(table)
    account_column = account_column or _find_account(table, person_key_columns)
    start_column = table.take("start", _is_day)
    end_column = table.take("end", _is_day)
    day_column = _find_day(table)
    planned_day_column = table.take("planned_day", _is_day)
    hours_column = _find_hours(table)
    score_column = _find_score(table)
    kind_column, status_column = (
        table.take(topic, lambda profile: profile.is_text and bool(profile.distinct_words))
        for topic in ("kind", "status")
    )
    record_column = table.take("record", lambda profile: profile.is_unique and topic_fit(profile.header, "record") > 0)
    skill_column = _find_skill(table)
    text_columns = {
        topic: table.take(topic, lambda profile: profile.is_text or profile.number_share > 0)
        for topic in ("course", "project", "task", "unit", "role", "name")
    }
    skill_column = skill_column or _find_repeated_text(table, bool(day_column))
    if not person_key_columns and not other_person_columns["mentor"]:
        _explain_missing_person(table, profiles)
    return ColumnRoles(
        person_key_columns,
        account_column,
        other_person_columns["giver"],
        other_person_columns["mentor"],
        other_person_columns["manager"],
        day_column,
        start_column,
        end_column,
        planned_day_column,
        hours_column,
        score_column,
        kind_column,
        status_column,
        record_column,
        skill_column,
        text_columns["course"],
        text_columns["project"],
        text_columns["task"],
        text_columns["name"],
        text_columns["unit"],
        text_columns["role"],
        tuple(table.questions),
        any(names_former_state(profile.header) for profile in profiles),
    )


def _is_day(profile: ColumnProfile) -> bool:
    return profile.day_share >= MIN_SHARE


def _identifies_people(profile: ColumnProfile, company_values: CompanyValues) -> bool:
    """Whether the cells identify people: by HR, or without HR by their form."""
    if company_values.has_people:
        return profile.person_key_share >= MIN_KEY_SHARE
    return profile.email_share >= MIN_SHARE


def _describe_person_key(profile: ColumnProfile, company_values: CompanyValues) -> tuple[str, str]:
    """Return which key of a person the column holds (employee number, e-mail address or account), and why."""
    if company_values.has_people and profile.person_key:
        key_description = _DESCRIPTION_BY_KEY[profile.person_key]
        return profile.person_key, f"{profile.person_key_share:.0%} of its values are {key_description}"
    return "work_email", "its values are e-mail addresses"


def _find_other_person(table: _Table, topic: Topic) -> RoleColumn | None:
    """Find the column of a person other than the one whom the row is about, by the header alone."""
    for profile in list(table.free_columns):
        header_fit = topic_fit(profile.header, topic)
        if not header_fit or header_fit < topic_fit(profile.header, "person"):
            continue
        if _identifies_people(profile, table.company_values):
            person_key, reason = _describe_person_key(profile, table.company_values)
            return table.use(profile, f"its name, and {reason}", person_key=person_key)
        if topic == "manager" and profile.is_text:
            return table.use(profile, "its name")
    return None


def _find_persons(table: _Table) -> tuple[RoleColumn, ...]:
    """Find the keys of the person: one column per key, the best named first."""
    company_values = table.company_values
    ranked_person_columns = sorted(
        (profile for profile in table.free_columns if _identifies_people(profile, company_values)),
        key=lambda profile: (-topic_fit(profile.header, "person"), -profile.person_key_share),
    )
    _ask_which_person(table, ranked_person_columns)
    column_by_key: dict[str, RoleColumn] = {}
    if (
        not company_values.has_people
        and (number_column := _find_named_number(table, ranked_person_columns)) is not None
    ):
        column_by_key[number_column.person_key or ""] = number_column
    for profile in ranked_person_columns:
        person_key, reason = _describe_person_key(profile, company_values)
        is_same_person = not column_by_key or profile.is_unique == next(iter(column_by_key.values())).is_unique
        if person_key not in column_by_key and is_same_person:
            column_by_key[person_key] = table.use(profile, reason, person_key=person_key)
    return tuple(column_by_key[person_key] for person_key in _DESCRIPTION_BY_KEY if person_key in column_by_key)


def _ask_which_person(table: _Table, ranked_person_columns: Sequence[ColumnProfile]) -> None:
    """Ask which column is meant if several hold the same key and no name decides."""
    same_key_columns = [
        profile for profile in ranked_person_columns if profile.person_key == ranked_person_columns[0].person_key
    ]
    if len(same_key_columns) > 1 and topic_fit(same_key_columns[0].header, "person") == topic_fit(
        same_key_columns[1].header, "person"
    ):
        candidate_headers = " and ".join(f"`{profile.header}`" for profile in same_key_columns)
        table.questions.append(
            f"{candidate_headers} name people: check that the first is the person whom the row is about"
        )


def _find_named_number(table: _Table, address_columns: Sequence[ColumnProfile]) -> RoleColumn | None:
    """Find the number or account of the person by its name, as no HR export is there to compare with."""
    columns_named_person = [
        profile
        for profile in table.free_columns
        if topic_fit(profile.header, "person") > 1 and profile not in address_columns
    ]
    number_columns = (
        profile for profile in columns_named_person if not _is_day(profile) and not _looks_like_names(profile)
    )
    number_profile = next(number_columns, None)
    if number_profile is None:
        return None
    person_key = "employee_number" if _NUMBER_WORDS & set(header_words(number_profile.header)) else "account_code"
    return table.use(
        number_profile, "its name; no HR export is there to compare with", is_sure=False, person_key=person_key
    )


def _find_served_account(table: _Table) -> RoleColumn | None:
    """Find the column that lists accounts of other exports that lead to nobody."""
    account_columns = (profile for profile in table.free_columns if profile.served_systems and profile.is_unique)
    account_profile = next(account_columns, None)
    if account_profile is None:
        return None
    reason = f"it lists accounts of {' and '.join(account_profile.served_systems)} that HR does not know"
    return table.use(account_profile, reason, served_systems=account_profile.served_systems)


def _find_account(table: _Table, person_key_columns: Sequence[RoleColumn]) -> RoleColumn | None:
    """Find a unique column of accounts, if the table has a unique key of its people."""
    if not person_key_columns or not person_key_columns[0].is_unique:
        return None
    return (
        table.take("login", lambda profile: profile.is_unique and profile.is_text and not _looks_like_names(profile))
        or None
    )


def _find_day(table: _Table) -> RoleColumn | None:
    """Find the day on which something happened: no planned day, and a day of the record only if no other is there."""
    day_columns = [
        profile for profile in table.free_columns if _is_day(profile) and not topic_fit(profile.header, "planned_day")
    ]
    if not day_columns:
        return None
    day_fits = [
        topic_fit(profile.header, "day") - 3 * bool(topic_fit(profile.header, "record_day")) for profile in day_columns
    ]
    best_fit = max(day_fits)
    chosen_profile, *tied_columns = (
        profile for day_fit, profile in zip(day_fits, day_columns, strict=True) if day_fit == best_fit
    )
    if tied_columns:
        tied_headers = ", ".join(f"`{profile.header}`" for profile in tied_columns)
        table.questions.append(
            f"{tied_headers} also hold days: check that `{chosen_profile.header}` is the day on which it happened"
        )
    reason = "its values are days" if best_fit < 2 else "its name, and its values are days"
    if best_fit < 0:
        reason = "the only days, though its name speaks of the record"
    return table.use(chosen_profile, reason, is_sure=best_fit >= 0 and not tied_columns)


def _find_hours(table: _Table) -> RoleColumn | None:
    """Find the column of hours or minutes by its name; else the only column of numbers that can be hours of a day."""
    number_columns = [
        profile
        for profile in table.free_columns
        if profile.number_share >= MIN_SHARE and profile.lowest_number >= 0 and not _is_day(profile)
    ]
    for profile in number_columns:
        if topic_fit(profile.header, "minutes") and profile.highest_number <= HOURS_PER_WEEK * 60:
            return table.use(profile, "its name, and its values are numbers", unit="minutes")
        header_fit = topic_fit(profile.header, "hours")
        if header_fit and profile.highest_number <= HOURS_PER_WEEK:
            return table.use(
                profile,
                f"its name, and its values lie between 0 and {_find_hours_limit(profile)}",
                is_sure=header_fit > 1,
            )
        if header_fit:
            table.questions.append(
                f"`{profile.header}` goes beyond {HOURS_PER_WEEK}: if it holds minutes, map it with `unit: minutes`"
            )
    unnamed_number_columns = [
        profile
        for profile in number_columns
        if not any(topic_fit(profile.header, topic) for topic in ("score", "number", "record", "hours", "minutes"))
        and 0 < profile.highest_number <= HOURS_PER_DAY
        and profile.has_fractions
        and not profile.is_unique
    ]
    if len(unnamed_number_columns) == 1:
        return table.use(unnamed_number_columns[0], f"the only numbers between 0 and {HOURS_PER_DAY}", is_sure=False)
    return None


def _find_hours_limit(profile: ColumnProfile) -> int:
    return HOURS_PER_DAY if profile.highest_number <= HOURS_PER_DAY else HOURS_PER_WEEK


def _find_score(table: _Table) -> RoleColumn | None:
    """Find a score, with the scale that its lowest and highest value suggest."""
    score_columns = (
        profile
        for profile in table.free_columns
        if topic_fit(profile.header, "score") and profile.number_share >= MIN_SHARE and profile.lowest_number >= 0
    )
    score_profile = next(score_columns, None)
    if score_profile is None:
        return None
    if score_profile.highest_number <= 1:
        return table.use(score_profile, "its name, and its values lie between 0 and 1")
    suggested_scale = suggest_scale(score_profile.lowest_number, score_profile.highest_number)
    if suggested_scale is None:
        table.questions.append(f"`{score_profile.header}` goes beyond 100: map it with its `scale`")
        table.free_columns.remove(score_profile)
        return None
    lowest_score, highest_score = suggested_scale
    reason = (
        f"its name; the scale {lowest_score} to {highest_score} follows from its lowest and highest value: check it"
    )
    return table.use(score_profile, reason, is_sure=False, scale=suggested_scale)


def _find_skill(table: _Table) -> RoleColumn | None:
    """Find the texts that name micro-skills: by the texts, or by the name of the column."""
    text_columns = [
        profile
        for profile in table.free_columns
        if profile.is_text and profile.mean_length <= MAX_SKILL_LENGTH and profile.name_share < 0.5
    ]
    skill_columns = [profile for profile in text_columns if profile.skill_share >= MIN_SKILL_SHARE]
    if skill_columns:
        chosen_column = max(
            skill_columns, key=lambda profile: (topic_fit(profile.header, "skill"), profile.skill_share)
        )
        skill_list_name = (
            "micro-skills of the taxonomy" if table.company_values.has_taxonomy else "skills of other exports"
        )
        return table.use(chosen_column, f"{chosen_column.skill_share:.0%} of its texts name {skill_list_name}")
    columns_named_skill = [profile for profile in text_columns if topic_fit(profile.header, "skill")]
    if not columns_named_skill:
        return None
    chosen_column = max(columns_named_skill, key=lambda profile: topic_fit(profile.header, "skill"))
    has_taxonomy = table.company_values.has_taxonomy
    reason = "its name, though few of its texts name a micro-skill of the taxonomy" if has_taxonomy else "its name"
    return table.use(chosen_column, reason, is_sure=not has_taxonomy and topic_fit(chosen_column.header, "skill") > 1)


def _find_repeated_text(table: _Table, has_day: bool) -> RoleColumn | None:
    """Find the only short text that repeats, in a table of what people did."""
    repeated_columns = [
        profile
        for profile in table.free_columns
        if profile.is_text
        and not profile.is_unique
        and profile.distinct_count > 1
        and not names_a_topic(profile.header)
        and profile.mean_length <= MAX_SKILL_LENGTH
        and max(profile.name_share, profile.organisation_share, profile.person_key_share) < MIN_KEY_SHARE
    ]
    if not has_day or not repeated_columns:
        return None
    if len(repeated_columns) > 1:
        candidate_headers = ", ".join(f"`{profile.header}`" for profile in repeated_columns)
        table.questions.append(f"each of {candidate_headers} may name the skill: map one of them to `skill_text`")
        return None
    return table.use(repeated_columns[0], "the only short texts that repeat", is_sure=False)


def _looks_like_names(profile: ColumnProfile) -> bool:
    """Whether the cells look like names of people rather than keys."""
    return max(profile.name_share, profile.several_words_share) >= 0.5


def _explain_missing_person(table: _Table, profiles: Sequence[ColumnProfile]) -> None:
    name_columns = [profile for profile in profiles if profile.name_share >= 0.5]
    if name_columns:
        table.questions.append(
            f"`{name_columns[0].header}` holds names of people, and a name identifies nobody: export the employee "
            "number or the work e-mail address with it"
        )
    columns_named_person = [
        profile
        for profile in profiles
        if topic_fit(profile.header, "person") and not _is_day(profile) and profile not in name_columns
    ]
    if columns_named_person and table.company_values.has_people:
        table.questions.append(
            f"few values of `{columns_named_person[0].header}` are an employee number, an e-mail address or an account "
            "of HR"
        )
