"""Crafts at risk, combinations, the map and who taught whom, on small data worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.craft.planted_crafts import measure_crafts_at_risk
from ml.organisation.combinations import find_capabilities_within_reach, find_rare_pairs
from ml.organisation.craft_at_risk import count_practising_masters, find_crafts_at_risk, set_masters
from ml.organisation.own_combinations import count_pairs, describe_own_combinations, list_requirements
from ml.organisation.skill_map import compute_similarity, lay_out_skills, place_points, place_reference
from ml.organisation.teaching_lines import find_teaching_lines
from pipelines.contracts.columns import TIMESTAMP
from pipelines.contracts.craft_tables import STAGE_TIME

AS_OF = date(2026, 6, 30)
NO_TIMES = pl.DataFrame(schema=STAGE_TIME.schema)
SKILLS = pl.DataFrame(
    {
        "skill_id": ["a", "b", "c", "d"],
        "skill_name": ["A", "B", "C", "D"],
        "capability_id": ["k", "k", "k", None],
        "capability_name": ["K", "K", "K", None],
    }
)


def moment(days_ago: int) -> datetime:
    return datetime(2026, 6, 30, tzinfo=UTC) - timedelta(days=days_ago)


def make_masters(rows: list[tuple[str, int, int | None]]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Mastery, reached steps and people: a master of `a` per row, with the days since the last practice and leaving."""
    names = [name for name, _, _ in rows]
    mastery = pl.DataFrame(
        {
            "person_id": names,
            "skill_id": "a",
            "stage": "master",
            "last_practised_at": [moment(days) for _, days, _ in rows],
        },
        schema={
            **dict.fromkeys(("person_id", "skill_id", "stage"), pl.String),
            "last_practised_at": TIMESTAMP,
        },
    )
    steps = mastery.select(
        "person_id", "skill_id", pl.lit("master").alias("to_stage"), pl.lit(moment(900)).alias("reached_at")
    )
    people = pl.DataFrame(
        {
            "person_id": names,
            "unit_name": "Unit",
            "employment_status": ["active" if left is None else "left" for _, _, left in rows],
            "hired_date": date(2015, 1, 1),
            "left_date": [None if left is None else moment(left).date() for _, _, left in rows],
        },
        schema={
            **dict.fromkeys(("person_id", "unit_name", "employment_status"), pl.String),
            **dict.fromkeys(("hired_date", "left_date"), pl.Date),
        },
    )
    return mastery, steps, people


def find_risks(rows: list[tuple[str, int, int | None]], minimum_people: int = 3) -> pl.DataFrame:
    mastery, steps, people = make_masters(rows)
    masters = count_practising_masters(mastery, steps, people.drop("unit_name"), AS_OF)
    employed = people.filter(pl.col("employment_status") != "left").select("person_id", "unit_name")
    return find_crafts_at_risk(
        masters, mastery, employed, SKILLS, NO_TIMES, minimum_people=minimum_people, team_people=3
    )


# one practises, one left 100 days ago, two stopped 200 days ago; all four practised a year ago
DECLINING = [("p1", 5, None), ("p2", 110, 100), ("p3", 200, None), ("p4", 200, None)]


def test_a_craft_is_at_risk_if_few_masters_practise_and_at_most_half_as_many_as_a_year_ago() -> None:
    mastery, steps, people = make_masters(DECLINING)
    masters = count_practising_masters(mastery, steps, people.drop("unit_name"), AS_OF)
    assert masters.rows() == [("a", 1, 4)]
    (row,) = find_risks(DECLINING).to_dicts()
    assert (row["craft_holder_count"], row["master_people_count"], row["holder_unit_names"]) == (3, None, ["Unit"])
    assert row["finding"].startswith("Few masters of “A”, or none, practise it now, and at most half as many as a year")


def test_a_craft_that_was_always_small_or_is_large_enough_is_not_at_risk() -> None:
    assert find_risks([("p1", 5, None), ("p2", 5, None)]).is_empty()
    assert find_risks([(f"p{number}", 5 if number < 3 else 200, None) for number in range(8)]).is_empty()
    assert find_risks([("p1", 800, None)]).is_empty()  # its master stopped long ago


