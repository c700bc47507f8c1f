"""Matches: the openings that suit each person, best for the person first.

Belongs here: which openings a person is shown, in which order, and why.
Does not belong here: whom they could follow or lead there (`ml.recommend.squad_companions`), the sentences
(`ml.recommend.squad_match_text`), what an opening shows (`ml.recommend.squad_openings`).

Nothing is assigned and nobody is compared with anybody else: the order is that of one person's own list.
"""

import hashlib
from datetime import date, timedelta

import polars as pl

from ml.recommend.squad_openings import SquadContext, select_holders
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.policy import SquadPolicy

# Openings of one micro-skill in a list, for variety; people begin at different ones, so that all find somebody.
OPENINGS_PER_SKILL = 2
# Micro-skills that a list is chosen from, as a multiple of its length: room in the week may move an opening up.
_SKILLS_PER_PLACE = 2
# The score of a match, declared: a step counts most, a wish and what the person brings half as much.
STEP_SCORE, WISH_SCORE, BRINGS_SCORE, ROOM_SCORE, JOINED_SCORE = 1.0, 0.5, 0.5, 0.25, 10.0
# Of two steps, the one that is higher in the person's list of next steps; divided by its rank there.
LIST_SCORE = 0.2
_PAIR = ["person_id", "opening_id"]


def match_openings(
    openings: pl.DataFrame,
    steps: pl.DataFrame,
    wishes: pl.DataFrame,
    workload: pl.DataFrame,
    context: SquadContext,
    policy: SquadPolicy,
    as_of: date,
    openings_per_skill: int = OPENINGS_PER_SKILL,
) -> pl.DataFrame:
    """Match people to openings: those with a step that is on the person's list, or that lack what the person holds.

    An opening that the person wants to join is always in the list; one that the person answered with `not_this` never
    is, and one answered with `not_now` not for the declared days.

    Args:
        openings: As `find_openings` returns them.
        steps: The listed steps: person_id, skill_id, kind, to_stage, rank.
        wishes: person_id, skill_id, wish_weight.
        workload: person_id, weekly_hours, free_weekly_hours.
        context: People, what they hold, and their answers.
        policy: Length of a list, share of time for free choice, and how long `not_now` holds.
        as_of: The day of the run.
        openings_per_skill: Openings of one micro-skill that a person is compared with.

    Returns:
        One row per person and matched opening: person_id, rank, opening_id, work_code, skill_id, kind, to_stage (null
        without a step), brings (whether the person holds the micro-skill of the seat), wish_weight, workload,
        free_weekly_hours, needed_hours, list_rank (of the step), squad_reply_kind, score.
    """
    person_skills = _select_person_skills(openings, steps, wishes, context, policy.list_length)
    pairs = _select_pairs(openings, person_skills, context, policy, as_of, openings_per_skill)
    opening_columns = ("opening_id", "work_code", "skill_id", "planned_weekly_hours")
    held_skills = select_holders(context.mastery).select("person_id", "skill_id", brings=pl.lit(True))
    listed_steps = steps.select("person_id", "skill_id", "kind", "to_stage", list_rank="rank")
    # a wish without a weight counts fully
    shown_wishes = wishes.select("person_id", "skill_id", pl.col("wish_weight").fill_null(1.0))
    matches = pairs.join(openings.select(opening_columns), on="opening_id")
    for person_skill_rows in (listed_steps, held_skills, shown_wishes):
        matches = matches.join(person_skill_rows, on=("person_id", "skill_id"), how="left")
    matches = matches.join(workload, on="person_id", how="left").with_columns(pl.col("brings").fill_null(False))
    return _rank_matches(add_workload(matches, policy), policy.list_length)


def select_standing_answers(answers: pl.DataFrame, policy: SquadPolicy, as_of: date) -> pl.DataFrame:
    """The last answers that still hold: `not_now` only for the declared days.

    Args:
        answers: person_id, opening_id, squad_reply_kind, replied_at.
        policy: How long `not_now` holds.
        as_of: The day of the run.
    """
    not_now_from = end_of_day(as_of) - timedelta(days=policy.not_now_days)
    has_lapsed = (pl.col("squad_reply_kind") == "not_now") & (pl.col("replied_at") < not_now_from)
    return answers.filter(~has_lapsed)


def add_workload(matches: pl.DataFrame, policy: SquadPolicy) -> pl.DataFrame:
    """Add needed_hours and workload: whether the free hours of the week suffice for the seat.

    A seat without planned hours needs the share of the week that the policy declares for free choice.

    Args:
        matches: planned_weekly_hours, weekly_hours, free_weekly_hours and any other column.
        policy: The share.
    """
    free_choice_hours = pl.col("weekly_hours") * policy.free_choice_share
    workload = (
        pl.when(pl.col("free_weekly_hours").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("free_weekly_hours") >= pl.col("needed_hours"))
        .then(pl.lit("fits"))
        .otherwise(pl.lit("full"))
    )
    return matches.with_columns(
        pl.coalesce("planned_weekly_hours", free_choice_hours).alias("needed_hours")
    ).with_columns(workload.alias("workload"))


