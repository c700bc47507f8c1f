"""The input of the demo company's people as plain CSV: consents, replies, and who wants no recommendations.

Belongs here: the columns and errors of these lists. People are identified by employee number.
Does not belong here: wishes (`pipelines.demo.exports.tabular`), or the effect of a reply.
"""

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import draw_values, format_day, format_export_date, number_rows, spell_skills
from pipelines.demo.exports.tabular import build_unknown_person_error
from pipelines.demo.simulation.world import BLOCK_PEOPLE, History, World

# Half of the people consent to be shown: a third for everything, a fifth for a few micro-skills.
OPEN_SHARE, CHOOSY_SHARE, CHOSEN_SKILLS = 0.33, 0.2, 3
EXPIRED_SHARE, WITHDRAWN_SHARE = 0.08, 0.06
REPLIERS_SHARE, OPTED_OUT_SHARE = 0.12, 0.02
NEXT_STAGE = {"apprentice": "journeyman", "journeyman": "master", "master": "master"}
RELATIONS = ("follow", "walk_with", "lead", "all")
ABOUT_HELD, ABOUT_OPEN = ("dispute", "hide", "done"), ("accept", "dismiss", "snooze")


def write_employee_input(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the block's consents, replies and preferences; people who have left give none."""
    rng = np.random.default_rng([world.seed, 17, history.block_number])
    people = world.people.slice(history.block_number * BLOCK_PEOPLE, BLOCK_PEOPLE).filter(
        pl.col("left_day") > world.last_day
    )
    for write_export in (_write_consents, _write_replies, _write_preferences):
        write_export(world, history, people, export_folder, rng)


def _write_consents(
    world: World, history: History, people: pl.DataFrame, export_folder: ExportFolder, rng: np.random.Generator
) -> None:
    """One row per decision: about every micro-skill or one, given until a day or withdrawn; some have expired."""
    openness_draws, person_numbers = pl.Series(rng.random(people.height)), people["person"]
    choosy_person_numbers = person_numbers.filter(
        (openness_draws >= OPEN_SHARE) & (openness_draws < OPEN_SHARE + CHOOSY_SHARE)
    )
    chosen_skills = (
        history.steps.filter(pl.col("person").is_in(choosy_person_numbers.implode()))
        .sort("person", "begun_day", "skill")
        .group_by("person", maintain_order=True)
        .tail(CHOSEN_SKILLS)
        .select("person", "skill")
    )
    consents_about_all = people.filter(openness_draws < OPEN_SHARE).select(
        "person", pl.lit("all").alias("skill"), pl.lit("all").alias("shown_as")
    )
    consents_about_skill = chosen_skills.select(
        "person",
        spell_skills(chosen_skills["skill"], world.catalog, rng).alias("skill"),
        draw_values(RELATIONS, (0.35, 0.25, 0.15, 0.25), chosen_skills.height, rng, "shown_as"),
    )
    given_consents = pl.concat([consents_about_all, consents_about_skill])
    given_consents = given_consents.with_columns(
        pl.lit("granted").alias("decision"),
        pl.Series("day", world.last_day - rng.integers(10, 300, given_consents.height)),
        pl.Series("until", world.last_day + np.where(rng.random(given_consents.height) < EXPIRED_SHARE, -5, 180)),
    )
    withdrawn_consents = given_consents.filter(
        pl.Series(rng.random(given_consents.height) < WITHDRAWN_SHARE)
    ).with_columns(pl.lit("withdrawn").alias("decision"), pl.lit(None, pl.Int64).alias("until"), pl.col("day") + 5)
    consents = pl.concat([given_consents, withdrawn_consents])
    export_rows = consents.select(
        number_rows(consents, "co-", history.block_number).alias("consent_id"),
        world.people["employee_number"].gather(consents["person"]).alias("employee_number"),
        "skill",
        "shown_as",
        "decision",
        format_day("until").fill_null("").alias("valid_until"),
        format_day("day").alias("decided_on"),
    )
    export_folder.append_with_errors(
        "consents/consents.csv", export_rows, (build_unknown_person_error("employee_number"),), rng
    )


def _write_replies(
    world: World, history: History, people: pl.DataFrame, export_folder: ExportFolder, rng: np.random.Generator
) -> None:
    """One row per reply: about a held micro-skill, or about a step towards one that the role asks for."""
    repliers = people.filter(pl.Series(rng.random(people.height) < REPLIERS_SHARE))
    held_skills = (
        history.steps.join(repliers.select("person"), on="person", how="semi")
        .sort("person", "skill")
        .filter(pl.int_range(pl.len()).over("person") < 2)
        .select("person", "skill", "stage")
    )
    drawn_answers = pl.Series("answer", ABOUT_HELD).gather(rng.integers(0, len(ABOUT_HELD), held_skills.height))
    # done is about a first practice: a reply alone makes nobody a journeyman
    held_skills = held_skills.with_columns(drawn_answers).filter(
        (pl.col("answer") != "done") | (pl.col("stage") == "apprentice")
    )
    role_importance = world.catalog.role_importance[repliers["role"].to_numpy()]
    wanted_skills = (role_importance + rng.random(role_importance.shape, dtype=np.float32)).argmax(axis=1)
    wanted_replies = repliers.select(
        "person",
        pl.Series("skill", wanted_skills.astype(np.int64)),
        pl.Series("answer", ABOUT_OPEN).gather(rng.integers(0, len(ABOUT_OPEN), repliers.height)),
    )
    replies = pl.concat([held_skills, wanted_replies], how="diagonal")
    replies = replies.with_columns(
        pl.Series("day", world.last_day - rng.integers(0, 60, replies.height)),
        pl.Series("until", world.last_day + rng.integers(10, 60, replies.height)),
    )
    blank_text, next_stage = pl.lit(""), pl.col("stage").replace(NEXT_STAGE)
    export_rows = replies.select(
        number_rows(replies, "re-", history.block_number).alias("reply_id"),
        world.people["employee_number"].gather(replies["person"]).alias("employee_number"),
        spell_skills(replies["skill"], world.catalog, rng).alias("skill"),
        blank_text.alias("goal"),
        "answer",
        pl.when(pl.col("answer") == "snooze").then(format_day("until")).otherwise(blank_text).alias("until"),
        pl.when(pl.col("answer") == "dispute").then(next_stage).otherwise(blank_text).alias("stage"),
        format_day("day").alias("answered_on"),
    )
    planted_errors = (build_unknown_person_error("employee_number"),)
    export_folder.append_with_errors(
        f"replies/replies_{format_export_date(world, 1)}.csv", export_rows, planted_errors, rng
    )


def _write_preferences(
    world: World, history: History, people: pl.DataFrame, export_folder: ExportFolder, rng: np.random.Generator
) -> None:
    """One row per person who stated whether they want recommendations; half of them do not."""
    opted_out_count = min(max(1, round(OPTED_OUT_SHARE * people.height)), people.height // 2)
    chosen_people = people[rng.choice(people.height, size=2 * opted_out_count, replace=False)]
    preferences = chosen_people.with_columns(
        pl.Series("day", world.last_day - rng.integers(5, 200, 2 * opted_out_count))
    ).select(
        number_rows(chosen_people, "pr-", history.block_number).alias("preference_id"),
        "employee_number",
        pl.Series("wants_steps", ["no"] * opted_out_count + ["yes"] * opted_out_count, dtype=pl.String),
        format_day("day").alias("said_on"),
    )
    export_folder.append_csv("preferences/preferences.csv", preferences)
