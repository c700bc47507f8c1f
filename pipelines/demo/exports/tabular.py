"""The demo company's smaller lists as plain CSV: judgements, certificates, lessons given, wishes.

Belongs here: the columns and dirt of these lists. People stand in them by employee number.
Does not belong here: tests passed or failed (exports_xapi), or reading such lists.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import export_date, iso_day, name_skills
from pipelines.demo.exports.planted_errors import BAD_DATE_SHARE, UNKNOWN_PERSON_SHARE, DirtLedger, Spoil, spoil
from pipelines.demo.simulation.world import History, World

BAD_DATE = pl.lit("n/a")
UNKNOWN_NUMBER = pl.lit("999999999")
OUT_OF_SCALE_SHARE = 0.001
# So many numbers a block: no two blocks share one.
NUMBERS_A_BLOCK = 10_000_000


def numbered(frame: pl.DataFrame, prefix: str, block: int) -> pl.Expr:
    """An id for each row, unique over all blocks."""
    return pl.concat_str(pl.lit(prefix), pl.int_range(frame.height) + 1 + block * NUMBERS_A_BLOCK)


def write_lists(world: World, history: History, folder: ExportFolder, ledger: DirtLedger) -> None:
    """The block's judgements, certificates, lessons and wishes."""
    rng = np.random.default_rng([world.seed, 13, history.block])
    write_feedback(world, history, folder, ledger, rng)
    write_certificates(world, history, folder, ledger, rng)
    write_sessions(world, history, folder, ledger, rng)
    write_wishes(world, history, folder, ledger, rng)


def write_feedback(
    world: World, history: History, folder: ExportFolder, ledger: DirtLedger, rng: np.random.Generator
) -> None:
    """One row per judgement by a peer, a manager or oneself, or endorsement (without a score)."""
    given = history.judgements.filter(pl.col("kind").is_in(["peer", "manager", "self", "endorsement"]))
    number = world.people["employee_number"]
    frame = given.select(
        numbered(given, "fb-", history.block).alias("feedback_id"),
        number.gather(given["person"]).alias("employee_number"),
        number.gather(given["giver"]).alias("given_by"),
        name_skills(given["skill"], world.catalog, rng).alias("skill"),
        pl.col("kind"),
        pl.col("score").cast(pl.String).fill_null("").alias("score"),
        iso_day("day").alias("date"),
    )
    file = f"feedback/feedback_{export_date(world, 1)}.csv"
    spoils = (
        Spoil("bad_date", BAD_DATE_SHARE, "date", BAD_DATE),
        Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "employee_number", UNKNOWN_NUMBER),
        Spoil("out_of_scale", OUT_OF_SCALE_SHARE, "score", pl.lit("9")),
    )
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng))


def write_certificates(
    world: World, history: History, folder: ExportFolder, ledger: DirtLedger, rng: np.random.Generator
) -> None:
    """One row per certificate; some never expire."""
    held = history.judgements.filter(pl.col("kind") == "certificate")
    lasts = pl.Series("lasts", rng.choice([365, 730, 1095, 0], held.height))
    frame = held.hstack([lasts, (held["day"] + lasts).alias("until")]).select(
        numbered(held, "ct-", history.block).alias("certificate_id"),
        world.people["employee_number"].gather(held["person"]).alias("employee_number"),
        name_skills(held["skill"], world.catalog, rng).alias("skill"),
        pl.lit("Guild of Practical Skills").alias("issuer"),
        iso_day("day").alias("issued_on"),
        pl.when(pl.col("lasts") > 0).then(iso_day("until")).otherwise(pl.lit("")).alias("expires_on"),
    )
    file = "feedback/certificates.csv"
    folder.append_csv(file, spoil(frame, file, (), ledger, rng))


def write_sessions(
    world: World, history: History, folder: ExportFolder, ledger: DirtLedger, rng: np.random.Generator
) -> None:
    """One row per lesson given: who taught whom what, for how long; mentee empty where a group was taught."""
    lessons, number = history.lessons, world.people["employee_number"]
    kind = pl.Series("kind", ["mentoring", "workshop", "shadowing"]).gather(
        rng.choice(3, lessons.height, p=(0.6, 0.25, 0.15))
    )
    frame = lessons.select(
        numbered(lessons, "ms-", history.block).alias("session_id"),
        number.gather(lessons["person"]).alias("mentor"),
        number.gather(lessons["learner"]).fill_null("").alias("mentee"),
        name_skills(lessons["skill"], world.catalog, rng).alias("skill"),
        kind,
        pl.col("hours"),
        iso_day("day").alias("held_on"),
    )
    file = "mentoring/sessions.csv"
    spoils = (
        Spoil("bad_date", BAD_DATE_SHARE, "held_on", BAD_DATE),
        Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "mentor", UNKNOWN_NUMBER),
    )
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng))


def write_wishes(
    world: World, history: History, folder: ExportFolder, ledger: DirtLedger, rng: np.random.Generator
) -> None:
    """One row per wish: a person, a micro-skill, how strongly (1..3), when it was said."""
    wishes = history.wishes
    frame = wishes.select(
        numbered(wishes, "wi-", history.block).alias("wish_id"),
        world.people["employee_number"].gather(wishes["person"]).alias("employee_number"),
        name_skills(wishes["skill"], world.catalog, rng).alias("skill"),
        pl.col("strength"),
        iso_day("day").alias("stated_on"),
    )
    file = "wishes/aspirations.csv"
    spoils = (Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "employee_number", UNKNOWN_NUMBER),)
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng))
