"""The hours of the demo company as a worklog export of a time add-on like Tempo.

Belongs here: one row per worklog, its errors, and late corrections by worklog id. `Username` is the account code of the
issue tracker (see `pipelines.demo.exports.jira`); the labels of the issue name the micro-skill, not the worklog.
Does not belong here: issues (`pipelines.demo.exports.jira`), or reading such an export.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import format_block_suffix, format_day, format_export_date
from pipelines.demo.exports.jira import CORRECTED_SHARE, UNKNOWN_ACCOUNT, describe_issues
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    PlantedError,
)
from pipelines.demo.simulation.world import History, World

BAD_DATE = pl.lit("2025-02-30")
NOTES = ("Working session", "Draft and review", "Client workshop prep", "Follow-up", "")


def write_tempo(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the block's worklogs by day, and write some again with other hours the day after, under the same id."""
    rng = np.random.default_rng([world.seed, 12, history.block_number])
    export_rows = format_worklogs(world, history, rng)
    export_folder.append_with_errors(
        f"tempo/worklogs_{format_export_date(world, 0)}{format_block_suffix(world, history.block_number)}.csv",
        export_rows,
        (
            PlantedError("bad_date", BAD_DATE_SHARE, "Work date", BAD_DATE),
            PlantedError("unknown_person", UNKNOWN_PERSON_SHARE, "Username", UNKNOWN_ACCOUNT),
            PlantedError("mixed_case", MIXED_CASE_SHARE, "Username", pl.col("Username").str.to_uppercase()),
        ),
        rng,
        line_terminator="\r\n",
    )
    corrected_rows = export_rows.filter(pl.Series(rng.random(export_rows.height) < CORRECTED_SHARE)).with_columns(
        pl.col("Hours", "Billed Hours") + 0.25
    )
    correction_file_name = f"tempo/worklogs_{format_export_date(world, 1)}.csv"
    export_folder.append_csv(correction_file_name, corrected_rows, line_terminator="\r\n")
    export_folder.count_errors(correction_file_name, "late_correction", corrected_rows.height)


def format_worklogs(world: World, history: History, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per worklog in the columns of the export, by day."""
    people = world.people
    issues = describe_issues(
        world, history.issues.with_columns(people["unit"].gather(history.issues["person"]).alias("unit"))
    )
    worklogs = history.worklogs.with_columns(
        pl.Series("note", NOTES).gather(rng.integers(0, len(NOTES), history.worklogs.height))
    ).sort("day", "worklog")
    # issues are numbered in the order of their first worklogs: the nth issue of the block is row n
    worklog_issues = issues[(worklogs["issue"] - issues["issue"].min()).to_numpy()]
    person_numbers = worklogs["person"]
    return worklogs.hstack(
        worklog_issues.select("issue_key", "summary", "project_key", "project_name", "is_done")
    ).select(
        pl.col("issue_key").alias("Issue Key"),
        pl.col("summary").alias("Issue summary"),
        pl.col("hours").alias("Hours"),
        format_day("day").alias("Work date"),
        people["account_code"].gather(person_numbers).alias("Username"),
        (people["first_name"].gather(person_numbers) + " " + people["last_name"].gather(person_numbers)).alias(
            "Full name"
        ),
        pl.col("day").cast(pl.Int32).cast(pl.Date).dt.strftime("%m%y").alias("Period"),
        world.catalog.skills["capability_name"].gather(worklogs["skill"]).alias("Component"),
        pl.when("is_done").then(pl.lit("Done")).otherwise(pl.lit("In Progress")).alias("Issue Status"),
        pl.col("project_key").alias("Project Key"),
        pl.col("project_name").alias("Project Name"),
        pl.col("note").alias("Work Description"),
        pl.col("hours").alias("Billed Hours"),
        (pl.col("worklog") + 500_000).alias("Worklog Id"),
    )
