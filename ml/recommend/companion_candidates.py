"""Companion candidates: who made a recommended step, has it on their list, or is one stage behind.

Belongs here: the people and tables that companions are found in, the slots of a list, and the candidates per slot.
Does not belong here: which candidate is shown to whom (`ml.recommend.companion_matching`), the sentences
(`ml.recommend.companion_text`).

People, micro-skills and steps are integers here: joins on one integer column are ten times cheaper than joins on two
text columns. A step is skill * GOAL_COUNT + goal, where the goal is the index of the stage, or 0 for a refresh. A pool
(the people in one relation to one step) is step * RELATION_COUNT + relation.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.contracts.columns import RELATIONS, STAGES, stage_index

FOLLOW, WALK_WITH, LEAD = range(len(RELATIONS))
GOAL_COUNT, RELATION_COUNT = len(STAGES), len(RELATIONS)
REFRESH_GOAL = 0
DAYS_PER_MONTH = 30.44
_UNKNOWN_MOVE_COLUMNS = (pl.lit(None, pl.Int64).alias("days_ago"), pl.lit(None, pl.Float64).alias("months"))


@dataclass(frozen=True)
class CompanionContext:
    """The people who can be companions, and the tables about them.

    Attributes:
        people: One row per employed person who takes part: person_id, unit_name, role_name, manager_id. Nobody else is
            shown or counted.
        reached_steps: One row per reached step, in the contract `feat_step__event_reached`.
        mastery: One row per person and micro-skill: person_id, skill_id, stage, level_share.
        skills: One row per micro-skill: skill_id, skill_name, capability_id.
        consents: One row per decision in force: person_id, relation, skill_id (null: every micro-skill), is_given.
        hidden_pairs: The micro-skills that a person hides from others: person_id, skill_id.
        shown_pairs: The pairs of earlier runs: person_id, companion_id, since_date.
    """

    people: pl.DataFrame
    reached_steps: pl.DataFrame
    mastery: pl.DataFrame
    skills: pl.DataFrame
    consents: pl.DataFrame
    hidden_pairs: pl.DataFrame
    shown_pairs: pl.DataFrame


@dataclass(frozen=True)
class IdIndex:
    """People and micro-skills in the order of their ids; the code of each is its row number."""

    people: pl.DataFrame  # person, person_id, unit_name, role_name, manager_id
    skills: pl.DataFrame  # skill, skill_id, skill_name, capability_id

    def encode(self, rows_with_ids: pl.DataFrame) -> pl.DataFrame:
        """Replace person_id and skill_id by the codes person and skill.

        Rows of unknown people or micro-skills are dropped; a null skill_id gives a null code.
        """
        return (
            rows_with_ids.join(self.people.select("person_id", "person"), on="person_id")
            .drop("person_id")
            .join(self.skills.select("skill_id", "skill"), on="skill_id", how="left")
            .filter(pl.col("skill").is_not_null() | pl.col("skill_id").is_null())
            .drop("skill_id")
        )


def index_ids(steps: pl.DataFrame, context: CompanionContext) -> IdIndex:
    """Build the codes of everyone who takes part and of every micro-skill of `steps` (skill_id) and the context."""
    people = context.people.select("person_id", "unit_name", "role_name", "manager_id").unique("person_id")
    skill_ids = pl.concat([context.skills["skill_id"], steps["skill_id"], context.mastery["skill_id"].unique()])
    skill_attributes = context.skills.select("skill_id", "skill_name", "capability_id")
    skills = (
        skill_ids.unique().sort().to_frame().join(skill_attributes, on="skill_id", how="left", maintain_order="left")
    )
    return IdIndex(
        people.sort("person_id").select(pl.int_range(pl.len()).alias("person"), pl.all()),
        skills.select(pl.int_range(pl.len()).alias("skill"), pl.all()),
    )


def encode_listed_steps(steps: pl.DataFrame, id_index: IdIndex) -> pl.DataFrame:
    """Encode the steps of all lists.

    Args:
        steps: One row per person and listed step: person_id, rank, skill_id, kind, from_stage, to_stage.
        id_index: The codes.

    Returns:
        One row per step: person, rank, skill, goal, from_stage (index), step.
    """
    return id_index.encode(
        steps.select("person_id", "skill_id", "rank", _encode_goal().alias("goal"), stage_index("from_stage"))
    ).with_columns((pl.col("skill") * GOAL_COUNT + pl.col("goal")).alias("step"))


def find_slots(listed_steps: pl.DataFrame, context: CompanionContext, id_index: IdIndex) -> pl.DataFrame:
    """Find the slots for companions: per person, listed step and relation, the pool that a companion comes from.

    Follow: people who reached the step. Walk with: people who have it on their list. Lead: people who have on their
    list the step that led the person to the present stage; for a new micro-skill, the step that led to the stage of the
    micro-skill of the same capability that the person holds best.

    Args:
        listed_steps: Steps as `encode_listed_steps` returns them.
        context: The tables about the people.
        id_index: The codes.

    Returns:
        One row per slot: slot, person, step, rank, companion_skill, relation, pool.
    """
    skill_capabilities = id_index.skills.select("skill", "capability_id")
    practised_skills = context.mastery.filter(pl.col("stage").is_in(list(STAGES[2:])))
    best_held_skills = (
        id_index.encode(
            practised_skills.select("person_id", "skill_id", "level_share", stage_index("stage").alias("goal"))
        )
        .join(skill_capabilities, on="skill")
        .drop_nulls("capability_id")
        .sort("level_share", "skill", descending=[True, False])
        .unique(("person", "capability_id"), keep="first", maintain_order=True)
        .select("person", "capability_id", "goal", companion_skill="skill")
    )
    is_new_skill = pl.col("from_stage") == 0
    new_skill_steps = (
        listed_steps.filter(is_new_skill)
        .drop("goal")
        .join(skill_capabilities, on="skill", how="left")
        .drop_nulls("capability_id")
    )
    lead_step_columns = ("person", "step", "rank", "companion_skill", "goal")
    lead_steps = pl.concat(
        [
            new_skill_steps.join(best_held_skills, on=("person", "capability_id")).select(lead_step_columns),
            listed_steps.filter(~is_new_skill).select(
                "person", "step", "rank", companion_skill="skill", goal="from_stage"
            ),
        ]
    )
    same_skill_steps = listed_steps.select("person", "step", "rank", companion_skill="skill", goal="goal")
    return (
        pl.concat(
            companion_steps.with_columns(pl.lit(relation_code).alias("relation"))
            for relation_code, companion_steps in (
                (FOLLOW, same_skill_steps),
                (WALK_WITH, same_skill_steps),
                (LEAD, lead_steps),
            )
        )
        .with_columns((pl.col("companion_skill") * GOAL_COUNT + pl.col("goal")).alias("companion_step"))
        .with_columns((pl.col("companion_step") * RELATION_COUNT + pl.col("relation")).alias("pool"))
        .sort("rank", "pool", "person")
        .select(pl.int_range(pl.len()).alias("slot"), "person", "step", "rank", "companion_skill", "relation", "pool")
    )


def find_candidates(
    slots: pl.DataFrame, listed_steps: pl.DataFrame, context: CompanionContext, id_index: IdIndex, as_of: date
) -> pl.DataFrame:
    """Find everyone in the pools of the slots, without micro-skills that they hide.

    Returns:
        One row per pool and person: pool, person, skill, relation, is_given (whether the person consents), days_ago
        (since the move, for who made it) and months (that the move took from the stage before, null if unknown).
    """
    steps_on_lists = listed_steps.select("person", "step").unique().with_columns(_UNKNOWN_MOVE_COLUMNS)
    steps_per_relation = (
        (FOLLOW, _find_made_steps(context, id_index, as_of)),
        (WALK_WITH, steps_on_lists),
        (LEAD, steps_on_lists),
    )
    slot_pools = slots.select("pool").unique()
    candidates = pl.concat(
        candidate_steps.select(
            "person", (pl.col("step") * RELATION_COUNT + relation_index).alias("pool"), "days_ago", "months"
        ).join(slot_pools, on="pool", how="semi")
        for relation_index, candidate_steps in steps_per_relation
    ).with_columns(
        (pl.col("pool") // (RELATION_COUNT * GOAL_COUNT)).alias("skill"),
        (pl.col("pool") % RELATION_COUNT).alias("relation"),
    )
    hidden_skills = id_index.encode(context.hidden_pairs.select("person_id", "skill_id"))
    relation_code_by_name = {relation_name: relation_code for relation_code, relation_name in enumerate(RELATIONS)}
    consent_relation = pl.col("relation").replace_strict(relation_code_by_name, return_dtype=pl.Int64)
    consents = id_index.encode(context.consents.select("person_id", "skill_id", consent_relation, "is_given"))
    candidates = candidates.join(hidden_skills, on=("person", "skill"), how="anti")
    return add_consent(candidates, consents, "person", "skill").sort("pool", "person")


def add_consent(
    relation_rows: pl.DataFrame, consents: pl.DataFrame, person_column: str, skill_column: str
) -> pl.DataFrame:
    """Add is_given: the decision about the micro-skill, else the decision about every micro-skill, else false.

    Args:
        relation_rows: One row per person, relation and micro-skill, and any other column.
        consents: person, relation, skill (null: every micro-skill), is_given.
        person_column: Name of the person column in both frames.
        skill_column: Name of the micro-skill column in both frames.
    """
    skill_consents = consents.drop_nulls(skill_column).rename({"is_given": "about_skill"})
    general_consents = consents.filter(pl.col(skill_column).is_null()).select(
        person_column, "relation", about_all="is_given"
    )
    return (
        relation_rows.join(skill_consents, on=(person_column, "relation", skill_column), how="left")
        .join(general_consents, on=(person_column, "relation"), how="left")
        .with_columns(pl.coalesce("about_skill", "about_all", pl.lit(False)).alias("is_given"))
        .drop("about_skill", "about_all")
    )


def _find_made_steps(context: CompanionContext, id_index: IdIndex, as_of: date) -> pl.DataFrame:
    """One row per person and step they made, by its last time: person, step, days_ago, months."""
    reached_day = pl.col("reached_at").dt.date().alias("day")
    made_steps = id_index.encode(
        context.reached_steps.select("person_id", "skill_id", _encode_goal().alias("goal"), reached_day)
    ).select("person", (pl.col("skill") * GOAL_COUNT + pl.col("goal")).alias("step"), "goal", "day")
    is_refresh, is_deepening = pl.col("goal") == REFRESH_GOAL, pl.col("goal") > 1
    earlier_stage_steps = made_steps.filter(~is_refresh).select("person", pl.col("step") + 1, began="day")
    months_between_stages = (pl.col("day") - pl.col("began")).dt.total_days() / DAYS_PER_MONTH
    return pl.concat(
        [
            made_steps.filter(is_deepening)
            .join(earlier_stage_steps, on=("person", "step"), how="left")
            .select("person", "step", "day", months_between_stages.alias("months")),
            made_steps.filter(pl.col("goal") == 1).select("person", "step", "day", _UNKNOWN_MOVE_COLUMNS[1]),
            made_steps.filter(is_refresh)
            .group_by("person", "step")
            .agg(pl.col("day").max())
            .with_columns(_UNKNOWN_MOVE_COLUMNS[1]),
        ]
    ).select("person", "step", (pl.lit(as_of) - pl.col("day")).dt.total_days().alias("days_ago"), "months")


def _encode_goal() -> pl.Expr:
    """The goal of a step by its kind and to_stage."""
    return pl.when(pl.col("kind") == "refresh").then(REFRESH_GOAL).otherwise(stage_index("to_stage"))
