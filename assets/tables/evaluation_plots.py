"""Plots of a measurement as PNG: ranking, reliability, ablation. The same bytes for the same figures.

Belongs here: how they are drawn, and what they say in words.
Does not belong here: the figures (`ml.evaluation.results`), pages that show them (`assets.cli.evaluation_report`).
"""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ml.evaluation.results import OURS, AblationResult, ModelResult
from ml.ranking.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, OWN, OTHER = "#1f2933", "#66707a", "#1769aa", "#b8c2cc"


def draw_ranking(models: Sequence[ModelResult]) -> bytes:
    """NDCG@10 of each model with its 95 % interval, the best on top."""
    ordered = sorted(models, key=lambda one: one.ndcg_at_10)

    def draw(axes: "Axes") -> None:
        values = [one.ndcg_at_10 for one in ordered]
        misses = _misses(values, [(one.ndcg_at_10_low, one.ndcg_at_10_high) for one in ordered])
        colours = [OWN if one.model == OURS else OTHER for one in ordered]
        bars = axes.barh([one.model for one in ordered], values, color=colours, xerr=misses, ecolor=INK)
        axes.bar_label(bars, [f"  {value:.3f}" for value in values], color=INK)
        axes.set_xlim(0, 1.15 * max((one.ndcg_at_10_high for one in ordered), default=0.0) or 1.0)
        axes.set_xlabel("NDCG@10 with its 95 % interval over people")

    return _draw(draw, height=0.38 * len(ordered) + 1.1)


def draw_reliability(reliability: Reliability) -> bytes:
    """What was promised against what came true, bin by bin, on logarithmic axes where promises span a hundredfold."""

    def draw(axes: "Axes") -> None:
        said = [one.mean_probability for one in reliability.bins]
        true = [one.observed_share for one in reliability.bins]
        positive = [value for value in (*said, *true) if value > 0]
        low, high = min(positive, default=0.001), max(positive, default=1.0)
        is_wide = high / low > 100
        edge = (low / 1.5, min(1.0, high * 1.5)) if is_wide else (0.0, min(1.0, high * 1.1))
        axes.plot(edge, edge, color=OTHER, linewidth=1.5, label="promises kept exactly")
        # A bin in which nothing came true has no place on a logarithmic axis: it is drawn at the lower edge.
        shown = [max(value, edge[0]) for value in true]
        spread = [2.0 * (one.mean_probability * (1 - one.mean_probability) / one.n) ** 0.5 for one in reliability.bins]
        low_edge = [max(v - s, edge[0]) for v, s in zip(said, spread, strict=True)]
        high_edge = [v + s for v, s in zip(said, spread, strict=True)]
        axes.fill_between(said, low_edge, high_edge, color=OTHER, alpha=0.35, linewidth=0, label="chance alone")
        axes.plot(said, shown, "o-", color=OWN, markersize=6, label="a tenth of all promises each")
        if is_wide:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlim(*edge)
        axes.set_ylim(*edge)
        axes.set_xlabel("probability promised")
        axes.set_ylabel("share that came true")
        axes.legend(frameon=False, loc="upper left")

    return _draw(draw, width=5.6, height=5.0)


def draw_ablation(ablation: Sequence[AblationResult]) -> bytes:
    """The loss of NDCG@10 without each family of features, the dearest on top."""
    ordered = sorted(ablation, key=lambda one: one.loss)

    def draw(axes: "Axes") -> None:
        values = [one.loss for one in ordered]
        misses = _misses(values, [(one.low, one.high) for one in ordered])
        colours = [OWN if one.low > 0 else OTHER for one in ordered]
        axes.barh([one.family for one in ordered], values, color=colours, xerr=misses, ecolor=INK)
        axes.axvline(0.0, color=INK, linewidth=1)
        axes.set_xlabel("NDCG@10 lost without the family, with its 95 % interval")

    return _draw(draw, height=0.38 * len(ordered) + 1.1)


def describe_reliability(reliability: Reliability) -> str:
    """The diagram in words."""
    parts = [f"{one.mean_probability:.2%} promised, {one.observed_share:.2%} came true" for one in reliability.bins]
    return f"Of {reliability.n:,} promises in tenths, lowest first: {'; '.join(parts)}."


def describe_ranking(models: Sequence[ModelResult]) -> str:
    """The chart in words."""
    ordered = sorted(models, key=lambda one: -one.ndcg_at_10)
    return "NDCG@10, best first: " + ", ".join(f"{one.model} {one.ndcg_at_10:.3f}" for one in ordered) + "."


def describe_ablation(ablation: Sequence[AblationResult]) -> str:
    """The chart in words."""
    return "NDCG@10 lost without: " + ", ".join(f"{one.family} {one.loss:+.4f}" for one in ablation) + "."


def png_data_uri(png: bytes) -> str:
    """The picture as the source of an image, so that a page needs no other file and no network."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _misses(values: Sequence[float], bounds: Sequence[tuple[float, float]]) -> list[list[float]]:
    """How far bounds lie below and above; a mean of resamples may lie a hair outside, and no line is drawn there."""
    pairs = list(zip(values, bounds, strict=True))
    return [
        [max(value - low, 0.0) for value, (low, _) in pairs],
        [max(high - value, 0.0) for value, (_, high) in pairs],
    ]


def _draw(draw: Callable[["Axes"], Any], *, width: float = 7.6, height: float = 4.0) -> bytes:
    # its import takes a second: only where something is drawn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK)
    draw(axes)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()
