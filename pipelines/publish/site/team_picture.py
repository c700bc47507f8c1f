"""The heat map of what a team holds, what the organisation does not give it, and where wishes and needs meet.

Belongs here: counts of people of a team, each large enough to point at nobody.
Does not belong here: counting the holders (`build`), drawing the map (`templates/team.html.j2`).
"""

from collections import Counter

from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import PageData, Row

# Steps of the heat map: shades that can be told apart in print and on dark.
_HEAT_STEPS = 5
_AGREEMENT_TEXTS = {
    "agree": message("wished for and needed more than other capabilities"),
    "wish_without_need": message("wished for more than other capabilities, but not needed more"),
    "need_without_wish": message("needed more than other capabilities, but not wished for more"),
}
# Of wishes that too few people state, nothing is said.
_NEED_TEXT = message("needed more than other capabilities")
_LACK_TEXTS = {
    "hours": message("no hours of work in the last quarter"),
    "project": message("no open work that names it"),
}
# Name, number of people, share of the team as a text, and step of the heat map.
HeldSkill = tuple[str, str, str, int]


def view_held_skills(
    page_data: PageData, holder_count_by_skill: Counter[str], people_count: int, language: PageLanguage
) -> list[tuple[str, list[HeldSkill]]]:
    """The micro-skills that enough people of a team hold, by capability; of the others nothing is said.

    Args:
        page_data: The input of the pages.
        holder_count_by_skill: Number of people at journeyman or above per micro-skill.
        people_count: Number of people of the team.
        language: The language of the page.

    Returns:
        Capabilities with their micro-skills, highest count first.
    """
    held_skills_by_capability: dict[str, list[tuple[int, str]]] = {}
    for skill_id, holder_count in holder_count_by_skill.items():
        if holder_count >= page_data.smallest_team:
            held_skills_by_capability.setdefault(page_data.capability_name(skill_id), []).append(
                (holder_count, page_data.skill_name(skill_id))
            )
    return [
        (
            capability_name or language.translate("Other micro-skills"),
            [
                (
                    skill_name,
                    language.format_number(holder_count),
                    language.format_share(min(holder_count / people_count, 1)),
                    min(-(-holder_count * _HEAT_STEPS // people_count), _HEAT_STEPS),
                )
                for holder_count, skill_name in sorted(
                    held_skills, key=lambda held_skill: (-held_skill[0], held_skill[1])
                )
            ],
        )
        for capability_name, held_skills in sorted(
            held_skills_by_capability.items(), key=lambda capability: (capability[0] == "", capability[0])
        )
    ]


def describe_support(
    page_data: PageData, support_rows: list[Row], language: PageLanguage
) -> list[tuple[str, str, str]]:
    """Micro-skill, number of people whose next step it is, and what is missing for it, the most people first."""
    shown_rows = [row for row in support_rows if row["recommended_count"] >= page_data.smallest_team]
    return [
        (
            page_data.skill_name(support_row["skill_id"]),
            language.format_number(support_row["recommended_count"]),
            language.join(language.translate(_LACK_TEXTS[lack]) for lack in support_row["lacks"]),
        )
        for support_row in sorted(shown_rows, key=lambda row: -row["recommended_count"])
    ]


def describe_alignment(
    page_data: PageData, alignment_rows: list[Row], language: PageLanguage
) -> list[tuple[str, str, str, str]]:
    """Capability, how far it is wished for and needed, and how the two compare."""
    return [
        (
            alignment_row["capability_name"],
            "–" if alignment_row["wish_share"] is None else language.format_share(alignment_row["wish_share"]),
            language.format_share(alignment_row["need_share"]),
            language.translate(
                _NEED_TEXT if alignment_row["wish_share"] is None else _AGREEMENT_TEXTS[alignment_row["agreement"]]
            ),
        )
        for alignment_row in alignment_rows
        if alignment_row["team_people_count"] >= page_data.smallest_team
    ]
