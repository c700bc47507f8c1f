"""Who taught whom: feedback after which the other one reached a stage, between people who consented.

Belongs here: the pairs, and which of the two may see which.
Does not belong here: which consent is in force (`pipelines.core.consents`).
"""

import polars as pl

from pipelines.contracts.craft_tables import TEACHING_LINE
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

# Feedback of people who saw the work; a certificate has no teacher, and nobody teaches themselves.
_TAUGHT_KINDS = ("assessment", "manager", "peer")
_COLUMNS = tuple(column for column in TEACHING_LINE.column_names if column not in (*ROW_METADATA_COLUMNS, "is_hidden"))


def find_teaching_lines(
    feedback: pl.DataFrame, reached_steps: pl.DataFrame, mastery: pl.DataFrame, active_consents: pl.DataFrame
) -> pl.DataFrame:
    """Find who taught whom.

    Args:
        feedback: Evidence that somebody gave: person_id, skill_id, given_by_id, feedback_kind, occurred_at.
        reached_steps: Rows in the contract of `REACHED_STEP`.
        mastery: person_id, skill_id, stage; the one who teaches holds the micro-skill.
        active_consents: As `pipelines.core.consents.find_active_consents` returns them.

    Returns:
        One row per person, micro-skill, relation and companion, in the contract `out__teaching_line` without the
        metadata of the run: `follow` if the companion taught the person and consents to be followed, `lead` if the
        person taught the companion and the companion consents to be led. Whoever does not consent is in no row of
        another person.
    """
    holders = mastery.filter(pl.col("stage").is_in(["journeyman", "master"])).select(
        "skill_id", given_by_id="person_id"
    )
    stage_rises = reached_steps.filter(pl.col("kind").is_in(["new", "deepen"])).select(
        "person_id", "skill_id", "reached_at", taught_stage="to_stage"
    )
    taught_pairs = (
        feedback.filter(pl.col("feedback_kind").is_in(_TAUGHT_KINDS), pl.col("given_by_id") != pl.col("person_id"))
        .join(holders, on=("given_by_id", "skill_id"), how="semi")
        .join(stage_rises, on=("person_id", "skill_id"))
        .filter(pl.col("occurred_at") <= pl.col("reached_at"))
        .sort("reached_at", "occurred_at")
        .group_by("person_id", "skill_id", "given_by_id")
        .agg(
            pl.col("taught_stage").last(),
            pl.col("occurred_at").n_unique().alias("taught_count"),
            pl.col("occurred_at").min().alias("first_taught_at"),
        )
    )
    learners_rows = taught_pairs.rename({"given_by_id": "companion_id"}).with_columns(relation=pl.lit("follow"))
    teachers_rows = taught_pairs.rename({"person_id": "companion_id", "given_by_id": "person_id"}).with_columns(
        relation=pl.lit("lead")
    )
    lines = pl.concat([learners_rows, teachers_rows.select(learners_rows.columns)])
    return (
        _keep_consented(lines, active_consents)
        .with_columns(companion_skill_id="skill_id")
        .select(pl.col(column).cast(TEACHING_LINE.schema[column]) for column in _COLUMNS)
        .sort("person_id", "skill_id", "relation", "companion_id")
    )


def _keep_consented(lines: pl.DataFrame, active_consents: pl.DataFrame) -> pl.DataFrame:
    """The rows whose companion consents to the relation; a consent about the micro-skill comes before a general one."""
    consents = active_consents.rename({"person_id": "companion_id"})
    general = consents.filter(pl.col("skill_id").is_null()).select("companion_id", "relation", general_given="is_given")
    special = consents.filter(pl.col("skill_id").is_not_null()).select(
        "companion_id", "relation", "skill_id", special_given="is_given"
    )
    return (
        lines.join(special, on=("companion_id", "relation", "skill_id"), how="left")
        .join(general, on=("companion_id", "relation"), how="left")
        .filter(pl.coalesce("special_given", "general_given", pl.lit(False)))
        .drop("special_given", "general_given")
    )
