"""Replies change the candidates, and people without candidates get a reason."""

import polars as pl

from ml.recommend.reply_filter import apply_replies, find_no_recommendation_reasons
from ml.recommend.reranking import mark_accepted_steps, select_listed_steps
from pipelines.contracts.policy import RecommendationPolicy

COLUMNS = ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "probability")


def candidates(*given: tuple[str, str, str]) -> pl.DataFrame:
    """Rows of (person, micro-skill, goal) for people who hold nothing of it."""
    rows = [(who, f"{skill}|{goal}", skill, "new", "none", goal, 0.5) for who, skill, goal in given]
    schema = {name: pl.Float64 if name == "probability" else pl.String for name in COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def pairs(*given: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(given, schema={"person_id": pl.String, "step_id": pl.String}, orient="row")


def people(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"person_id": list(names)}, schema={"person_id": pl.String})


HELD = pl.DataFrame({"person_id": ["ann"], "skill_id": ["git"], "stage": ["apprentice"], "is_rusty": [False]})
FOUND = candidates(("ann", "sql", "apprentice"), ("ann", "tea", "apprentice"), ("bob", "sql", "apprentice"))


def test_a_suppressed_step_is_removed_for_its_person_only() -> None:
    remaining = apply_replies(FOUND, pairs(("ann", "sql|apprentice")), pairs(), HELD, people("ann", "bob"))
    assert remaining.select("person_id", "skill_id").rows() == [("ann", "tea"), ("bob", "sql")]


def test_a_person_who_opted_out_has_no_candidates() -> None:
    assert apply_replies(FOUND, pairs(), pairs(), HELD, people("bob"))["person_id"].to_list() == ["bob"]


def test_an_eligible_accepted_step_is_added() -> None:
    accepted = pairs(
        ("ann", "git|journeyman"), ("ann", "git|apprentice"), ("ann", "git|refresh"), ("eve", "sql|apprentice")
    )
    remaining = apply_replies(FOUND, pairs(), accepted, HELD, people("ann", "bob"))
    added = remaining.join(FOUND, on=("person_id", "step_id"), how="anti")
    assert added.select("person_id", "step_id", "kind", "from_stage", "to_stage", "probability").rows() == [
        ("ann", "git|journeyman", "deepen", "apprentice", "journeyman", None)
    ]


def test_accepted_steps_come_first_and_stay_on_a_short_list() -> None:
    steps = FOUND.filter(pl.col("person_id") == "ann").with_columns(
        score=pl.Series([0.9, 0.1]), capability_name=pl.lit("any"), is_common=False
    )
    listed = select_listed_steps(
        mark_accepted_steps(steps, pairs(("ann", "tea|apprentice"))),
        RecommendationPolicy(list_length=1, per_capability=1),
    )
    assert listed.select("skill_id", "rank", "is_accepted").rows() == [("tea", 1, True)]
    both = pairs(("ann", "tea|apprentice"), ("ann", "sql|apprentice"))
    assert select_listed_steps(mark_accepted_steps(steps, both), RecommendationPolicy(list_length=1)).height == 2


def test_the_reason_is_given_for_dismissals_and_opting_out_only() -> None:
    reasons = find_no_recommendation_reasons(
        people("ann", "bob", "eve", "ida"), FOUND, FOUND.filter(pl.col("person_id") == "bob"), people("eve")
    )
    assert reasons.rows() == [("ann", "all_dismissed"), ("bob", None), ("eve", "opted_out"), ("ida", None)]
