"""What stands on a person's and on a team's page.

Belongs here: rows to the words and numbers that the templates show; nothing is escaped here, everything is there.
Does not belong here: reading rows (`known`), the night's page (`night`), files (`build`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pipelines.contracts.columns import STAGES
from pipelines.contracts.output_tables import ALIGNMENT, SUPPORT_GAP
from pipelines.publish.site.page_data import (
    NO_CAPABILITY,
    Columns,
    PageData,
    PersonRows,
    Row,
    heading,
    page_name,
    read_rows_by_unit,
)

# Below this many people a team's page would speak of single persons.
SMALLEST_TEAM = 5
# Signs that differ in form, not in colour alone.
SIGNS = dict(zip(STAGES, ("○", "◔", "◑", "●"), strict=True))
WHY_NOT = {
    "too_little_evidence": "There is too little evidence to say anything good.",
    "nothing_eligible": "Nothing is open that is not reached already.",
    "opted_out": "You asked for no recommendations.",
    "all_dismissed": "You sent away everything that is open; it comes back when its time is over.",
}
_MOTIVES = {
    "mastery": "how far this step carries you",
    "autonomy": "how it fits what you said you want",
    "purpose": "how it serves what the organisation needs",
}
_AGREEMENT = {
    "agree": "wishes and needs agree",
    "wish_without_need": "wished for, hardly needed",
    "need_without_wish": "needed, hardly wished for",
}
_KINDS = {"new": "take up", "deepen": "go on with", "refresh": "refresh"}
# More rows of one further table are no page any more.
_MOST_ROWS = 50
# Values of a column whose words are kept: most are one of a few thousand names, days and shares.
_KEPT_VALUES = 50_000


@dataclass(frozen=True)
class Step:
    """One recommended step in words."""

    rank: int
    title: str
    kind: str
    stages: str
    chance: str
    explanation: str
    how: str
    motives: list[tuple[str, str, float | None]]
    companions: list[tuple[str, str]]
    counterfactual: str
    is_accepted: bool


@dataclass(frozen=True)
class Capability:
    """One capability as a tile of the map: the micro-skills the person has evidence of, and how many there are."""

    name: str
    skills: list[tuple[str, str, str]]
    reached: int
    total: int


@dataclass(frozen=True)
class More:
    """A further published table as the person's page shows it."""

    title: str
    headings: list[str]
    rows: list[tuple[str, ...]]
    left_out: int


@dataclass(frozen=True)
class PersonPage:
    """All that stands on a person's page; as_of is the day of its rows, None where the person has none."""

    file: str
    as_of: date | None
    name: str
    role: str
    unit: str
    why_not: str | None
    steps: list[Step]
    capabilities: list[Capability]
    more: list[More]
    stored: list[Row]


def person_page(known: PageData, person: PersonRows) -> PersonPage:
    """The page of one person."""
    about = known.people.get(person.person_id, {})
    reason = person.steps[0]["no_recommendation_reason"] if person.steps else "too_little_evidence"
    return PersonPage(
        file=page_name(person.person_id),
        as_of=person.steps[0]["as_of"] if person.steps else None,
        name=known.person_name(person.person_id),
        role=about.get("role_name") or "",
        unit=about.get("unit_name") or "",
        why_not=WHY_NOT.get(reason, str(reason)) if reason else None,
        steps=[] if reason else [_step(known, row, person) for row in person.steps],
        capabilities=_capabilities(known, person.held),
        more=[_more(known, name, columns) for name, columns in person.more.items()],
        stored=person.stored,
    )


def _step(known: PageData, row: Row, person: PersonRows) -> Step:
    skill = known.skill_name(row["skill_id"])
    probability = row["probability"]
    chance = (
        "" if probability is None else f"a chance of {100 * probability:.0f} in 100 that you reach it in the time ahead"
    )
    companions = [one for one in person.companions if one["skill_id"] == row["skill_id"]]
    return Step(
        rank=row["rank"],
        title=skill,
        kind=_KINDS[row["kind"]],
        stages=row["from_stage"] if row["kind"] == "refresh" else f"{row['from_stage']} → {row['to_stage']}",
        chance=chance,
        explanation=row["explanation"] or "",
        how=row["how"] or "",
        motives=[(name, said, row[name]) for name, said in _MOTIVES.items()],
        companions=[_companion(known, one) for one in companions],
        counterfactual=row.get("counterfactual") or "",
        is_accepted=bool(row.get("is_accepted")),
    )


def _companion(known: PageData, row: Row) -> tuple[str, str]:
    relation = str(row.get("relation", "")).replace("_", " ")
    who = known.person_name(row["companion_id"]) if row.get("companion_id") else ""
    said = str(row.get("why") or "")
    return relation, f"{who}: {said}" if who and said else who or said


def _capabilities(known: PageData, held: list[Row]) -> list[Capability]:
    tiles: dict[str, list[tuple[str, str, str]]] = {}
    reached: Counter[str] = Counter()
    order = {stage: -place for place, stage in enumerate(STAGES)}
    for row in sorted(held, key=lambda one: (order[one["stage"]], known.skill_name(one["skill_id"]))):
        name = known.skills.get(row["skill_id"], {}).get("capability_name") or NO_CAPABILITY
        sign = SIGNS[row["stage"]]
        label = row["stage"] + (", rusty" if row.get("is_rusty") else "")
        tiles.setdefault(name, []).append((sign, known.skill_name(row["skill_id"]), label))
        reached[name] += row["stage"] != STAGES[0]
    return [Capability(name, skills, reached[name], known.totals[name]) for name, skills in sorted(tiles.items())]


