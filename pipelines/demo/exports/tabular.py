"""The smaller lists of the demo company as plain CSV: judgements, certificates, mentoring sessions, wishes.

Belongs here: the columns and errors of these lists. People are identified by employee number.
Does not belong here: passed or failed tests (`pipelines.demo.exports.xapi`), or reading such lists.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import draw_values, format_day, format_export_date, number_rows, spell_skills
from pipelines.demo.exports.planted_errors import BAD_DATE_SHARE, UNKNOWN_PERSON_SHARE, PlantedError
from pipelines.demo.simulation.world import History, World

BAD_DATE = pl.lit("n/a")
UNKNOWN_NUMBER = pl.lit("999999999")
OUT_OF_SCALE_SHARE = 0.001


def write_lists(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the block's judgements, certificates, mentoring sessions and wishes."""
    rng = np.random.default_rng([world.seed, 13, history.block_number])
    for write_export in (_write_feedback, _write_certificates, _write_sessions, _write_wishes):
        write_export(world, history, export_folder, rng)


def build_unknown_person_error(person_column: str) -> PlantedError:
    """The error of an employee number that HR does not have."""
    return PlantedError("unknown_person", UNKNOWN_PERSON_SHARE, person_column, UNKNOWN_NUMBER)


def _write_feedback(world: World, history: History, export_folder: ExportFolder, rng: np.random.Generator) -> None:
    """One row per judgement by a peer, a manager or oneself, or endorsement (without a score)."""
    given_feedback = history.judgements.filter(pl.col("kind").is_in(["peer", "manager", "self", "endorsement"]))
    employee_numbers = world.people["employee_number"]
    export_rows = given_feedback.select(
        number_rows(given_feedback, "fb-", history.block_number).alias("feedback_id"),
        employee_numbers.gather(given_feedback["person"]).alias("employee_number"),
        employee_numbers.gather(given_feedback["giver"]).alias("given_by"),
        spell_skills(given_feedback["skill"], world.catalog, rng).alias("skill"),
        pl.col("kind"),
        pl.col("score").cast(pl.String).fill_null("").alias("score"),
        format_day("day").alias("date"),
    )
    planted_errors = (
        PlantedError("bad_date", BAD_DATE_SHARE, "date", BAD_DATE),
        build_unknown_person_error("employee_number"),
        PlantedError("out_of_scale", OUT_OF_SCALE_SHARE, "score", pl.lit("9")),
    )
    export_folder.append_with_errors(
        f"feedback/feedback_{format_export_date(world, 1)}.csv", export_rows, planted_errors, rng
    )


def _write_certificates(world: World, history: History, export_folder: ExportFolder, rng: np.random.Generator) -> None:
    """One row per certificate; some never expire."""
    certificates = history.judgements.filter(pl.col("kind") == "certificate")
    certificates = certificates.with_columns(pl.Series("lasts", rng.choice([365, 730, 1095, 0], certificates.height)))
    export_rows = certificates.with_columns((pl.col("day") + pl.col("lasts")).alias("until")).select(
        number_rows(certificates, "ct-", history.block_number).alias("certificate_id"),
        world.people["employee_number"].gather(certificates["person"]).alias("employee_number"),
        spell_skills(certificates["skill"], world.catalog, rng).alias("skill"),
        pl.lit("Guild of Practical Skills").alias("issuer"),
        format_day("day").alias("issued_on"),
        pl.when(pl.col("lasts") > 0).then(format_day("until")).otherwise(pl.lit("")).alias("expires_on"),
    )
    export_folder.append_with_errors("feedback/certificates.csv", export_rows, (), rng)


def _write_sessions(world: World, history: History, export_folder: ExportFolder, rng: np.random.Generator) -> None:
    """One row per lesson: who taught whom what, for how long; mentee is empty if a group was taught."""
    lessons, employee_numbers = history.lessons, world.people["employee_number"]
    session_kinds = draw_values(("mentoring", "workshop", "shadowing"), (0.6, 0.25, 0.15), lessons.height, rng, "kind")
    export_rows = lessons.select(
        number_rows(lessons, "ms-", history.block_number).alias("session_id"),
        employee_numbers.gather(lessons["person"]).alias("mentor"),
        employee_numbers.gather(lessons["learner"]).fill_null("").alias("mentee"),
        spell_skills(lessons["skill"], world.catalog, rng).alias("skill"),
        session_kinds,
        pl.col("hours"),
        format_day("day").alias("held_on"),
    )
    planted_errors = (
        PlantedError("bad_date", BAD_DATE_SHARE, "held_on", BAD_DATE),
        build_unknown_person_error("mentor"),
    )
    export_folder.append_with_errors("mentoring/sessions.csv", export_rows, planted_errors, rng)


def _write_wishes(world: World, history: History, export_folder: ExportFolder, rng: np.random.Generator) -> None:
    """One row per wish: a person, a micro-skill, its strength (1 to 3), and the day it was stated."""
    wishes = history.wishes
    export_rows = wishes.select(
        number_rows(wishes, "wi-", history.block_number).alias("wish_id"),
        world.people["employee_number"].gather(wishes["person"]).alias("employee_number"),
        spell_skills(wishes["skill"], world.catalog, rng).alias("skill"),
        pl.col("strength"),
        format_day("day").alias("stated_on"),
    )
    export_folder.append_with_errors(
        "wishes/aspirations.csv", export_rows, (build_unknown_person_error("employee_number"),), rng
    )
