"""The people of the demo company as a BambooHR report: one CSV with a byte order mark and CRLF line ends.

Belongs here: the columns of the report and its errors, with sensitive columns that a reader must reject (birth date,
pay).
Does not belong here: reading such a report.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import format_day, format_export_date
from pipelines.demo.exports.planted_errors import BAD_DATE_SHARE, MIXED_CASE_SHARE, PlantedError
from pipelines.demo.simulation.world import World

BAD_DATE = pl.lit("0000-00-00")  # what the system prints for a hire date that was never entered


def write_bamboohr(world: World, export_folder: ExportFolder) -> None:
    """Write one full export of everyone who was employed in the history, drawn the day after it ends."""
    people = world.people
    manager_numbers = people["manager"].set(people["manager"] < 0, None)
    has_left = pl.col("left_day") <= world.last_day
    employees = people.select(
        pl.col("employee_number").alias("Employee #"),
        pl.col("first_name").alias("First Name"),
        pl.col("last_name").alias("Last Name"),
        pl.col("role_name").alias("Job Title"),
        pl.col("unit_name").alias("Department"),
        pl.col("division").alias("Division"),
        pl.col("location").alias("Location"),
        pl.when(has_left).then(pl.lit("Inactive")).otherwise(pl.lit("Active")).alias("Status"),
        format_day("hired_day").alias("Hire Date"),
        pl.col("work_email").alias("Work Email"),
        (people["first_name"].gather(manager_numbers) + " " + people["last_name"].gather(manager_numbers))
        .fill_null("")
        .alias("Reports To"),
        people["work_email"].gather(manager_numbers).fill_null("").alias("Reports To Email"),
        pl.when(has_left).then(format_day("left_day")).alias("Termination Date"),
        format_day("birth_day").alias("Birth Date"),
        pl.format("{} EUR", (pl.col("pay") / 100).round(2)).alias("Pay rate"),
    )
    export_folder.append_with_errors(
        f"bamboohr/employees_{format_export_date(world, 1)}.csv",
        employees,
        (
            PlantedError("bad_date", BAD_DATE_SHARE, "Hire Date", BAD_DATE),
            PlantedError("mixed_case", MIXED_CASE_SHARE, "Work Email", pl.col("Work Email").str.to_uppercase()),
        ),
        np.random.default_rng([world.seed, 10]),
        byte_order_mark=True,
        line_terminator="\r\n",
    )
