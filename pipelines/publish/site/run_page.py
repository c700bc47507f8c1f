"""The night's page: what came in, what was set aside, how well the ranker did, for whom, and how far to believe it.

Belongs here: the counts and figures of one night, and its plots with the tables that say the same.
Does not belong here: drawing (`charts`), the pages of people and teams (`pages`).
"""

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.feature_tables import EVALUATION, MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.site.charts import Interval, draw_calibration, draw_intervals
from pipelines.publish.site.page_data import PageData, heading


@dataclass(frozen=True)
class Figures:
    """A table of the page; with a plot where one helps, which says nothing that the table does not."""

    title: str
    said: str
    headings: list[str]
    rows: list[list[str]]
    plot: str | None = None
    plot_label: str = ""


@dataclass(frozen=True)
class RunPage:
    """All that stands on the night's page."""

    figures: list[Figures]


def build_run_page(known: PageData) -> RunPage:
    """The page of the night that made the snapshot."""
    evaluation = known.lake.scan(EVALUATION).collect()
    found = [
        _published(known),
        _reasons(known),
        _landed(known),
        _models(evaluation),
        _calibration(known),
        _fair(evaluation),
    ]
    return RunPage([one for one in found if one is not None])


def _published(known: PageData) -> Figures:
    rows = [[one.name, f"{one.rows:,}", one.schema_version, one.content_sha256[:12]] for one in known.snapshot.tables]
    return Figures("Published", "Every table of this snapshot.", ["table", "rows", "version", "hash"], rows)


def _reasons(known: PageData) -> Figures:
    counts = (
        known.snapshot.scan(NEXT_SKILL.name)
        .group_by(pl.col("no_recommendation_reason").fill_null("recommended"))
        .agg(pl.col("person_id").n_unique())
        .sort("no_recommendation_reason")
        .collect()
    )
    rows = [[str(reason).replace("_", " "), f"{people:,}"] for reason, people in counts.iter_rows()]
    return Figures("People", "How many got a list, and why the others did not.", ["", "people"], rows)


def _landed(known: PageData) -> Figures:
    ledger = known.lake.scan(DELIVERY).collect()
    counts = ledger.group_by("source_name", "delivery_status").agg(
        pl.len().alias("files"), pl.col("good_count").sum(), pl.col("bad_count").sum()
    )
    rows = [
        [source, status.replace("_", " "), f"{files:,}", f"{good or 0:,}", f"{bad or 0:,}"]
        for source, status, files, good, bad in counts.sort("source_name", "delivery_status").iter_rows()
    ]
    said = "Files of each source, rows that were taken, and rows set aside in quarantine."
    return Figures("Sources and quarantine", said, ["source", "files were", "files", "rows", "set aside"], rows)


def _models(evaluation: pl.DataFrame) -> Figures | None:
    everyone = evaluation.filter(pl.col("segment") == "all").sort("ndcg_at_10", descending=True, nulls_last=True)
    if not everyone.height:
        return None
    rows = [
        [
            row["model"].replace("_", " "),
            _figure(row["ndcg_at_10"]),
            _range(row),
            _figure(row["hr_at_10"]),
            _figure(row["mrr"]),
        ]
        for row in everyone.to_dicts()
    ]
    said = "How well each model ranked the steps that people did take afterwards; none saw their future."
    plot = draw_intervals(_intervals(everyone, "model"), "NDCG@10")
    label = f"NDCG@10 with 95 % intervals of {everyone.height} models; the table below holds the numbers."
    return Figures("Evaluation", said, ["model", "NDCG@10", "95 % interval", "HR@10", "MRR"], rows, plot, label)


def _fair(evaluation: pl.DataFrame) -> Figures | None:
    ours = evaluation.filter(pl.col("segment") != "all")
    if "footsteps" in ours["model"]:
        ours = ours.filter(pl.col("model") == "footsteps")
    if not ours.height:
        return None
    ours = ours.sort("segment")
    rows = [
        [row["segment"].replace("_", " "), f"{row['people_count']:,}", _figure(row["ndcg_at_10"]), _range(row)]
        for row in ours.to_dicts()
    ]
    said = "The same for parts of the people: where intervals lie apart, the ranker serves one part less well."
    plot = draw_intervals(_intervals(ours, "segment"), "NDCG@10")
    label = f"NDCG@10 with 95 % intervals of {ours.height} parts of the people; the table below holds the numbers."
    return Figures("Fairness", said, ["part", "people", "NDCG@10", "95 % interval"], rows, plot, label)


def _calibration(known: PageData) -> Figures | None:
    """From the ranker's card, where its last evaluation left the bins of a reliability diagram."""
    cards = known.lake.scan(MODEL_CARD).collect()
    measured = json.loads(cards["card"][0]).get("reliability") if cards.height else None
    if not measured or not measured["bins"]:
        return None
    bins = measured["bins"]
    rows = [[f"{one['n']:,}", f"{one['said']:.3f}", f"{one['came_true']:.3f}"] for one in bins]
    plot = draw_calibration([one["said"] for one in bins], [one["came_true"] for one in bins])
    label = f"Said against seen probability in {len(bins)} bins beside the diagonal; the table below holds the numbers."
    said = (
        "Of promises of 30 in 100, about 30 should come true: the nearer to the diagonal, the better. Here the mean "
        f"distance is {measured['ece']:.3f} over {measured['n']:,} promises."
    )
    return Figures("Calibration", said, ["promises", "said", "came true"], rows, plot, label)


def _intervals(rows: pl.DataFrame, name: str) -> list[Interval]:
    return [
        Interval(heading(row[name]), row["ndcg_at_10"], row["ndcg_at_10_low"], row["ndcg_at_10_high"])
        for row in rows.to_dicts()
        if row["ndcg_at_10"] is not None
    ]


def _range(row: dict[str, Any]) -> str:
    low, high = row["ndcg_at_10_low"], row["ndcg_at_10_high"]
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
