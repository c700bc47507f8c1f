"""The report of a measurement: one HTML page and its pictures, for reading offline.

Belongs here: the page. Every value is escaped; nothing is loaded from anywhere.
Does not belong here: the figures (`ml.evaluation.results`), the drawing (`assets.tables.evaluation_plots`).
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from assets.tables.evaluation_plots import (
    describe_ablation,
    describe_ranking,
    describe_reliability,
    draw_ablation,
    draw_ranking,
    draw_reliability,
    png_data_uri,
)
from ml.evaluation.results import OURS, Evaluation

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #d9dee3; font-variant-numeric: tabular-nums }
th:first-child, td:first-child, .text { text-align: left } tr.own { font-weight: 600; background: #eef5fb }
img { max-width: 100%; height: auto } p.note { color: #4a545e }
"""


def write_report(measured: Evaluation, folder: Path, title: str) -> list[Path]:
    """Write index.html and the pictures into the folder (made if missing) and return their paths, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"ranking": draw_ranking(measured.models)}
    if measured.reliability is not None:
        pictures["reliability"] = draw_reliability(measured.reliability)
    if measured.ablation:
        pictures["ablation"] = draw_ablation(measured.ablation)
    paths = [folder / "index.html"]
    for name, png in pictures.items():
        (folder / f"{name}.png").write_bytes(png)
        paths.append(folder / f"{name}.png")
    paths[0].write_text(render_report(measured, pictures, title), encoding="utf-8")
    return paths


def render_report(measured: Evaluation, pictures: dict[str, bytes], title: str) -> str:
    """The page."""
    parts = [_head(measured, title), _ranking(measured, pictures["ranking"]), _segments(measured)]
    if measured.reliability is not None:
        parts.append(_reliability(measured, pictures["reliability"]))
    if measured.ablation:
        parts.append(_ablation(measured, pictures["ablation"]))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(measured: Evaluation, title: str) -> str:
    frozen = f" All models were frozen at {measured.frozen_at}." if measured.frozen_at else ""
    fell = f"<p><strong>footsteps fell back: {escape(measured.reason)}</strong></p>" if measured.reason else ""
    ratio = ""
    if measured.ratio:
        one = measured.ratio
        ratio = (
            f"<p>footsteps ranks {one.ratio:.3f} times as well as the best other, {escape(one.best_other)} "
            f"(NDCG@10; 95 % interval {one.low:.3f} to {one.high:.3f}, people drawn again).</p>"
        )
    return (
        f"<h1>{escape(title)}</h1><p>{measured.n_people_scored:,} people scored at {measured.n_cases:,} moments over "
        f"{measured.n_items:,} steps, split {escape(measured.split)}, horizon {measured.horizon_days} days."
        f"{escape(frozen)} Nobody was scored by a model that saw their future.</p>{ratio}{fell}"
        f"<p>{measured.n_targets_unseen:,} of {measured.n_targets:,} steps that came true were held by nobody before "
        "the freeze; they count as missed unless a model can name them.</p>"
    )


def _ranking(measured: Evaluation, png: bytes) -> str:
    rows = [
        [
            m.model,
            f"{m.hr_at_10:.3f}",
            f"{m.ndcg_at_10:.3f}",
            f"{m.ndcg_at_10_low:.3f} to {m.ndcg_at_10_high:.3f}",
            f"{m.mrr:.3f}",
            f"{m.coverage:.2f}",
            f"{m.novelty:.1f}",
            f"{m.fit_seconds:.1f}",
            f"{m.score_ms_per_person:.2f}",
            f"{m.peak_mb:,.0f}",
        ]
        for m in sorted(measured.models, key=lambda one: -one.ndcg_at_10)
    ]
    head = [
        "model",
        "HR@10",
        "NDCG@10",
        "95 % interval",
        "MRR",
        "coverage",
        "novelty",
        "fit s",
        "ms a person",
        "peak MB",
    ]
    return f"<h2>Ranking</h2>{_image(png, describe_ranking(measured.models))}{_table('Ranking', head, rows)}"


def _segments(measured: Evaluation) -> str:
    rows = [
        [
            s.segment,
            s.model,
            f"{s.n_cases:,}",
            f"{s.hr_at_10:.3f}",
            f"{s.ndcg_at_10:.3f}",
            f"{s.ndcg_at_10_low:.3f}–{s.ndcg_at_10_high:.3f}",
        ]
        if s.n_cases
        else [s.segment, s.model, "0", "–", "–", "–"]
        for s in measured.segments
    ]
    return (
        "<h2>Segments</h2><p class='note'>By steps held: cold 0 to 1, short 2 to 5, long 6 and more. "
        "no_history: people whose first event it was. cold_skills: only what fewer than five people held.</p>"
        + _table("Segments", ["segment", "model", "cases", "HR@10", "NDCG@10", "95 % interval"], rows, own=1)
    )


def _reliability(measured: Evaluation, png: bytes) -> str:
    one = measured.reliability
    assert one is not None
    rows = [
        [f"{place}", f"{b.n:,}", f"{b.mean_probability:.4%}", f"{b.observed_share:.4%}"]
        for place, b in enumerate(one.bins, 1)
    ]
    return (
        f"<h2>Probability</h2><p>Calibration error {one.ece:.4f}, Brier score {one.brier:.4f}, "
        f"{one.brier_skill:.1%} better than always saying the base rate of {one.base_rate:.2%}.</p>"
        f"{_image(png, describe_reliability(one))}"
        + _table("Probability", ["tenth", "promises", "promised", "came true"], rows)
    )


def _ablation(measured: Evaluation, png: bytes) -> str:
    rows = [
        [a.family, f"{a.ndcg_at_10:.4f}", f"{a.loss:+.4f}", f"{a.low:+.4f} to {a.high:+.4f}"] for a in measured.ablation
    ]
    return (
        "<h2>What each family of features is worth</h2><p class='note'>The ranker fitted without it, on the same "
        f"candidates and cases.</p>{_image(png, describe_ablation(measured.ablation))}"
        + _table("Ablation", ["family", "NDCG@10 without", "loss", "95 % interval"], rows)
    )


def _image(png: bytes, said: str) -> str:
    return f'<p><img src="{png_data_uri(png)}" alt="{escape(said, quote=True)}"></p>'


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], own: int = 0) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f"<tr{' class=own' if row[own] == OURS else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table><thead><tr>{top}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )
