"""The model card: what a bundle is, as a record and as a page of Markdown.

Belongs here: the fields of the card and its page.
Does not belong here: saving and loading (see model_bundle).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from ml.data.interactions import TICKS_PER_DAY
from ml.evaluation.reliability import Reliability, compute_chance_error
from ml.ranking.features import Feature


@dataclass(frozen=True)
class ModelCard:
    """What a bundle is, readable without loading it. Nothing in it is about a single person.

    The field names are the keys of stored cards.
    """

    schema_version: int
    model_sha256: str
    contract_sha256: str  # of the features' names, families and order, and of the item ids
    features: tuple[Feature, ...]
    extra_features: tuple[str, ...]  # the features that the caller must give again on loading
    data_first: int
    data_end: int  # exclusive; microseconds since 1970 if is_calendar
    is_calendar: bool
    n_people: int
    n_items: int
    n_events: int
    horizon: int
    seed: int
    reason: str | None  # why there is no ranker, if so
    metrics: dict[str, float]
    versions: dict[str, str]
    types: tuple[str, ...]  # types in the model file beyond skops' own; all are trusted by name
    reliability: Reliability | None = None  # on the last window; None if no probability could be measured


def render_model_card(card: ModelCard) -> str:
    """The card as Markdown: what the model is for, its training data, its quality, and its versions."""
    names_by_family: dict[str, list[str]] = {}
    for feature in card.features:
        names_by_family.setdefault(feature.family, []).append(f"`{feature.name}`")
    horizon_text = f"{card.horizon // TICKS_PER_DAY} days" if card.is_calendar else f"{card.horizon} steps of the order"
    first_day, end_day = (
        date(1970, 1, 1) + timedelta(microseconds=tick) if card.is_calendar else tick
        for tick in (card.data_first, card.data_end)
    )
    return "\n".join(
        [
            "# Model card: the next step",
            "",
            "Ranks, for a person, the steps (micro-skill and stage) not yet reached, and gives the probability of "
            f"reaching each within {horizon_text}. For development only: it must not rank people or gate anything.",
            "",
            "## Training data",
            "",
            f"- {card.n_events:,} reached steps of {card.n_people:,} people, {card.n_items:,} different steps",
            f"- from {first_day} until before {end_day}",
            "- names no person; holds no text about one",
            *([f"- fell back: {card.reason}"] if card.reason else []),
            "",
            "## Quality",
            "",
            *_list_metrics(card),
            "",
            *_list_reliability(card.reliability),
            "## Features",
            "",
            "| family | features |",
            "|---|---|",
            *(f"| {family} | {', '.join(feature_names)} |" for family, feature_names in names_by_family.items()),
            "",
            "## Made with",
            "",
            f"- seed {card.seed}; "
            + ", ".join(
                f"{package_name} {package_version}" for package_name, package_version in sorted(card.versions.items())
            ),
            f"- contract `{card.contract_sha256[:16]}`, file `{card.model_sha256[:16]}` (SHA-256, first 16 digits)",
            "- types trusted on loading: " + ", ".join(f"`{type_name}`" for type_name in card.types),
            "",
        ]
    )


def _list_metrics(card: ModelCard) -> list[str]:
    if not card.metrics:
        return ["Not measured: there is too little history to hold any of it back."]
    return [
        "Of the same recipe, fitted before the last window and measured on it:",
        "",
        "| measure | value |",
        "|---|---:|",
        *(f"| {metric_name} | {metric_value:.4f} |" for metric_name, metric_value in sorted(card.metrics.items())),
    ]


def _list_reliability(reliability: Reliability | None) -> list[str]:
    if reliability is None:
        return []
    return [
        f"Probabilities: the calibration error is {reliability.ece:.4f}, of which chance alone makes about "
        f"{compute_chance_error(reliability):.4f}; {reliability.n:,} probabilities in tenths.",
        "",
        "| probabilities | mean | observed share |",
        "|---:|---:|---:|",
        *(
            f"| {reliability_bin.n:,} | {reliability_bin.mean_probability:.4f} | {reliability_bin.observed_share:.4f} |"
            for reliability_bin in reliability.bins
        ),
        "",
        *_list_expected_observed(reliability),
    ]


def _list_expected_observed(reliability: Reliability) -> list[str]:
    """A table of promised and observed counts; nothing for cards of earlier versions, which have none."""
    if not reliability.groups:
        return []
    return [
        "Promised is the sum of the probabilities, with a 95 % interval over people of its ratio to what came true:",
        "",
        "| group | probabilities | promised | came true | promised / came true | 95 % interval |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {group.group} | {group.n:,} | {group.expected:.1f} | {group.observed:,} | {_format_bound(group.ratio)} "
            f"| {_format_bound(group.low)} to {_format_bound(group.high)} |"
            for group in reliability.groups
        ),
        "",
    ]


def _format_bound(bound: float | None) -> str:
    return "–" if bound is None else f"{bound:.2f}"
