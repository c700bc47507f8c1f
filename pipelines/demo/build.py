"""One call that writes a whole demo: exports, taxonomy, truth and the configuration that points at them.

Belongs here: the layout of a demo folder, and progress.
Does not belong here: how the company is planted (world) or exported (exports).
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from pipelines.demo.exports.company import WrittenExports, write_exports
from pipelines.demo.planted_truth import TruthWriter, write_company_truth
from pipelines.demo.simulation.world import History, generate_world


@dataclass(frozen=True)
class DemoSummary:
    """What a demo holds, for one line to the user."""

    folder: Path
    people: int
    skills: int
    exports: WrittenExports

    @property
    def sentence(self) -> str:
        """People, micro-skills, worklogs and statements in one sentence."""
        return (
            f"{self.people:,} people, {self.skills} micro-skills, {self.exports.rows('tempo/'):,} worklogs, "
            f"{self.exports.rows('learning/'):,} learning statements, "
            f"{self.exports.rows('feedback/feedback'):,} judgements"
        )


def build_demo(
    folder: Path, *, people: int = 300, seed: int = 7, end: date, progress: Callable[[str, float], None] | None = None
) -> DemoSummary:
    """Write landing/, truth/ and footsteps.yaml into `folder`; exports are drawn on `end`, history ends the day before.

    What an earlier demo left in landing/ and truth/ is removed. `progress` is told what is done and the share (0..1).
    The same arguments give the same bytes. ValueError where there are too few people to fill the company's units.
    """

    def tell(what: str, share: float) -> None:
        if progress is not None:
            progress(what, share)

    tell("planting the company", 0.0)
    world = generate_world(people, seed=seed, end=end)
    for part in ("landing", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)
    with TruthWriter(world, folder / "truth") as truth:

        def watch(history: History) -> None:
            truth.add(history)
            tell("writing exports", (history.block + 1) / world.blocks)

        exports = write_exports(world, folder / "landing", watch=watch)
    write_company_truth(world, exports, folder / "truth")
    config = resources.files("pipelines.demo").joinpath("footsteps.yaml").read_text(encoding="utf-8")
    (folder / "footsteps.yaml").write_text(config, encoding="utf-8")
    tell("done", 1.0)
    return DemoSummary(folder, people, world.catalog.size, exports)
