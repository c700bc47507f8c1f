"""Charts that earlier pages show: a chart of the same numbers is taken from them, because drawing it takes a second.

Belongs here: the file of charts beside the pages, and whether a chart must be drawn.
Does not belong here: drawing (`charts`), what is plotted (`run_page`).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import ParamSpec

from pipelines.storage.run_state import fingerprint_code

_CHARTS_FILE = "charts.json"
_Numbers = ParamSpec("_Numbers")


@dataclass
class DrawnCharts:
    """Charts as inline SVG, by the fingerprint of their numbers and of the code that draws them.

    Attributes:
        earlier: The charts of the earlier pages.
        shown: The charts of the new pages.
    """

    earlier: dict[str, str]
    shown: dict[str, str] = field(default_factory=dict)

    def draw(self, draw_chart: Callable[_Numbers, str], *numbers: _Numbers.args, **options: _Numbers.kwargs) -> str:
        """Draw a chart, unless the earlier pages show it.

        Args:
            draw_chart: A function of `charts`.
            numbers: Its arguments, which JSON can hold.
            options: Its arguments by name.

        Returns:
            The chart as an `svg` element.
        """
        drawn_from = [fingerprint_code(), version("matplotlib"), draw_chart.__qualname__, numbers, options]
        fingerprint = hashlib.sha256(json.dumps(drawn_from).encode()).hexdigest()
        self.shown[fingerprint] = self.earlier.get(fingerprint) or draw_chart(*numbers, **options)
        return self.shown[fingerprint]


def read_charts(pages_folder: Path | None) -> DrawnCharts:
    """Read the charts of earlier pages; none if there are no pages, or if an earlier version wrote them.

    Args:
        pages_folder: Folder of an earlier snapshot's pages, or None.
    """
    if pages_folder is None or not (pages_folder / _CHARTS_FILE).is_file():
        return DrawnCharts({})
    return DrawnCharts(json.loads((pages_folder / _CHARTS_FILE).read_text()))


def write_charts(drawn_charts: DrawnCharts, pages_folder: Path) -> None:
    """Write the charts that the pages show, for the next snapshot."""
    (pages_folder / _CHARTS_FILE).write_text(json.dumps(drawn_charts.shown))
