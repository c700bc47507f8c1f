"""Writing of a whole demo: exports, taxonomy, planted truth and the configuration that points at them.

Belongs here: the layout of a demo folder, and progress.
Does not belong here: the planted company (`pipelines.demo.simulation.world`), the formats of the exports
(`pipelines.demo.exports`).
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from pipelines.demo.exports.company import write_company_exports, write_history_exports
from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.planted_truth import open_truth, write_company_truth
from pipelines.demo.simulation.world import generate_histories, generate_world


@dataclass(frozen=True)
class DemoSummary:
    """The content of a demo."""

    folder: Path
    people_count: int
    skill_count: int
    exports: ExportFolder

    @property
    def sentence(self) -> str:
        """People, micro-skills, worklogs, statements and judgements in one sentence."""
        return (
            f"{self.people_count:,} people, {self.skill_count} micro-skills, "
            f"{self.exports.count_rows('tempo/'):,} worklogs, "
            f"{self.exports.count_rows('learning/'):,} learning statements, "
            f"{self.exports.count_rows('feedback/feedback'):,} judgements"
        )


def build_demo(
    demo_folder: Path,
    *,
    people_count: int = 300,
    seed: int = 7,
    export_day: date,
    progress: Callable[[str, float], None] = lambda activity, done_share: None,
) -> DemoSummary:
    """Write landing/, truth/ and footsteps.yaml; landing/ and truth/ of an earlier demo are removed.

    The same arguments give the same bytes.

    Args:
        demo_folder: The folder of the demo.
        people_count: Number of people.
        seed: Seed of the company; another seed gives another company.
        export_day: The day of the exports; the history ends the day before.
        progress: Receives the current task and the share that is done (0 to 1).

    Returns:
        The content of the demo.

    Raises:
        ValueError: If the company's units need more people.
    """
    progress("planting the company", 0.0)
    world = generate_world(people_count, seed=seed, export_day=export_day)
    for subfolder in ("landing", "truth"):
        shutil.rmtree(demo_folder / subfolder, ignore_errors=True)
    export_folder = ExportFolder(demo_folder / "landing")
    write_company_exports(world, export_folder)
    with open_truth(world, demo_folder / "truth") as add_truth:
        for block_history in generate_histories(world):
            write_history_exports(world, block_history, export_folder)
            add_truth(block_history)
            progress("writing exports", (block_history.block_number + 1) / world.block_count)
    write_company_truth(world, export_folder, demo_folder / "truth")
    (demo_folder / "footsteps.yaml").write_bytes(
        resources.files("pipelines.demo").joinpath("footsteps.yaml").read_bytes()
    )
    progress("done", 1.0)
    return DemoSummary(demo_folder, people_count, world.catalog.skill_count, export_folder)
