"""The text of a person's page and of a team's page.

Belongs here: bringing together what a template shows. The template escapes every value.
Does not belong here: reading rows (`page_data`), the sentences (`step_texts`, `capability_picture`, `person_texts`,
`team_picture`), the page about the run (`run_page`), writing files (`build`).
"""

from collections import Counter
from typing import Any

import jinja2

from pipelines.contracts.columns import STAGE_INDEX
from pipelines.contracts.output_tables import ALIGNMENT, SUPPORT_GAP
from pipelines.publish.site.capability_picture import view_capabilities
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import SMALLEST_TEAM, PageData, PersonRows, Row, read_rows_by_unit
from pipelines.publish.site.person_texts import (
    describe_consents,
    describe_replies,
    describe_stored_rows,
    describe_viewers,
    name_source,
)
from pipelines.publish.site.step_texts import (
    describe_companions,
    describe_counterfactual,
    describe_how,
    describe_kind,
    describe_likelihood,
    describe_motives,
    explain_step,
)
from pipelines.publish.site.team_picture import describe_alignment, describe_support, view_held_skills

__all__ = ["NO_LIST_TEXTS", "SMALLEST_TEAM", "render_person_page", "render_team_pages"]

NO_LIST_TEXTS = {
    "too_little_evidence": message("There is too little evidence to recommend a step."),
    "nothing_eligible": message("Nothing is open to you at present that you have not reached already."),
    "opted_out": message("You asked for no recommendations."),
    "all_dismissed": message("You dismissed everything that is open; each step returns when its time is over."),
}


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
    page_values = {
        "as_of": as_of,
        "name": page_data.person_name(person_rows.person_id),
        "role": person_profile.get("role_name"),
        "unit": person_profile.get("unit_name"),
        "why_not": language.translate(NO_LIST_TEXTS[no_list_reason]) if no_list_reason else None,
        "steps": [] if no_list_reason else _describe_steps(page_data, person_rows, language),
        "capabilities": view_capabilities(page_data, person_rows, language),
        "viewers": describe_viewers(person_rows.viewer_counts, page_data, language),
        "consents": describe_consents(person_rows.consents, as_of, language),
        "replies": describe_replies(person_rows.replies, page_data, language),
        "stored": describe_stored_rows(person_rows.stored_counts, page_data, language),
        "profile_source": name_source(person_profile.get("source_name"), page_data),
    }
    return str(template.render(page=page_values, root="../../"))


def _describe_steps(page_data: PageData, person_rows: PersonRows, language: PageLanguage) -> list[dict[str, Any]]:
    """Each recommended step with its title and texts."""
    change_by_skill = {change["skill_id"]: change for change in person_rows.counterfactuals}
    has_stated_wish = any(stored_count["mode"] == "wish" for stored_count in person_rows.stored_counts)
    return [
        {
            "rank": step["rank"],
            "skill_id": step["skill_id"],
            "title": page_data.skill_name(step["skill_id"]),
            "kind": describe_kind(step, language),
            "reasons": explain_step(
                step, _name_combined_skills(page_data, step, person_rows.mastery), page_data, language
            ),
            "how": describe_how(step, language),
            "companions": describe_companions(step, person_rows.companions, page_data, language),
            "likelihood": describe_likelihood(step, page_data, language),
            "motives": describe_motives(step, has_stated_wish, language),
            "counterfactual": describe_counterfactual(change_by_skill.get(step["skill_id"]), page_data, language),
            "is_accepted": bool(step["is_accepted"]),
        }
        for step in person_rows.steps
    ]


def _name_combined_skills(page_data: PageData, step: Row, mastery: list[Row]) -> list[str]:
    """Names of the other held micro-skills of the step's capability, at the step's stage or above, sorted."""
    capability_name, goal_index = page_data.capability_name(step["skill_id"]), STAGE_INDEX[step["to_stage"]]
    if not capability_name:
        return []
    return sorted(
        page_data.skill_name(mastery_row["skill_id"])
        for mastery_row in mastery
        if STAGE_INDEX[mastery_row["stage"]] >= goal_index
        and mastery_row["skill_id"] != step["skill_id"]
        and not mastery_row["is_hidden"]
        and page_data.capability_name(mastery_row["skill_id"]) == capability_name
    )


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
    support_rows_by_unit, alignment_rows_by_unit = (
        read_rows_by_unit(page_data, SUPPORT_GAP),
        read_rows_by_unit(page_data, ALIGNMENT),
    )
    page_by_unit = {}
    for unit_name, people_count in sorted(people_count_by_unit.items()):
        if people_count >= page_data.smallest_team:
            page_values = {
                "name": unit_name,
                "people_count": people_count,
                "held": view_held_skills(
                    page_data, holder_counts_by_unit.get(unit_name, Counter()), people_count, language
                ),
                "support": describe_support(page_data, support_rows_by_unit.get(unit_name, []), language),
                "aims": describe_alignment(page_data, alignment_rows_by_unit.get(unit_name, []), language),
            }
            page_by_unit[unit_name] = str(template.render(page=page_values, root="../"))
    return page_by_unit
