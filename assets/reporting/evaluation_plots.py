"""Plots of an evaluation as PNG: ranking, reliability and ablation; equal figures give equal bytes.

Belongs here: how they are drawn, and how they are described in words.
Does not belong here: the figures (`ml.evaluation.results`), pages that show them
(`assets.reporting.evaluation_report`).
"""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ml.evaluation.reliability import Reliability
from ml.evaluation.results import OURS, AblationResult, ModelResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXT_COLOUR, HIGHLIGHT_COLOUR, PALE_COLOUR = "#1f2933", "#1769aa", "#b8c2cc"
# Name, value, the ends of its interval, and whether the bar is highlighted.
_Bar = tuple[str, float, float, float, bool]


def draw_ranking(model_results: Sequence[ModelResult]) -> bytes:
    """Draw NDCG@10 of each model with its 95 % interval, the best model on top.

    Args:
        model_results: The results of the models.

    Returns:
        The plot as PNG.
    """
    ordered_results = sorted(model_results, key=lambda model_result: model_result.ndcg_at_10)

    def draw(axes: "Axes") -> None:
        drawn_bars = _draw_bars(
            axes,
            [
                (
                    model_result.model,
                    model_result.ndcg_at_10,
                    model_result.ndcg_at_10_low,
                    model_result.ndcg_at_10_high,
                    model_result.model == OURS,
                )
                for model_result in ordered_results
            ],
        )
        axes.bar_label(
            drawn_bars, [f"  {model_result.ndcg_at_10:.3f}" for model_result in ordered_results], color=TEXT_COLOUR
        )
        axes.set_xlim(
            0, 1.15 * max((model_result.ndcg_at_10_high for model_result in ordered_results), default=0.0) or 1.0
        )
        axes.set_xlabel("NDCG@10 with its 95 % interval over people")

    return render_png(draw, height=0.38 * len(ordered_results) + 1.1)


def draw_reliability(reliability: Reliability) -> bytes:
    """Draw predicted against observed probability per bin, on logarithmic axes if predictions span a hundredfold.

    Args:
        reliability: The bins of the reliability diagram.

    Returns:
        The plot as PNG.
    """

    def draw(axes: "Axes") -> None:
        predicted_shares = [reliability_bin.mean_probability for reliability_bin in reliability.bins]
        observed_shares = [reliability_bin.observed_share for reliability_bin in reliability.bins]
        positive_shares = [
            probability_share for probability_share in (*predicted_shares, *observed_shares) if probability_share > 0
        ]
        smallest_share, largest_share = min(positive_shares, default=0.001), max(positive_shares, default=1.0)
        is_logarithmic = largest_share / smallest_share > 100
        lower_limit, margin_factor = (smallest_share / 1.5, 1.5) if is_logarithmic else (0.0, 1.1)
        axis_limits = (lower_limit, min(1.0, largest_share * margin_factor))
        axes.plot(axis_limits, axis_limits, color=PALE_COLOUR, linewidth=1.5, label="perfect calibration")
        band_low, band_high = _compute_chance_band(reliability, lower_limit)
        axes.fill_between(
            predicted_shares, band_low, band_high, color=PALE_COLOUR, alpha=0.35, linewidth=0, label="chance alone"
        )
        # a bin in which nothing came true is outside of a logarithmic axis: it is drawn at the lower edge
        shown_shares = [max(observed_share, lower_limit) for observed_share in observed_shares]
        axes.plot(
            predicted_shares,
            shown_shares,
            "o-",
            color=HIGHLIGHT_COLOUR,
            markersize=6,
            label="a tenth of all predictions each",
        )
        if is_logarithmic:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlim(*axis_limits)
        axes.set_ylim(*axis_limits)
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share that came true")
        axes.legend(frameon=False, loc="upper left")

    return render_png(draw, width=5.6, height=5.0)


