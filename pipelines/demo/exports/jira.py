"""The work of the demo company as a Jira issue export: repeated columns, several labels, day/Mon/yy times.

Belongs here: issues that people worked on, open issues without an assignee, the errors of the export, and the accounts.
`Assignee` is an account code; `jira/accounts.csv` (account_code, work_email) maps it to the work e-mail in HR.
Does not belong here: worklogs (`pipelines.demo.exports.tempo`), or reading such an export.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import draw_times, draw_values, format_block_suffix, format_export_date
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    PlantedError,
)
from pipelines.demo.simulation.people import UNITS
from pipelines.demo.simulation.world import History, World

# Real exports repeat the name of a column with several values, a frame cannot: these columns print as the name given.
REPEATED = {
    "component_1": "Component/s",
    "component_2": "Component/s",
    "label_1": "Labels",
    "label_2": "Labels",
    "label_3": "Labels",
}
TIME_FORMAT = "%d/%b/%y %-I:%M %p"
CLIENTS = [
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
]
# Labels that name no micro-skill; trackers have many of them.
OTHER_LABELS = ("client-visible", "quick-win", "needs-review", "quarter-end", "internal")
NOTES = ["", "As agreed, see the scope note.", 'Asked for "one page",\nnot more.']
CORRECTED_SHARE = 0.003
UNKNOWN_ACCOUNT = pl.lit("svc.legacy-import")


def write_accounts(world: World, export_folder: ExportFolder) -> None:
    """Write one row per account: its code and its work e-mail."""
    export_folder.append_csv("jira/accounts.csv", world.people.select("account_code", "work_email"))


def describe_issues(world: World, issues: pl.DataFrame) -> pl.DataFrame:
    """Add the project, key and summary that worklogs repeat; a unit has two projects per half-year, by capability.

    Args:
        world: The company.
        issues: One row per issue: issue, skill, created_day, unit and any other column.

    Returns:
        The same rows with project_key, project_name, issue_code, issue_key and summary.
    """
    created_date = pl.col("created_day").cast(pl.Int32).cast(pl.Date)
    half_year = pl.when(created_date.dt.month() > 6).then(pl.lit("B")).otherwise(pl.lit("A"))
    project_slot = (pl.col("skill") // 7) % 2 + 1
    created_year, unit_numbers = created_date.dt.year(), issues["unit"]
    unit_codes, unit_names = (
        pl.Series([unit_fields[field_index] for unit_fields in UNITS]).gather(unit_numbers) for field_index in (1, 0)
    )
    return issues.with_columns(
        pl.concat_str(unit_codes, (created_year % 100).cast(pl.String), half_year, project_slot).alias("project_key"),
        pl.format("{} {}{} - stream {}", unit_names, created_year, half_year, project_slot).alias("project_name"),
        (pl.col("issue") + 10_000).alias("issue_code"),
    ).with_columns(
        pl.format("{}-{}", "project_key", "issue_code").alias("issue_key"),
        (
            world.catalog.skills["name"].gather(issues["skill"])
            + " for "
            + pl.Series(CLIENTS).gather(issues["issue"] % len(CLIENTS))
        ).alias("summary"),
    )


def write_jira(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the block's issues, and write some of them again with a correction the day after."""
    rng = np.random.default_rng([world.seed, 11, history.block_number])
    worked_issues = history.issues.with_columns(world.people["unit"].gather(history.issues["person"]).alias("unit"))
    issue_columns = ("issue", "person", "unit", "skill", "created_day", "last_day", "hours", "is_done")
    unassigned_issues = history.demands.with_columns(
        pl.lit(None, dtype=pl.Int64).alias("person"),
        pl.col("created_day").alias("last_day"),
        pl.lit(0.0).alias("hours"),
        pl.lit(False).alias("is_done"),
    )
    issues = describe_issues(
        world, pl.concat([worked_issues.select(issue_columns), unassigned_issues.select(issue_columns)])
    )
    export_rows = format_issues(world, issues, rng)
    column_headers = [REPEATED.get(column_name, column_name) for column_name in export_rows.columns]
    export_folder.append_with_errors(
        f"jira/issues_{format_export_date(world, 0)}{format_block_suffix(world, history.block_number)}.csv",
        export_rows,
        (
            PlantedError("bad_date", BAD_DATE_SHARE, "Created", pl.lit("31/Feb/25 9:00 AM")),
            PlantedError("unknown_person", UNKNOWN_PERSON_SHARE, "Assignee", UNKNOWN_ACCOUNT),
            PlantedError("mixed_case", MIXED_CASE_SHARE, "label_1", pl.col("label_1").str.to_uppercase()),
        ),
        rng,
        column_headers=column_headers,
    )
    corrected_rows = export_rows.filter(
        issues["is_done"] & pl.Series(rng.random(export_rows.height) < CORRECTED_SHARE)
    ).with_columns(
        pl.lit("Highest").alias("Priority"),
        pl.col("Resolution").str.replace("Done", "Fixed"),
        pl.lit(datetime(1970, 1, 1, 7, 30, tzinfo=UTC) + timedelta(days=world.last_day + 1))
        .dt.strftime(TIME_FORMAT)
        .alias("Updated"),
    )
    correction_file_name = f"jira/issues_{format_export_date(world, 1)}.csv"
    export_folder.append_csv(correction_file_name, corrected_rows, column_headers=column_headers)
    export_folder.count_errors(correction_file_name, "late_correction", corrected_rows.height)


