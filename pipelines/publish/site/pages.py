"""The text of a person's page and of a team's page.

Belongs here: bringing together what a template shows. The template escapes every value.
Does not belong here: reading rows (`page_data`), the sentences (`step_texts`, `capability_picture`, `person_texts`,
`team_picture`), the page about the run (`run_page`), writing files (`build`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import jinja2

from pipelines.contracts.canonical_schemas import RAW_RETENTION_DAYS
from pipelines.contracts.columns import PAUSED, STAGE_INDEX, STAGES
from pipelines.contracts.output_tables import ALIGNMENT, PRACTICE, SUPPORT_GAP
from pipelines.publish.site.capability_picture import view_capabilities
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.opening_texts import describe_openings, describe_squad_answers
from pipelines.publish.site.page_data import SMALLEST_TEAM, PageData, PersonRows, Row, read_rows_by_unit
from pipelines.publish.site.person_texts import (
    describe_consents,
    describe_replies,
    describe_stored_rows,
    describe_viewers,
    describe_wishes,
    name_source,
)
from pipelines.publish.site.practice_picture import (
    describe_own_practice,
    describe_unit_changes,
    describe_unit_practice,
)
from pipelines.publish.site.step_texts import (
    Motive,
    describe_companions,
    describe_counterfactual,
    describe_how,
    describe_kind,
    describe_likelihood,
    describe_motives,
    explain_step,
)
from pipelines.publish.site.team_picture import (
    count_capability_holders,
    describe_alignment,
    describe_support,
    view_held_skills,
)

__all__ = ["NO_LIST_TEXTS", "SMALLEST_TEAM", "render_person_page", "render_team_pages"]

NO_LIST_TEXTS = {
    "too_little_evidence": message("There is too little evidence to recommend a step."),
    "nothing_eligible": message("Nothing is open to you at present that you have not reached already."),
    "opted_out": message("You asked for no recommendations."),
    PAUSED: message("Your company has paused recommendations for everybody."),
    # served pages alone say these two: people who left keep their sign-in for a while
    "left": message(
        "By the HR export you have left: nothing is estimated for you any more, and nothing is recommended to you. "
        "What is stored about you is listed below."
    ),
    # before the run that erases the person
    "erasure_requested": message(
        "You asked to be erased: nothing is recommended to you any more, and you are shown to nobody. "
        "The next run, usually at night, removes you from everything."
    ),
    "all_dismissed": message(
        "You said “Not for me” to everything that is open; each step returns when its time is over."
    ),
}


@dataclass(frozen=True, slots=True)
class StepView:
    """A recommended step on a person's page: its place, its micro-skill and its texts (see `step_texts`)."""

    rank: int
    skill_id: str
    title: str
    kind: str
    reasons: tuple[str, ...]
    how: str
    is_how_translated: bool
    companions: list[tuple[str, str]]
    likelihood: str
    motives: tuple[Motive, ...]
    counterfactual: str
    is_accepted: bool


class _HeldSkill(NamedTuple):
    """A held micro-skill of a capability."""

    name: str
    skill_id: str
    stage_index: int
    is_hidden: bool


def render_person_page(
    template: jinja2.Template, page_data: PageData, person_rows: PersonRows, language: PageLanguage | None = None
) -> str:
    """Render the page of one person.

    Args:
        template: The template `person.html.j2`, of an environment in the same language.
        page_data: The input of the pages.
        person_rows: The rows about the person.
        language: The language of the page; that of `page_data` if None.

    Returns:
        The page as HTML.
    """
    language = language or page_data.language
    person_profile = page_data.person_row_by_id.get(person_rows.person_id, {})
    first_step: Row = person_rows.steps[0] if person_rows.steps else {"no_recommendation_reason": "too_little_evidence"}
    no_list_reason, as_of = first_step["no_recommendation_reason"], first_step.get("as_of")
    has_left = bool(person_profile.get("has_left")) and not person_rows.steps
    if has_left:
        no_list_reason = "left"
    page_values = {
        "as_of": as_of,
        "name": page_data.person_name(person_rows.person_id),
        "role": person_profile.get("role_name"),
        "unit": person_profile.get("unit_name"),
        "why_not": _say_why_not(no_list_reason, page_data, language) if no_list_reason else None,
        "steps": [] if no_list_reason else _describe_steps(page_data, person_rows, language),
        "openings": describe_openings(person_rows.openings, page_data, language),
        "squad_answers": describe_squad_answers(person_rows.squad_answers, page_data, language),
        "has_left": has_left,
        "capabilities": view_capabilities(page_data, person_rows, language),
        "practice": describe_own_practice(person_rows.practice, language),
        "viewers": describe_viewers(person_rows.viewer_counts, page_data, language),
        "consents": describe_consents(person_rows.consents, as_of, page_data, language),
        "wishes": describe_wishes(person_rows.wishes, as_of, page_data, language),
        "replies": describe_replies(person_rows.replies, page_data, language),
        "stored": describe_stored_rows(person_rows.stored_counts, page_data, language),
        "smallest_team": language.format_number(page_data.smallest_team),
        "delivery_days": language.format_number(RAW_RETENTION_DAYS),
        "profile_source": name_source(person_profile.get("source_name"), page_data),
    }
    return str(template.render(page=page_values, root="../../"))


