"""The text of a person's page and of a team's page.

Belongs here: turning rows into the words and numbers that a template shows. The template escapes every value.
Does not belong here: reading rows (`page_data`), the page about the run (`run_page`), writing files (`build`).
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import jinja2

from pipelines.contracts.catalog import TABLES
from pipelines.contracts.columns import STAGE_INDEX, STAGES
from pipelines.contracts.output_tables import ALIGNMENT, SUPPORT_GAP
from pipelines.publish.site.page_data import (
    NO_CAPABILITY,
    Columns,
    PageData,
    PersonRows,
    Row,
    heading,
    read_rows_by_unit,
    shown_columns,
)

# A page about fewer people would say something about single persons.
SMALLEST_TEAM = 5
# Signs that differ in shape, not only in colour.
SIGN_BY_STAGE = dict(zip(STAGES, ("○", "◔", "◑", "●"), strict=True))
NO_LIST_TEXTS = {
    "too_little_evidence": "There is too little evidence to say anything good.",
    "nothing_eligible": "Nothing is open that is not reached already.",
    "opted_out": "You asked for no recommendations.",
    "all_dismissed": "You dismissed everything that is open; it returns when its time is over.",
}
_MOTIVE_TEXTS = {
    "mastery": "how far this step carries you",
    "autonomy": "how it fits what you said you want",
    "purpose": "how it serves what the organisation needs",
}
_AGREEMENT_TEXTS = {
    "agree": "wishes and needs agree",
    "wish_without_need": "wished for, hardly needed",
    "need_without_wish": "needed, hardly wished for",
}
_STEP_KIND_WORDS = {"new": "take up", "deepen": "go on with", "refresh": "refresh"}
# Number of rows of a further table on a page.
_MAX_TABLE_ROWS = 50
# Cached texts per column and type: most values are one of a few thousand names, days and shares.
_CACHED_TEXT_COUNT = 50_000


def render_person_page(template: jinja2.Template, page_data: PageData, person_rows: PersonRows) -> str:
    """Render the page of one person.

    Args:
        template: The template `person.html.j2`.
        page_data: The input of the pages.
        person_rows: The rows about the person.

    Returns:
        The page as HTML.
    """
    person_profile = page_data.person_row_by_id.get(person_rows.person_id, {})
    first_step: Row = person_rows.steps[0] if person_rows.steps else {"no_recommendation_reason": "too_little_evidence"}
    no_list_reason = first_step["no_recommendation_reason"]
    page_values = {
        "as_of": first_step.get("as_of"),
        "name": page_data.person_name(person_rows.person_id),
        "role": person_profile.get("role_name"),
        "unit": person_profile.get("unit_name"),
        "why_not": NO_LIST_TEXTS.get(no_list_reason, no_list_reason),
        "steps": []
        if no_list_reason
        else [_describe_step(page_data, step, person_rows.companions) for step in person_rows.steps],
        "capabilities": _group_by_capability(page_data, person_rows.held_skills),
        "tables": [
            _format_table(page_data, table_name, values_by_column)
            for table_name, values_by_column in person_rows.values_by_table.items()
        ],
        "evidence_counts": person_rows.evidence_counts,
    }
    return str(template.render(page=page_values, root="../../"))


def _describe_step(page_data: PageData, step: Row, companions: list[Row]) -> Row:
    """One recommended step with its title and texts."""
    return {
        **step,
        "title": page_data.skill_name(step["skill_id"]),
        "kind": _STEP_KIND_WORDS[step["kind"]],
        "stages": step["from_stage"] if step["kind"] == "refresh" else f"{step['from_stage']} → {step['to_stage']}",
        "motives": [(motive, motive_text, step[motive]) for motive, motive_text in _MOTIVE_TEXTS.items()],
        "companions": [
            _describe_companion(page_data, companion)
            for companion in companions
            if companion["skill_id"] == step["skill_id"]
        ],
    }


def _describe_companion(page_data: PageData, companion: Row) -> tuple[str, str]:
    """The relation, and who and why."""
    companion_name = page_data.person_name(companion["companion_id"]) if companion.get("companion_id") else ""
    return (
        str(companion.get("relation", "")).replace("_", " "),
        ": ".join(filter(None, (companion_name, str(companion.get("why") or "")))),
    )


def _group_by_capability(
    page_data: PageData, held_skills: list[Row]
) -> list[tuple[str, list[tuple[str, str, str]], int, int]]:
    """One tile per capability: name, micro-skills (sign, name, stage), how many are reached, how many there are."""
    skill_tiles_by_capability: dict[str, list[tuple[str, str, str]]] = {}
    reached_count_by_capability: Counter[str] = Counter()
    for held_skill in sorted(
        held_skills,
        key=lambda held_skill: (-STAGE_INDEX[held_skill["stage"]], page_data.skill_name(held_skill["skill_id"])),
    ):
        capability_name = (
            page_data.skill_row_by_id.get(held_skill["skill_id"], {}).get("capability_name") or NO_CAPABILITY
        )
        stage_label = held_skill["stage"] + (", rusty" if held_skill.get("is_rusty") else "")
        skill_tiles_by_capability.setdefault(capability_name, []).append(
            (SIGN_BY_STAGE[held_skill["stage"]], page_data.skill_name(held_skill["skill_id"]), stage_label)
        )
        reached_count_by_capability[capability_name] += held_skill["stage"] != STAGES[0]
    return [
        (
            capability_name,
            skill_tiles,
            reached_count_by_capability[capability_name],
            page_data.skill_count_by_capability[capability_name],
        )
        for capability_name, skill_tiles in sorted(skill_tiles_by_capability.items())
    ]


def _format_table(page_data: PageData, table_name: str, values_by_column: Columns) -> dict[str, Any]:
    """A further table: the columns that have a value, in words, and how many rows were left out."""
    titled_columns = [
        (column_name, column_heading)
        for column_name, column_heading in shown_columns(TABLES[table_name])
        if (column_values := values_by_column.get(column_name, [])).count(None) < len(column_values)
    ]
    formatted_columns = [
        _format_values(page_data, column_name, values_by_column[column_name][:_MAX_TABLE_ROWS])
        for column_name, _ in titled_columns
    ]
    row_count = len(next(iter(values_by_column.values())))
    return {
        "title": heading(table_name.split("__", 1)[1]),
        "headings": [column_heading for _, column_heading in titled_columns],
        "rows": list(zip(*formatted_columns, strict=True)),
        "left_out": max(0, row_count - _MAX_TABLE_ROWS),
    }


def _format_values(page_data: PageData, column_name: str, cells: list[Any]) -> list[str]:
    """The values of one column in words, with a dash for null; they have one type."""
    value_type = type(next((cell for cell in cells if cell is not None), None))
    if (column_name, value_type) not in page_data.formatters:
        format_value = _choose_format(page_data, column_name, value_type)
        can_cache = not issubclass(value_type, list | dict)
        page_data.formatters[column_name, value_type] = (
            lru_cache(_CACHED_TEXT_COUNT)(format_value) if can_cache else format_value
        )
    format_value = page_data.formatters[column_name, value_type]
    return ["–" if cell is None else format_value(cell) for cell in cells]


def _choose_format(page_data: PageData, column_name: str, value_type: type) -> Callable[[Any], str]:
    """How values of a column are written: ids by their names, shares as percentages, lists joined."""
    if issubclass(value_type, bool):
        return lambda cell: "yes" if cell else "no"
    if issubclass(value_type, float):
        format_number = ("{:.0%}" if column_name.endswith(("_share", "probability")) else "{:,.2f}").format
        return lambda cell: format_number(cell + 0.0)  # -0.0 becomes 0.0: both share one place in the cache
    if issubclass(value_type, datetime):
        return lambda cell: str(cell.date().isoformat())
    if issubclass(value_type, date):
        return date.isoformat
    if issubclass(value_type, list):
        return lambda cell: ", ".join(_format_values(page_data, column_name.removesuffix("s"), cell)) or "–"
    if issubclass(value_type, dict):
        return lambda cell: ", ".join(
            f"{field_name.replace('_', ' ')}: {_format_values(page_data, field_name, [field_value])[0]}"
            for field_name, field_value in cell.items()
        )
    if column_name.endswith("skill_id"):
        return page_data.skill_name
    return page_data.person_name if column_name.endswith("_id") else str


def render_team_pages(
    template: jinja2.Template,
    page_data: PageData,
    holder_counts_by_unit: dict[str, Counter[str]],
    people_count_by_unit: Counter[str],
) -> dict[str, str]:
    """Render a page per unit of at least `SMALLEST_TEAM` people: counts of people, and no names.

    Args:
        template: The template `team.html.j2`.
        page_data: The input of the pages.
        holder_counts_by_unit: By unit: number of people at journeyman or above per micro-skill.
        people_count_by_unit: Number of people per unit.

    Returns:
        The page as HTML by unit, sorted by unit.
    """
    support_rows_by_unit, alignment_rows_by_unit = (
        read_rows_by_unit(page_data, SUPPORT_GAP),
        read_rows_by_unit(page_data, ALIGNMENT),
    )
    page_by_unit = {}
    for unit_name, people_count in sorted(people_count_by_unit.items()):
        if people_count >= SMALLEST_TEAM:
            holder_count_by_skill = holder_counts_by_unit.get(unit_name, Counter())
            page_values = {
                "name": unit_name,
                "people_count": people_count,
                "holds": [
                    (*_name_skill(page_data, skill_id), holder_count_by_skill[skill_id])
                    for skill_id in _sort_skills(page_data, holder_count_by_skill)
                ],
                "support": [
                    support_row["finding"]
                    for support_row in support_rows_by_unit.get(unit_name, [])
                    if support_row["recommended_count"] >= SMALLEST_TEAM
                ],
                "aims": [
                    (
                        alignment_row["capability_name"],
                        alignment_row["wish_share"],
                        alignment_row["need_share"],
                        _AGREEMENT_TEXTS[alignment_row["agreement"]],
                    )
                    for alignment_row in alignment_rows_by_unit.get(unit_name, [])
                    if alignment_row["team_people_count"] >= SMALLEST_TEAM
                ],
            }
            page_by_unit[unit_name] = str(template.render(page=page_values, root="../"))
    return page_by_unit


def _name_skill(page_data: PageData, skill_id: str) -> tuple[str, str]:
    """Name and capability of a micro-skill."""
    return page_data.skill_name(skill_id), str(page_data.skill_row_by_id.get(skill_id, {}).get("capability_name") or "")


def _sort_skills(page_data: PageData, holder_count_by_skill: Counter[str]) -> list[str]:
    """The micro-skills that enough people hold, highest count first; of the others nothing is said."""
    common_skill_ids = (
        skill_id for skill_id, holder_count in holder_count_by_skill.items() if holder_count >= SMALLEST_TEAM
    )
    return sorted(
        common_skill_ids, key=lambda skill_id: (-holder_count_by_skill[skill_id], page_data.skill_name(skill_id))
    )
