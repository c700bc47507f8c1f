"""The planted truth of a demo, in files apart from the exports, so that estimates can be compared with it.

Belongs here: the files of the truth and their columns.
Does not belong here: anything that a company would export.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.simulation.world import History, World

STAGES_SCHEMA = pa.schema(
    [("person_id", pa.string()), ("skill_id", pa.string()), ("stage", pa.string()), ("reached_at", pa.date32())]
)
PATHS_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("skill_id", pa.string()),
        ("position", pa.int64()),
        ("planned_position", pa.int64()),
        ("begun_at", pa.date32()),
    ]
)


@contextmanager
def open_truth(world: World, truth_folder: Path) -> Iterator[Callable[[History], None]]:
    """Open the files of stages and paths; the context is a function that appends one block.

    The files have one row per person and micro-skill taken up; person_id is the employee number of the HR export.
    """
    truth_folder.mkdir(parents=True, exist_ok=True)
    employee_numbers, skill_ids = world.people["employee_number"], world.catalog.skills["skill_id"]
    with (
        pq.ParquetWriter(truth_folder / "stages.parquet", STAGES_SCHEMA) as stage_writer,
        pq.ParquetWriter(truth_folder / "paths.parquet", PATHS_SCHEMA) as path_writer,
    ):

        def add_history(history: History) -> None:
            planned_step = pl.col("planned_step")
            step_rows = history.steps.with_columns(
                employee_numbers.gather(history.steps["person"]).alias("person_id"),
                skill_ids.gather(history.steps["skill"]).alias("skill_id"),
                pl.col("reached_day").cast(pl.Int32).cast(pl.Date).alias("reached_at"),
                pl.col("begun_day").cast(pl.Int32).cast(pl.Date).alias("begun_at"),
                pl.col("step").alias("position"),
                pl.when(planned_step > 0).then(planned_step).alias("planned_position"),
            )
            stage_writer.write_table(step_rows.select(STAGES_SCHEMA.names).to_arrow().cast(STAGES_SCHEMA))
            path_writer.write_table(step_rows.select(PATHS_SCHEMA.names).to_arrow().cast(PATHS_SCHEMA))

        yield add_history


def write_company_truth(world: World, export_folder: ExportFolder, truth_folder: Path) -> None:
    """Write what is planted for the whole company.

    The files are prerequisites, trends (1 rising, -1 fading, 0 steady), half-lives, the curriculum of each role, roles,
    and the number of planted errors per export.
    """
    skill_ids, curricula = world.catalog.skills["skill_id"], world.curricula
    role_numbers, skill_numbers = np.nonzero(curricula.path_positions)
    truth_tables = {
        "prerequisites": world.catalog.prerequisites,
        "trends": pl.DataFrame({"skill_id": skill_ids, "trend": pl.Series(curricula.skill_trends).cast(pl.Int64)}),
        "half_lives": pl.DataFrame(
            {"skill_id": skill_ids, "half_life_days": pl.Series(world.half_life_days).cast(pl.Int64)}
        ),
        "curricula": pl.DataFrame(
            {
                "role_name": pl.Series(world.catalog.role_names).gather(role_numbers),
                "skill_id": skill_ids.gather(skill_numbers),
                "planned_position": curricula.path_positions[role_numbers, skill_numbers],
            }
        ),
        "roles": world.people.select(pl.col("employee_number").alias("person_id"), "role_name"),
    }
    for table_name, truth_rows in truth_tables.items():
        truth_rows.write_parquet(truth_folder / f"{table_name}.parquet")
    error_counts_by_file: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (file_name, error_kind), error_count in export_folder.error_counts.items():
        error_counts_by_file[file_name][error_kind] = error_count
    (truth_folder / "dirt.json").write_text(
        json.dumps(error_counts_by_file, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
