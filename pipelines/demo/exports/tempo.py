"""The hours of the demo company as a worklog export of the tracker's time add-on, in the manner of Tempo.

Belongs here: one row per worklog, its dirt, and late corrections by worklog id.
`Username` is the tracker's account code (see exports_jira); the issue's labels, not the worklog, name the micro-skill.
Does not belong here: issues (exports_jira), or reading such an export.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import export_date, iso_day, part_name
from pipelines.demo.exports.jira import CORRECTED_SHARE, UNKNOWN_ACCOUNT, describe_issues
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    DirtLedger,
    Spoil,
    spoil,
)
from pipelines.demo.simulation.world import History, World

BAD_DATE = pl.lit("2025-02-30")
NOTES = ("Working session", "Draft and review", "Client workshop prep", "Follow-up", "")


def write_tempo(world: World, history: History, folder: ExportFolder, ledger: DirtLedger) -> None:
    """The block's worklogs by day, and the day after a few of them again with other hours under the same id."""
    rng = np.random.default_rng([world.seed, 12, history.block])
    frame = print_worklogs(world, history, rng)
    file = f"tempo/worklogs_{export_date(world, 0)}{part_name(world, history.block)}.csv"
    spoils = (
        Spoil("bad_date", BAD_DATE_SHARE, "Work date", BAD_DATE),
        Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "Username", UNKNOWN_ACCOUNT),
        Spoil("mixed_case", MIXED_CASE_SHARE, "Username", pl.col("Username").str.to_uppercase()),
    )
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng), line_terminator="\r\n")
    late = frame.filter(pl.Series(rng.random(frame.height) < CORRECTED_SHARE))
    late = late.with_columns(pl.col("Hours") + 0.25, pl.col("Billed Hours") + 0.25)
    correction = f"tempo/worklogs_{export_date(world, 1)}.csv"
    folder.append_csv(correction, late, line_terminator="\r\n")
    ledger.note(correction, "late_correction", late.height)


def print_worklogs(world: World, history: History, rng: np.random.Generator) -> pl.DataFrame:
    """One row per worklog in the add-on's columns, by day."""
    people = world.people
    unit = people["unit"].gather(history.issues["person"])
    issues = describe_issues(world, history.issues.with_columns(unit.alias("unit")))
    issues = issues.with_columns(
        pl.when("is_done").then(pl.lit("Done")).otherwise(pl.lit("In Progress")).alias("status")
    )
    # Issues are numbered as their first worklogs come: the block's nth issue stands in row n.
    logs = history.worklogs.with_columns(
        pl.Series("note", NOTES).gather(rng.integers(0, len(NOTES), history.worklogs.height))
    )
    logs = logs.sort("day", "worklog")
    described = issues[(logs["issue"] - issues["issue"].min()).to_numpy()].select(
        "issue_key", "summary", "project_key", "project_name", "status"
    )
    person = logs["person"]
    full_name = people["first_name"].gather(person) + " " + people["last_name"].gather(person)
    capability = world.catalog.skills["capability_name"].gather(logs["skill"])
    return logs.hstack(described).select(
        pl.col("issue_key").alias("Issue Key"),
        pl.col("summary").alias("Issue summary"),
        pl.col("hours").alias("Hours"),
        iso_day("day").alias("Work date"),
        people["account_code"].gather(person).alias("Username"),
        full_name.alias("Full name"),
        pl.col("day").cast(pl.Int32).cast(pl.Date).dt.strftime("%m%y").alias("Period"),
        capability.alias("Component"),
        pl.col("status").alias("Issue Status"),
        pl.col("project_key").alias("Project Key"),
        pl.col("project_name").alias("Project Name"),
        pl.col("note").alias("Work Description"),
        pl.col("hours").alias("Billed Hours"),
        (pl.col("worklog") + 500_000).alias("Worklog Id"),
    )
