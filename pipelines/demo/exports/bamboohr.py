"""The people of the demo company as a BambooHR report: one CSV with a byte order mark and CRLF line ends.

Belongs here: the report's columns and its dirt. It also carries columns that a reader must refuse (birth date, pay).
Does not belong here: reading such a report.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import export_date, iso_day
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    DirtLedger,
    Spoil,
    spoil,
)
from pipelines.demo.simulation.world import World

BAD_DATE = pl.lit("0000-00-00")  # what the system prints for a hire date that was never entered


def write_bamboohr(world: World, folder: ExportFolder, ledger: DirtLedger) -> None:
    """One full export of everyone who was employed in the history, drawn the day after it ends."""
    rng = np.random.default_rng([world.seed, 10])
    people = world.people
    manager = people["manager"]
    known = manager.set(manager < 0, None)
    frame = people.select(
        pl.col("employee_number").alias("Employee #"),
        pl.col("first_name").alias("First Name"),
        pl.col("last_name").alias("Last Name"),
        pl.col("role_name").alias("Job Title"),
        pl.col("unit_name").alias("Department"),
        pl.col("division").alias("Division"),
        pl.col("location").alias("Location"),
        pl.when(pl.col("left_day") > world.end).then(pl.lit("Active")).otherwise(pl.lit("Inactive")).alias("Status"),
        iso_day("hired_day").alias("Hire Date"),
        pl.col("work_email").alias("Work Email"),
        pl.concat_str(people["first_name"].gather(known), pl.lit(" "), people["last_name"].gather(known))
        .fill_null("")
        .alias("Reports To"),
        people["work_email"].gather(known).fill_null("").alias("Reports To Email"),
        pl.when(pl.col("left_day") <= world.end).then(iso_day("left_day")).alias("Termination Date"),
        iso_day("birth_day").alias("Birth Date"),
        pl.concat_str((pl.col("pay") / 100).round(2).cast(pl.String), pl.lit(" EUR")).alias("Pay rate"),
    )
    file = f"bamboohr/employees_{export_date(world, 1)}.csv"
    spoils = (
        Spoil("bad_date", BAD_DATE_SHARE, "Hire Date", BAD_DATE),
        Spoil("mixed_case", MIXED_CASE_SHARE, "Work Email", pl.col("Work Email").str.to_uppercase()),
    )
    dirty = spoil(frame, file, spoils, ledger, rng)
    folder.append_csv(file, dirty, byte_order_mark=True, line_terminator="\r\n")
