"""What was planted, kept apart from the exports so that estimates can be held against it.

Belongs here: the truth's files and their columns.
Does not belong here: anything a company would export.
"""

import json
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.demo.exports.company import WrittenExports
from pipelines.demo.simulation.world import History, World

STAGES = pa.schema(
    [("person_id", pa.string()), ("skill_id", pa.string()), ("stage", pa.string()), ("reached_at", pa.date32())]
)
PATHS = pa.schema(
    [
        ("person_id", pa.string()),
        ("skill_id", pa.string()),
        ("position", pa.int64()),
        ("planned_position", pa.int64()),
        ("begun_at", pa.date32()),
    ]
)


class TruthWriter:
    """Writes stages and paths block by block; `person_id` is the employee number of the HR export."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world, self.folder = world, folder
        self.stages = pq.ParquetWriter(folder / "stages.parquet", STAGES)
        self.paths = pq.ParquetWriter(folder / "paths.parquet", PATHS)

    def __enter__(self) -> "TruthWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stages.close()
        self.paths.close()

    def add(self, history: History) -> None:
        """Append one block: the stage last reached, and the walk, of each (person, micro-skill) taken up."""
        steps = history.steps
        who = self.world.people["employee_number"].gather(steps["person"]).alias("person_id")
        what = self.world.catalog.skills["skill_id"].gather(steps["skill"]).alias("skill_id")
        planned = pl.col("planned_step")
        named = steps.with_columns(who, what).with_columns(
            pl.col("reached_day").cast(pl.Int32).cast(pl.Date).alias("reached_at"),
            pl.col("begun_day").cast(pl.Int32).cast(pl.Date).alias("begun_at"),
            pl.col("step").alias("position"),
            pl.when(planned > 0).then(planned).alias("planned_position"),
        )
        self.stages.write_table(named.select(STAGES.names).to_arrow().cast(STAGES))
        self.paths.write_table(named.select(PATHS.names).to_arrow().cast(PATHS))


def write_company_truth(world: World, written: WrittenExports, folder: Path) -> None:
    """Prerequisites, trends (1 rising, -1 fading, 0 steady), half-lives, each role's path, and the planted dirt."""
    world.catalog.prerequisites.write_parquet(folder / "prerequisites.parquet")
    trends = world.catalog.skills.select("skill_id", pl.Series("trend", world.curricula.trend).cast(pl.Int64))
    trends.write_parquet(folder / "trends.parquet")
    skills = world.catalog.skills["skill_id"]
    lives = pl.DataFrame({"skill_id": skills, "half_life_days": pl.Series(world.half_life).cast(pl.Int64)})
    lives.write_parquet(folder / "half_lives.parquet")
    role, skill = np.nonzero(world.curricula.position)
    curricula = pl.DataFrame(
        {
            "role_name": pl.Series(world.catalog.role_names).gather(role),
            "skill_id": skills.gather(skill),
            "planned_position": world.curricula.position[role, skill],
        }
    )
    curricula.write_parquet(folder / "curricula.parquet")
    roles = world.people.select(pl.col("employee_number").alias("person_id"), "role_name")
    roles.write_parquet(folder / "roles.parquet")
    dirt: dict[str, dict[str, int]] = {}
    for count in written.dirt:
        dirt.setdefault(count.file, {})[count.kind] = count.rows
    (folder / "dirt.json").write_text(json.dumps(dirt, indent=1, sort_keys=True) + "\n", encoding="utf-8")