def test_a_craft_with_few_holders_is_told_without_numbers_and_units() -> None:
    (row,) = find_risks([("p1", 110, 100), ("p2", 110, 100), ("p3", 5, None)]).to_dicts()
    assert (row["craft_holder_count"], row["master_people_count"], row["holder_unit_names"]) == (None, None, [])
    assert not any(character.isdigit() for character in row["finding"])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 900), st.none() | st.integers(1, 500)), max_size=12), st.integers(1, 5))
def test_no_number_of_holders_below_the_minimum_is_told(
    masters: list[tuple[int, int | None]], minimum_people: int
) -> None:
    rows = [(f"p{number}", days, left) for number, (days, left) in enumerate(masters)]
    employed_count = sum(left is None for _, left in masters)
    for row in find_risks(rows, minimum_people).iter_rows(named=True):
        if employed_count < minimum_people:
            assert (row["craft_holder_count"], row["holder_unit_names"]) == (None, [])
        assert row["master_people_count"] is None  # all holders are masters: the others are 0
        assert not {f"p{number}" for number in range(12)} & set(row["finding"].split())


def test_without_feedback_masters_are_those_who_repeated_as_often() -> None:
    mastery, steps, people = make_masters(DECLINING)
    apprentices = mastery.with_columns(stage=pl.lit("apprentice"))
    repeated_mastery = set_masters(apprentices, steps)
    assert repeated_mastery.equals(mastery)
    assert set_masters(apprentices, steps.clear()).equals(apprentices)
    masters = count_practising_masters(repeated_mastery, steps, people.drop("unit_name"), AS_OF)
    employed = people.filter(pl.col("employment_status") != "left").select("person_id", "unit_name")
    finding = find_crafts_at_risk(
        *(masters, repeated_mastery, employed, SKILLS, NO_TIMES),
        minimum_people=3,
        team_people=3,
        is_by_repetition=True,
    )["finding"].item()
    assert finding.startswith("Of those who repeated “A” as often as a master must, few practise it now, or none")
    assert "3 people here repeated it as often." in finding


def test_planted_crafts_are_found() -> None:
    found, false_alarms = measure_crafts_at_risk(seeds=2)
    assert found.mean > 0.9
    assert false_alarms.mean < 0.08


def hold(**skills_by_person: str) -> pl.DataFrame:
    return pl.DataFrame(
        [(person, skill) for person, skills in skills_by_person.items() for skill in skills],
        schema={"person_id": pl.String, "skill_id": pl.String},
        orient="row",
    )


def test_a_capability_is_within_reach_of_those_who_lack_the_same_one_or_two_micro_skills() -> None:
    held = hold(p1="ab", p2="ab", p3="abd", p4="c", p5="c", p6="a", p7="abc")
    rows = find_capabilities_within_reach(held, SKILLS, 2).select("step_skill_ids", "near_people_count").rows()
    assert rows == [(["a", "b"], 2), (["c"], 3)]  # b and c are lacked by p6 alone
    finding = find_capabilities_within_reach(held, SKILLS, 3)["finding"].to_list()
    assert finding == ["Few people, or none, hold all of “K”; 3 people would after one step: “C”."]


def test_a_capability_that_enough_people_hold_is_not_lacking() -> None:
    assert find_capabilities_within_reach(hold(p1="abc", p2="abc", p3="ab", p4="ab"), SKILLS, 2).is_empty()


def make_work(*skill_sets: str) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"w{number}", skill) for number, skills in enumerate(skill_sets) for skill in skills],
        schema={"work_id": pl.String, "skill_id": pl.String},
        orient="row",
    )


def test_a_rare_pair_that_open_work_asks_for_names_the_step_of_the_most_people() -> None:
    held = hold(p1="a", p2="a", p3="a", p4="d", p5="ad")
    (row,) = find_rare_pairs(held, make_work("ad", "ad", "a"), SKILLS, 100, 2).to_dicts()
    assert (row["combined_skill_ids"], row["step_skill_ids"]) == (["a", "d"], ["d"])
    assert (row["both_people_count"], row["open_work_count"]) == (None, 2)
    # four hold a, of whom one holds both; 0 and 1 are withheld, so that at least 4 - 1 lack d
    assert row["near_people_count"] == 3
    assert row["finding"] == (
        "Open work asks for “A” and “D” together (in 2 assignments); few people, or none, hold both. At least 3 more "
        "would after one step: “D”."
    )


