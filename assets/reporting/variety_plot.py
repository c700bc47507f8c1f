"""The plot of accuracy against variety: NDCG@10 and novelty of each model.

Belongs here: how it is drawn and described. Does not belong here: the figures (`ml.evaluation.variety`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assets.reporting.evaluation_plots import HIGHLIGHT_COLOUR, PALE_COLOUR, TEXT_COLOUR, render_png
from ml.evaluation.results import OURS, ModelResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_variety(model_results: Sequence[ModelResult]) -> bytes:
    """Draw one point per model: novelty to the right, NDCG@10 upward; the area is the share of steps shown.

    Args:
        model_results: The results of the models.

    Returns:
        The plot as PNG.
    """

    def draw(axes: "Axes") -> None:
        axes.scatter(
            [model_result.novelty for model_result in model_results],
            [model_result.ndcg_at_10 for model_result in model_results],
            s=[30.0 + 400.0 * model_result.coverage for model_result in model_results],
            c=[HIGHLIGHT_COLOUR if model_result.model == OURS else PALE_COLOUR for model_result in model_results],
            alpha=0.8,
        )
        for model_result in model_results:
            axes.annotate(
                model_result.model,
                (model_result.novelty, model_result.ndcg_at_10),
                xytext=(6, 6),
                textcoords="offset points",
                color=TEXT_COLOUR,
                parse_math=False,
            )
        axes.margins(0.15)
        axes.set_xlabel("novelty in bits (more is less expected)")
        axes.set_ylabel("NDCG@10")

    return render_png(draw)


def describe_variety(model_results: Sequence[ModelResult]) -> str:
    """Describe accuracy and variety of the models in words."""
    model_clauses = [
        f"{model_result.model} NDCG@10 {model_result.ndcg_at_10:.3f}, novelty {model_result.novelty:.1f} bits, "
        f"coverage {model_result.coverage:.0%}"
        for model_result in sorted(model_results, key=lambda model_result: -model_result.novelty)
    ]
    return f"Most novel first: {'; '.join(model_clauses)}."
