"""The picture of a person's capabilities, and the evidence for each held micro-skill in words.

Belongs here: which cells a picture has, and the texts about held micro-skills.
Does not belong here: drawing the cells (`templates/pieces.html.j2`), recommended steps (`step_texts`).
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from pipelines.contracts.columns import STAGE_INDEX, STAGES
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import PageData, PersonRows, Row

# Signs that differ in shape, not only in colour.
SIGN_BY_STAGE = dict(zip(STAGES, ("○", "◔", "◑", "●"), strict=True))
# Cached summaries: they are made from four small numbers.
_CACHED_SUMMARY_COUNT = 10_000
_MISSING_TEXTS = {
    "first_practice": message("first practice"),
    "repetition": message("more real work with it"),
    "sustained_repetition": message("work with it over a longer time"),
    "positive_feedback": message("a positive assessment"),
    "feedback_from_several": message("positive assessments by several people"),
    "teaching": message("passing it on to others"),
}
# The kind of a cell: stage, whether it is rusty, whether it is the micro-skill of a recommended step.
Cell = tuple[str, bool, bool]
# Sign, name, stage, and texts about the evidence.
HeldSkill = tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class CapabilityView:
    """A capability on a person's page.

    Attributes:
        name: Name of the capability.
        blocks: Each kind of cell with its number of micro-skills, the highest stage first.
        total: Number of micro-skills of the capability.
        summary: How many micro-skills are held, rusty and next, as a text.
        held: The held micro-skills, in the order of the cells.
        next_text: Names of the micro-skills of recommended steps; empty if there is none.
    """

    name: str
    blocks: tuple[tuple[Cell, int], ...]
    total: int
    summary: str
    held: list[HeldSkill]
    next_text: str


def view_capabilities(page_data: PageData, person_rows: PersonRows, language: PageLanguage) -> list[CapabilityView]:
    """Describe each capability in which the person holds a micro-skill or has a recommended step.

    Args:
        page_data: The input of the pages.
        person_rows: The rows about the person.
        language: The language of the page.

    Returns:
        One view per capability, those with most held micro-skills first; micro-skills of no capability come last.
    """
    held_rows_by_capability: dict[str, list[Row]] = {}
    for mastery_row in person_rows.mastery:
        if mastery_row["stage"] != STAGES[0]:
            held_rows_by_capability.setdefault(page_data.capability_name(mastery_row["skill_id"]), []).append(
                mastery_row
            )
    next_ids_by_capability: dict[str, list[str]] = {}
    for step in person_rows.steps:
        if step["skill_id"]:
            next_ids_by_capability.setdefault(page_data.capability_name(step["skill_id"]), []).append(step["skill_id"])
    capability_names = sorted(
        {*held_rows_by_capability, *next_ids_by_capability},
        key=lambda name: (name == "", -len(held_rows_by_capability.get(name, ())), name),
    )
    return [
        _view_capability(
            page_data,
            name,
            held_rows_by_capability.get(name, []),
            next_ids_by_capability.get(name, []),
            language,
        )
        for name in capability_names
    ]


def _view_capability(
    page_data: PageData, name: str, held_rows: list[Row], next_ids: list[str], language: PageLanguage
) -> CapabilityView:
    held_ids, next_names = {held_row["skill_id"] for held_row in held_rows}, dict.fromkeys(next_ids)
    # cells of one kind are neighbours in the picture, and so are the micro-skills below it
    held_rows = sorted(
        held_rows,
        key=lambda held_row: (
            -STAGE_INDEX[held_row["stage"]],
            bool(held_row["is_rusty"]),
            held_row["skill_id"] in next_names,
            page_data.skill_name(held_row["skill_id"]),
        ),
    )
    blocks: Counter[Cell] = Counter(
        (held_row["stage"], bool(held_row["is_rusty"]), held_row["skill_id"] in next_names) for held_row in held_rows
    )
    if new_count := sum(skill_id not in held_ids for skill_id in next_names):
        blocks[STAGES[0], False, True] = new_count
    # micro-skills of no capability are no set that could be completed
    shown_count = len(held_rows) + new_count
    total = max(page_data.skill_count_by_capability[name] if name else 0, shown_count)
    if total > shown_count:
        blocks[STAGES[0], False, False] = total - shown_count
    return CapabilityView(
        name or language.translate("Other micro-skills"),
        tuple(blocks.items()),
        total,
        _summarise(
            len(held_rows),
            total if name else 0,
            sum(bool(held_row["is_rusty"]) for held_row in held_rows),
            len(next_names),
            language,
        ),
        [_describe_held(page_data, held_row, language) for held_row in held_rows],
        language.join(page_data.skill_name(skill_id) for skill_id in next_names) if next_names else "",
    )


@lru_cache(_CACHED_SUMMARY_COUNT)
def _summarise(held_count: int, total: int, rusty_count: int, next_count: int, language: PageLanguage) -> str:
    parts = [
        language.translate_count(
            "%(held)s of %(count)s micro-skill held",
            "%(held)s of %(count)s micro-skills held",
            total,
            held=language.format_number(held_count),
        )
        if total
        else language.translate_count("%(count)s micro-skill held", "%(count)s micro-skills held", held_count)
    ]
    if rusty_count:
        parts[0] = language.translate_count(
            "%(held)s, %(count)s of them not practised for a long time",
            "%(held)s, %(count)s of them not practised for a long time",
            rusty_count,
            held=parts[0],
        )
    if next_count:
        parts.append(language.translate_count("%(count)s next step", "%(count)s next steps", next_count))
    return " · ".join(parts)


def _describe_held(page_data: PageData, held_row: Row, language: PageLanguage) -> HeldSkill:
    stage_text = language.name_stage(held_row["stage"])
    if held_row["is_rusty"]:
        stage_text = language.translate("%(stage)s, not practised for a long time", stage=stage_text)
    if held_row["is_hidden"]:
        stage_text = language.translate("%(stage)s, hidden from others", stage=stage_text)
    texts = [_describe_evidence(held_row, language)]
    if held_row["stated_stage"]:
        texts.append(
            language.translate(
                "You yourself said “%(stage)s”; it is kept beside the estimate.",
                stage=language.name_stage(held_row["stated_stage"]),
            )
        )
    missing_texts = [
        language.translate(_MISSING_TEXTS[code])
        for code in held_row["missing_for_next"] or ()
        if code in _MISSING_TEXTS
    ]
    if missing_texts:
        texts.append(
            language.translate("Missing for the next stage: %(missing)s.", missing=language.join(missing_texts))
        )
    return (
        SIGN_BY_STAGE[held_row["stage"]],
        page_data.skill_name(held_row["skill_id"]),
        stage_text,
        tuple(text for text in texts if text),
    )


def _describe_evidence(held_row: Row, language: PageLanguage) -> str:
    """What shows that the micro-skill is held: work, learning, assessments, teaching, and when it was practised."""
    parts = []
    if day_count := held_row["repetition_count"]:
        part = language.translate_count("%(count)s day of work", "%(count)s days of work", day_count)
        if hours := round(held_row["repetition_hours"] or 0):
            hours_text = language.translate_count("%(count)s hour", "%(count)s hours", hours)
            part = f"{part} ({hours_text})"
        parts.append(part)
    if record_count := held_row["observation_count"]:
        parts.append(
            language.translate_count(
                "%(count)s course or other learning record", "%(count)s courses or other learning records", record_count
            )
        )
    if feedback_count := held_row["feedback_count"]:
        parts.append(
            language.translate_count(
                "%(count)s assessment or result", "%(count)s assessments or results", feedback_count
            )
        )
    if teaching_count := held_row["teaching_count"]:
        parts.append(
            language.translate_count(
                "%(count)s act of passing it on", "%(count)s acts of passing it on", teaching_count
            )
        )
    sentence = language.translate("Shown by %(parts)s.", parts=language.join(parts)) if parts else ""
    if held_row["last_practised_at"] is None:
        return sentence
    last_day = language.format_date(held_row["last_practised_at"].date())
    # without work or teaching the day is that of the last evidence of any kind
    practice_sentence = (
        language.translate("Last practised on %(date)s.", date=last_day)
        if held_row["repetition_count"] or held_row["teaching_count"]
        else language.translate("Last evidence of %(date)s.", date=last_day)
    )
    return f"{sentence} {practice_sentence}".strip()
