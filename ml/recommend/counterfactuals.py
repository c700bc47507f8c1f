"""Counterfactuals: the one change in a person's own data that would have changed a row of their list.

Belongs here: which changes are tried, and their verification on versions of people, by the functions of the night.
Does not belong here: their sentences (`ml.recommend.action_text`), stages (`ml.mastery.state`), the list
(`ml.recommend.reranking`).

Two kinds of change are tried for each row, both found without asking the model again, hence for every row of a night.
A row of evidence added or taken away can move the stage that the step starts from: then the step is not open any more.
A wish added or taken back can move the row: the model knows no wishes, so its candidates stay. Each proposal becomes a
version of the person that differs in this alone; all versions are judged in one pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import polars as pl
from polars import selectors as cs

from ml.data.encoding import index_held_skills
from ml.mastery.state import last_instant
from ml.recommend.motives import RecommendationContext, score_autonomy, score_mastery, score_purpose
from ml.recommend.reranking import filter_eligible_steps, name_steps, pick_list, relate, weigh
from pipelines.contracts.policy import RecommendationPolicy

# A day of work: what one row of a time system may well hold.
WORKDAY_HOURS = 8.0
FULL_WISH = 1.0
ADDED = "added"
SOMEONE_ELSE = "someone else"
# By what is missing for the next stage: the mode of evidence that gives it.
_GIVES = {
    "first_practice": "observation",
    "repetition": "repetition",
    "sustained_repetition": "repetition",
    "positive_feedback": "feedback",
    "feedback_from_several": "feedback",
    "teaching": "teaching",
}
_UNITS = {"observation": "count", "repetition": "hours", "feedback": "share", "teaching": "count"}
_AMOUNTS = {"observation": 1.0, "repetition": WORKDAY_HOURS, "feedback": 1.0, "teaching": 1.0}
# What there is explains a row better than what there might be; a wish is easier to state than evidence to gather.
_PREFERENCE = ("remove evidence", "remove wish", "add wish", "add evidence", "add other wish")
# Ten rows a person, forty candidates a version: about a gigabyte.
BLOCK_PEOPLE = 2_000
# So many steps behind another one wish may well overtake it; further behind the gap is too wide to be worth a trial.
_FOLLOWERS = 5
_ROW = ("person_id", "rank", "skill_id", "step_id")
_CHANGE: dict[str, Any] = {
    "change": pl.String,
    "change_of": pl.String,
    "changed_skill_id": pl.String,
    "evidence_id": pl.String,
    "mode": pl.String,
    "amount": pl.Float64,
    "amount_unit": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "preference": pl.Int8,
}

# What a version is listed by, beside its ids and names.
_JUDGED = ("relative", "mastery", "purpose")

# Evidence to mastery, as the night estimates it.
Estimate = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class CounterfactualInputs:
    """What a night knew: evidence, candidates (those of `list_steps`) and surroundings, and how it judges them."""

    evidence: pl.DataFrame
    candidates: pl.DataFrame
    context: RecommendationContext
    as_of: date
    policy: RecommendationPolicy
    estimate: Estimate


def find_counterfactuals(listed: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """One row per listed step that a change was found for: the row (person_id, rank, skill_id), the change, and its
    effect: `leaves` (the step is not in the list any more) or `moves` (to_rank is another rank).

    listed: person_id, rank, skill_id, step_id, kind, from_stage, to_stage. Blocks of people bound the memory.
    """
    rows = listed.select(*_ROW, "kind", "from_stage", "to_stage")
    return pl.concat(_find(part, known) for part, known in _blocks(rows, situation))


def _find(rows: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    # in the order of preference: what a better change was found for is not tried again
    evidence, steps = propose_evidence(rows, situation), lasting_steps(situation)
    found = leaves_by_stage(evidence.filter(pl.col("change") == "remove"), situation)
    wishes = _not_found(propose_wishes(rows, situation), found)
    found = pl.concat([found, moves_by_wish(wishes, steps, situation)], how="diagonal")
    added = _not_found(evidence.filter(pl.col("change") == "add"), found)
    found = pl.concat([found, leaves_by_stage(added, situation)], how="diagonal")
    others = propose_overtaking(_not_found(rows, found), rows, situation)
    best = pl.concat([found, moves_by_wish(others, steps, situation)], how="diagonal")
    # of equal preference the one proposed first: the nearest follower
    best = best.sort("person_id", "rank", "preference", maintain_order=True)
    return best.unique(("person_id", "skill_id"), keep="first", maintain_order=True).drop("preference")


def _not_found(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return rows.join(found, on=("person_id", "skill_id"), how="anti", maintain_order="left")


def propose_evidence(rows: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """One row per listed step and evidence that may decide it: one more of what is missing, or the one it rests on."""
    lacking = situation.context.mastery.select("person_id", "skill_id", "missing_for_next")
    known = rows.join(lacking, on=("person_id", "skill_id"), how="left")
    missing = pl.col("missing_for_next")
    needed = pl.when(missing.list.len() == 1).then(missing.list.first())
    mode = (
        pl.when(pl.col("kind") == "new")
        .then(pl.lit("observation"))
        .when(pl.col("kind") == "refresh")
        .then(pl.lit("repetition"))
        .otherwise(needed.replace_strict(_GIVES, default=None, return_dtype=pl.String))
    )
    added = known.with_columns(mode.alias("mode")).drop_nulls("mode").drop("missing_for_next")
    added = added.with_columns(
        *_change("add", "evidence"),
        pl.col("skill_id").alias("changed_skill_id"),
        pl.col("mode").replace_strict(_AMOUNTS, return_dtype=pl.Float64).alias("amount"),
        pl.col("mode").replace_strict(_UNITS, return_dtype=pl.String).alias("amount_unit"),
        pl.lit(last_instant(situation.as_of)).alias("occurred_at"),
    )
    return _as_proposals([added, _removable(rows, situation)])


def propose_wishes(rows: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """One row per listed step and wish that may move it: its own, taken back or stated."""
    known = _with_wished(rows, situation.context)
    own = pl.col("skill_id").alias("changed_skill_id")
    taken_back = known.filter("wished").with_columns(*_change("remove", "wish"), own)
    stated = known.filter(~pl.col("wished"), pl.col("rank") > 1).with_columns(
        *_change("add", "wish"), own, pl.lit(FULL_WISH).alias("amount")
    )
    return _as_proposals([taken_back, stated])


def propose_overtaking(rows: pl.DataFrame, listed: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """One row per step and wish, not stated yet, for one of the steps that follow it in the list: it may overtake."""
    follower = (
        _with_wished(listed, situation.context)
        .filter(~pl.col("wished"))
        .select("person_id", pl.col("rank").alias("behind"), pl.col("skill_id").alias("changed_skill_id"))
    )
    pairs = rows.join(follower, on="person_id").filter((pl.col("behind") - pl.col("rank")).is_between(1, _FOLLOWERS))
    pairs = pairs.with_columns(*_change("add", "wish", "add other wish"), pl.lit(FULL_WISH).alias("amount"))
    # of several that overtake, the nearest
    return _as_proposals([pairs.sort("person_id", "rank", "behind")])


def leaves_by_stage(proposals: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """The proposals of evidence after which the step is not open to the person, judged by the night's own estimate."""
    versions = _numbered(proposals)
    pairs = versions.select("version_id", "person_id", "skill_id", pl.col("evidence_id").alias("taken"))
    own = situation.evidence.join(pairs, on=("person_id", "skill_id"))
    own = own.filter(pl.col("evidence_id").ne_missing(pl.col("taken")) | pl.col("taken").is_null())
    added = build_added_evidence(versions.filter(pl.col("change") == "add"), situation.evidence.schema)
    own = own.with_columns(pl.col("version_id").alias("person_id")).select(situation.evidence.columns)
    mastery = situation.estimate(pl.concat([own, added]))
    steps = versions.select(pl.col("version_id").alias("person_id"), "skill_id", "step_id", "kind", "to_stage")
    held = mastery.select("person_id", "skill_id", pl.col("stage").alias("from_stage"))
    steps = steps.join(held, on=("person_id", "skill_id"), how="left").with_columns(
        pl.col("from_stage").fill_null("none")
    )
    still = filter_eligible_steps(steps, mastery).select(pl.col("person_id").alias("version_id"))
    gone = versions.join(still, on="version_id", how="anti", maintain_order="left")
    after = steps.select(pl.col("person_id").alias("version_id"), pl.col("from_stage").alias("stage_after"))
    known = gone.join(after, on="version_id", how="left", maintain_order="left")
    return _with_effect(known, pl.lit(None, pl.Int64))


