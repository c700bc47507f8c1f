"""Each motive has one formula, computed by hand for one person with five micro-skills."""

import polars as pl
import pytest

from ml.recommend.motives import RecommendationContext, score_autonomy, score_mastery, score_motives, score_purpose

SKILLS = pl.DataFrame(
    {
        "skill_id": ["sql", "joins", "plans", "git", "alone"],
        "skill_name": ["SQL", "Joins", "Plans", "Git", "Alone"],
        "capability_id": ["data", "data", "data", "code", None],
        "capability_name": ["Data", "Data", "Data", "Code", None],
        "capability_weight": [0.5, 0.3, 0.2, 1.0, None],
    },
    schema_overrides={"capability_weight": pl.Float64},
)


def context(**other: pl.DataFrame) -> RecommendationContext:
    frames = {
        "mastery": held(("ann", "sql", "journeyman")),
        "skills": SKILLS,
        "prerequisites": pl.DataFrame({"skill_id": ["plans", "plans"], "requires_skill_id": ["sql", "joins"]}),
        "wishes": wishes(),
        "roles": pl.DataFrame({"person_id": ["ann"], "role_name": ["analyst"]}),
        "role_profiles": pl.DataFrame(
            {
                "role_name": ["analyst", "analyst"],
                "skill_id": ["joins", "git"],
                "importance": ["essential", "optional"],
            }
        ),
        "demand": pl.DataFrame({"skill_id": ["plans", "git"], "demand_count": [7, 1]}),
    }
    return RecommendationContext(**{**frames, **other})


def held(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "stage"], orient="row")


def wishes(*rows: tuple[str, str, float | None]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def steps(*skills: str, stage: str = "apprentice", person: str = "ann") -> pl.DataFrame:
    return pl.DataFrame(
        [(person, f"{skill}|{stage}", skill, stage) for skill in skills],
        schema=["person_id", "step_id", "skill_id", "to_stage"],
        orient="row",
    )


def test_readiness_is_the_share_of_prerequisites_held() -> None:
    scored = score_mastery(steps("plans", "joins"), context())
    assert scored["readiness"].to_list() == [0.5, 1.0]
    both = context(mastery=held(("ann", "sql", "apprentice"), ("ann", "joins", "master"), ("bob", "git", "master")))
    assert score_mastery(steps("plans"), both)["readiness"].to_list() == [1.0]
    none = context(mastery=held(("ann", "sql", "none")))
    assert score_mastery(steps("plans"), none)["readiness"].to_list() == [0.0]


def test_coverage_is_the_share_of_the_capability_held_once_the_step_is_taken() -> None:
    scored = score_mastery(steps("plans", "joins", "git", "alone"), context())
    # plans 0.2 + sql 0.5, joins 0.3 + sql 0.5, git alone makes up its capability, one without a capability covers none
    assert scored["coverage"].to_list() == pytest.approx([0.7, 0.8, 1.0, 0.0])
    assert scored["mastery"].to_list() == pytest.approx([0.5 * 1.7 / 2, 1.8 / 2, 1.0, 0.5])


def test_coverage_of_a_higher_step_counts_skills_held_at_its_stage() -> None:
    assert score_mastery(steps("joins", stage="journeyman"), context())["coverage"].to_list() == pytest.approx([0.8])
    assert score_mastery(steps("joins", stage="master"), context())["coverage"].to_list() == pytest.approx([0.3])


def test_a_refresh_counts_its_own_skill_once() -> None:
    assert score_mastery(steps("sql", stage="journeyman"), context())["coverage"].to_list() == pytest.approx([0.5])


def test_autonomy_is_the_wish_or_half_the_wish_for_a_neighbour() -> None:
    wished = context(wishes=wishes(("ann", "joins", 0.8), ("ann", "sql", 0.4)))
    scored = score_autonomy(steps("joins", "plans", "git"), wished)
    assert scored["autonomy"].to_list() == pytest.approx([0.8, 0.4, 0.0])


def test_a_wish_without_a_weight_counts_fully() -> None:
    assert score_autonomy(steps("joins"), context(wishes=wishes(("ann", "joins", None))))["autonomy"].to_list() == [1.0]


def test_autonomy_is_null_without_wishes() -> None:
    assert score_autonomy(steps("joins"), context())["autonomy"].to_list() == [None]
    assert score_autonomy(steps("joins"), context(wishes=wishes(("bob", "joins", 1.0))))["autonomy"].to_list() == [None]


def test_purpose_is_the_larger_of_role_and_demand() -> None:
    scored = score_purpose(steps("joins", "git", "plans", "sql"), context())
    # demand: log 8 / log 8 for plans, log 2 / log 8 = 1/3 for git
    assert scored["role_need"].to_list() == [1.0, 0.5, 0.0, 0.0]
    assert scored["demand"].to_list() == pytest.approx([0.0, 1 / 3, 1.0, 0.0])
    assert scored["purpose"].to_list() == pytest.approx([1.0, 0.5, 1.0, 0.0])


def test_purpose_without_demand_is_the_role_need() -> None:
    nothing = context(demand=pl.DataFrame(schema={"skill_id": pl.String, "demand_count": pl.UInt32}))
    assert score_purpose(steps("joins", "plans"), nothing)["purpose"].to_list() == [1.0, 0.0]


def test_all_motives_keep_rows_and_their_order() -> None:
    step_rows = steps("plans", "alone", "git", "joins")
    assert score_motives(step_rows, context())["step_id"].to_list() == step_rows["step_id"].to_list()