def _compute_chance_band(reliability: Reliability, lower_limit: float) -> tuple[list[float], list[float]]:
    """The observed shares that chance explains, per bin: two standard errors below and above the prediction.

    Args:
        reliability: The bins of the reliability diagram.
        lower_limit: The lowest share that is drawn.

    Returns:
        The lower and the upper ends of the band.
    """
    band_low, band_high = [], []
    for reliability_bin in reliability.bins:
        predicted_share = reliability_bin.mean_probability
        chance_deviation = 2.0 * (predicted_share * (1 - predicted_share) / reliability_bin.n) ** 0.5
        band_low.append(max(predicted_share - chance_deviation, lower_limit))
        band_high.append(predicted_share + chance_deviation)
    return band_low, band_high


def draw_ablation(ablation: Sequence[AblationResult]) -> bytes:
    """Draw the loss of NDCG@10 without each family of features, the largest loss on top.

    Args:
        ablation: The results per family.

    Returns:
        The plot as PNG.
    """
    ordered_results = sorted(ablation, key=lambda family_result: family_result.loss)

    def draw(axes: "Axes") -> None:
        _draw_bars(
            axes,
            [
                (family_result.family, family_result.loss, family_result.low, family_result.high, family_result.low > 0)
                for family_result in ordered_results
            ],
        )
        axes.axvline(0.0, color=TEXT_COLOUR, linewidth=1)
        axes.set_xlabel("NDCG@10 lost without the family, with its 95 % interval")

    return render_png(draw, height=0.38 * len(ordered_results) + 1.1)


def describe_reliability(reliability: Reliability) -> str:
    """Describe the reliability diagram in words."""
    bin_sentences = [
        f"{reliability_bin.mean_probability:.2%} predicted, {reliability_bin.observed_share:.2%} came true"
        for reliability_bin in reliability.bins
    ]
    return f"Of {reliability.n:,} predictions in tenths, lowest first: {'; '.join(bin_sentences)}."


def describe_ranking(model_results: Sequence[ModelResult]) -> str:
    """Describe the ranking of the models in words."""
    ordered_results = sorted(model_results, key=lambda model_result: -model_result.ndcg_at_10)
    return (
        "NDCG@10, best first: "
        + ", ".join(f"{model_result.model} {model_result.ndcg_at_10:.3f}" for model_result in ordered_results)
        + "."
    )


def describe_ablation(ablation: Sequence[AblationResult]) -> str:
    """Describe the ablation in words."""
    return (
        "NDCG@10 lost without: "
        + ", ".join(f"{family_result.family} {family_result.loss:+.4f}" for family_result in ablation)
        + "."
    )


def png_data_uri(png_bytes: bytes) -> str:
    """Encode a picture as a data URI, so that a page needs no other file and no network."""
    return "data:image/png;base64," + base64.b64encode(png_bytes).decode()


def _draw_bars(axes: "Axes", bar_tuples: Sequence[_Bar]) -> Any:
    bar_labels, bar_lengths, interval_lows, interval_highs, highlight_flags = zip(*bar_tuples, strict=True)
    # an end may be a little beyond the mean, because the interval comes from resamples: then no whisker is drawn
    whisker_lengths = [
        [
            max(bar_length - interval_low, 0.0)
            for bar_length, interval_low in zip(bar_lengths, interval_lows, strict=True)
        ],
        [
            max(interval_high - bar_length, 0.0)
            for bar_length, interval_high in zip(bar_lengths, interval_highs, strict=True)
        ],
    ]
    bar_colours = [HIGHLIGHT_COLOUR if is_highlighted else PALE_COLOUR for is_highlighted in highlight_flags]
    return axes.barh(bar_labels, bar_lengths, color=bar_colours, xerr=whisker_lengths, ecolor=TEXT_COLOUR)


def render_png(draw_on_axes: Callable[["Axes"], Any], *, width: float = 7.6, height: float = 4.0) -> bytes:
    """Draw on the axes of a new figure.

    Args:
        draw_on_axes: Draws the plot.
        width: Width of the figure in inches.
        height: Height of the figure in inches.

    Returns:
        The figure as PNG.
    """
    # imported here because it takes a second, and only if something is drawn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=TEXT_COLOUR)
    draw_on_axes(axes)
    png_buffer = io.BytesIO()
    figure.savefig(png_buffer, format="png", metadata={"Software": None})
    return png_buffer.getvalue()
