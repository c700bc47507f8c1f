"""Replies of people to recommendations: what each reply asks for on a day, and since when it has an effect.

Belongs here: accept, dismiss, snooze, dispute, hide, done and retract, as pure functions of replies and a day.
Does not belong here: consent to be shown (`pipelines.core.consents`), how a list is made (`ml.recommend.reranking`).
"""

import hashlib
from datetime import date, timedelta

import polars as pl
import polars.selectors as cs

from pipelines.contracts.catalog import EVIDENCE, REPLY
from pipelines.contracts.columns import STAGES, STEP_GOALS, stage_index
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.policy import ReplyPolicy
from pipelines.core.skill_texts import look_up_matches

# The kinds of reply about a step; the last of them counts.
_STEP_REPLIES = ("accept", "dismiss", "snooze", "done", "retract")
_EFFECT_BY_KIND = {
    "accept": "kept_on_list",
    "dismiss": "kept_away",
    "snooze": "kept_away",
    "dispute": "word_beside_estimate",
    "hide": "shown_to_nobody_else",
    "done": "counted_as_evidence",
    "retract": "taken_back",
}
_EFFECT_COLUMNS = (
    "reply_id",
    "person_id",
    "skill_id",
    "step_goal",
    "reply_kind",
    "replied_at",
    "effect",
    "obeyed_date",
    "first_snapshot_id",
    "time_to_effect_days",
)
_SKILL_KEY = ("person_id", "skill_id")
_STEP_KEY = ("person_id", "step_id")


def resolve_reply_skills(reply_rows: pl.DataFrame, stored_text_matches: pl.DataFrame) -> pl.DataFrame:
    """Find the micro-skills that each reply names.

    Args:
        reply_rows: Rows in the contract of `REPLY`.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.

    Returns:
        One row per reply and micro-skill: the columns of `REPLY` without skill_text, reply_id, and skill_id (null if
        the reply names no micro-skill of the taxonomy). The other functions of this module take these rows.
    """
    text_matches = (
        look_up_matches(reply_rows.select("skill_text"), stored_text_matches).select("skill_text", "skill_id").unique()
    )
    # if a text names a micro-skill, its other words are ignored
    is_known = pl.col("skill_id").is_not_null()
    reply_skills = text_matches.filter(is_known | ~is_known.any().over("skill_text"))
    reply_id = _hash_identities(pl.concat_str("source_name", "record_code", separator="\t")).alias("reply_id")
    replies = reply_rows.join(reply_skills, on="skill_text", how="left").with_columns(reply_id).drop("skill_text")
    return replies.sort("person_id", "replied_at", "reply_id", "skill_id", nulls_last=True)


def find_suppressed_steps(replies: pl.DataFrame, as_of: date, policy: ReplyPolicy) -> pl.DataFrame:
    """Find the steps that are not recommended on a day because of a reply.

    The last accept, dismiss, snooze, done or retract about a step decides; a reply without step_goal is about every
    step of the micro-skill. Steps up to a stage that the person claims to hold are suppressed while the claim stands.

    Args:
        replies: As `resolve_reply_skills` returns them.
        as_of: The day of the run.
        policy: How long a reply without an end date holds.

    Returns:
        One row per person and step: person_id, step_id, reason (kind of the reply), until (first day on which the step
        may be recommended; null for a dispute).
    """
    reply_day = pl.col("replied_at").dt.date()
    suppressed_until = (
        pl.when(pl.col("reply_kind") == "dismiss")
        .then(reply_day + timedelta(days=policy.dismissed_days))
        .when(pl.col("reply_kind") == "done")
        .then(reply_day + timedelta(days=policy.done_days))
        .when(pl.col("reply_kind") == "snooze")
        .then("until_date")
    )
    postponed_steps = (
        _find_last_step_replies(replies, as_of)
        .with_columns(suppressed_until.alias("until"))
        .filter(pl.col("until") > as_of)
    )
    step_goals = pl.DataFrame({"goal": STAGES[1:]})
    dispute_goals = find_disputes(replies, as_of).join(step_goals, how="cross")
    disputed_steps = dispute_goals.filter(stage_index("goal") <= stage_index("stated_stage")).select(
        "person_id",
        pl.concat_str("skill_id", "goal", separator="|").alias("step_id"),
        pl.lit("dispute").alias("reason"),
        pl.lit(None, pl.Date).alias("until"),
    )
    suppressed_steps = pl.concat(
        [disputed_steps, postponed_steps.select(*_STEP_KEY, pl.col("reply_kind").alias("reason"), "until")]
    )
    return suppressed_steps.unique(_STEP_KEY, keep="first", maintain_order=True).sort(_STEP_KEY)


