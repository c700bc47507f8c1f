"""Replies of people to what they were shown: what each one asks for on a day, and since when it is obeyed.

Belongs here: accept, dismiss, snooze, dispute, hide, done and retract as pure functions of replies and a day.
Does not belong here: consent to be shown (`pipelines.core.consents`), how a list is made (`ml.recommend.reranking`).
"""

import hashlib
from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, REPLY
from pipelines.contracts.columns import STAGES, STEP_GOALS
from pipelines.contracts.policy import ReplyPolicy
from pipelines.core.taxonomy import Taxonomy, match_skills

# What settles the fate of a step; the last of them counts.
_ABOUT_STEPS = ("accept", "dismiss", "snooze", "done", "retract")
_EFFECT = {
    "accept": "kept_on_list",
    "dismiss": "kept_away",
    "snooze": "kept_away",
    "dispute": "word_beside_estimate",
    "hide": "shown_to_nobody_else",
    "done": "counted_as_evidence",
    "retract": "taken_back",
}
_EFFECTS = (
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


def resolve_reply_skills(reply: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per reply and micro-skill it names, with reply_id and skill_id; skill_id is null where none is known."""
    named = match_skills(reply.select("skill_text"), taxonomy).select("skill_text", "skill_id").unique()
    # one known micro-skill in a text makes the unknown words beside it idle
    known = named.filter(pl.col("skill_id").is_not_null() | ~pl.col("skill_id").is_not_null().any().over("skill_text"))
    found = reply.join(known, on="skill_text", how="left")
    reply_id = _digest(pl.concat_str("source_name", "record_code", separator="\t")).alias("reply_id")
    order = ("person_id", "replied_at", "reply_id", "skill_id")
    return found.with_columns(reply_id).drop("skill_text").sort(order, nulls_last=True)


def find_suppressed_steps(replies: pl.DataFrame, as_of: date, policy: ReplyPolicy) -> pl.DataFrame:
    """One row per person and step that is not to be recommended on that day: reason and until (first day it may again).

    replies: as `name_replies` gives them. Of accept, dismiss, snooze, done and retract the last about a step decides; a
    reply without step_goal speaks of every step of the micro-skill. Steps up to a stage the person says they hold stay
    away while they say so (until is null).
    """
    last = _last_word(replies, as_of)
    replied = pl.col("replied_at").dt.date()
    until = (
        pl.when(pl.col("reply_kind") == "dismiss")
        .then(replied + timedelta(days=policy.dismissed_days))
        .when(pl.col("reply_kind") == "done")
        .then(replied + timedelta(days=policy.done_days))
        .when(pl.col("reply_kind") == "snooze")
        .then("until_date")
    )
    away = last.with_columns(until.alias("until")).filter(pl.col("until") > as_of)
    away = away.select("person_id", "step_id", pl.col("reply_kind").alias("reason"), "until")
    stated = find_disputes(replies, as_of)
    index = {stage: i for i, stage in enumerate(STAGES)}
    steps = stated.join(pl.DataFrame({"goal": STAGES[1:]}), how="cross").filter(
        pl.col("goal").replace_strict(index, return_dtype=pl.Int8)
        <= pl.col("stated_stage").replace_strict(index, return_dtype=pl.Int8)
    )
    stands = steps.select(
        "person_id",
        pl.concat_str("skill_id", "goal", separator="|").alias("step_id"),
        pl.lit("dispute").alias("reason"),
        pl.lit(None, pl.Date).alias("until"),
    )
    both = pl.concat([stands, away])
    return both.unique(("person_id", "step_id"), keep="first", maintain_order=True).sort("person_id", "step_id")


def find_accepted_steps(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and step they accepted and said nothing else about since: person_id, step_id."""
    last = _last_word(replies, as_of).filter(pl.col("reply_kind") == "accept")
    return last.select("person_id", "step_id").sort("person_id", "step_id")


def find_disputes(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill whose estimate they dispute: the stage they say they hold (stated_stage)."""
    return _last_of(replies, as_of, "dispute").select("person_id", "skill_id", "stated_stage")


def find_hidden_skills(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill that is for their own page alone: person_id, skill_id."""
    return _last_of(replies, as_of, "hide").select("person_id", "skill_id")


def add_replies_to_mastery(mastery: pl.DataFrame, replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows of mastery with stated_stage (null where undisputed) and is_hidden.

    A micro-skill without evidence has a row of stage none where the person states another. Where the table has an
    interval of the level, a dispute opens it by half on the side the person states: the estimate stays, less sure.
    """
    stated = find_disputes(replies, as_of)
    unseen = stated.join(mastery, on=("person_id", "skill_id"), how="anti").select("person_id", "skill_id")
    rows = pl.concat([mastery, _without_evidence(unseen, mastery.schema)])
    hidden = find_hidden_skills(replies, as_of).with_columns(pl.lit(True).alias("is_hidden"))
    told = rows.join(stated, on=("person_id", "skill_id"), how="left", maintain_order="left")
    told = told.join(hidden, on=("person_id", "skill_id"), how="left", maintain_order="left")
    told = told.with_columns(pl.col("is_hidden").fill_null(False))
    index = {stage: i for i, stage in enumerate(STAGES)}
    stated_index, index_now = (
        pl.col(name).replace_strict(index, return_dtype=pl.Int8) for name in ("stated_stage", "stage")
    )
    # half of the way to the end that the person's word points to
    bounds = {
        "level_low_share": pl.when(stated_index < index_now).then(pl.col("level_low_share") / 2),
        "level_high_share": pl.when(stated_index > index_now).then((pl.col("level_high_share") + 1) / 2),
    }
    return told.with_columns(
        bound.otherwise(pl.col(name)).alias(name) for name, bound in bounds.items() if name in told.columns
    )


def _without_evidence(pairs: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The pairs as rows of mastery: stage none, nothing counted, nothing known of any day."""

    def value(name: str, dtype: pl.DataType) -> pl.Expr:
        if name in pairs.columns:
            return pl.col(name)
        if name == "stage":
            return pl.lit(STAGES[0])
        if dtype.is_numeric():
            return pl.lit(0, dtype)
        return pl.lit(False) if dtype == pl.Boolean else pl.lit(None, dtype)

    return pairs.select(value(name, dtype).alias(name) for name, dtype in schema.items())


def build_done_evidence(replies: pl.DataFrame) -> pl.DataFrame:
    """One row of evidence per `done` and micro-skill: a judgement of oneself, the least trusted there is."""
    done = replies.filter((pl.col("reply_kind") == "done") & pl.col("skill_id").is_not_null())
    identity = pl.concat_str(pl.lit(REPLY.name), "reply_id", "skill_id", separator="\t")
    told = done.with_columns(
        _digest(identity).alias("evidence_id"),
        pl.col("replied_at").alias("occurred_at"),
        pl.lit("feedback").alias("mode"),
        pl.lit(1.0).alias("amount"),
        pl.lit("share").alias("amount_unit"),
        pl.lit("self").alias("feedback_kind"),
        pl.col("person_id").alias("given_by_id"),
        pl.lit(REPLY.name).alias("table_name"),
        pl.lit("reply_kind").alias("source_column"),
    )
    return told.select(
        pl.col(name) if name in told.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in EVIDENCE.schema.items()
    )


def list_reply_effects(replies: pl.DataFrame, obeyed: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per reply and micro-skill known on that day: what was done about it, and since which day and snapshot.

    obeyed: reply_id, obeyed_date, first_snapshot_id of the nights before. A reply obeyed for the first time has this
    night's day and no first_snapshot_id yet: the snapshot has no id before its content is known.
    """
    known = _known(replies, as_of)
    before = obeyed.filter(pl.col("obeyed_date") < as_of).sort("obeyed_date")
    before = before.unique("reply_id", keep="first", maintain_order=True)
    told = known.join(before, on="reply_id", how="left", maintain_order="left")
    told = told.sort("replied_at", "reply_id", "skill_id").with_row_index("place")
    is_clear = pl.col("skill_id").is_not_null()
    is_older = pl.col("place") < pl.max_horizontal(_newest_about_it())
    effect = (
        pl.when(~is_clear)
        .then(pl.lit("not_understood"))
        .when(is_older & (pl.col("reply_kind") != "done"))
        .then(pl.lit("superseded"))
        .otherwise(pl.col("reply_kind").replace_strict(_EFFECT, return_dtype=pl.String))
    )
    told = told.with_columns(
        effect.alias("effect"),
        pl.when(is_clear).then(pl.coalesce("obeyed_date", pl.lit(as_of))).alias("obeyed_date"),
    )
    days = (pl.col("obeyed_date") - pl.col("replied_at").dt.date()).dt.total_days().clip(lower_bound=0)
    return (
        told.with_columns(days.alias("time_to_effect_days"))
        .select(_EFFECTS)
        .sort("person_id", "replied_at", "reply_id", "skill_id")
    )


def _newest_about_it() -> list[pl.Expr]:
    """Places of the newest replies that say the same thing anew or something else about it, of the same row's person
    and micro-skill: about the step or all its steps; about the estimate or its being shown, or taking it all back."""
    of_skill = ["person_id", "skill_id"]
    is_step, place = pl.col("reply_kind").is_in(_ABOUT_STEPS), pl.col("place")
    has_no_goal = pl.col("step_goal").is_null()
    every = pl.when(is_step & has_no_goal).then(place).max().over(of_skill)
    same_step = pl.when(is_step).then(place).max().over(*of_skill, "step_goal")
    taken_back = pl.when((pl.col("reply_kind") == "retract") & has_no_goal).then(place).max().over(of_skill)
    same_kind = place.max().over(*of_skill, "reply_kind")
    return [
        pl.when(is_step).then(every).otherwise(taken_back),
        pl.when(is_step).then(same_step).otherwise(same_kind),
    ]


def _last_word(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The last reply about each step: person_id, step_id, reply_kind, replied_at, until_date."""
    known = _known(replies, as_of).filter(pl.col("reply_kind").is_in(_ABOUT_STEPS), pl.col("skill_id").is_not_null())
    every = pl.lit(list(STEP_GOALS))
    goals = pl.when(pl.col("step_goal").is_null()).then(every).otherwise(pl.concat_list("step_goal"))
    steps = known.with_columns(goals.alias("goal")).explode("goal")
    steps = steps.with_columns(pl.concat_str("skill_id", "goal", separator="|").alias("step_id"))
    steps = steps.sort("replied_at", "reply_id").unique(("person_id", "step_id"), keep="last", maintain_order=True)
    return steps.select("person_id", "step_id", "reply_kind", "replied_at", "until_date")


def _last_of(replies: pl.DataFrame, as_of: date, kind: str) -> pl.DataFrame:
    """The last reply of a kind about each micro-skill, where the person did not take everything about it back since."""
    known = _known(replies, as_of).drop_nulls("skill_id")
    takes_back = (pl.col("reply_kind") == "retract") & pl.col("step_goal").is_null()
    about = known.filter((pl.col("reply_kind") == kind) | takes_back).sort("replied_at", "reply_id")
    last = about.unique(("person_id", "skill_id"), keep="last", maintain_order=True)
    return last.filter(pl.col("reply_kind") == kind).sort("person_id", "skill_id")


def _known(replies: pl.DataFrame, as_of: date) -> pl.DataFrame:
    end = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)
    return replies.filter(pl.col("replied_at") < end)


def _digest(text: pl.Expr) -> pl.Expr:
    """A 128-bit id of a text, the same on every machine."""
    return text.map_batches(
        lambda column: pl.Series(
            [hashlib.blake2b(one.encode(), digest_size=16).hexdigest() for one in column], dtype=pl.String
        ),
        return_dtype=pl.String,
    )
