"""What the demo company's people say for themselves, as plain CSV: consents, replies, who wants no recommendations.

Belongs here: the columns and dirt of these lists. People stand in them by employee number.
Does not belong here: wishes (exports_tabular), or what follows from a word.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import export_date, iso_day, name_skills
from pipelines.demo.exports.planted_errors import UNKNOWN_PERSON_SHARE, DirtLedger, Spoil, spoil
from pipelines.demo.exports.tabular import UNKNOWN_NUMBER, numbered
from pipelines.demo.simulation.catalog import FloatArray
from pipelines.demo.simulation.world import BLOCK_PEOPLE, History, World

# Half of the people let themselves be shown: a third for everything, a fifth for a few micro-skills.
OPEN_SHARE, CHOOSY_SHARE, CHOSEN_SKILLS = 0.33, 0.2, 3
EXPIRED_SHARE, WITHDRAWN_SHARE = 0.08, 0.06
REPLIERS_SHARE, OPTED_OUT_SHARE = 0.12, 0.02
NEXT_STAGE = {"apprentice": "journeyman", "journeyman": "master", "master": "master"}
ABOUT_HELD, ABOUT_OPEN = ("dispute", "hide", "done"), ("accept", "dismiss", "snooze")


def write_words(world: World, history: History, folder: ExportFolder, ledger: DirtLedger) -> None:
    """The block's consents, replies and preferences; whoever has left says nothing."""
    rng = np.random.default_rng([world.seed, 17, history.block])
    people = world.people.slice(history.block * BLOCK_PEOPLE, BLOCK_PEOPLE).filter(pl.col("left_day") > world.end)
    write_consents(world, history, people, folder, ledger, rng)
    write_replies(world, history, people, folder, ledger, rng)
    write_preferences(world, history, people, folder, rng)


def write_consents(
    world: World,
    history: History,
    people: pl.DataFrame,
    folder: ExportFolder,
    ledger: DirtLedger,
    rng: np.random.Generator,
) -> None:
    """One row per decision: about every micro-skill or one, given until a day or withdrawn; some have run out."""
    draw = rng.random(people.height)
    person = people["person"]
    open_people = pl.DataFrame({"person": person.filter(pl.Series(draw < OPEN_SHARE))})
    choosy = person.filter(pl.Series((draw >= OPEN_SHARE) & (draw < OPEN_SHARE + CHOOSY_SHARE)))
    taken = history.steps.filter(pl.col("person").is_in(choosy.implode())).sort("person", "begun_day", "skill")
    chosen = taken.group_by("person", maintain_order=True).tail(CHOSEN_SKILLS).select("person", "skill")
    relations = pl.Series("shown_as", ["follow", "walk_with", "lead", "all"])
    given = pl.concat(
        [
            open_people.with_columns(pl.lit("all").alias("skill"), pl.lit("all").alias("shown_as")),
            pl.DataFrame(
                {
                    "person": chosen["person"],
                    "skill": name_skills(chosen["skill"], world.catalog, rng),
                    "shown_as": relations.gather(rng.choice(4, chosen.height, p=(0.35, 0.25, 0.15, 0.25))),
                }
            ),
        ]
    )
    decided = world.end - rng.integers(10, 300, given.height)
    lasts = np.where(rng.random(given.height) < EXPIRED_SHARE, -5, 180)
    given = given.with_columns(
        pl.lit("granted").alias("decision"), pl.Series("until", world.end + lasts), pl.Series("day", decided)
    )
    taken_back = given.filter(pl.Series(rng.random(given.height) < WITHDRAWN_SHARE)).with_columns(
        pl.lit("withdrawn").alias("decision"), pl.lit(None, pl.Int64).alias("until"), pl.col("day") + 5
    )
    rows = pl.concat([given, taken_back])
    frame = rows.select(
        numbered(rows, "co-", history.block).alias("consent_id"),
        world.people["employee_number"].gather(rows["person"]).alias("employee_number"),
        "skill",
        "shown_as",
        "decision",
        iso_day("until").fill_null("").alias("valid_until"),
        iso_day("day").alias("decided_on"),
    )
    file = "consents/consents.csv"
    spoils = (Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "employee_number", UNKNOWN_NUMBER),)
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng))


def write_replies(
    world: World,
    history: History,
    people: pl.DataFrame,
    folder: ExportFolder,
    ledger: DirtLedger,
    rng: np.random.Generator,
) -> None:
    """One row per reply: about a micro-skill that is held, or about a step towards one that the role asks for."""
    repliers = people.filter(pl.Series(rng.random(people.height) < REPLIERS_SHARE))
    held = history.steps.join(repliers.select("person"), on="person", how="semi").sort("person", "skill")
    held = held.filter(pl.int_range(pl.len()).over("person") < 2).select("person", "skill", "stage")
    # done speaks of what is only begun: a word alone makes no journeyman
    kind = pl.Series("answer", ABOUT_HELD).gather(rng.integers(0, len(ABOUT_HELD), held.height))
    held = held.with_columns(kind).filter((pl.col("answer") != "done") | (pl.col("stage") == "apprentice"))
    wanted: FloatArray = world.catalog.importance[repliers["role"].to_numpy()]
    skill = (wanted + rng.random(wanted.shape, dtype=np.float32)).argmax(axis=1)
    sought = pl.DataFrame({"person": repliers["person"], "skill": skill.astype(np.int64)})
    kind = pl.Series("answer", ABOUT_OPEN).gather(rng.integers(0, len(ABOUT_OPEN), sought.height))
    rows = pl.concat([held, sought.with_columns(kind)], how="diagonal")
    rows = rows.with_columns(
        pl.Series("day", world.end - rng.integers(0, 60, rows.height)),
        pl.Series("until", world.end + rng.integers(10, 60, rows.height)),
    )
    is_snooze, is_dispute = pl.col("answer") == "snooze", pl.col("answer") == "dispute"
    frame = rows.select(
        numbered(rows, "re-", history.block).alias("reply_id"),
        world.people["employee_number"].gather(rows["person"]).alias("employee_number"),
        name_skills(rows["skill"], world.catalog, rng).alias("skill"),
        pl.lit("").alias("goal"),
        "answer",
        pl.when(is_snooze).then(iso_day("until")).otherwise(pl.lit("")).alias("until"),
        pl.when(is_dispute).then(pl.col("stage").replace(NEXT_STAGE)).otherwise(pl.lit("")).alias("stage"),
        iso_day("day").alias("answered_on"),
    )
    file = f"replies/replies_{export_date(world, 1)}.csv"
    spoils = (Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "employee_number", UNKNOWN_NUMBER),)
    folder.append_csv(file, spoil(frame, file, spoils, ledger, rng))


def write_preferences(
    world: World, history: History, people: pl.DataFrame, folder: ExportFolder, rng: np.random.Generator
) -> None:
    """One row per person who said whether they want recommendations; where two people are asked, one does not."""
    count = min(max(1, round(OPTED_OUT_SHARE * people.height)), people.height // 2)
    row = rng.choice(people.height, size=2 * count, replace=False)
    rows = pl.DataFrame(
        {
            "person": people["person"].gather(row),
            "wants_steps": ["no"] * count + ["yes"] * count,
            "day": world.end - rng.integers(5, 200, 2 * count),
        }
    )
    frame = rows.select(
        numbered(rows, "pr-", history.block).alias("preference_id"),
        world.people["employee_number"].gather(rows["person"]).alias("employee_number"),
        "wants_steps",
        iso_day("day").alias("said_on"),
    )
    folder.append_csv("preferences/preferences.csv", frame)
