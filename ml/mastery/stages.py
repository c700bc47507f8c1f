"""Stages by the policy: the stage that counts reach, progress to the next stage, and what is missing for it.

Belongs here: the rules of the policy as expressions over the counts of a person and micro-skill.
Does not belong here: the counting (`ml.mastery.state`), which feedback counts (`ml.mastery.assessments`), levels
(`ml.mastery.knowledge_tracing`).
"""

import polars as pl

from pipelines.contracts.policy import JourneymanPolicy, MasterPolicy, StagePolicy


def compute_reached_stage(policy: StagePolicy) -> pl.Expr:
    """Return the stage index: 0 none, 1 apprentice, 2 journeyman, 3 master. A stage needs the stages below it.

    The expression reads the counts that `ml.mastery.state` computes per person and micro-skill.
    """
    meets_journeyman, meets_master = (
        pl.all_horizontal(reached_share >= 1 for reached_share in share_by_requirement.values())
        for share_by_requirement in _compute_reached_shares(policy)
    )
    has_practised = pl.sum_horizontal("observation_count", "repetition_count", "positive_feedback_count") > 0
    # giving feedback to others (a review) without doing it oneself makes nobody an apprentice
    is_apprentice = has_practised | (pl.col("teaching_count") > pl.col("review_count"))
    is_journeyman = is_apprentice & meets_journeyman
    return is_apprentice.cast(pl.Int8) + is_journeyman.cast(pl.Int8) + (is_journeyman & meets_master).cast(pl.Int8)


def compute_stage_progress(policy: StagePolicy) -> pl.Expr:
    """Return the share of the way from `stage_index` to the next stage, 0 for none and for a master.

    It is the mean of the reached shares of each requirement of the next stage.
    """
    journeyman_progress, master_progress = (
        pl.mean_horizontal(*share_by_requirement.values()) for share_by_requirement in _compute_reached_shares(policy)
    )
    stage_index = pl.col("stage_index")
    return (
        pl.when(stage_index == 1).then(journeyman_progress).when(stage_index == 2).then(master_progress).otherwise(0.0)
    )


def list_missing_requirements(policy: StagePolicy) -> pl.Expr:
    """Return the codes of the unmet requirements of the stage after `stage_index`; an empty list for a master."""
    journeyman_missing_codes, master_missing_codes = (
        pl.concat_list(
            pl.when(reached_share < 1).then(pl.lit(requirement_code))
            for requirement_code, reached_share in share_by_requirement.items()
        )
        for share_by_requirement in _compute_reached_shares(policy)
    )
    stage_index, first_practice_codes = pl.col("stage_index"), pl.concat_list(pl.lit("first_practice"))
    missing_codes = (
        pl.when(stage_index == 0)
        .then(first_practice_codes)
        .when(stage_index == 1)
        .then(journeyman_missing_codes)
        .when(stage_index == 2)
        .then(master_missing_codes)
    )
    return missing_codes.otherwise(pl.lit([], dtype=pl.List(pl.String))).list.drop_nulls()


def _compute_reached_shares(policy: StagePolicy) -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """The reached share of each requirement by its code, 1 if it is met: for a journeyman, and for a master."""
    review_count, repetition_span = pl.col("review_count"), pl.col("last_repetition_at") - pl.col("first_repetition_at")
    teaching_act_count = pl.col("teaching_count") - review_count + review_count // max(policy.master.reviews, 1)
    return (
        {
            "repetition": _compute_repetition_share(policy.journeyman),
            "positive_feedback": _compute_goal_share(
                pl.col("positive_feedback_count"), policy.journeyman.positive_feedback
            ),
        },
        {
            "repetition": _compute_repetition_share(policy.master),
            "sustained_repetition": _compute_goal_share(
                repetition_span.dt.total_days().fill_null(0), policy.master.sustained_days
            ),
            "feedback_from_several": _compute_goal_share(pl.col("judge_count"), policy.master.judges),
            "teaching": _compute_goal_share(teaching_act_count, policy.master.teaching),
        },
    )


def _compute_repetition_share(policy: JourneymanPolicy | MasterPolicy) -> pl.Expr:
    """Share of the hours of work or of the days of work, whichever is larger: not every source records hours."""
    hours_share = _compute_goal_share(pl.col("repetition_hours"), policy.repetition_hours)
    return pl.max_horizontal(hours_share, _compute_goal_share(pl.col("repetition_count"), policy.repetition_days))


def _compute_goal_share(reached_amount: pl.Expr, required_amount: float) -> pl.Expr:
    return pl.lit(1.0) if required_amount <= 0 else (reached_amount / required_amount).clip(0, 1)
