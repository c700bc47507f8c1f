"""The report of an evaluation: one HTML page and its pictures, to read offline.

Belongs here: writing the files, and the cells of the tables that page and terminal show.
Does not belong here: the figures (`ml.evaluation.results`), the plots (`assets.reporting.evaluation_plots`).
"""

from collections.abc import Sequence
from pathlib import Path

from assets.reporting.evaluation_plots import (
    describe_ablation,
    describe_ranking,
    describe_reliability,
    draw_ablation,
    draw_ranking,
    draw_reliability,
    png_data_uri,
)
from assets.reporting.variety_plot import describe_variety, draw_variety
from ml.evaluation.reliability import Reliability
from ml.evaluation.results import OURS, Evaluation, ModelResult
from pipelines.validation.page_templates import open_page_templates

RANKING_HEADINGS = (
    *("model", "HR@10", "NDCG@10", "95 % interval", "MRR"),
    *("coverage", "novelty", "Gini", "distance"),
    *("fit s", "ms per person", "peak MB"),
)
PROBABILITY_HEADINGS = ("group", "predictions", "promised", "came true", "promised / came true", "95 % interval")
SEGMENT_HEADINGS = ("segment", "model", "cases", "HR@10", "NDCG@10", "95 % interval")


def write_report(evaluation: Evaluation, report_folder: Path, title: str) -> list[Path]:
    """Write index.html and its pictures.

    Args:
        evaluation: The evaluation.
        report_folder: Folder of the report; it is created if it is missing.
        title: Title of the page.

    Returns:
        The written files, the page first.
    """
    report_folder.mkdir(parents=True, exist_ok=True)
    picture_by_name = {"ranking": (draw_ranking(evaluation.models), describe_ranking(evaluation.models))}
    picture_by_name["variety"] = (draw_variety(evaluation.models), describe_variety(evaluation.models))
    reliability = evaluation.reliability
    if reliability is not None:
        picture_by_name["reliability"] = (draw_reliability(reliability), describe_reliability(reliability))
    if evaluation.ablation:
        picture_by_name["ablation"] = (draw_ablation(evaluation.ablation), describe_ablation(evaluation.ablation))
    for picture_name, (png_bytes, _) in picture_by_name.items():
        (report_folder / f"{picture_name}.png").write_bytes(png_bytes)
    page_templates = open_page_templates(Path(__file__).parent / "templates")
    page_html = page_templates.get_template("evaluation_report.html.j2").render(
        title=title,
        evaluation=evaluation,
        pictures={
            picture_name: (png_data_uri(png_bytes), alt_text)
            for picture_name, (png_bytes, alt_text) in picture_by_name.items()
        },
        ranking_headings=RANKING_HEADINGS,
        ranking=format_ranking(sorted(evaluation.models, key=lambda model_result: -model_result.ndcg_at_10)),
        segment_headings=SEGMENT_HEADINGS,
        segments=format_segments(evaluation),
        probability_headings=PROBABILITY_HEADINGS,
        probability=[] if reliability is None else format_expected_observed(reliability),
        ablation=[
            (
                ablated_family.family,
                f"{ablated_family.ndcg_at_10:.4f}",
                f"{ablated_family.loss:+.4f}",
                f"{ablated_family.low:+.4f} to {ablated_family.high:+.4f}",
            )
            for ablated_family in evaluation.ablation
        ],
        our_model=OURS,
    )
    (report_folder / "index.html").write_text(page_html, encoding="utf-8")
    return [report_folder / "index.html", *(report_folder / f"{picture_name}.png" for picture_name in picture_by_name)]


def format_ranking(model_results: Sequence[ModelResult]) -> list[list[str]]:
    """Format the results of the models: one row per model, with the columns of `RANKING_HEADINGS`."""
    return [
        [
            model_result.model,
            f"{model_result.hr_at_10:.3f}",
            f"{model_result.ndcg_at_10:.3f}",
            f"{model_result.ndcg_at_10_low:.3f} to {model_result.ndcg_at_10_high:.3f}",
            f"{model_result.mrr:.3f}",
            f"{model_result.coverage:.2f}",
            f"{model_result.novelty:.1f}",
            f"{model_result.exposure_gini:.2f}",
            f"{model_result.list_distance:.2f}",
            f"{model_result.fit_seconds:.1f}",
            f"{model_result.score_ms_per_person:.2f}",
            f"{model_result.peak_mb:,.0f}",
        ]
        for model_result in model_results
    ]


def format_segments(evaluation: Evaluation) -> list[list[str]]:
    """Format the results per segment and model: one row each, with the columns of `SEGMENT_HEADINGS`."""
    segment_rows = []
    for segment_result in evaluation.segments:
        metric_cells = ["–", "–", "–"]
        if segment_result.n_cases:
            interval_text = f"{segment_result.ndcg_at_10_low:.3f} to {segment_result.ndcg_at_10_high:.3f}"
            metric_cells = [f"{segment_result.hr_at_10:.3f}", f"{segment_result.ndcg_at_10:.3f}", interval_text]
        segment_rows.append(
            [segment_result.segment, segment_result.model, f"{segment_result.n_cases:,}", *metric_cells]
        )
    return segment_rows


def format_expected_observed(reliability: Reliability) -> list[list[str]]:
    """Format promised and observed counts: one row per group, with the columns of `PROBABILITY_HEADINGS`."""
    return [
        [
            group.group,
            f"{group.n:,}",
            f"{group.expected:,.1f}",
            f"{group.observed:,}",
            "–" if group.ratio is None else f"{group.ratio:.2f}",
            "–" if group.low is None else f"{group.low:.2f} to {'∞' if group.high is None else f'{group.high:.2f}'}",
        ]
        for group in reliability.groups
    ]