def find_accepted_steps(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and step whose last reply up to that day is an accept: person_id, step_id."""
    accepted_replies = _find_last_step_replies(replies, as_of).filter(pl.col("reply_kind") == "accept")
    return accepted_replies.select(_STEP_KEY).sort(_STEP_KEY)


def find_disputes(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill whose estimate the person disputes: person_id, skill_id, stated_stage."""
    return _find_last_skill_replies(replies, as_of, "dispute").select(*_SKILL_KEY, "stated_stage")


def find_hidden_skills(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill that only the person's own page may show: person_id, skill_id."""
    return _find_last_skill_replies(replies, as_of, "hide").select(_SKILL_KEY)


def add_replies_to_mastery(mastery: pl.DataFrame, replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Add the stages that people state, and the micro-skills that they hide, to mastery.

    A dispute does not change the estimate, only its interval: the lower bound moves halfway to 0 if the stated stage is
    lower, the upper bound halfway to 1 if it is higher.

    Args:
        mastery: One row per person and micro-skill: person_id, skill_id, stage, and any other columns.
        replies: As `resolve_reply_skills` returns them.
        as_of: The day of the run.

    Returns:
        The rows with stated_stage (null if undisputed) and is_hidden, and one row with stage `none` per disputed
        micro-skill without a row.
    """
    stated_stages = find_disputes(replies, as_of)
    hidden_skills = find_hidden_skills(replies, as_of).with_columns(pl.lit(True).alias("is_hidden"))
    disputed_pairs_without_row = stated_stages.join(mastery, on=_SKILL_KEY, how="anti").select(_SKILL_KEY)
    added_rows = pl.concat([mastery.clear(), disputed_pairs_without_row], how="diagonal").with_columns(
        pl.col("stage").fill_null(STAGES[0]), cs.numeric().fill_null(0), cs.boolean().fill_null(False)
    )
    mastery_rows = (
        pl.concat([mastery, added_rows])
        .join(stated_stages, on=_SKILL_KEY, how="left", maintain_order="left")
        .join(hidden_skills, on=_SKILL_KEY, how="left", maintain_order="left")
        .with_columns(pl.col("is_hidden").fill_null(False))
    )
    stated_stage_index, estimated_stage_index = stage_index("stated_stage"), stage_index("stage")
    widened_bound_by_column = {
        "level_low_share": pl.when(stated_stage_index < estimated_stage_index).then(pl.col("level_low_share") / 2),
        "level_high_share": pl.when(stated_stage_index > estimated_stage_index).then(
            (pl.col("level_high_share") + 1) / 2
        ),
    }
    return mastery_rows.with_columns(
        widened_bound.otherwise(column_name).alias(column_name)
        for column_name, widened_bound in widened_bound_by_column.items()
        if column_name in mastery_rows.columns
    )


def build_done_evidence(replies: pl.DataFrame) -> pl.DataFrame:
    """Evidence of `done` replies: feedback of a person to themselves, the least trusted kind.

    Args:
        replies: As `resolve_reply_skills` returns them.

    Returns:
        One row per `done` reply and micro-skill, in the contract of `EVIDENCE`.
    """
    done_replies = replies.filter((pl.col("reply_kind") == "done") & pl.col("skill_id").is_not_null())
    identity_text = pl.concat_str(pl.lit(REPLY.name), "reply_id", "skill_id", separator="\t")
    done_evidence = done_replies.with_columns(
        _hash_identities(identity_text).alias("evidence_id"),
        pl.col("replied_at").alias("occurred_at"),
        pl.lit("feedback").alias("mode"),
        pl.lit(1.0).alias("amount"),
        pl.lit("share").alias("amount_unit"),
        pl.lit("self").alias("feedback_kind"),
        pl.col("person_id").alias("given_by_id"),
        pl.lit(REPLY.name).alias("table_name"),
        pl.lit("reply_kind").alias("source_column"),
    )
    return done_evidence.select(
        pl.col(column_name) if column_name in done_evidence.columns else pl.lit(None, dtype).alias(column_name)
        for column_name, dtype in EVIDENCE.schema.items()
    )


def list_reply_effects(replies: pl.DataFrame, earlier_effects: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """List what each reply changed, and since when.

    Args:
        replies: As `resolve_reply_skills` returns them.
        earlier_effects: What earlier runs recorded: reply_id, obeyed_date, first_snapshot_id.
        as_of: The day of the run.

    Returns:
        One row per reply up to that day and micro-skill, in the columns of the published table. A reply that first has
        an effect in this run has no first_snapshot_id yet, because the id of a snapshot follows from its content.
    """
    past_effects = earlier_effects.filter(pl.col("obeyed_date") < as_of).sort("obeyed_date")
    effect_rows = (
        _filter_until(replies, as_of)
        .join(
            past_effects.unique("reply_id", keep="first", maintain_order=True),
            on="reply_id",
            how="left",
            maintain_order="left",
        )
        .sort("replied_at", "reply_id", "skill_id")
        .with_row_index("position")
    )
    is_understood = pl.col("skill_id").is_not_null()
    is_superseded = pl.col("position") < pl.max_horizontal(_list_newest_positions())
    effect = (
        pl.when(~is_understood)
        .then(pl.lit("not_understood"))
        .when(is_superseded & (pl.col("reply_kind") != "done"))
        .then(pl.lit("superseded"))
        .otherwise(pl.col("reply_kind").replace_strict(_EFFECT_BY_KIND, return_dtype=pl.String))
    )
    first_effect_date = pl.when(is_understood).then(pl.coalesce("obeyed_date", pl.lit(as_of)))
    effect_days = (pl.col("obeyed_date") - pl.col("replied_at").dt.date()).dt.total_days().clip(lower_bound=0)
    return (
        effect_rows.with_columns(effect.alias("effect"), first_effect_date.alias("obeyed_date"))
        .with_columns(effect_days.alias("time_to_effect_days"))
        .select(_EFFECT_COLUMNS)
        .sort("person_id", "replied_at", "reply_id", "skill_id")
    )


def _list_newest_positions() -> list[pl.Expr]:
    """Positions of the newest replies of the same person and micro-skill that repeat or replace the reply of a row.

    For a reply about a step: the newest about all steps, and the newest about this step. For any other reply: the
    newest that takes everything back, and the newest of the same kind.
    """
    is_about_step, reply_position = pl.col("reply_kind").is_in(_STEP_REPLIES), pl.col("position")
    has_no_goal = pl.col("step_goal").is_null()
    newest_about_all_steps = pl.when(is_about_step & has_no_goal).then(reply_position).max().over(_SKILL_KEY)
    newest_about_same_step = pl.when(is_about_step).then(reply_position).max().over(*_SKILL_KEY, "step_goal")
    newest_retracting_all = (
        pl.when((pl.col("reply_kind") == "retract") & has_no_goal).then(reply_position).max().over(_SKILL_KEY)
    )
    newest_of_same_kind = reply_position.max().over(*_SKILL_KEY, "reply_kind")
    return [
        pl.when(is_about_step).then(newest_about_all_steps).otherwise(newest_retracting_all),
        pl.when(is_about_step).then(newest_about_same_step).otherwise(newest_of_same_kind),
    ]


def _find_last_step_replies(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The last reply about each step: person_id, step_id, reply_kind, replied_at, until_date."""
    all_goals = pl.lit(list(STEP_GOALS))
    reply_goals = pl.when(pl.col("step_goal").is_null()).then(all_goals).otherwise(pl.concat_list("step_goal"))
    step_replies = (
        _filter_until(replies, as_of)
        .filter(pl.col("reply_kind").is_in(_STEP_REPLIES), pl.col("skill_id").is_not_null())
        .with_columns(reply_goals.alias("goal"))
        .explode("goal")
        .with_columns(pl.concat_str("skill_id", "goal", separator="|").alias("step_id"))
    )
    last_replies = step_replies.sort("replied_at", "reply_id").unique(_STEP_KEY, keep="last", maintain_order=True)
    return last_replies.select(*_STEP_KEY, "reply_kind", "replied_at", "until_date")


def _find_last_skill_replies(replies: pl.DataFrame, as_of: date, reply_kind: str) -> pl.DataFrame:
    """The last reply of a kind about each micro-skill, unless the person retracted everything about it since."""
    retracts_all = (pl.col("reply_kind") == "retract") & pl.col("step_goal").is_null()
    last_replies = (
        _filter_until(replies, as_of)
        .drop_nulls("skill_id")
        .filter((pl.col("reply_kind") == reply_kind) | retracts_all)
        .sort("replied_at", "reply_id")
        .unique(_SKILL_KEY, keep="last", maintain_order=True)
    )
    return last_replies.filter(pl.col("reply_kind") == reply_kind).sort(_SKILL_KEY)


def _filter_until(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return replies.filter(pl.col("replied_at") < end_of_day(as_of))


def _hash_identities(identity_text: pl.Expr) -> pl.Expr:
    """A 128-bit id of a text, the same on every machine."""
    return identity_text.map_batches(
        lambda identities: pl.Series(
            [hashlib.blake2b(identity.encode(), digest_size=16).hexdigest() for identity in identities], dtype=pl.String
        ),
        return_dtype=pl.String,
    )
