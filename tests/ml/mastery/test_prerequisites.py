"""A prerequisite is learned if reached steps show it beyond chance, and only direct prerequisites are returned."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.mastery.prerequisites import declare_prerequisites, learn_prerequisites
from pipelines.contracts.feature_tables import PRECEDENCE, REACHED_STEP
from pipelines.contracts.policy import PrerequisitePolicy

POLICY = PrerequisitePolicy()
START = datetime(2024, 1, 1, tzinfo=UTC)


def walks(*orders: str) -> pl.DataFrame:
    """One person per text, who acquires its letters in order, one per day."""
    rows = []
    for person, order in enumerate(orders):
        for day, skill in enumerate(order):
            rows.append((f"p{person}", skill, START + timedelta(days=day), "new"))
    schema = {name: REACHED_STEP.schema[name] for name in ("person_id", "skill_id", "reached_at", "kind")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def pairs(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("requires_skill_id", "skill_id").rows())


def test_a_micro_skill_that_everybody_acquires_first_is_a_prerequisite() -> None:
    learned = learn_prerequisites(walks(*["ab"] * 20), POLICY)
    assert learned.schema == PRECEDENCE.schema
    row = learned.row(0, named=True)
    assert (row["skill_id"], row["requires_skill_id"], row["is_learnt"]) == ("b", "a", True)
    assert (row["before_count"], row["after_count"], row["held_share"]) == (20, 0, 1.0)
    assert row["discovery_share"] == 0.5**20  # one pair was tried: all twenty the same way by chance


def test_an_order_that_chance_can_explain_is_no_prerequisite() -> None:
    assert learn_prerequisites(walks(*["ab"] * 9), POLICY).is_empty()  # too few people
    assert learn_prerequisites(walks(*["ab"] * 12, *["ba"] * 8), POLICY).is_empty()
    nine = PrerequisitePolicy(least_people=5)
    assert learn_prerequisites(walks(*["ab"] * 9), nine).is_empty()  # 1/512 is above the allowed rate


def test_the_false_discovery_rate_holds_over_all_pairs_tried() -> None:
    alone = learn_prerequisites(walks(*["ab"] * 10), POLICY)
    assert pairs(alone) == {("a", "b")}
    both_ways = ["cd"] * 15 + ["dc"] * 14 + ["ef"] * 15 + ["fe"] * 14
    assert learn_prerequisites(walks(*["ab"] * 10, *both_ways), POLICY).is_empty()  # 3 x 1/1024 is above it


def test_nearly_everyone_with_the_later_micro_skill_must_hold_the_earlier_one() -> None:
    assert learn_prerequisites(walks(*["ab"] * 20, *["b"] * 10), POLICY).is_empty()
    assert pairs(learn_prerequisites(walks(*["ab"] * 20, *["b"] * 3), POLICY)) == {("a", "b")}


def test_a_pair_implied_by_a_chain_is_dropped() -> None:
    assert pairs(learn_prerequisites(walks(*["abcd"] * 20), POLICY)) == {("a", "b"), ("b", "c"), ("c", "d")}


def test_a_circle_gives_no_prerequisite() -> None:
    loose = PrerequisitePolicy(held_share=0.0)
    learned = learn_prerequisites(walks(*["ab"] * 20, *["bc"] * 20, *["ca"] * 20, *["xa"] * 40), loose)
    assert pairs(learned) == {("x", "a")}


def test_micro_skills_of_one_moment_have_no_order() -> None:
    same = walks(*["ab"] * 20).with_columns(pl.lit(START).alias("reached_at"))
    assert learn_prerequisites(same, POLICY).is_empty()


def test_only_new_steps_count_and_only_once() -> None:
    again = walks(*["ab"] * 20).with_columns(kind=pl.lit("refresh"), reached_at=pl.col("reached_at") - timedelta(9))
    later_twice = pl.concat([walks(*["ab"] * 20), again])
    assert pairs(learn_prerequisites(later_twice, POLICY)) == {("a", "b")}
    assert learn_prerequisites(again, POLICY).is_empty()


def test_declared_prerequisites_are_not_marked_as_learned() -> None:
    learned = declare_prerequisites(pl.DataFrame({"skill_id": ["b"], "requires_skill_id": ["a"]}))
    assert learned.schema == PRECEDENCE.schema
    assert learned.row(0) == ("b", "a", False, None, None, None, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.permutations("abcde").map("".join), min_size=1, max_size=40))
def test_learned_prerequisites_have_no_circle_and_no_shortcut(orders: list[str]) -> None:
    loose = PrerequisitePolicy(least_people=1, ahead_share=0.6, held_share=0.3, discovery_share=0.9)
    learned = learn_prerequisites(walks(*orders), loose)
    needs: dict[str, set[str]] = {}
    for earlier, later in pairs(learned):
        needs.setdefault(later, set()).add(earlier)

    def beyond(skill: str, depth: int = 0) -> set[str]:
        assert depth <= 5
        return needs.get(skill, set()).union(*(beyond(other, depth + 1) for other in needs.get(skill, set())))

    for skill, direct in needs.items():
        assert skill not in beyond(skill)
        assert not direct & set().union(*(beyond(other) for other in direct))
