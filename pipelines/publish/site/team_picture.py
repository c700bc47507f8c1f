"""The heat map of what a team holds, what the organisation does not give it, and where wishes and needs meet.

Belongs here: counts of people of a team, each large enough to point at nobody.
Does not belong here: counting the holders of single micro-skills (`build`), drawing the map (`templates/team.html.j2`).
"""

from collections import Counter

import polars as pl

from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
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
Tile = tuple[str, str, str, int]


def count_capability_holders(page_data: PageData) -> dict[str, Counter[str]]:
    """Count the people who are journeyman or master in at least one micro-skill of a capability.

    People who opted out, and micro-skills that a person hides, are not counted.

    Args:
        page_data: The input of the pages.

    Returns:
        By unit: number of people by name of the capability.
    """
    holder_counts_by_unit: dict[str, Counter[str]] = {}
    if not page_data.snapshot.has_table(OUT_MASTERY.name):
        return holder_counts_by_unit
    units = pl.LazyFrame(
        [(person_id, row["unit_name"]) for person_id, row in page_data.person_row_by_id.items()],
        {"person_id": pl.String, "unit_name": pl.String},
        orient="row",
    )
    capabilities = pl.LazyFrame(
        [(skill_id, page_data.capability_name(skill_id)) for skill_id in page_data.skill_row_by_id],
        {"skill_id": pl.String, "capability_name": pl.String},
        orient="row",
    )
    steps = page_data.snapshot.scan(NEXT_SKILL.name)
    counted_holders = (
        page_data.snapshot.scan(OUT_MASTERY.name)
        .filter(pl.col("stage").is_in(["journeyman", "master"]), ~pl.col("is_hidden").fill_null(False))
        .join(steps, on="person_id", how="semi")
        .join(steps.filter(no_recommendation_reason="opted_out"), on="person_id", how="anti")
        .join(units.drop_nulls(), on="person_id")
        .join(capabilities.filter(pl.col("capability_name") != ""), on="skill_id")
        .group_by("unit_name", "capability_name")
        .agg(pl.col("person_id").n_unique())
        .sort("unit_name", "capability_name")
    )
    for unit_name, capability_name, holder_count in counted_holders.collect().iter_rows():
        holder_counts_by_unit.setdefault(unit_name, Counter())[capability_name] = holder_count
    return holder_counts_by_unit


def view_held_skills(
    page_data: PageData,
    holder_count_by_skill: Counter[str],
    holder_count_by_capability: Counter[str],
    people_count: int,
    language: PageLanguage,
) -> list[tuple[Tile | str, list[Tile]]]:
    """The capabilities and micro-skills that enough people of a team hold; of the others nothing is said.

    Args:
        page_data: The input of the pages.
        holder_count_by_skill: Number of people at journeyman or above per micro-skill.
        holder_count_by_capability: Number of people at journeyman or above in a micro-skill of the capability.
        people_count: Number of people of the team.
        language: The language of the page.

    Returns:
        Tile of each capability with those of its micro-skills, highest count first. Micro-skills of no capability come
        last, under a heading.
    """

    def make_tile(name: str, holder_count: int) -> Tile:
        return (
            name,
            language.format_number(holder_count),
            language.format_share(min(holder_count / people_count, 1)),
            min(-(-holder_count * _HEAT_STEPS // people_count), _HEAT_STEPS),
        )

    tiles_by_capability: dict[str, list[Tile]] = {
        capability_name: []
        for capability_name, holder_count in _sort_by_count(holder_count_by_capability)
        if holder_count >= page_data.smallest_team
    }
    for skill_id, holder_count in _sort_by_count(holder_count_by_skill):
        if holder_count >= page_data.smallest_team:
            tiles_by_capability.setdefault(page_data.capability_name(skill_id), []).append(
                make_tile(page_data.skill_name(skill_id), holder_count)
            )
    return [
        (
            make_tile(capability_name, holder_count_by_capability[capability_name])
            if capability_name
            else language.translate("Other micro-skills"),
            skill_tiles,
        )
        for capability_name, skill_tiles in tiles_by_capability.items()
    ]


def _sort_by_count(count_by_key: Counter[str]) -> list[tuple[str, int]]:
    return sorted(count_by_key.items(), key=lambda counted: (-counted[1], counted[0]))


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
) -> list[tuple[str, str, int, str, str]]:
    """Capability, need as a text and in whole percent, wish, and how the two compare; the greatest need first.

    The wish is empty if too few people state one: of their wishes nothing is said.
    """
    shown_rows = [row for row in alignment_rows if row["team_people_count"] >= page_data.smallest_team]
    return [
        (
            alignment_row["capability_name"],
            language.format_share(alignment_row["need_share"]),
            round(100 * alignment_row["need_share"]),
            "" if alignment_row["wish_share"] is None else language.format_share(alignment_row["wish_share"]),
            language.translate(
                _NEED_TEXT if alignment_row["wish_share"] is None else _AGREEMENT_TEXTS[alignment_row["agreement"]]
            ),
        )
        for alignment_row in sorted(shown_rows, key=lambda row: -row["need_share"])
    ]
