"""Plots of an evaluation as PNG: ranking, reliability and ablation; equal figures give equal bytes.

Belongs here: how they are drawn, and how they are described in words.
Does not belong here: the figures (`ml.evaluation.results`), pages that show them
(`assets.reporting.evaluation_report`).
"""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ml.evaluation.results import OURS, AblationResult, ModelResult
from ml.ranking.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _HIGHLIGHT, _PALE = "#1f2933", "#1769aa", "#b8c2cc"
# Name, value, the ends of its interval, and whether the bar is highlighted.
_Bar = tuple[str, float, float, float, bool]


def draw_ranking(models: Sequence[ModelResult]) -> bytes:
    """Draw NDCG@10 of each model with its 95 % interval, the best model on top.

    Args:
        models: The results of the models.

    Returns:
        The plot as PNG.
    """
    ordered = sorted(models, key=lambda model: model.ndcg_at_10)

    def draw(axes: "Axes") -> None:
        bars = _draw_bars(
            axes,
            [
                (model.model, model.ndcg_at_10, model.ndcg_at_10_low, model.ndcg_at_10_high, model.model == OURS)
                for model in ordered
            ],
        )
        axes.bar_label(bars, [f"  {model.ndcg_at_10:.3f}" for model in ordered], color=_INK)
        axes.set_xlim(0, 1.15 * max((model.ndcg_at_10_high for model in ordered), default=0.0) or 1.0)
        axes.set_xlabel("NDCG@10 with its 95 % interval over people")

    return _render_png(draw, height=0.38 * len(ordered) + 1.1)


def draw_reliability(reliability: Reliability) -> bytes:
    """Draw predicted against observed probability per bin, on logarithmic axes if predictions span a hundredfold.

    Args:
        reliability: The bins of the reliability diagram.

    Returns:
        The plot as PNG.
    """

    def draw(axes: "Axes") -> None:
        predicted = [row.mean_probability for row in reliability.bins]
        observed = [row.observed_share for row in reliability.bins]
        positive = [value for value in (*predicted, *observed) if value > 0]
        low, high = min(positive, default=0.001), max(positive, default=1.0)
        is_wide = high / low > 100
        edge = (low / 1.5, min(1.0, high * 1.5)) if is_wide else (0.0, min(1.0, high * 1.1))
        axes.plot(edge, edge, color=_PALE, linewidth=1.5, label="perfect calibration")
        deviations = [
            2.0 * (row.mean_probability * (1 - row.mean_probability) / row.n) ** 0.5 for row in reliability.bins
        ]
        low_edge = [max(value - deviation, edge[0]) for value, deviation in zip(predicted, deviations, strict=True)]
        high_edge = [value + deviation for value, deviation in zip(predicted, deviations, strict=True)]
        axes.fill_between(predicted, low_edge, high_edge, color=_PALE, alpha=0.35, linewidth=0, label="chance alone")
        # a bin in which nothing came true is outside of a logarithmic axis: it is drawn at the lower edge
        shown = [max(value, edge[0]) for value in observed]
        axes.plot(predicted, shown, "o-", color=_HIGHLIGHT, markersize=6, label="a tenth of all predictions each")
        if is_wide:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlim(*edge)
        axes.set_ylim(*edge)
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share that came true")
        axes.legend(frameon=False, loc="upper left")

    return _render_png(draw, width=5.6, height=5.0)


def draw_ablation(ablation: Sequence[AblationResult]) -> bytes:
    """Draw the loss of NDCG@10 without each family of features, the largest loss on top.

    Args:
        ablation: The results per family.

    Returns:
        The plot as PNG.
    """
    ordered = sorted(ablation, key=lambda result: result.loss)

    def draw(axes: "Axes") -> None:
        _draw_bars(axes, [(row.family, row.loss, row.low, row.high, row.low > 0) for row in ordered])
        axes.axvline(0.0, color=_INK, linewidth=1)
        axes.set_xlabel("NDCG@10 lost without the family, with its 95 % interval")

    return _render_png(draw, height=0.38 * len(ordered) + 1.1)


def describe_reliability(reliability: Reliability) -> str:
    """Describe the reliability diagram in words."""
    parts = [f"{row.mean_probability:.2%} predicted, {row.observed_share:.2%} came true" for row in reliability.bins]
    return f"Of {reliability.n:,} predictions in tenths, lowest first: {'; '.join(parts)}."


def describe_ranking(models: Sequence[ModelResult]) -> str:
    """Describe the ranking of the models in words."""
    ordered = sorted(models, key=lambda model: -model.ndcg_at_10)
    return "NDCG@10, best first: " + ", ".join(f"{model.model} {model.ndcg_at_10:.3f}" for model in ordered) + "."


def describe_ablation(ablation: Sequence[AblationResult]) -> str:
    """Describe the ablation in words."""
    return "NDCG@10 lost without: " + ", ".join(f"{row.family} {row.loss:+.4f}" for row in ablation) + "."


def png_data_uri(png: bytes) -> str:
    """Encode a picture as a data URI, so that a page needs no other file and no network."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _draw_bars(axes: "Axes", rows: Sequence[_Bar]) -> Any:
    names, values, lows, highs, is_highlighted = zip(*rows, strict=True)
    # an end may be a little beyond the mean, because the interval comes from resamples: then no whisker is drawn
    errors = [
        [max(value - low, 0.0) for value, low in zip(values, lows, strict=True)],
        [max(high - value, 0.0) for value, high in zip(values, highs, strict=True)],
    ]
    colours = [_HIGHLIGHT if highlighted else _PALE for highlighted in is_highlighted]
    return axes.barh(names, values, color=colours, xerr=errors, ecolor=_INK)


def _render_png(draw: Callable[["Axes"], Any], *, width: float = 7.6, height: float = 4.0) -> bytes:
    # imported here because it takes a second, and only if something is drawn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK)
    draw(axes)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()
