"""The risks of the model in use, as the part of the model card that changes after the training.

Belongs here: lineage of the data, drift history, limits by segment, who can stop the model, refusals and incidents, as
Markdown.
Does not belong here: what is known at the training (`model_card`), reading the tables and the runs (`assets`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from ml.evaluation.results import OURS

_ALL_PEOPLE = "all"
_SEGMENT_MEANINGS = {
    "cold": "people who hold no step or one",
    "short": "people who hold two to five steps",
    "long": "people who hold six steps or more",
    "no_history": "people without a history",
    "cold_skills": "steps that few people reached",
}


@dataclass(frozen=True)
class ModelRisk:
    """What is known of the risks of the model in use.

    Attributes:
        lineage: One row per source of exports: source_name, system_name, landed_files, refused_files, first_day,
            last_day.
        trained_tables: The tables that a training reads.
        drift: Rows of the contract `model_ranker__event_drift`.
        evaluation: Rows of the contract `model_ranker__event_evaluation`, of the newest training.
        least_people: People of a segment below which it is not shown.
        promoted_on: Day since which the model is in use; None if there is no record.
        promotion: The decision on the newest training, in one sentence.
        refusals: What was refused so far, one sentence each.
        incidents: What failed so far, one sentence each.
        stop_ways: Who can stop it and how, one sentence each.
    """

    lineage: pl.DataFrame
    trained_tables: Sequence[str]
    drift: pl.DataFrame
    evaluation: pl.DataFrame
    least_people: int
    promoted_on: date | None
    promotion: str
    refusals: Sequence[str]
    incidents: Sequence[str]
    stop_ways: Sequence[str]


def render_model_risk(risk: ModelRisk) -> str:
    """Render the risks as Markdown, to stand behind the model card.

    Args:
        risk: What is known.
    """
    promoted_text = "" if risk.promoted_on is None else f"In use since {risk.promoted_on}. "
    return "\n".join(
        [
            "## Data lineage",
            "",
            "A training reads " + ", ".join(f"`{table_name}`" for table_name in risk.trained_tables) + ".",
            "They are computed from these sources:",
            "",
            *_list_lineage(risk.lineage),
            "",
            "## Drift history",
            "",
            *_list_drift(risk.drift),
            "",
            "## Known limits by segment",
            "",
            *_list_segments(risk.evaluation, risk.least_people),
            "",
            "## Who can stop it, and how",
            "",
            *(f"- {sentence}" for sentence in risk.stop_ways),
            "",
            "## Refusals so far",
            "",
            f"- {promoted_text}Newest training: {risk.promotion}",
            *(f"- {sentence}" for sentence in risk.refusals),
            "",
            "## Incidents so far",
            "",
            *(f"- {sentence}" for sentence in risk.incidents or ("None is recorded.",)),
            "",
        ]
    )


def _list_lineage(lineage: pl.DataFrame) -> list[str]:
    if lineage.is_empty():
        return ["No file was landed yet."]
    return [
        "| source | system | files landed | files refused | first delivery | last delivery |",
        "|---|---|---:|---:|---|---|",
        *(
            f"| {row['source_name']} | {row['system_name']} | {row['landed_files']:,} | {row['refused_files']:,} "
            f"| {row['first_day'] or '–'} | {row['last_day'] or '–'} |"
            for row in lineage.iter_rows(named=True)
        ),
    ]


def _list_drift(drift: pl.DataFrame) -> list[str]:
    """One line per watched column: runs, the largest index and its day, and how often it was beyond the limit."""
    if drift.is_empty():
        return ["No run has measured drift yet."]
    summary = (
        drift.sort("watched_name", "as_of")
        .group_by("watched_name", "watched_kind", maintain_order=True)
        .agg(
            pl.len().alias("run_count"),
            pl.col("stability_index").last().alias("newest_index"),
            pl.col("stability_index").max().alias("largest_index"),
            pl.col("as_of").sort_by("stability_index").last().alias("largest_day"),
            pl.col("is_drifted").sum().alias("drifted_count"),
        )
    )
    first_day, last_day = drift.select(first=pl.col("as_of").min(), last=pl.col("as_of").max()).row(0)
    return [
        f"Stability index against the training of the model in use at the time, {drift['as_of'].n_unique():,} run "
        f"day(s) from {first_day} to {last_day}:",
        "",
        "| watched | kind | newest | largest | on | beyond the limit |",
        "|---|---|---:|---:|---|---:|",
        *(
            f"| {row['watched_name']} | {row['watched_kind']} | {row['newest_index']:.3f} | {row['largest_index']:.3f} "
            f"| {row['largest_day']} | {row['drifted_count']} of {row['run_count']} |"
            for row in summary.iter_rows(named=True)
        ),
    ]


def _list_segments(evaluation: pl.DataFrame, least_people: int) -> list[str]:
    own_rows = evaluation.filter(pl.col("model") == OURS, pl.col("people_count") >= least_people)
    whole = own_rows.filter(segment=_ALL_PEOPLE)
    segments = own_rows.filter(pl.col("segment") != _ALL_PEOPLE).sort("ndcg_at_10", "segment")
    if whole.is_empty() or segments.is_empty():
        return [f"Not measured: no segment has {least_people} people in the last window."]
    whole_ndcg = whole["ndcg_at_10"][0]
    lines = [
        f"NDCG@10 over everybody is {whole_ndcg:.3f}; the weakest segment is first. Segments of fewer than "
        f"{least_people} people are left out.",
        "",
        "| segment | who | people | NDCG@10 | 95 % interval | against everybody |",
        "|---|---|---:|---:|---|---:|",
    ]
    return lines + [
        f"| {row['segment']} | {_SEGMENT_MEANINGS.get(row['segment'], '')} | {row['people_count']:,} "
        f"| {row['ndcg_at_10']:.3f} | {_format(row['ndcg_at_10_low'])} to {_format(row['ndcg_at_10_high'])} "
        f"| {row['ndcg_at_10'] - whole_ndcg:+.3f} |"
        for row in segments.iter_rows(named=True)
    ]


def _format(bound: float | None) -> str:
    return "–" if bound is None else f"{bound:.3f}"
