"""The work of the demo company as a Jira issue export: repeated columns, several labels, day/Mon/yy times.

Belongs here: issues people worked on, open issues nobody took, the export's dirt, and the map of accounts.
`Assignee` is an account code; `jira/accounts.csv` (account_code, work_email) leads from it to the work e-mail in HR.
Does not belong here: worklogs (exports_tempo), or reading such an export.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import clock, export_date, part_name
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    DirtLedger,
    Spoil,
    spoil,
)
from pipelines.demo.simulation.people import UNITS
from pipelines.demo.simulation.world import History, World

# Real exports repeat a column for each value; a frame can't, so the header stands apart from the frame's names.
HEADER = [
    "Summary",
    "Issue key",
    "Issue id",
    "Issue Type",
    "Status",
    "Project key",
    "Project name",
    "Project type",
    "Project lead",
    "Project description",
    "Project url",
    "Priority",
    "Resolution",
    "Assignee",
    "Reporter",
    "Creator",
    "Created",
    "Updated",
    "Last Viewed",
    "Resolved",
    "Component/s",
    "Component/s",
    "Due Date",
    "Votes",
    "Labels",
    "Labels",
    "Labels",
    "Description",
    "Environment",
    "Original Estimate",
    "Remaining Estimate",
    "Time Spent",
    "Work Ratio",
    "Custom field (Story Points)",
]
TIME_FORMAT = "%d/%b/%y %-I:%M %p"
CLIENTS = (
    "Marlow Ferries",
    "Tern Bakeries",
    "Oakhurst Water",
    "Lumen Clinics",
    "Quayside Bank",
    "Hartwell Rail",
    "Juno Grocers",
    "Pell Insurance",
    "Vale Housing",
    "Corbin Steel",
    "Isle Energy",
    "Sable Textiles",
)
# Labels that name no micro-skill, as trackers are full of them.
OTHER_LABELS = ("client-visible", "quick-win", "needs-review", "quarter-end", "internal")
CORRECTED_SHARE = 0.003
UNKNOWN_ACCOUNT = pl.lit("svc.legacy-import")


def write_accounts(world: World, folder: ExportFolder) -> None:
    """One row per account: its code and the work e-mail it belongs to."""
    folder.append_csv("jira/accounts.csv", world.people.select("account_code", "work_email"))


def name_projects(unit: pl.Series, day: pl.Series, skill: pl.Series) -> pl.DataFrame:
    """The project of each piece of work (key, name): two a unit and half-year, split by capability."""
    dates = day.cast(pl.Int32).cast(pl.Date)
    year, half = dates.dt.year(), (dates.dt.month() > 6).cast(pl.Int32) + 1
    slot = (skill // 7) % 2 + 1
    code = pl.Series([entry[1] for entry in UNITS]).gather(unit)
    name = pl.Series([entry[0] for entry in UNITS]).gather(unit)
    short = (year % 100).cast(pl.String)
    half_letter = pl.Series(["A", "B"]).gather(half - 1)
    return pl.DataFrame(
        {"code": code, "name": name, "year": year, "short": short, "half": half_letter, "slot": slot}
    ).select(
        pl.concat_str("code", "short", "half", "slot").alias("project_key"),
        pl.concat_str(pl.col("name"), pl.lit(" "), "year", "half", pl.lit(" - stream "), "slot").alias("project_name"),
    )


def describe_issues(world: World, issues: pl.DataFrame) -> pl.DataFrame:
    """The same issues (issue, skill, created_day, unit) with project, key and summary: what worklogs repeat."""
    projects = name_projects(issues["unit"], issues["created_day"], issues["skill"])
    client = pl.Series(CLIENTS).gather(issues["issue"] % len(CLIENTS))
    title = world.catalog.skills["name"].gather(issues["skill"])
    frame = issues.hstack(projects).with_columns((pl.col("issue") + 10_000).alias("issue_code"))
    return frame.with_columns(
        pl.concat_str("project_key", pl.lit("-"), "issue_code").alias("issue_key"),
        pl.Series("summary", title + " for " + client),
    )


def write_jira(world: World, history: History, folder: ExportFolder, ledger: DirtLedger) -> None:
    """The block's issues, worked on and open, and the day after a few of them again with a correction."""
    rng = np.random.default_rng([world.seed, 11, history.block])
    worked = history.issues.with_columns(world.people["unit"].gather(history.issues["person"]).alias("unit"))
    columns = ("issue", "person", "unit", "skill", "created_day", "last_day", "hours", "is_done")
    open_ones = history.demands.with_columns(
        pl.lit(None, dtype=pl.Int64).alias("person"),
        pl.col("created_day").alias("last_day"),
        pl.lit(0.0).alias("hours"),
        pl.lit(False).alias("is_done"),
    )
    issues = describe_issues(world, pl.concat([worked.select(columns), open_ones.select(columns)]))
    frame = print_issues(world, issues, rng)
    file = f"jira/issues_{export_date(world, 0)}{part_name(world, history.block)}.csv"
    spoils = (
        Spoil("bad_date", BAD_DATE_SHARE, "Created", pl.lit("31/Feb/25 9:00 AM")),
        Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "Assignee", UNKNOWN_ACCOUNT),
        Spoil("mixed_case", MIXED_CASE_SHARE, "label_1", pl.col("label_1").str.to_uppercase()),
    )
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng), header=HEADER)
    late = frame.filter(pl.Series(issues["is_done"].to_numpy() & (rng.random(frame.height) < CORRECTED_SHARE)))
    late = late.with_columns(
        pl.lit("Highest").alias("Priority"),
        pl.col("Resolution").str.replace("Done", "Fixed"),
        pl.Series("Updated", [export_time(world)] * late.height, dtype=pl.String),
    )
    correction = f"jira/issues_{export_date(world, 1)}.csv"
    folder.append_csv(correction, late, header=HEADER)
    ledger.note(correction, "late_correction", late.height)