def _more(known: PageData, name: str, rows: Columns) -> More:
    columns = [(one, said) for one, said in known.shown[name] if _any_given(rows.get(one, []))]
    cells = [_texts(known, one, rows[one][:_MOST_ROWS]) for one, _ in columns]
    count = len(next(iter(rows.values())))
    title = heading(name.split("__", 1)[1])
    return More(title, [said for _, said in columns], list(zip(*cells, strict=True)), max(0, count - _MOST_ROWS))


def _any_given(values: list[Any]) -> bool:
    """Whether any of the values is there."""
    return values.count(None) < len(values)


def _texts(known: PageData, name: str, values: list[Any]) -> list[str]:
    """The values of one column, hence of one type, in words."""
    kind = type(next((one for one in values if one is not None), None))
    said = known.words.get((name, kind))
    if said is None:
        said = known.words[name, kind] = _said(_words(known, name, kind), kind)
    return list(map(said, values))


def _said(words: Callable[[Any], str], kind: type) -> Callable[[Any], str]:
    """The words, and a dash for what is not there; kept, where values repeat and can be looked up."""

    def said(value: Any) -> str:
        return "–" if value is None else words(value)

    return said if issubclass(kind, list | dict) else lru_cache(_KEPT_VALUES)(said)


def _words(known: PageData, name: str, kind: type) -> Callable[[Any], str]:
    """How values of a column are said: ids by their names, shares as percent, lists joined."""
    if issubclass(kind, bool):
        return lambda value: "yes" if value else "no"
    if issubclass(kind, float):
        form = ("{:.0%}" if name.endswith(("_share", "probability")) else "{:,.2f}").format
        return lambda value: form(value + 0.0)  # else -0.0 would be said as the 0.0 it equals, or the other way round
    if issubclass(kind, datetime):
        return lambda value: str(value.date().isoformat())
    if issubclass(kind, date):
        return date.isoformat
    if issubclass(kind, list):
        return lambda value: ", ".join(_texts(known, name.removesuffix("s"), value)) or "–"
    if issubclass(kind, dict):
        return lambda value: ", ".join(
            f"{key.replace('_', ' ')}: {_texts(known, key, [one])[0]}" for key, one in value.items()
        )
    if name.endswith("skill_id"):
        return known.skill_name
    return known.person_name if name.endswith("_id") else str


@dataclass(frozen=True)
class TeamPage:
    """What a team of enough people holds and lacks: counts of people, never who."""

    file: str
    name: str
    people: int
    holds: list[tuple[str, str, str]]
    lacks: list[tuple[str, str]]
    support: list[str]  # sentences: what is recommended here and what the organisation does not give for it
    aims: list[tuple[str, str, str, str]]  # capability, wished for, needed, what that makes


def team_pages(known: PageData, holders: dict[str, Counter[str]], sizes: Counter[str]) -> list[TeamPage]:
    """A page for each unit of enough people. `holders`: by unit, people at journeyman or above by micro-skill."""
    pages = []
    support, aims = read_rows_by_unit(known, SUPPORT_GAP), read_rows_by_unit(known, ALIGNMENT)
    for unit, people in sorted(sizes.items()):
        if people < SMALLEST_TEAM:
            continue
        found = holders.get(unit, Counter())
        touched = {known.skills[skill].get("capability_name") for skill in found if skill in known.skills}
        around = [one for one, row in known.skills.items() if row.get("capability_name") in touched and not found[one]]
        pages.append(
            TeamPage(
                file=page_name(unit),
                name=unit,
                people=people,
                holds=[
                    (known.skill_name(skill), _capability_of(known, skill), _few(found[skill]))
                    for skill in _told(known, found)
                ],
                lacks=[(known.skill_name(skill), _capability_of(known, skill)) for skill in around],
                support=[row["finding"] for row in support.get(unit, []) if row["recommended_count"] >= SMALLEST_TEAM],
                aims=[_aim(row) for row in aims.get(unit, []) if row["team_people_count"] >= SMALLEST_TEAM],
            )
        )
    return pages


def _aim(row: Row) -> tuple[str, str, str, str]:
    wished = "–" if row["wish_share"] is None else f"{row['wish_share']:.0%}"
    return row["capability_name"], wished, f"{row['need_share']:.0%}", _AGREEMENT[row["agreement"]]


def _capability_of(known: PageData, skill_id: str) -> str:
    return str(known.skills.get(skill_id, {}).get("capability_name") or "")


def _told(known: PageData, found: Counter[str]) -> list[str]:
    """Most held first; counts that are not told come last by name, so that their order tells nothing either."""
    return sorted(
        found,
        key=lambda skill: (
            -found[skill] if found[skill] >= SMALLEST_TEAM else 0,
            known.skill_name(skill),
        ),
    )


def _few(count: int) -> str:
    """A count of people that never points at one."""
    return str(count) if count >= SMALLEST_TEAM else f"fewer than {SMALLEST_TEAM}"
