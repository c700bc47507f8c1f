"""Lists follow the policy's weights and limits, and everyone gets a row."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recommend.motives import RecommendationContext, empty_preferences
from ml.recommend.reranking import (
    add_blended_score,
    build_recommendation_rows,
    describe_steps,
    filter_eligible_steps,
    find_deepening_steps,
    rerank_candidates,
    select_listed_steps,
)
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.policy import RecommendationPolicy, ScoreWeights

WEIGHTS = ScoreWeights(probability=0.6, mastery=0.2, autonomy=0.1, purpose=0.1)
ANY = settings(max_examples=30, deadline=None)
NO_PREFERENCES = empty_preferences()


def scored(*rows: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "person_id": "ann",
        "probability": 0.2,
        "utility": 0.0,
        "mastery": 0.0,
        "autonomy": None,
        "purpose": 0.0,
    }
    schema = {
        "person_id": pl.String,
        "probability": pl.Float64,
        "utility": pl.Float64,
        "mastery": pl.Float64,
        "autonomy": pl.Float64,
        "purpose": pl.Float64,
    }
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=schema)


def ranked(*rows: tuple[str, str, str | None, float]) -> pl.DataFrame:
    columns = {"person_id": pl.String, "step_id": pl.String, "capability_name": pl.String, "score": pl.Float64}
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("step_id").str.extract(r"^([^|]*)").alias("skill_id"),
        pl.lit(False).alias("is_accepted"),
        is_common=False,
    )


def mastery(*rows: tuple[str, str, str, bool]) -> pl.DataFrame:
    columns = {"person_id": pl.String, "skill_id": pl.String, "stage": pl.String, "is_rusty": pl.Boolean}
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_the_score_is_a_weighted_mean_of_relative_probability_and_motives() -> None:
    blended = add_blended_score(
        scored(
            {"probability": 0.2, "mastery": 0.5, "autonomy": 1.0, "purpose": 0.4},
            {"probability": 0.05, "mastery": 1.0, "autonomy": 0.0, "purpose": 0.0},
        ),
        WEIGHTS,
        NO_PREFERENCES,
    )
    assert blended["score"].to_list() == pytest.approx([0.6 + 0.1 + 0.1 + 0.04, 0.15 + 0.2])


def test_a_null_motive_has_no_weight() -> None:
    assert add_blended_score(scored({"mastery": 0.5, "purpose": 0.4}), WEIGHTS, NO_PREFERENCES)[
        "score"
    ].to_list() == pytest.approx([0.74 / 0.9])


def test_the_utility_replaces_a_missing_probability() -> None:
    blended = add_blended_score(
        scored({"probability": None, "utility": 2.0}, {"probability": None, "utility": 1.0}), WEIGHTS, NO_PREFERENCES
    )
    assert blended["score"].to_list() == pytest.approx([0.6 / 0.9, 0.6 / 2.718281828 / 0.9])


def test_zero_probabilities_still_give_scores() -> None:
    assert add_blended_score(scored({"probability": 0.0, "mastery": 0.9}), WEIGHTS, NO_PREFERENCES)[
        "score"
    ].to_list() == pytest.approx([0.2])


def test_a_micro_skill_has_its_best_step_on_the_list() -> None:
    listed = select_listed_steps(
        ranked(("ann", "sql|refresh", "a", 0.5), ("ann", "sql|master", "a", 0.7)), RecommendationPolicy()
    )
    assert listed.select("step_id", "rank").rows() == [("sql|master", 1)]


def test_steps_beyond_the_limit_of_a_capability_come_last() -> None:
    rows = [("ann", f"s{i}|apprentice", "a", 0.9 - i / 10) for i in range(4)]
    rows += [("ann", "t|apprentice", "b", 0.1), ("ann", "u|apprentice", None, 0.05)]
    listed = select_listed_steps(ranked(*rows), RecommendationPolicy(per_capability=2, list_length=5))
    assert listed["skill_id"].to_list() == ["s0", "s1", "t", "u", "s2"]


def test_equal_scores_are_ordered_by_step_id() -> None:
    rows = [("ann", f"{skill}|apprentice", None, 0.5) for skill in "cab"]
    assert select_listed_steps(ranked(*rows), RecommendationPolicy())["skill_id"].to_list() == ["a", "b", "c"]


RANKED = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from([f"s{i}|apprentice" for i in range(8)]),
        st.sampled_from(["a", "b", None]),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[:2],
)


@ANY
@given(RANKED, st.integers(1, 6), st.integers(0, 3))
def test_ranks_start_at_one_without_gaps_or_repeated_micro_skills(
    rows: list[tuple[str, str, str | None, float]], length: int, per_capability: int
) -> None:
    listed = select_listed_steps(ranked(*rows), RecommendationPolicy(list_length=length, per_capability=per_capability))
    for person in {row[0] for row in rows}:
        own = listed.filter(pl.col("person_id") == person)
        open_steps = len({row[1] for row in rows if row[0] == person})
        assert own["rank"].to_list() == list(range(1, min(length, open_steps) + 1))
        assert own["skill_id"].is_unique().all()


def test_a_step_is_described_by_its_id_even_with_a_bar_in_the_skill_id() -> None:
    step_ids = pl.DataFrame({"person_id": ["ann"] * 3, "step_id": ["a|b|apprentice", "sql|refresh", "sql|journeyman"]})
    described = describe_steps(step_ids, mastery(("ann", "sql", "apprentice", True)))
    assert described.select("skill_id", "kind", "from_stage", "to_stage").rows() == [
        ("a|b", "new", "none", "apprentice"),
        ("sql", "refresh", "apprentice", "apprentice"),
        ("sql", "deepen", "apprentice", "journeyman"),
    ]


def test_only_the_next_stage_or_a_refresh_of_a_rusty_skill_is_eligible() -> None:
    held = mastery(("ann", "sql", "apprentice", False), ("ann", "git", "journeyman", True))
    ids = [
        "sql|apprentice",
        "sql|journeyman",
        "sql|master",
        "sql|refresh",
        "git|refresh",
        "css|apprentice",
        "css|journeyman",
        "css|refresh",
    ]
    steps = describe_steps(pl.DataFrame({"person_id": ["ann"] * len(ids), "step_id": ids}), held)
    assert filter_eligible_steps(steps, held)["step_id"].to_list() == [
        "sql|journeyman",
        "git|refresh",
        "css|apprentice",
    ]


SKILLS = pl.DataFrame(
    {
        "skill_id": ["sql", "git"],
        "skill_name": ["SQL", "Git"],
        "capability_id": ["data", "code"],
        "capability_name": ["Data", "Code"],
        "capability_weight": [1.0, 1.0],
    }
)


def rows_for(people: list[str], wish: float | None = None) -> pl.DataFrame:
    held = pl.DataFrame(
        [{"person_id": "bob", "skill_id": "sql", "stage": "master", "is_rusty": False}],
        schema_overrides={"stage": pl.String},
    )
    wishes = [] if wish is None else [("ann", "sql", wish)]
    context = RecommendationContext(
        mastery=held,
        skills=SKILLS,
        prerequisites=pl.DataFrame(schema={"skill_id": pl.String, "requires_skill_id": pl.String}),
        wishes=pl.DataFrame(
            wishes, schema={"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}, orient="row"
        ),
        roles=pl.DataFrame(schema={"person_id": pl.String, "role_name": pl.String}),
        role_profiles=pl.DataFrame(schema={"role_name": pl.String, "skill_id": pl.String, "importance": pl.String}),
        demand=pl.DataFrame(schema={"skill_id": pl.String, "demand_count": pl.UInt32}),
    )
    candidates = pl.DataFrame(
        {
            "person_id": ["ann", "ann"],
            "step_id": ["sql|apprentice", "git|apprentice"],
            "skill_id": ["sql", "git"],
            "kind": ["new", "new"],
            "from_stage": ["none", "none"],
            "to_stage": ["apprentice", "apprentice"],
            "probability": [0.1, 0.2],
            "utility": [0.0, 1.0],
            "is_accepted": [False, False],
            "contribution_history": [0.5, -0.2],
        }
    )
    practice_options = pl.DataFrame(
        {"skill_id": ["sql"], "project_code": ["P1"], "course_name": ["SQL basics"], "practising_count": [4]}
    )
    policy = RecommendationPolicy(weights=WEIGHTS)
    listed = rerank_candidates(candidates, context, policy)
    everyone = pl.DataFrame({"person_id": people}).with_columns(no_recommendation_reason=pl.lit(None, pl.String))
    return build_recommendation_rows(listed, CHANGES, context, practice_options, everyone, policy)


# The change of ann's first row; the second row has none.
CHANGES = pl.DataFrame(
    [
        {
            "person_id": "ann",
            "skill_id": "git",
            "rank": 1,
            "from_stage": "none",
            "change": "add",
            "change_of": "evidence",
            "changed_skill_id": "git",
            "mode": "observation",
            "occurred_at": None,
            "to_rank": None,
            "stage_after": "apprentice",
        }
    ],
    schema_overrides={"occurred_at": pl.Datetime("us", "UTC"), "to_rank": pl.Int64},
)


def test_the_parts_sum_to_the_score() -> None:
    blended = add_blended_score(
        scored(
            {"probability": 0.2, "mastery": 0.5, "autonomy": 1.0, "purpose": 0.4},
            {"probability": 0.05, "mastery": 1.0, "autonomy": None, "purpose": 0.3},
        ),
        WEIGHTS,
        NO_PREFERENCES,
    )
    assert blended["part_probability"].to_list() == pytest.approx([0.6, 0.6 * 0.25 / 0.9])
    assert blended["part_mastery"].to_list() == pytest.approx([0.1, 0.2 / 0.9])
    assert blended["part_autonomy"].to_list() == [pytest.approx(0.1), None]
    parts = blended.select(pl.sum_horizontal("part_probability", "part_mastery", "part_autonomy", "part_purpose"))
    assert parts.to_series().to_list() == pytest.approx(blended["score"].to_list())


def test_reasons_contain_all_parts_and_centred_contributions() -> None:
    for row in rows_for(["ann"], wish=1.0).iter_rows(named=True):
        values = {reason["code"]: reason["value"] for reason in row["reasons"]}
        assert sum(value for code, value in values.items() if code.startswith("part_")) == pytest.approx(row["score"])
        # history gave 0.5 and -0.2: 0.35 to either side of their mean
        assert values["model_history"] == pytest.approx(0.35 if row["skill_id"] == "sql" else -0.35)


def test_a_row_has_its_counterfactual_if_there_is_one() -> None:
    rows = rows_for(["ann"])
    counterfactuals = dict(rows.select("skill_id", "counterfactual").iter_rows())
    assert counterfactuals["git"] is not None
    assert counterfactuals["git"].startswith("One completed course on it")
    assert counterfactuals["sql"] is None


def test_everyone_gets_a_row_with_steps_or_a_reason() -> None:
    rows = rows_for(["ann", "bob", "eve"])
    assert rows.select("person_id", "rank", "skill_id", "no_recommendation_reason").rows() == [
        ("ann", 1, "git", None),
        ("ann", 2, "sql", None),
        ("bob", None, None, "nothing_eligible"),
        ("eve", None, None, "too_little_evidence"),
    ]
    assert rows.schema == {name: dtype for name, dtype in NEXT_SKILL.schema.items() if name in rows.columns}


def test_a_wish_can_change_the_order_and_is_in_the_explanation() -> None:
    rows = rows_for(["ann"], wish=1.0)
    sql = rows.row(by_predicate=pl.col("skill_id") == "sql", named=True)
    assert (sql["autonomy"], sql["mastery"], sql["purpose"]) == (1.0, 1.0, 0.0)
    assert sql["score"] == pytest.approx(0.6 * 0.5 + 0.2 + 0.1)
    assert sql["explanation"].startswith("Take up “SQL”: you said you want to learn it; ")


def test_texts_name_no_person() -> None:
    rows = rows_for(["ann", "bob", "eve"], wish=1.0)
    texts = " ".join(rows["explanation"].drop_nulls().to_list() + rows["how"].drop_nulls().to_list())
    assert not {"ann", "bob", "eve"} & set(texts.lower().replace(".", " ").split())


def test_every_held_skill_below_master_has_a_deepening_step() -> None:
    mastery = pl.DataFrame(
        {
            "person_id": ["a", "a", "a", "b"],
            "skill_id": ["s1", "s2", "s3", "s1"],
            "stage": ["apprentice", "journeyman", "master", "apprentice"],
        }
    )
    steps = find_deepening_steps(mastery, pl.Series(["a"]))
    assert steps.select("person_id", "step_id", "from_stage").rows() == [
        ("a", "s1|journeyman", "apprentice"),
        ("a", "s2|master", "journeyman"),
    ]


def test_a_step_unknown_to_the_model_is_scored_by_its_motives() -> None:
    steps = pl.DataFrame(
        {
            "person_id": ["a", "a"],
            "probability": [0.2, None],
            "utility": [1.0, None],
            "mastery": [0.5, 1.0],
            "autonomy": [None, None],
            "purpose": [0.0, 1.0],
        },
        schema_overrides={"autonomy": pl.Float64},
    )
    weights = ScoreWeights(probability=0.5, mastery=0.25, autonomy=0.0, purpose=0.25)
    assert add_blended_score(steps, weights, NO_PREFERENCES)["score"].to_list() == [0.625, 0.5]


def test_the_weights_of_a_person_override_the_policy() -> None:
    steps = pl.DataFrame(
        {
            "person_id": ["ann", "bob"],
            "step_id": ["a|apprentice"] * 2,
            "utility": [0.0, 0.0],
            "probability": [0.5, 0.5],
            "mastery": [0.5, 0.5],
            "autonomy": [1.0, 1.0],
            "purpose": [0.0, 0.0],
        }
    )
    weights = ScoreWeights(probability=0.5, mastery=0.0, autonomy=0.1, purpose=0.4)
    preferences = pl.DataFrame(
        {"person_id": ["ann"], "mastery_weight": [None], "autonomy_weight": [0.9], "purpose_weight": [0.1]},
        schema_overrides={"mastery_weight": pl.Float64},
    )
    blended = add_blended_score(steps, weights, preferences)
    # ann: (0.5 x 1 + 0.9 x 1 + 0.1 x 0) / 1.5; bob, who has no weights: (0.5 x 1 + 0.1 x 1 + 0.4 x 0) / 1
    assert blended["score"].to_list() == pytest.approx([1.4 / 1.5, 0.6])
    parts = [f"part_{name}" for name in ("probability", "mastery", "autonomy", "purpose")]
    assert blended.columns == [*steps.columns, *parts, "score"]
