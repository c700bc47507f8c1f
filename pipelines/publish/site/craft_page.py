"""The page about crafts: the map of micro-skills, times to stages, crafts at risk, and combinations within reach.

Belongs here: what the page shows of the published tables, in the language of the page.
Does not belong here: places on the map (`ml.organisation.skill_map`), drawing (`templates/craft.html.j2`).
"""

import re
from dataclasses import dataclass
from math import sqrt

import polars as pl

from pipelines.contracts.craft_tables import COMBINATION, CRAFT_AT_RISK, CRAFT_TABLES, SKILL_MAP, STAGE_TIME
from pipelines.contracts.table import Table
from pipelines.publish.site.language import PageLanguage
from pipelines.publish.site.page_data import PageData, Row

# Size of the map in units of its drawing, and the space at its sides for names, and above and below for circles.
MAP_WIDTH, MAP_HEIGHT = 720, 480
_SIDE_MARGIN, _TOP_MARGIN = 70, 24
# Size of a letter of a name on the map, with the space around it.
_LETTER_WIDTH, _LINE_HEIGHT = 7.2, 20.0
_LARGEST_RADIUS = 14.0
# The sentence about the time to a stage in `how`, which `ml.organisation.stage_times` writes.
_TIME_PATTERN = re.compile(
    r" Half of those who began it reached (?P<stage>\w+) within (?P<months>\d+) months?(; [^.]*)?\.$"
)
# Rows of a table, those of the most people; the published tables have all.
_ROW_LIMIT = 60


@dataclass(frozen=True)
class MapPoint:
    """A micro-skill on the map: its name, its place and radius."""

    name: str
    capability: str
    people_count: str
    neighbours: str
    left: float
    top: float
    radius: float


@dataclass(frozen=True)
class MapLabel:
    """A name on the map, written around a place."""

    name: str
    left: float
    top: float


@dataclass(frozen=True)
class StageTimeRow:
    """How long people took from one stage to another in a micro-skill, as texts; empty if nobody can say."""

    name: str
    from_stage: str
    to_stage: str
    people_count: str
    quarter: str
    half: str
    half_range: str
    unreached: str


@dataclass(frozen=True)
class CraftView:
    """Everything that the page shows.

    Attributes:
        points: The map, by name.
        labels: The capabilities, each in the middle of its micro-skills, without those that would cover another.
        stage_times: One row per micro-skill and pair of stages.
        risks: Name of the micro-skill, and sentences about its masters.
        combinations: One sentence per combination.
        width: Width of the map.
        height: Height of the map.
    """

    points: list[MapPoint]
    labels: list[MapLabel]
    stage_times: list[StageTimeRow]
    risks: list[tuple[str, str]]
    combinations: list[str]
    width: int = MAP_WIDTH
    height: int = MAP_HEIGHT


def has_craft_page(page_data: PageData) -> bool:
    """Whether the snapshot has the tables of the page; those of earlier versions do not.

    Args:
        page_data: The input of the pages.
    """
    return all(page_data.snapshot.has_table(table.name) for table in CRAFT_TABLES)


def view_crafts(page_data: PageData, language: PageLanguage | None = None) -> CraftView:
    """Collect what the page shows. Numbers of people below the smallest team are left out.

    Args:
        page_data: The input of the pages.
        language: The language of the page; that of `page_data` if None.
    """
    language = language or page_data.language
    points = _place_points(page_data, language)
    return CraftView(
        points,
        _place_labels(points),
        _list_stage_times(page_data, language),
        _list_risks(page_data, language),
        _list_combinations(page_data, language),
    )


def split_time_text(published_text: str, language: PageLanguage) -> tuple[str, str]:
    """The text of `how` without the sentence about the time to the stage, and that sentence for the page.

    Args:
        published_text: The text of `how`.
        language: The language of the page.
    """
    time_match = _TIME_PATTERN.search(published_text)
    if not time_match:
        return published_text, ""
    months = int(time_match["months"])
    time_text = language.translate_count(
        "Half of those who began it became %(stage)s within %(count)s month.",
        "Half of those who began it became %(stage)s within %(count)s months.",
        months,
        stage=language.name_stage(time_match["stage"]),
    )
    return published_text[: time_match.start()], f" {time_text}"


def _read_rows(page_data: PageData, table: Table, *order: pl.Expr) -> list[Row]:
    rows = page_data.snapshot.scan(table.name).collect()
    return (rows.sort(*order, maintain_order=True) if order else rows).to_dicts()


def _place_points(page_data: PageData, language: PageLanguage) -> list[MapPoint]:
    by_people = -pl.col("map_people_count").cast(pl.Int64)
    rows = [
        row
        for row in _read_rows(page_data, SKILL_MAP, by_people, pl.col("skill_id"))
        if row["map_people_count"] >= page_data.smallest_team
    ]
    if not rows:
        return []
    lefts, tops = ([row[column] for row in rows] for column in ("map_x", "map_y"))
    most_people = rows[0]["map_people_count"]
    points = [
        MapPoint(
            name=page_data.skill_name(row["skill_id"]),
            capability=page_data.capability_name(row["skill_id"]),
            people_count=language.format_number(row["map_people_count"]),
            neighbours=language.join(map(page_data.skill_name, row["neighbour_skill_ids"])),
            left=_scale(row["map_x"], lefts, MAP_WIDTH, _SIDE_MARGIN),
            top=MAP_HEIGHT - _scale(row["map_y"], tops, MAP_HEIGHT, _TOP_MARGIN),
            radius=round(_LARGEST_RADIUS * sqrt(row["map_people_count"] / most_people), 1),
        )
        for row in rows
    ]
    return sorted(points, key=lambda point: point.name)


