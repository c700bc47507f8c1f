"""The page about the run: what was read, what was set aside, and how well the ranker does, for whom.

Belongs here: the counts and figures of one run, and its charts.
Does not belong here: drawing (`charts`, `drawn_charts`), the pages of people and teams (`pages`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.feature_tables import EVALUATION, MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.site.charts import draw_calibration, draw_intervals
from pipelines.publish.site.drawn_charts import DrawnCharts
from pipelines.publish.site.page_data import PageData, Row, heading
from pipelines.publish.site.pages import SMALLEST_TEAM


@dataclass(frozen=True)
class Section:
    """A table of the page; a chart shows nothing that the table does not hold."""

    title: str
    text: str
    headings: list[str]
    rows: list[list[str]]
    chart: str | None = None
    chart_label: str = ""


def build_run_sections(page_data: PageData, drawn_charts: DrawnCharts) -> list[Section]:
    """Describe the run that made the snapshot.

    Args:
        page_data: The input of the pages.
        drawn_charts: The charts of earlier pages; gets those of the page.

    Returns:
        The sections of the page, in order; evaluation, calibration and fairness only if they were measured.
    """
    evaluation = page_data.lake.scan(EVALUATION).collect()
    return [
        _describe_tables(page_data),
        _describe_people(page_data),
        _describe_sources(page_data),
        *_describe_models(evaluation, drawn_charts),
        *_describe_calibration(page_data, drawn_charts),
        *_describe_segments(evaluation, drawn_charts),
    ]


def _describe_tables(page_data: PageData) -> Section:
    return Section(
        "Published",
        "Every table of this snapshot.",
        ["table", "rows", "version", "hash"],
        [
            [table.name, f"{table.rows:,}", table.schema_version, table.content_sha256[:12]]
            for table in page_data.snapshot.tables
        ],
    )


def _describe_people(page_data: PageData) -> Section:
    people_count_by_reason = (
        page_data.snapshot.scan(NEXT_SKILL.name)
        .group_by(pl.col("no_recommendation_reason").fill_null("recommended"))
        .agg(pl.col("person_id").n_unique())
        .sort("no_recommendation_reason")
        .collect()
    )
    reason_rows = [
        [str(reason).replace("_", " "), _format_people_count(people_count)]
        for reason, people_count in people_count_by_reason.iter_rows()
    ]
    return Section("People", "How many people got a list, and why the others did not.", ["", "people"], reason_rows)


def _describe_sources(page_data: PageData) -> Section:
    delivery_counts = (
        page_data.lake.scan(DELIVERY)
        .group_by("source_name", "delivery_status")
        .agg(pl.len().alias("files"), pl.col("good_count", "bad_count").sum())
        .sort("source_name", "delivery_status")
        .collect()
    )
    source_rows = [
        [
            source_name,
            delivery_status.replace("_", " "),
            f"{file_count:,}",
            f"{good_count or 0:,}",
            f"{bad_count or 0:,}",
        ]
        for source_name, delivery_status, file_count, good_count, bad_count in delivery_counts.iter_rows()
    ]
    return Section(
        "Sources and quarantine",
        "Files of each source, accepted rows, and rows in quarantine.",
        ["source", "status", "files", "rows", "quarantined"],
        source_rows,
    )


def _describe_models(evaluation: pl.DataFrame, drawn_charts: DrawnCharts) -> Iterator[Section]:
    model_rows = evaluation.filter(segment="all").sort("ndcg_at_10", descending=True, nulls_last=True)
    if model_rows.height:
        yield Section(
            "Evaluation",
            "How well each model ranked the steps that people took afterwards; no model saw the future.",
            ["model", "NDCG@10", "95 % interval", "HR@10", "MRR"],
            [
                [
                    model_row["model"].replace("_", " "),
                    _format_metric(model_row["ndcg_at_10"]),
                    _format_interval(model_row),
                    _format_metric(model_row["hr_at_10"]),
                    _format_metric(model_row["mrr"]),
                ]
                for model_row in model_rows.iter_rows(named=True)
            ],
            _draw_ndcg(model_rows, "model", drawn_charts),
            f"NDCG@10 with 95 % intervals of {model_rows.height} models; the table below holds the numbers.",
        )


def _describe_segments(evaluation: pl.DataFrame, drawn_charts: DrawnCharts) -> Iterator[Section]:
    segment_rows = evaluation.filter(pl.col("segment") != "all").sort("segment")
    if "footsteps" in segment_rows["model"]:
        segment_rows = segment_rows.filter(model="footsteps")
    if segment_rows.height:
        yield Section(
            "Fairness",
            "The same for groups of people: if intervals do not overlap, the ranker serves one group less well.",
            ["group", "people", "NDCG@10", "95 % interval"],
            [
                [
                    segment_row["segment"].replace("_", " "),
                    _format_people_count(segment_row["people_count"]),
                    _format_metric(segment_row["ndcg_at_10"]),
                    _format_interval(segment_row),
                ]
                for segment_row in segment_rows.iter_rows(named=True)
            ],
            _draw_ndcg(segment_rows, "segment", drawn_charts),
            f"NDCG@10 with 95 % intervals of {segment_rows.height} groups of people; the table below holds the "
            "numbers.",
        )


def _describe_calibration(page_data: PageData, drawn_charts: DrawnCharts) -> Iterator[Section]:
    """The reliability diagram of the ranker's card, if its last evaluation has one."""
    model_cards = page_data.lake.scan(MODEL_CARD).collect()
    reliability = json.loads(model_cards["card"][0]).get("reliability") if model_cards.height else None
    if reliability and (reliability_bins := reliability["bins"]):
        yield Section(
            "Calibration",
            "Of predictions of 30 in 100, about 30 should come true: the nearer to the diagonal, the better. The mean "
            f"distance is {reliability['ece']:.3f} over {reliability['n']:,} predictions.",
            ["predictions", "predicted", "came true"],
            [
                [f"{reliability_bin['n']:,}", f"{reliability_bin['said']:.3f}", f"{reliability_bin['came_true']:.3f}"]
                for reliability_bin in reliability_bins
            ],
            drawn_charts.draw(
                draw_calibration,
                [reliability_bin["said"] for reliability_bin in reliability_bins],
                [reliability_bin["came_true"] for reliability_bin in reliability_bins],
            ),
            f"Predicted against observed probability in {len(reliability_bins)} bins, with the diagonal; the table "
            "below holds the numbers.",
        )


def _draw_ndcg(evaluation: pl.DataFrame, label_column: str, drawn_charts: DrawnCharts) -> str:
    ndcg_rows = evaluation.drop_nulls("ndcg_at_10").select(
        label_column, "ndcg_at_10", "ndcg_at_10_low", "ndcg_at_10_high"
    )
    return drawn_charts.draw(
        draw_intervals,
        [
            (heading(row_label), ndcg, ndcg_low, ndcg_high)
            for row_label, ndcg, ndcg_low, ndcg_high in ndcg_rows.iter_rows()
        ],
        "NDCG@10",
    )


def _format_people_count(people_count: int) -> str:
    """A number of people; a dash if they are so few that it would point at single persons, or none."""
    return f"{people_count:,}" if people_count >= SMALLEST_TEAM else "–"


def _format_interval(evaluation_row: Row) -> str:
    ndcg_low, ndcg_high = evaluation_row["ndcg_at_10_low"], evaluation_row["ndcg_at_10_high"]
    return "–" if ndcg_low is None or ndcg_high is None else f"{ndcg_low:.3f} to {ndcg_high:.3f}"


def _format_metric(metric_value: float | None) -> str:
    return "–" if metric_value is None else f"{metric_value:.3f}"
