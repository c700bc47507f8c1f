"""Plots as inline SVG by Matplotlib, in the colour of the text around them, the same bytes for the same numbers.

Belongs here: the two kinds of plot.
Does not belong here: what is plotted (`night`); the words beside a plot stand in the template.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Replaced by the colour of the page's text, so that a plot can be read on light and on dark.
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


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; None where there is none."""

    name: str
    value: float
    low: float | None
    high: float | None


def draw_intervals(intervals: Sequence[Interval], label: str) -> str:
    """Dots with whiskers, one a line, the first on top."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 0.6 + 0.36 * max(len(intervals), 1)), layout="constrained")
        axes: Axes = figure.subplots()
        for place, one in enumerate(reversed(intervals)):
            if one.low is not None and one.high is not None:
                axes.plot([one.low, one.high], [place, place], color=_INK, linewidth=1.5)
            axes.plot([one.value], [place], "o", color=_INK, markersize=6)
        axes.set_yticks(range(len(intervals)), [one.name for one in reversed(intervals)])
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        return _svg(figure)


def draw_calibration(said: Sequence[float], seen: Sequence[float]) -> str:
    """Said against seen probability, beside the diagonal on which a promise is kept."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 4.0), layout="constrained")
        axes: Axes = figure.subplots()
        end = max([*said, *seen, 0.01]) * 1.05
        axes.plot([0, end], [0, end], color=_INK, linewidth=1, linestyle=":")
        axes.plot(said, seen, "o-", color=_INK, markersize=6, linewidth=1.5)
        axes.set_xlabel("said")
        axes.set_ylabel("came true")
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    sink = io.StringIO()
    figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor").replace("<svg ", '<svg aria-hidden="true" ', 1)
