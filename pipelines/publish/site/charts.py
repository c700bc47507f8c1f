"""Charts as inline SVG by Matplotlib, in the colour of the text around them; equal numbers give equal bytes.

Belongs here: the two kinds of chart.
Does not belong here: what is plotted (`run_page`), the text next to a chart (the template).

Matplotlib is imported when a chart is drawn: most runs show the charts of an earlier one (`drawn_charts`).
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Replaced by the colour of the page's text, so that a chart can be read on light and on dark.
_INK = "#010203"
_STYLE = {
    "svg.hashsalt": "footsteps",
    "svg.fonttype": "path",
    "font.size": 11,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Name, value, and the ends of its interval or None.
Interval = tuple[str, float, float | None, float | None]


def draw_intervals(intervals: Sequence[Interval], axis_label: str) -> str:
    """Draw a dot with whiskers per line, the first on top.

    Args:
        intervals: One entry per line.
        axis_label: Label of the x axis.

    Returns:
        The chart as an `svg` element.
    """
    with _open_axes(6.4, 0.6 + 0.36 * max(len(intervals), 1)) as (figure, axes):
        for line_position, (_, estimate, interval_low, interval_high) in enumerate(reversed(intervals)):
            if interval_low is not None and interval_high is not None:
                axes.plot([interval_low, interval_high], [line_position, line_position], color=_INK, linewidth=1.5)
            axes.plot([estimate], [line_position], "o", color=_INK, markersize=6)
        axes.set_yticks(range(len(intervals)), [line_name for line_name, *_ in reversed(intervals)])
        axes.set(xlim=(0, None), xlabel=axis_label)
        return _render_svg(figure)


def draw_calibration(
    predicted_shares: Sequence[float], observed_shares: Sequence[float], axis_labels: tuple[str, str]
) -> str:
    """Draw predicted against observed probability per bin, with the diagonal of perfect calibration.

    Args:
        predicted_shares: Mean predicted probability per bin.
        observed_shares: Share that came true per bin.
        axis_labels: Labels of the x and the y axis.

    Returns:
        The chart as an `svg` element.
    """
    with _open_axes(4.4, 4.0) as (figure, axes):
        axis_end = max([*predicted_shares, *observed_shares, 0.01]) * 1.05
        axes.plot([0, axis_end], [0, axis_end], color=_INK, linewidth=1, linestyle=":")
        axes.plot(predicted_shares, observed_shares, "o-", color=_INK, markersize=6, linewidth=1.5)
        axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1], xlim=(0, axis_end), ylim=(0, axis_end))
        return _render_svg(figure)


@contextmanager
def _open_axes(width: float, height: float) -> "Iterator[tuple[Figure, Axes]]":
    """A figure of this size in inches with one pair of axes, in the style of the pages while the block lasts."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()


def _render_svg(figure: "Figure") -> str:
    svg_buffer = io.StringIO()
    figure.savefig(svg_buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg_text = svg_buffer.getvalue()
    return (
        svg_text[svg_text.index("<svg") :].replace(_INK, "currentColor").replace("<svg ", '<svg aria-hidden="true" ', 1)
    )