def test_the_number_of_people_near_a_pair_does_not_tell_how_many_hold_it() -> None:
    counts = {
        find_rare_pairs(held, make_work("ad"), SKILLS, 100, 3)["near_people_count"].item()
        for held in (
            hold(p1="a", p2="a", p3="a", p4="a", p5="a", p6="d"),
            hold(p1="ad", p2="a", p3="a", p4="a", p5="a"),
            hold(p1="ad", p2="ad", p3="a", p4="a", p5="a"),
        )
    }
    assert counts == {3}  # five hold a, at most two of them both


@settings(max_examples=30)
@given(
    st.lists(st.sets(st.sampled_from("abcd"), min_size=1), max_size=10),
    st.lists(st.sets(st.sampled_from("abcd"), min_size=1), max_size=5),
    st.integers(1, 5),
)
def test_no_combination_tells_a_number_of_people_below_the_minimum(
    held_sets: list[set[str]], work_sets: list[set[str]], minimum_people: int
) -> None:
    held = hold(**{f"p{number}": "".join(sorted(skills)) for number, skills in enumerate(held_sets)})
    work = make_work(*("".join(sorted(skills)) for skills in work_sets))
    rows = [
        *find_capabilities_within_reach(held, SKILLS, minimum_people).iter_rows(named=True),
        *find_rare_pairs(held, work, SKILLS, len(held_sets), minimum_people).iter_rows(named=True),
    ]
    for row in rows:
        combined, steps = set(row["combined_skill_ids"]), set(row["step_skill_ids"])
        for column in ("near_people_count", "both_people_count"):
            assert row[column] is None or row[column] >= minimum_people
        if row["near_people_count"] is not None:
            near_count = sum(combined - skills == steps for skills in held_sets)
            both_count = sum(combined <= skills for skills in held_sets)
            is_least = row["combination_kind"] == "rare_but_asked_for" and both_count < minimum_people
            withheld_count = minimum_people - 1 - both_count if is_least else 0
            assert near_count - withheld_count == row["near_people_count"]


def test_the_opening_step_completes_the_most_capabilities_roles_and_work() -> None:
    held = hold(p1="ab", p2="d", p3="abcd")
    roles = pl.DataFrame({"role_name": "R", "skill_id": ["a", "d"], "importance": "essential"})
    requirements = list_requirements(SKILLS, roles, make_work("ad", "ad", "abd"))
    rows = describe_own_combinations(held, count_pairs(held), requirements, 2).rows_by_key("person_id", named=True)
    # p1: d completes the role, two assignments and one more; c completes the capability
    assert rows["p1"][0] == {
        "unusual_skill_ids": ["a", "b"],
        "both_people_count": 2,
        "opening_skill_id": "d",
        "opened_capability_count": 0,
        "opened_role_count": 1,
        "opened_work_count": 3,
    }
    assert rows["p2"][0]["opening_skill_id"] == "a"
    assert rows["p2"][0]["unusual_skill_ids"] is None
    # a and c are held together by p3 alone, as a and d: the smaller ids are told, and no number
    assert (rows["p3"][0]["unusual_skill_ids"], rows["p3"][0]["both_people_count"]) == (["a", "c"], None)
    assert rows["p3"][0]["opening_skill_id"] is None


def test_similarity_is_the_share_of_common_people() -> None:
    # 2 common of 4 and 9 people: 2 / 6
    similarity = compute_similarity(np.array([[4.0, 2], [2, 9]]), np.array([4, 9]))
    assert similarity[0, 1] == pytest.approx(1 / 3)
    assert similarity[0, 0] == 1


def make_practice(people: int) -> pl.DataFrame:
    """Two groups of micro-skills that different people practise; each person has four of the six of a group."""
    fours = list(combinations(range(6), 4))
    rows = [
        (f"p{person}", f"{'xy'[person % 2]}{skill}") for person in range(people) for skill in fours[person % len(fours)]
    ]
    return pl.DataFrame(rows, schema={"person_id": pl.String, "skill_id": pl.String}, orient="row")


