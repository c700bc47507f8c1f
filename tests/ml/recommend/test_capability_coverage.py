"""Coverage of capabilities per person, and alignment of wishes and needs per team."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.organisation.team_alignment import align_teams
from ml.recommend.capability_coverage import COVERAGE_COLUMNS, add_combinations, compute_capability_coverage
from ml.recommend.motives import RecommendationContext, score_autonomy, score_mastery
from pipelines.contracts.output_tables import CAPABILITY

SKILLS = pl.DataFrame(
    {
        "skill_id": ["sql", "joins", "plans", "git", "alone"],
        "skill_name": ["SQL", "Joins", "Plans", "Git", "Alone"],
        "capability_id": ["data", "data", "data", "code", None],
        "capability_name": ["Data", "Data", "Data", "Code", None],
        "capability_weight": [0.5, 0.2, 0.3, 1.0, None],
    },
    schema_overrides={"capability_weight": pl.Float64},
)
NEEDS = pl.DataFrame({"skill_id": ["plans"], "requires_skill_id": ["joins"]})


def held(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(("person_id", "skill_id", "stage"), pl.String), orient="row")


def covered(*rows: tuple[str, str, str]) -> list[tuple[object, ...]]:
    coverage = compute_capability_coverage(held(*rows), SKILLS, NEEDS)
    assert coverage.schema == {name: CAPABILITY.schema[name] for name in COVERAGE_COLUMNS}
    return coverage.drop("capability_name").rows()


def test_a_person_who_holds_nothing_has_no_coverage() -> None:
    assert covered() == []
    assert covered(("ann", "sql", "none"), ("ann", "alone", "master")) == []


def test_next_skill_is_the_heaviest_whose_prerequisites_are_held() -> None:
    # plans weighs more than joins, and needs them
    assert covered(("ann", "sql", "apprentice")) == [
        ("ann", "data", 0.5, ["sql"], ["SQL"], ["joins", "plans"], "joins", 0.7)
    ]
    assert covered(("bob", "joins", "master")) == [
        ("bob", "data", 0.2, ["joins"], ["Joins"], ["plans", "sql"], "sql", 0.7)
    ]


def test_a_complete_capability_has_no_next_skill() -> None:
    assert covered(("ann", "git", "journeyman")) == [("ann", "code", 1.0, ["git"], ["Git"], [], None, None)]


def test_coverage_is_computed_per_person() -> None:
    coverage = covered(("ann", "sql", "master"), ("bob", "plans", "apprentice"), ("bob", "git", "apprentice"))
    assert [row[:3] for row in coverage] == [("ann", "data", 0.5), ("bob", "code", 1.0), ("bob", "data", 0.3)]


def test_combinations_are_held_at_the_stage_of_the_step() -> None:
    steps = pl.DataFrame(
        {
            "person_id": ["ann"] * 4,
            "skill_id": ["plans", "plans", "git", "alone"],
            "to_stage": ["apprentice", "journeyman", "apprentice", "apprentice"],
        }
    )
    mastery = held(("ann", "sql", "apprentice"), ("ann", "joins", "master"), ("bob", "git", "master"))
    combined = add_combinations(steps, mastery, SKILLS)
    assert combined["combines_with"].to_list() == [["Joins", "SQL"], ["Joins"], [], []]


STAGED = st.sampled_from(["none", "apprentice", "journeyman", "master"])


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(SKILLS["skill_id"].to_list())), STAGED)
)
def test_coverage_table_and_mastery_motive_agree(stages: dict[tuple[str, str], str]) -> None:
    mastery = held(*((person, skill, stage) for (person, skill), stage in stages.items()))
    coverage = compute_capability_coverage(mastery, SKILLS, NEEDS)
    assert coverage["coverage_share"].is_between(0, 1).all()
    after = coverage.drop_nulls("next_skill_id").with_columns(
        pl.col("next_skill_id").alias("skill_id"), pl.lit("apprentice").alias("to_stage")
    )
    context = surroundings(mastery=mastery)
    scored = score_mastery(after.with_columns(pl.col("skill_id").alias("step_id")), context)
    assert scored["coverage"].to_list() == pytest.approx(after["completes_share"].to_list())


def surroundings(**other: pl.DataFrame) -> RecommendationContext:
    wishes = {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}
    frames = {
        "mastery": held(),
        "skills": SKILLS,
        "prerequisites": NEEDS,
        "wishes": pl.DataFrame(schema=wishes),
        "roles": pl.DataFrame(schema={"person_id": pl.String, "role_name": pl.String}),
        "role_profiles": pl.DataFrame({"role_name": ["dev"], "skill_id": ["git"], "importance": ["essential"]}),
        "demand": pl.DataFrame(schema={"skill_id": pl.String, "demand_count": pl.UInt32}),
    }
    return RecommendationContext(**{**frames, **other})


def test_wish_skill_id_is_the_wish_that_autonomy_comes_from() -> None:
    wishes = pl.DataFrame({"person_id": ["ann", "ann"], "skill_id": ["joins", "sql"], "wish_weight": [0.8, 0.3]})
    steps = pl.DataFrame(
        {"person_id": ["ann"] * 4, "skill_id": ["joins", "sql", "plans", "git"], "to_stage": ["apprentice"] * 4}
    )
    scored = score_autonomy(steps, surroundings(wishes=wishes))
    assert scored["autonomy"].to_list() == pytest.approx([0.8, 0.4, 0.4, 0.0])
    assert scored["wish_skill_id"].to_list() == ["joins", "joins", "joins", None]


def team(*names: str, unit: str = "north") -> pl.DataFrame:
    return pl.DataFrame({"person_id": list(names), "unit_name": [unit] * len(names)})


def wishes_of(*rows: tuple[str, str, float]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def aligned(people: pl.DataFrame, wishes: pl.DataFrame, devs: str) -> list[tuple[object, ...]]:
    roles = pl.DataFrame(
        {"person_id": list(devs), "role_name": ["dev"] * len(devs)},
        schema_overrides={"person_id": pl.String, "role_name": pl.String},
    )
    context = surroundings(wishes=wishes, roles=roles)
    alignment = align_teams(people, context, min_team_people=5, minimum_people=3)
    return alignment.drop("capability_name").rows()


def test_a_team_of_five_gets_rows_where_wishes_and_needs_differ() -> None:
    wishes = wishes_of(("a", "sql", 1.0), ("b", "plans", 0.6), ("c", "sql", 0.8), ("c", "joins", 0.2))
    # two of five are developers, whose role needs all of code; data is wished for by three, and needed by nobody
    assert aligned(team(*"abcde"), wishes, "ab") == [
        ("north", "code", 5, 3, None, pytest.approx(0.4), "need_without_wish"),
        ("north", "data", 5, 3, pytest.approx(0.8), 0.0, "wish_without_need"),
    ]


def test_wishes_for_needed_skills_agree() -> None:
    wishes = wishes_of(("a", "git", 1.0), ("b", "git", 1.0), ("c", "git", 0.5))
    assert [row[1::5] for row in aligned(team(*"abcde"), wishes, "abcde")] == [("code", "agree")]


def test_small_teams_and_teams_with_few_wishers_get_no_row() -> None:
    wishes = wishes_of(*((name, "git", 1.0) for name in "abcd"))
    assert aligned(team(*"abcd"), wishes, "ab") == []
    assert aligned(team(*"abcde"), wishes.head(2), "ab") == []


def test_a_capability_with_fewer_than_three_wishers_gets_no_row() -> None:
    wishes = wishes_of(("a", "git", 1.0), ("b", "git", 1.0), ("c", "git", 1.0), ("d", "sql", 1.0))
    assert {row[1] for row in aligned(team(*"abcde"), wishes, "ab")} == {"code"}


def test_a_wish_of_another_team_is_not_counted() -> None:
    people = pl.concat([team(*"abcde"), team(*"vwxyz", unit="south")])
    wishes = wishes_of(*((name, "git", 1.0) for name in "vwx"))
    assert {row[0] for row in aligned(people, wishes, "ab")} == {"south"}


def test_the_order_of_wishes_and_people_changes_no_digit() -> None:
    names = [f"p{number:04}" for number in range(2_000)]
    people, wishes = team(*names), wishes_of(*((name, "sql", 0.1 + 0.00037 * int(name[1:])) for name in names))
    expected = aligned(people, wishes, "")
    for seed in range(20):
        shuffled_people, shuffled_wishes = (
            frame.sample(fraction=1, shuffle=True, seed=seed) for frame in (people, wishes)
        )
        assert aligned(shuffled_people, shuffled_wishes, "") == expected