def _place_labels(points: list[MapPoint]) -> list[MapLabel]:
    """The names of the capabilities, those of the most micro-skills first, without those that would cover another."""
    points_by_capability: dict[str, list[MapPoint]] = {}
    for point in points:
        points_by_capability.setdefault(point.capability or point.name, []).append(point)
    labels: list[MapLabel] = []
    for name, own_points in sorted(points_by_capability.items(), key=lambda named: (-len(named[1]), named[0])):
        half_width = len(name) * _LETTER_WIDTH / 2
        middle = sum(point.left for point in own_points) / len(own_points)
        left = round(min(max(middle, half_width), MAP_WIDTH - half_width), 1)
        top = round(sum(point.top for point in own_points) / len(own_points), 1)
        if all(
            abs(label.top - top) > _LINE_HEIGHT
            or abs(label.left - left) > half_width + len(label.name) * _LETTER_WIDTH / 2
            for label in labels
        ):
            labels.append(MapLabel(name, left, top))
    return labels


def _scale(place: float, places: list[float], length: int, margin: int) -> float:
    """A place as a distance from the edge of the drawing."""
    extent = (max(places) - min(places)) or 1.0
    return round(margin + (place - min(places)) / extent * (length - 2 * margin), 1)


def _list_stage_times(page_data: PageData, language: PageLanguage) -> list[StageTimeRow]:
    by_people = -pl.col("began_people_count").cast(pl.Int64)
    rows = [
        row
        for row in _read_rows(page_data, STAGE_TIME, by_people)
        if row["scope_kind"] == "skill"
        and row["began_people_count"] >= page_data.smallest_team
        and (row["quarter_months"] is not None or row["unreached_share"] is not None)
    ]
    return [
        StageTimeRow(
            name=page_data.skill_name(row["scope_id"]),
            from_stage=language.name_stage(row["from_stage"]),
            to_stage=language.name_stage(row["to_stage"]),
            people_count=language.format_number(row["began_people_count"]),
            quarter=_say_months(row["quarter_months"], language),
            half=_say_months(row["half_months"], language),
            half_range=_say_range(row, language),
            unreached=_say_unreached(row, language),
        )
        for row in rows[:_ROW_LIMIT]
    ]


def _say_months(months: int | None, language: PageLanguage) -> str:
    if months is None:
        return ""
    return language.translate_count("%(count)s month", "%(count)s months", months)


def _say_range(row: Row, language: PageLanguage) -> str:
    if row["half_months"] is None or row["half_low_months"] is None:
        return ""
    if row["half_high_months"] is None:
        return language.translate("%(low)s months or more", low=language.format_number(row["half_low_months"]))
    return language.translate(
        "%(low)s to %(high)s months",
        low=language.format_number(row["half_low_months"]),
        high=language.format_number(row["half_high_months"]),
    )


def _say_unreached(row: Row, language: PageLanguage) -> str:
    if row["unreached_share"] is None:
        return ""
    return language.translate(
        "%(share)s after %(months)s months",
        share=language.format_share(row["unreached_share"]),
        months=language.format_number(row["followed_months"]),
    )


def _list_risks(page_data: PageData, language: PageLanguage) -> list[tuple[str, str]]:
    risks = []
    for row in _read_rows(page_data, CRAFT_AT_RISK):
        sentences = [language.translate("Few masters, or none, practise it now: at most half as many as a year ago.")]
        if (row["craft_holder_count"] or 0) >= page_data.smallest_team:
            holder_count = language.format_number(row["craft_holder_count"])
            sentences.append(language.translate("%(count)s people hold it.", count=holder_count))
        if row["half_months"] is not None:
            months = language.format_number(row["half_months"])
            sentences.append(
                language.translate(
                    "From journeyman to master, half took up to %(months)s months in comparable histories.",
                    months=months,
                )
            )
        risks.append((page_data.skill_name(row["skill_id"]), " ".join(sentences)))
    return risks


def _list_combinations(page_data: PageData, language: PageLanguage) -> list[str]:
    sentences = []
    by_people = -pl.col("near_people_count").fill_null(0).cast(pl.Int64)
    for row in _read_rows(page_data, COMBINATION, by_people, pl.col("combination_id")):
        near_count = row["near_people_count"]
        if (near_count or 0) < page_data.smallest_team:
            continue
        values = {
            "count": language.format_number(near_count),
            "steps": language.join(map(page_data.skill_name, row["step_skill_ids"])),
        }
        if row["combination_kind"] == "within_reach":
            capability = page_data.capability_name(row["combined_skill_ids"][0])
            sentences.append(
                language.translate(
                    "Few people, or none, hold all of %(capability)s. %(count)s people would after: %(steps)s.",
                    capability=capability,
                    **values,
                )
            )
            continue
        combined = language.join(map(page_data.skill_name, row["combined_skill_ids"]))
        sentences.append(
            language.translate(
                "Open work asks for %(skills)s together, and few hold both. %(count)s people would after: %(steps)s.",
                skills=combined,
                **values,
            )
        )
    return sentences[:_ROW_LIMIT]