MAP_SKILLS = pl.DataFrame(
    {"skill_id": [f"{group}{number}" for group in "xy" for number in range(6)], "capability_id": None},
    schema={"skill_id": pl.String, "capability_id": pl.String},
)


def test_what_the_same_people_practise_lies_close_together() -> None:
    places = lay_out_skills(make_practice(60), MAP_SKILLS, 3)
    xy = places.select("map_x", "map_y").to_numpy()
    is_x = places["skill_id"].str.starts_with("x").to_numpy()
    within = np.linalg.norm(xy[is_x] - xy[is_x].mean(axis=0), axis=1).mean()
    between = np.linalg.norm(xy[is_x].mean(axis=0) - xy[~is_x].mean(axis=0))
    assert between > 2 * within
    assert set(places.filter(skill_id="x0")["neighbour_skill_ids"][0]) < {f"x{number}" for number in range(6)}


def test_a_little_more_evidence_moves_the_map_a_little_and_the_same_evidence_not_at_all() -> None:
    before, again, after = (lay_out_skills(make_practice(people), MAP_SKILLS, 3) for people in (200, 200, 204))
    assert before.equals(again)
    moved = before.select("map_x", "map_y").to_numpy() - after.select("map_x", "map_y").to_numpy()
    assert np.linalg.norm(moved, axis=1).max() < 0.1  # the mean distance from the middle is about 1


def test_too_few_people_place_no_micro_skill() -> None:
    rows = pl.DataFrame({"person_id": ["p1", "p2", "p1"], "skill_id": ["x0", "x0", "x1"]})
    assert lay_out_skills(rows, MAP_SKILLS, 2)["skill_id"].to_list() == ["x0"]
    assert lay_out_skills(rows.clear(), MAP_SKILLS, 2).is_empty()


def test_distances_that_fit_a_plane_are_kept() -> None:
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    distances = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    places = place_points(distances, corners + np.array([[0.1, 0], [0, 0.1], [0, 0], [0, 0]]))
    found = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert found / found[0, 1] == pytest.approx(distances, abs=0.05)


def test_the_reference_depends_on_the_names_alone() -> None:
    whole, part = place_reference(MAP_SKILLS), place_reference(MAP_SKILLS.slice(3, 2))
    assert whole[3:5] == pytest.approx(part)


CONSENT_SCHEMA = {"person_id": pl.String, "relation": pl.String, "skill_id": pl.String, "is_given": pl.Boolean}


def trace(*consents: tuple[str, str, str | None, bool]) -> list[tuple[str, str, str]]:
    feedback = pl.DataFrame(
        {
            "person_id": ["learner", "learner", "learner"],
            "skill_id": "a",
            "given_by_id": ["teacher", "teacher", "novice"],
            "feedback_kind": "peer",
            "occurred_at": [moment(50), moment(10), moment(50)],
        }
    )
    steps = pl.DataFrame({"person_id": ["learner"], "skill_id": "a", "kind": "deepen", "reached_at": [moment(30)]})
    steps = steps.with_columns(to_stage=pl.lit("journeyman"))
    mastery = pl.DataFrame({"person_id": ["teacher", "novice"], "skill_id": "a", "stage": ["master", "apprentice"]})
    active_consents = pl.DataFrame(list(consents), schema=CONSENT_SCHEMA, orient="row")
    lines = find_teaching_lines(feedback, steps, mastery, active_consents)
    assert lines["taught_count"].unique().to_list() in ([1], [])  # feedback after the stage taught something else
    return lines.select("person_id", "relation", "companion_id").rows()


def test_who_taught_whom_names_only_people_who_consent() -> None:
    assert trace() == []
    assert trace(("teacher", "follow", None, True)) == [("learner", "follow", "teacher")]
    assert trace(("learner", "lead", "a", True)) == [("teacher", "lead", "learner")]
    assert trace(("teacher", "lead", None, True)) == []
    # the word about the micro-skill counts
    assert trace(("teacher", "follow", None, True), ("teacher", "follow", "a", False)) == []