def _say_why_not(no_list_reason: str, page_data: PageData, language: PageLanguage) -> str:
    if no_list_reason == PAUSED and page_data.pause is not None:
        return language.translate(
            "Your company has paused recommendations for everybody since %(day)s. Its reason: %(reason)s",
            day=language.format_date(page_data.pause["paused_at"].date()),
            reason=page_data.pause["pause_reason"],
        )
    return language.translate(NO_LIST_TEXTS[no_list_reason])


def _describe_steps(page_data: PageData, person_rows: PersonRows, language: PageLanguage) -> list[StepView]:
    held_skills_by_capability = _group_held_skills(page_data, person_rows.mastery)
    change_by_skill = {change["skill_id"]: change for change in person_rows.counterfactuals}
    has_stated_wish = any(stored_count["mode"] == "wish" for stored_count in person_rows.stored_counts)
    step_views = []
    for step in person_rows.steps:
        capability_skills = held_skills_by_capability.get(page_data.capability_name(step["skill_id"]), ())
        goal_index, (how_text, is_how_translated) = STAGE_INDEX[step["to_stage"]], describe_how(step, language)
        # a refresh counts what is held at any stage, as the picture does
        least_index = STAGE_INDEX["apprentice"] if step["kind"] == "refresh" else goal_index
        other_skills = [
            held_skill
            for held_skill in capability_skills
            if held_skill.stage_index >= least_index and held_skill.skill_id != step["skill_id"]
        ]
        combined_names = [
            held_skill.name
            for held_skill in other_skills
            if held_skill.stage_index >= goal_index and not held_skill.is_hidden
        ]
        step_views.append(
            StepView(
                step["rank"],
                step["skill_id"],
                page_data.skill_name(step["skill_id"]),
                describe_kind(step, language),
                explain_step(step, combined_names, len(other_skills) + 1, page_data, language),
                how_text,
                is_how_translated,
                describe_companions(step, person_rows.companions, page_data, language),
                describe_likelihood(step, page_data, language),
                describe_motives(step, has_stated_wish, language),
                describe_counterfactual(change_by_skill.get(step["skill_id"]), page_data, language),
                bool(step["is_accepted"]),
            )
        )
    return step_views


def _group_held_skills(page_data: PageData, mastery: list[Row]) -> dict[str, list[_HeldSkill]]:
    """The held micro-skills of each capability, sorted by name."""
    held_skills_by_capability: dict[str, list[_HeldSkill]] = {}
    for mastery_row in mastery:
        capability_name = page_data.capability_name(mastery_row["skill_id"])
        if capability_name and mastery_row["stage"] != STAGES[0]:
            held_skill = _HeldSkill(
                page_data.skill_name(mastery_row["skill_id"]),
                mastery_row["skill_id"],
                STAGE_INDEX[mastery_row["stage"]],
                bool(mastery_row["is_hidden"]),
            )
            held_skills_by_capability.setdefault(capability_name, []).append(held_skill)
    return {name: sorted(held_skills) for name, held_skills in held_skills_by_capability.items()}


def render_team_pages(
    template: jinja2.Template,
    page_data: PageData,
    holder_counts_by_unit: dict[str, Counter[str]],
    people_count_by_unit: Counter[str],
    language: PageLanguage | None = None,
) -> dict[str, str]:
    """Render a page per unit of at least `PageData.smallest_team` people: counts of people, and no names.

    Args:
        template: The template `team.html.j2`, of an environment in the same language.
        page_data: The input of the pages.
        holder_counts_by_unit: By unit: number of people at journeyman or above per micro-skill.
        people_count_by_unit: Number of people per unit.
        language: The language of the page; that of `page_data` if None.

    Returns:
        The page as HTML by unit, sorted by unit.
    """
    language = language or page_data.language
    support_rows_by_unit, alignment_rows_by_unit, practice_rows_by_unit = (
        read_rows_by_unit(page_data, table) for table in (SUPPORT_GAP, ALIGNMENT, PRACTICE)
    )
    capability_counts_by_unit, page_by_unit = count_capability_holders(page_data), {}
    for unit_name, people_count in sorted(people_count_by_unit.items()):
        if people_count >= page_data.smallest_team:
            page_values = {
                "name": unit_name,
                "people_count": people_count,
                "held": view_held_skills(
                    page_data,
                    holder_counts_by_unit.get(unit_name, Counter()),
                    capability_counts_by_unit.get(unit_name, Counter()),
                    people_count,
                    language,
                ),
                "support": describe_support(page_data, support_rows_by_unit.get(unit_name, []), language),
                "aims": describe_alignment(page_data, alignment_rows_by_unit.get(unit_name, []), language),
                "practice": describe_unit_practice(page_data, practice_rows_by_unit.get(unit_name, []), language),
                "changes": describe_unit_changes(page_data, practice_rows_by_unit.get(unit_name, []), language),
            }
            page_by_unit[unit_name] = str(template.render(page=page_values, root="../"))
    return page_by_unit
