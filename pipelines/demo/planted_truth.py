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
from pipelines.demo.simulation.catalog import Catalog
from pipelines.demo.simulation.practice import compute_goal_shares
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
TALENTS_SCHEMA = pa.schema([("person_id", pa.string()), ("capability_id", pa.string())])


@contextmanager
def open_truth(world: World, truth_folder: Path) -> Iterator[Callable[[History], None]]:
    """Open the files of stages, paths and talents; the context is a function that appends one block.

    Stages and paths have one row per person and micro-skill taken up, talents one per person and favoured capability;
    person_id is the employee number of the HR export.
    """
    truth_folder.mkdir(parents=True, exist_ok=True)
    employee_numbers, skill_ids = world.people["employee_number"], world.catalog.skills["skill_id"]
    capability_ids = _list_capability_ids(world.catalog)
    with (
        pq.ParquetWriter(truth_folder / "stages.parquet", STAGES_SCHEMA) as stage_writer,
        pq.ParquetWriter(truth_folder / "paths.parquet", PATHS_SCHEMA) as path_writer,
        pq.ParquetWriter(truth_folder / "talents.parquet", TALENTS_SCHEMA) as talent_writer,
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
            talent_rows = history.talents.select(
                employee_numbers.gather(history.talents["person"]).alias("person_id"),
                capability_ids.gather(history.talents["capability"]).alias("capability_id"),
            )
            talent_writer.write_table(talent_rows.to_arrow().cast(TALENTS_SCHEMA))

        yield add_history


def write_company_truth(world: World, export_folder: ExportFolder, truth_folder: Path) -> None:
    """Write what is planted for the whole company.

    The files are prerequisites, trends (1 rising, -1 fading, 0 steady), half-lives, the curriculum of each role, roles,
    the benefit of each micro-skill per role and talent, and the number of planted errors per export.
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
        "benefits": list_benefits(world.catalog),
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


def list_benefits(catalog: Catalog) -> pl.DataFrame:
    """List the planted benefit of taking up each micro-skill.

    Returns:
        One row per role, micro-skill and whether its capability is favoured: role_name, skill_id, is_favoured,
        journeyman_share and master_share, as `compute_goal_shares` returns them.
    """
    role_numbers, skill_numbers, favoured_flags = (
        number_grid.ravel()
        for number_grid in np.meshgrid(
            np.arange(len(catalog.role_names)), np.arange(catalog.skill_count), [0, 1], indexing="ij"
        )
    )
    journeyman_share, master_share = compute_goal_shares(
        catalog.role_importance[role_numbers, skill_numbers], favoured_flags.astype(np.float32)
    )
    return pl.DataFrame(
        {
            "role_name": pl.Series(catalog.role_names).gather(role_numbers),
            "skill_id": catalog.skills["skill_id"].gather(skill_numbers),
            "is_favoured": favoured_flags == 1,
            "journeyman_share": journeyman_share,
            "master_share": master_share,
        }
    )


def _list_capability_ids(catalog: Catalog) -> pl.Series:
    """The id of each capability, by its number."""
    first_skills = np.unique(catalog.capability_numbers, return_index=True)[1]
    return catalog.skills["capability_id"].gather(first_skills)
