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
    ordered_models = sorted(models, key=lambda model: model.ndcg_at_10)

    def draw(axes: "Axes") -> None:
        bars = _draw_bars(
            axes,
            [
                (model.model, model.ndcg_at_10, model.ndcg_at_10_low, model.ndcg_at_10_high, model.model == OURS)
                for model in ordered_models
            ],
        )
        axes.bar_label(bars, [f"  {model.ndcg_at_10:.3f}" for model in ordered_models], color=_INK)
        axes.set_xlim(0, 1.15 * max((model.ndcg_at_10_high for model in ordered_models), default=0.0) or 1.0)
        axes.set_xlabel("NDCG@10 with its 95 % interval over people")

    return _render_png(draw, height=0.38 * len(ordered_models) + 1.1)


def draw_reliability(reliability: Reliability) -> bytes:
    """Draw predicted against observed probability per bin, on logarithmic axes if predictions span a hundredfold.

    Args:
        reliability: The bins of the reliability diagram.

    Returns:
        The plot as PNG.
    """

    def draw(axes: "Axes") -> None:
        predicted_shares = [tenth.mean_probability for tenth in reliability.bins]
        observed_shares = [tenth.observed_share for tenth in reliability.bins]
        positive_shares = [share for share in (*predicted_shares, *observed_shares) if share > 0]
        smallest, largest = min(positive_shares, default=0.001), max(positive_shares, default=1.0)
        is_wide = largest / smallest > 100
        axis_limits = (smallest / 1.5, min(1.0, largest * 1.5)) if is_wide else (0.0, min(1.0, largest * 1.1))
        axes.plot(axis_limits, axis_limits, color=_PALE, linewidth=1.5, label="perfect calibration")
        chance_deviations = [
            2.0 * (tenth.mean_probability * (1 - tenth.mean_probability) / tenth.n) ** 0.5 for tenth in reliability.bins
        ]
        lower_band = [
            max(share - deviation, axis_limits[0])
            for share, deviation in zip(predicted_shares, chance_deviations, strict=True)
        ]
        upper_band = [share + deviation for share, deviation in zip(predicted_shares, chance_deviations, strict=True)]
        axes.fill_between(
            predicted_shares, lower_band, upper_band, color=_PALE, alpha=0.35, linewidth=0, label="chance alone"
        )
        # a bin in which nothing came true is outside of a logarithmic axis: it is drawn at the lower edge
        shown_shares = [max(share, axis_limits[0]) for share in observed_shares]
        axes.plot(
            predicted_shares,
            shown_shares,
            "o-",
            color=_HIGHLIGHT,
            markersize=6,
            label="a tenth of all predictions each",
        )
        if is_wide:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlim(*axis_limits)
        axes.set_ylim(*axis_limits)
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
    ordered_families = sorted(ablation, key=lambda family_result: family_result.loss)

    def draw(axes: "Axes") -> None:
        _draw_bars(
            axes,
            [
                (family_result.family, family_result.loss, family_result.low, family_result.high, family_result.low > 0)
                for family_result in ordered_families
            ],
        )
        axes.axvline(0.0, color=_INK, linewidth=1)
        axes.set_xlabel("NDCG@10 lost without the family, with its 95 % interval")

    return _render_png(draw, height=0.38 * len(ordered_families) + 1.1)


def describe_reliability(reliability: Reliability) -> str:
    """Describe the reliability diagram in words."""
    tenth_sentences = [
        f"{tenth.mean_probability:.2%} predicted, {tenth.observed_share:.2%} came true" for tenth in reliability.bins
    ]
    return f"Of {reliability.n:,} predictions in tenths, lowest first: {'; '.join(tenth_sentences)}."


def describe_ranking(models: Sequence[ModelResult]) -> str:
    """Describe the ranking of the models in words."""
    ordered_models = sorted(models, key=lambda model: -model.ndcg_at_10)
    return (
        "NDCG@10, best first: " + ", ".join(f"{model.model} {model.ndcg_at_10:.3f}" for model in ordered_models) + "."
    )


def describe_ablation(ablation: Sequence[AblationResult]) -> str:
    """Describe the ablation in words."""
    return (
        "NDCG@10 lost without: "
        + ", ".join(f"{family_result.family} {family_result.loss:+.4f}" for family_result in ablation)
        + "."
    )


def png_data_uri(png: bytes) -> str:
    """Encode a picture as a data URI, so that a page needs no other file and no network."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _draw_bars(axes: "Axes", bars: Sequence[_Bar]) -> Any:
    labels, lengths, lows, highs, is_highlighted = zip(*bars, strict=True)
    # an end may be a little beyond the mean, because the interval comes from resamples: then no whisker is drawn
    whisker_lengths = [
        [max(length - low, 0.0) for length, low in zip(lengths, lows, strict=True)],
        [max(high - length, 0.0) for length, high in zip(lengths, highs, strict=True)],
    ]
    colours = [_HIGHLIGHT if highlighted else _PALE for highlighted in is_highlighted]
    return axes.barh(labels, lengths, color=colours, xerr=whisker_lengths, ecolor=_INK)


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
    png_buffer = io.BytesIO()
    figure.savefig(png_buffer, format="png", metadata={"Software": None})
    return png_buffer.getvalue()