def lasting_steps(situation: CounterfactualInputs) -> pl.DataFrame:
    """The candidates with all that no wish moves: names, the relative probability, the motives mastery and purpose."""
    context = situation.context
    steps = name_steps(situation.candidates, context)
    held = index_held_skills(context.mastery, context.skills)
    return relate(score_purpose(score_mastery(steps, context, held), context, held))


def moves_by_wish(proposals: pl.DataFrame, steps: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """The proposals of wishes after which the step has another rank or none, judged by listing the versions anew.

    steps: of `lasting_steps`, from which each version is listed.
    """
    context, versions = situation.context, proposals.with_row_index("version_id")
    # millions of rows are sorted and grouped by these names: an Enum sorts as the texts do, at the cost of numbers
    texts = (
        context.skills["skill_id"],
        context.skills["capability_name"],
        steps["skill_id"],
        context.wishes["skill_id"],
    )
    names = pl.Enum(pl.concat([*texts, proposals["changed_skill_id"]]).drop_nulls().unique().sort())
    ids = pl.Enum(steps["step_id"].unique().sort())
    steps = steps.select(
        "person_id",
        pl.col("step_id").cast(ids),
        pl.col("skill_id", "capability_name").cast(names),
        cs.by_name(*_JUDGED, "is_accepted", require_all=False),
    )
    who = versions.select("person_id", "version_id")
    context = replace(
        context,
        mastery=context.mastery.clear().cast({"skill_id": names}),  # no wish depends on what is held
        skills=context.skills.with_columns(pl.col("skill_id").cast(names)),
        wishes=_wishes_of(versions, _of_versions(context.wishes, who)).with_columns(pl.col("skill_id").cast(names)),
        preferences=_of_versions(context.preferences, who),
    )
    scored = weigh(score_autonomy(_of_versions(steps, who), context), situation.policy.weights, context.preferences)
    tried = versions.select(pl.col("version_id").alias("person_id"), pl.col("step_id").cast(ids))
    listed = pick_list(_deciding(scored, tried, situation.policy), situation.policy)
    after = listed.select(
        pl.col("person_id").alias("version_id"), pl.col("step_id").cast(pl.String), pl.col("rank").alias("to_rank")
    )
    found = versions.join(after, on=("version_id", "step_id"), how="left", maintain_order="left")
    return _with_effect(found.filter(pl.col("to_rank").ne_missing(pl.col("rank"))), pl.col("to_rank"))


def _deciding(steps: pl.DataFrame, tried: pl.DataFrame, policy: RecommendationPolicy) -> pl.DataFrame:
    """The steps of each version without those behind the one tried (person_id, step_id): its rank rests on what is
    before it, unless so many of its capability are that it may have to stand back behind all others."""
    lane = pl.col("capability_name").fill_null(pl.col("skill_id")).alias("_lane")
    accepted = "is_accepted" if "is_accepted" in steps.columns else pl.lit(False).alias("is_accepted")
    rows = steps.select("person_id", "step_id", "score", accepted, lane)
    own = rows.join(tried, on=("person_id", "step_id"), how="semi").drop("step_id")
    rows = rows.join(own, on="person_id", how="left", suffix="_own", maintain_order="left")
    level = pl.col("is_accepted") == pl.col("is_accepted_own")
    ahead = (pl.col("is_accepted") > pl.col("is_accepted_own")) | (level & (pl.col("score") >= pl.col("score_own")))
    rows = rows.select(
        "person_id", ahead.alias("ahead"), (ahead & pl.col("_lane").eq(pl.col("_lane_own"))).alias("beside")
    )
    full = rows.filter("beside").group_by("person_id").len().filter(pl.col("len") > policy.per_capability)
    return steps.filter(rows["ahead"] | steps["person_id"].is_in(full["person_id"].implode()))


def _wishes_of(versions: pl.DataFrame, wishes: pl.DataFrame) -> pl.DataFrame:
    """The wishes, said of versions, with the change of each made."""
    changed = versions.select(
        "change",
        pl.col("version_id").alias("person_id"),
        pl.col("changed_skill_id").alias("skill_id"),
        pl.col("amount").alias("wish_weight"),
    )
    kept = wishes.join(changed.filter(pl.col("change") == "remove"), on=("person_id", "skill_id"), how="anti")
    stated = changed.filter(pl.col("change") == "add").drop("change")
    return pl.concat([kept, stated], how="diagonal_relaxed")


def build_added_evidence(changes: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """One row of evidence per change that adds one (version_id, changed_skill_id, mode, amount, amount_unit,
    occurred_at), of the person named `version_id`; a judgement is a peer's who is nobody known."""
    judged = pl.col("mode") == "feedback"
    given = {
        "evidence_id": pl.concat_str(pl.lit(f"{ADDED} "), "version_id"),
        "person_id": pl.col("version_id"),
        **{name: pl.col(name) for name in ("mode", "amount", "amount_unit", "occurred_at")},
        "skill_id": pl.col("changed_skill_id"),
        "feedback_kind": pl.when(judged).then(pl.lit("peer")),
        "given_by_id": pl.when(judged).then(pl.lit(SOMEONE_ELSE)),
    }
    return changes.select(given.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items())


def _removable(rows: pl.DataFrame, situation: CounterfactualInputs) -> pl.DataFrame:
    """The row of evidence that a stage may rest on: the only one, the only positive judgement, or the most work."""
    held = rows.filter(pl.col("from_stage") != "none")
    own = situation.evidence.join(held.select("person_id", "skill_id", "from_stage"), on=("person_id", "skill_id"))
    mode, amount = pl.col("mode"), pl.col("amount")
    positive = (mode == "feedback") & (amount >= situation.policy.stages.positive_share)
    deciding = (
        pl.when(pl.col("from_stage") == "apprentice")
        .then(pl.lit(True))
        .when(positive.sum().over("person_id", "skill_id") == 1)
        .then(positive)
        .otherwise(mode == "repetition")
    )
    own = own.filter(deciding).sort("amount", "occurred_at", "evidence_id", descending=True)
    # an apprentice stays one while any other row is there
    alone = pl.len().over("person_id", "skill_id") == 1
    own = own.filter((pl.col("from_stage") != "apprentice") | alone)
    one = own.unique(("person_id", "skill_id"), keep="first", maintain_order=True)
    columns = ("person_id", "skill_id", "evidence_id", "mode", "amount", "amount_unit", "occurred_at")
    return held.join(one.select(columns), on=("person_id", "skill_id")).with_columns(
        *_change("remove", "evidence"), pl.col("skill_id").alias("changed_skill_id")
    )


def _with_wished(rows: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    wished = context.wishes.select("person_id", "skill_id").unique().with_columns(pl.lit(True).alias("wished"))
    found = rows.join(wished, on=("person_id", "skill_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("wished").fill_null(False))


def _change(change: str, of: str, preference: str | None = None) -> list[pl.Expr]:
    place = _PREFERENCE.index(preference or f"{change} {of}")
    return [pl.lit(change).alias("change"), pl.lit(of).alias("change_of"), pl.lit(place, pl.Int8).alias("preference")]


def _as_proposals(parts: list[pl.DataFrame]) -> pl.DataFrame:
    rows = (*_ROW, "kind", "from_stage", "to_stage")
    return pl.concat(
        part.select(
            *rows,
            *((pl.col(n) if n in part.columns else pl.lit(None)).cast(dtype).alias(n) for n, dtype in _CHANGE.items()),
        )
        for part in parts
    )


def _numbered(proposals: pl.DataFrame) -> pl.DataFrame:
    return proposals.with_row_index("version_id").with_columns(pl.col("version_id").cast(pl.String))


def _blocks(rows: pl.DataFrame, situation: CounterfactualInputs) -> Iterator[tuple[pl.DataFrame, CounterfactualInputs]]:
    """The rows of some people after the other, with what is known of these people alone."""
    people = rows.select("person_id").unique().sort("person_id").with_row_index("block")
    people = people.with_columns(pl.col("block") // BLOCK_PEOPLE)
    frames = dict(_of_people(situation.context))
    told = {
        **frames,
        "rows": rows,
        # of the ledger nothing is asked for but what speaks of a listed step
        "evidence": situation.evidence.join(rows, on=("person_id", "skill_id"), how="semi", maintain_order="left"),
        "candidates": situation.candidates.select(~cs.starts_with("contribution_")),
    }
    # each table is cut once: looking every block's people up in all of it would cost blocks times rows
    cut = {
        name: frame.join(people, on="person_id", maintain_order="left").partition_by(
            "block", as_dict=True, include_key=False
        )
        for name, frame in told.items()
    }
    for block in range(max(people["block"].n_unique(), 1)):
        part = {name: cut[name].pop((block,), frame.clear()) for name, frame in told.items()}
        context = replace(situation.context, **{name: part[name] for name in frames})
        known = replace(situation, evidence=part["evidence"], candidates=part["candidates"], context=context)
        yield part["rows"], known


def _of_people(context: RecommendationContext) -> list[tuple[str, pl.DataFrame]]:
    """The frames that speak of people, by their name."""
    every = ((spec.name, getattr(context, spec.name)) for spec in fields(context))
    return [(name, frame) for name, frame in every if isinstance(frame, pl.DataFrame) and "person_id" in frame.columns]


def _of_versions(frame: pl.DataFrame, who: pl.DataFrame) -> pl.DataFrame:
    """What is known of people, said of each of their versions: person_id is the version's number."""
    named = frame.join(who, on="person_id").with_columns(pl.col("version_id").alias("person_id"))
    return named.select(frame.columns)


def _with_effect(found: pl.DataFrame, to_rank: pl.Expr) -> pl.DataFrame:
    effect = pl.when(to_rank.is_null()).then(pl.lit("leaves")).otherwise(pl.lit("moves"))
    return found.with_columns(effect.alias("row_effect"), to_rank.alias("to_rank")).drop("version_id")
