"""Steps that are common in a unit, their limit in a list, and the novelty of steps, worked out by hand."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recommend.common_steps import HeldSteps, add_commonness, count_held_steps
from ml.recommend.reranking import select_listed_steps
from pipelines.contracts.policy import RecommendationPolicy

PEOPLE = pl.DataFrame(
    {
        "person_id": ["ann", "bob", "cem", "dua", "eve", "fay"],
        "unit_name": ["lab", "lab", "lab", "lab", "shop", None],
    }
)
SKILLS = pl.DataFrame({"skill_id": ["git", "sql", "tea"]})
MASTERY = pl.DataFrame(
    [
        *[(person, "git", "apprentice") for person in ("bob", "cem")],
        ("dua", "git", "master"),
        *[(person, "sql", "journeyman") for person in ("bob", "cem")],
        ("eve", "tea", "apprentice"),
        ("fay", "git", "none"),
    ],
    schema=["person_id", "skill_id", "stage"],
    orient="row",
)


def count(minimum_people: int = 2) -> HeldSteps:
    return count_held_steps(MASTERY, PEOPLE, SKILLS, minimum_people)


def test_a_step_is_common_if_more_than_half_of_the_unit_hold_it() -> None:
    # three of four hold git; two of four hold sql, which is not more than half; one person is no unit to count
    assert count().common_steps.rows() == [("lab", "git", "apprentice")]
    # three holders of four people are fewer than four, and four people fewer than five
    assert count(minimum_people=4).common_steps.is_empty()
    assert count(minimum_people=5).common_steps.is_empty()


def test_novelty_is_the_self_information_among_all_people() -> None:
    novelty = {(skill, stage): bits for skill, stage, bits in count().step_novelty.iter_rows()}
    assert len(novelty) == 9
    assert novelty["git", "apprentice"] == pytest.approx(-pl.Series([4 / 7]).log(2)[0])
    assert novelty["sql", "apprentice"] == novelty["sql", "journeyman"] == pytest.approx(-pl.Series([3 / 7]).log(2)[0])
    # nobody, one and two holders have the same novelty: fewer could be recognised
    assert novelty["git", "master"] == novelty["tea", "apprentice"] == novelty["sql", "master"]
    assert novelty["tea", "apprentice"] == novelty["sql", "apprentice"]


def test_only_the_own_unit_makes_a_step_common_and_a_refresh_never_is() -> None:
    steps = pl.DataFrame(
        [
            *((person, "git", "new") for person in ("ann", "eve", "fay")),
            *(("ann", "sql", "new"), ("bob", "git", "refresh")),
        ],
        schema=["person_id", "skill_id", "kind"],
        orient="row",
    ).with_columns(to_stage=pl.lit("apprentice"))
    marked = add_commonness(steps, **vars(count()))
    assert marked["is_common"].to_list() == [True, False, False, False, False]
    assert marked.columns == [*steps.columns, "is_common", "novelty"]


def make_list(*rows: tuple[str, float, bool, bool]) -> pl.DataFrame:
    columns = {"skill_id": pl.String, "score": pl.Float64, "is_common": pl.Boolean, "is_accepted": pl.Boolean}
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        person_id=pl.lit("ann"), step_id=pl.col("skill_id") + "|apprentice", capability_name=pl.lit(None, pl.String)
    )


def test_common_steps_beyond_the_limit_leave_the_list_and_are_counted() -> None:
    steps = make_list(
        ("a", 0.9, True, False),
        ("b", 0.8, False, False),
        ("c", 0.7, True, False),
        ("d", 0.6, False, False),
        ("e", 0.5, True, False),
    )
    listed = select_listed_steps(steps, RecommendationPolicy(common_steps=1, list_length=3))
    assert listed.select("skill_id", "rank").rows() == [("a", 1), ("b", 2), ("d", 3)]
    # c was among the first three, e was not
    assert listed["displaced_count"].to_list() == [1, 1, 1]


def test_accepted_common_steps_stay_and_count() -> None:
    steps = make_list(("a", 0.9, True, False), ("b", 0.8, True, True), ("c", 0.7, True, True), ("d", 0.1, False, False))
    listed = select_listed_steps(steps, RecommendationPolicy(common_steps=1))
    assert listed["skill_id"].to_list() == ["b", "c", "d"]


def test_a_list_keeps_a_common_step_if_there_is_nothing_else() -> None:
    assert select_listed_steps(make_list(("a", 0.9, True, False)), RecommendationPolicy(common_steps=1)).height == 1
    with pytest.raises(ValueError, match="common_steps is 0; allowed: 1 or more"):
        RecommendationPolicy(common_steps=0)


STEPS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1), st.booleans(), st.booleans()),
    min_size=1,
    unique_by=lambda row: row[0],
)


@settings(max_examples=30, deadline=None)
@given(STEPS, st.integers(1, 4), st.integers(1, 6))
def test_no_list_has_more_common_steps_than_declared(
    rows: list[tuple[str, float, bool, bool]], limit: int, length: int
) -> None:
    listed = select_listed_steps(make_list(*rows), RecommendationPolicy(common_steps=limit, list_length=length))
    accepted_count = listed["is_accepted"].sum()
    assert listed["is_common"].sum() <= max(limit, accepted_count)
    assert listed["rank"].to_list() == list(range(1, listed.height + 1))