def format_issues(world: World, issues: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per issue in the columns of the export, with the names of `REPEATED`."""
    issue_count, skill_numbers, catalog = issues.height, issues["skill"], world.catalog
    blank_text, account_codes = pl.lit(""), world.people["account_code"]
    manager_numbers = world.people["manager"].gather(issues["person"])
    chief_number = int(world.people["manager"].arg_min() or 0)
    reporter_numbers = manager_numbers.set(manager_numbers < 0, chief_number)
    reporter_codes = account_codes.gather(reporter_numbers).fill_null(account_codes[chief_number])
    created_times, updated_times = draw_times(issues["created_day"], rng), draw_times(issues["last_day"], rng)
    other_labels = draw_values(["", *OTHER_LABELS], (0.7, *[0.06] * len(OTHER_LABELS)), issue_count, rng)
    # some people label an issue twice with the same micro-skill, in two spellings: it is still one piece of work
    has_second_label = pl.Series(rng.random(issue_count) < 0.03)
    second_spellings = catalog.phrases.gather(skill_numbers).str.replace_all(" ", "_")
    repeated_labels = second_spellings.zip_with(has_second_label, pl.Series([""] * issue_count))
    descriptions = draw_values(NOTES, (0.6, 0.3, 0.1), issue_count, rng)
    issue_types = draw_values(["Task", "Story", "Sub-task"], (0.6, 0.3, 0.1), issue_count, rng)
    priorities = draw_values(["Medium", "High", "Low"], (0.7, 0.2, 0.1), issue_count, rng)
    cells_by_header: dict[str, pl.Expr | pl.Series] = {
        "Summary": pl.col("summary"),
        "Issue key": pl.col("issue_key"),
        "Issue id": pl.col("issue_code"),
        "Issue Type": issue_types,
        "Status": pl.when("is_done")
        .then(pl.lit("Done"))
        .when(pl.col("person").is_not_null())
        .then(pl.lit("In Progress"))
        .otherwise(pl.lit("To Do")),
        "Project key": pl.col("project_key"),
        "Project name": pl.col("project_name"),
        "Project type": pl.lit("software"),
        "Project lead": pl.lit(account_codes[chief_number]),
        "Project description": blank_text,
        "Project url": blank_text,
        "Priority": priorities,
        "Resolution": pl.when("is_done").then(pl.lit("Done")).otherwise(blank_text),
        "Assignee": account_codes.gather(issues["person"]).fill_null(""),
        "Reporter": reporter_codes,
        "Creator": reporter_codes,
        "Created": created_times.dt.strftime(TIME_FORMAT),
        "Updated": updated_times.dt.strftime(TIME_FORMAT),
        "Last Viewed": blank_text,
        "Resolved": pl.when("is_done").then(updated_times.dt.strftime(TIME_FORMAT)).otherwise(blank_text),
        "component_1": catalog.skills["capability_name"].gather(skill_numbers),
        "component_2": blank_text,
        "Due Date": blank_text,
        "Votes": pl.lit(0),
        "label_1": catalog.labels.gather(skill_numbers),
        "label_2": other_labels,
        "label_3": repeated_labels,
        "Description": descriptions,
        "Environment": blank_text,
        "Original Estimate": blank_text,
        "Remaining Estimate": blank_text,
        "Time Spent": (pl.col("hours") * 3600).cast(pl.Int64),
        "Work Ratio": blank_text,
        "Custom field (Story Points)": pl.Series(rng.choice([1, 2, 3, 5, 8], issue_count)),
    }
    return issues.select(column_cells.alias(column_header) for column_header, column_cells in cells_by_header.items())
