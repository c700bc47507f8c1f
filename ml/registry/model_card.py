"""The model card: what a bundle is, as a record and as a page of Markdown.

Belongs here: the card's form and its rendering.
Does not belong here: saving and loading (see bundle).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ml.ranking.calibration import Reliability, chance_error
from ml.ranking.features import Feature


@dataclass(frozen=True)
class ModelCard:
    """What a bundle is, readable without loading it. Nothing in it is about a single person."""

    schema_version: int
    model_sha256: str
    contract_sha256: str  # of the features' names, families and order, and of the item ids
    features: tuple[Feature, ...]
    extra_features: tuple[str, ...]  # the features that the flow must hand in again on loading
    data_first: int
    data_end: int  # exclusive; microseconds since 1970 where is_calendar
    is_calendar: bool
    n_people: int
    n_items: int
    n_events: int
    horizon: int
    seed: int
    reason: str | None
    metrics: dict[str, float]
    versions: dict[str, str]
    types: tuple[str, ...]  # beyond skops' own, those that the file holds; all are trusted by name
    reliability: Reliability | None = None  # of the last window; None where no probability could be measured


def render_model_card(card: ModelCard) -> str:
    """The card as Markdown: what for, learned from what, how good, made with what."""
    families = dict.fromkeys(str(feature.family) for feature in card.features)
    names = {family: ", ".join(f"`{one.name}`" for one in card.features if one.family == family) for family in families}
    unit = "days" if card.is_calendar else "steps of the order"
    horizon = card.horizon // 86_400_000_000 if card.is_calendar else card.horizon
    lines = [
        "# Model card: the next step",
        "",
        "Ranks, for a person, the steps (micro-skill and stage) not yet reached, and gives the probability of reaching "
        f"each within {horizon} {unit}. For development only: it must not rank people or gate anything.",
        "",
        "## Learned from",
        "",
        f"- {card.n_events:,} reached steps of {card.n_people:,} people, {card.n_items:,} different steps",
        f"- from {_moment(card.data_first, card.is_calendar)} until before {_moment(card.data_end, card.is_calendar)}",
        "- names no person; holds no text about one",
        *([f"- fell back: {card.reason}"] if card.reason else []),
        "",
        "## How well it does",
        "",
        *(_metrics(card) or ["Not measured: too little history to hold any of it back."]),
        "",
        *_promises(card.reliability),
        "## Features",
        "",
        "| family | features |",
        "|---|---|",
        *(f"| {family} | {listed} |" for family, listed in names.items()),
        "",
        "## Made with",
        "",
        f"- seed {card.seed}; " + ", ".join(f"{name} {version}" for name, version in sorted(card.versions.items())),
        f"- contract `{card.contract_sha256[:16]}`, file `{card.model_sha256[:16]}` (SHA-256, first 16 digits)",
        "- types trusted on loading: " + ", ".join(f"`{name}`" for name in card.types),
        "",
    ]
    return "\n".join(lines)


def _metrics(card: ModelCard) -> list[str]:
    if not card.metrics:
        return []
    rows = [f"| {name} | {value:.4f} |" for name, value in sorted(card.metrics.items())]
    return [
        "Of the same recipe fitted before the last window, on that window:",
        "",
        "| measure | value |",
        "|---|---:|",
        *rows,
    ]


def _promises(measured: Reliability | None) -> list[str]:
    if measured is None:
        return []
    rows = [f"| {one.n:,} | {one.said:.4f} | {one.came_true:.4f} |" for one in measured.bins]
    said = (
        f"Probabilities: mean distance of said and come true {measured.ece:.4f}, of which chance alone makes about "
        f"{chance_error(measured):.4f}; {measured.n:,} promises in tenths."
    )
    return [said, "", "| promises | said | came true |", "|---:|---:|---:|", *rows, ""]


def _moment(tick: int, is_calendar: bool) -> str:
    if not is_calendar:
        return str(tick)
    return (datetime(1970, 1, 1) + timedelta(microseconds=tick)).date().isoformat()  # noqa: DTZ001