def export_time(world: World) -> str:
    """The moment of the correcting export, as Jira prints it."""
    morning = datetime(1970, 1, 1, 7, 30, tzinfo=UTC) + timedelta(days=world.end + 1)
    return str(pl.Series([morning]).dt.strftime(TIME_FORMAT).item())


def print_issues(world: World, issues: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One row per issue in the columns of HEADER, with names a frame can hold."""
    size, catalog = issues.height, world.catalog
    account = world.people["account_code"]
    manager = world.people["manager"].gather(issues["person"])
    chief = int(world.people["manager"].arg_min() or 0)
    reporter = account.gather(manager.set(manager < 0, chief)).fill_null(account[chief])
    created, ended = clock(issues["created_day"], rng), clock(issues["last_day"], rng)
    other = pl.Series(["", *OTHER_LABELS]).gather(
        rng.choice(len(OTHER_LABELS) + 1, size, p=(0.7, *[0.06] * len(OTHER_LABELS)))
    )
    # Some people label an issue twice with the same micro-skill, in two spellings: still one piece of work.
    twice = pl.Series(rng.random(size) < 0.03)
    again = catalog.phrases.gather(issues["skill"]).str.replace_all(" ", "_").zip_with(twice, pl.Series([""] * size))
    seconds = (issues["hours"] * 3600).cast(pl.Int64)
    done, taken = issues["is_done"], issues["person"].is_not_null()
    state = pl.select(
        pl.when(done).then(pl.lit("Done")).when(taken).then(pl.lit("In Progress")).otherwise(pl.lit("To Do"))
    ).to_series()
    note = pl.Series(["", "As agreed, see the scope note.", 'Asked for "one page",\nnot more.']).gather(
        rng.choice(3, size, p=(0.6, 0.3, 0.1))
    )
    blank = pl.lit("")
    return issues.select(
        pl.col("summary").alias("Summary"),
        pl.col("issue_key").alias("Issue key"),
        pl.col("issue_code").alias("Issue id"),
        pl.Series("Issue Type", ["Task", "Story", "Sub-task"]).gather(rng.choice(3, size, p=(0.6, 0.3, 0.1))),
        state.alias("Status"),
        pl.col("project_key").alias("Project key"),
        pl.col("project_name").alias("Project name"),
        pl.lit("software").alias("Project type"),
        pl.lit(account[chief]).alias("Project lead"),
        blank.alias("Project description"),
        blank.alias("Project url"),
        pl.Series("Priority", ["Medium", "High", "Low"]).gather(rng.choice(3, size, p=(0.7, 0.2, 0.1))),
        pl.when(done).then(pl.lit("Done")).otherwise(blank).alias("Resolution"),
        account.gather(issues["person"]).fill_null("").alias("Assignee"),
        reporter.alias("Reporter"),
        reporter.alias("Creator"),
        created.dt.strftime(TIME_FORMAT).alias("Created"),
        ended.dt.strftime(TIME_FORMAT).alias("Updated"),
        blank.alias("Last Viewed"),
        pl.when(done).then(ended.dt.strftime(TIME_FORMAT)).otherwise(blank).alias("Resolved"),
        catalog.skills["capability_name"].gather(issues["skill"]).alias("component_1"),
        blank.alias("component_2"),
        blank.alias("Due Date"),
        pl.lit(0).alias("Votes"),
        catalog.labels.gather(issues["skill"]).alias("label_1"),
        other.alias("label_2"),
        again.alias("label_3"),
        note.alias("Description"),
        blank.alias("Environment"),
        blank.alias("Original Estimate"),
        blank.alias("Remaining Estimate"),
        seconds.alias("Time Spent"),
        blank.alias("Work Ratio"),
        pl.Series("Custom field (Story Points)", rng.choice([1, 2, 3, 5, 8], size)),
    )