def _select_person_skills(
    openings: pl.DataFrame, steps: pl.DataFrame, wishes: pl.DataFrame, context: SquadContext, list_length: int
) -> pl.DataFrame:
    """The micro-skills with openings that suit each person best: person_id, skill_id."""
    list_score = STEP_SCORE + LIST_SCORE / pl.col("rank")
    key = ("person_id", "skill_id")
    open_skills = openings.select("skill_id").unique()
    person_skills = pl.concat(
        [
            steps.select(*key, list_score.alias("skill_score")),
            select_holders(context.mastery).select(*key, pl.lit(BRINGS_SCORE).alias("skill_score")),
        ]
    ).join(open_skills, on="skill_id", how="semi")
    wish_score = pl.col("wish_weight").fill_null(1.0) * WISH_SCORE
    return (
        person_skills.group_by(key)
        .agg(pl.col("skill_score").sum())
        .join(context.people, on="person_id", how="semi")
        .join(wishes.select(*key, wish_score.alias("wish_score")), on=key, how="left")
        .with_columns(pl.col("skill_score") + pl.col("wish_score").fill_null(0.0))
        .sort("person_id", "skill_score", "skill_id", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("person_id") < _SKILLS_PER_PLACE * list_length)
        .select(key)
    )


def _select_pairs(
    openings: pl.DataFrame,
    person_skills: pl.DataFrame,
    context: SquadContext,
    policy: SquadPolicy,
    as_of: date,
    openings_per_skill: int,
) -> pl.DataFrame:
    """The pairs of person and opening that answers leave: person_id, opening_id, turn, squad_reply_kind."""
    answers = select_standing_answers(context.answers, policy, as_of)
    has_joined = pl.col("squad_reply_kind") == "join"
    joined_pairs, refused_pairs = (answers.filter(condition).select(_PAIR) for condition in (has_joined, ~has_joined))
    own_pairs = joined_pairs.join(context.people, on="person_id", how="semi").join(
        openings, on="opening_id", how="semi"
    )
    candidate_pairs = _find_candidate_pairs(openings, person_skills, openings_per_skill)
    return (
        pl.concat([own_pairs.with_columns(turn=pl.lit(0, pl.Int64)), candidate_pairs])
        .unique(_PAIR, keep="first", maintain_order=True)
        .join(refused_pairs, on=_PAIR, how="anti")
        .join(answers.select(*_PAIR, "squad_reply_kind"), on=_PAIR, how="left")
    )


def _find_candidate_pairs(openings: pl.DataFrame, person_skills: pl.DataFrame, openings_per_skill: int) -> pl.DataFrame:
    """Some openings per person and micro-skill: person_id, opening_id, turn (the order in which they are compared).

    The openings of a micro-skill are numbered, and a person takes some of them from a place that
    follows from the person: without that a micro-skill that many projects ask for would be compared with everybody.
    """
    numbered_openings = (
        openings.select("opening_id", "skill_id")
        .sort("skill_id", "opening_id")
        .with_columns(
            pl.int_range(pl.len()).over("skill_id").alias("number"), pl.len().over("skill_id").alias("opening_count")
        )
    )
    opening_counts = numbered_openings.select("skill_id", "opening_count").unique()
    # a hash of the person: whoever comes or goes moves nobody else's place
    place = pl.col("person_id").map_batches(_hash_people, return_dtype=pl.Int64).alias("place")
    places = person_skills.select("person_id").unique().with_columns(place)
    turns = pl.DataFrame({"turn": range(openings_per_skill)}, schema={"turn": pl.Int64})
    taken_number = ((pl.col("place") + pl.col("turn")) % pl.col("opening_count")).cast(pl.Int64)
    return (
        person_skills.join(opening_counts, on="skill_id")
        .join(places, on="person_id")
        .join(turns, how="cross")
        .filter(pl.col("turn") < pl.col("opening_count"))
        .with_columns(taken_number.alias("number"))
        .join(numbered_openings.select("skill_id", "number", "opening_id"), on=("skill_id", "number"))
        .select(*_PAIR, "turn")
    )


def _hash_people(person_ids: pl.Series) -> pl.Series:
    """A number per person, the same on every machine."""
    digests = (hashlib.blake2b(person_id.encode(), digest_size=4).digest() for person_id in person_ids)
    return pl.Series([int.from_bytes(digest, "big") for digest in digests], dtype=pl.Int64)


def _rank_matches(matches: pl.DataFrame, list_length: int) -> pl.DataFrame:
    has_joined = pl.col("squad_reply_kind") == "join"
    score = (
        pl.col("to_stage").is_not_null() * STEP_SCORE
        + (LIST_SCORE / pl.col("list_rank")).fill_null(0.0)
        + pl.col("wish_weight").fill_null(0.0) * WISH_SCORE
        + pl.col("brings") * BRINGS_SCORE
        + (pl.col("workload") == "fits") * ROOM_SCORE
        + has_joined.fill_null(False) * JOINED_SCORE
    )
    return (
        matches.with_columns(score.alias("score"))
        .sort("person_id", "score", "turn", "opening_id", descending=[False, True, False, False])
        .with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("person_id").alias("rank"))
        .filter((pl.col("rank") <= list_length) | has_joined.fill_null(False))
    )
