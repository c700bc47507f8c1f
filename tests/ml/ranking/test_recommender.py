"""The recommender: no leak, the same result always, a fallback with little data."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

from ml.data.interactions import encode_interactions
from ml.data.ranker_config import choose_config
from ml.ranking.fitting import fit_recommender
from ml.ranking.recommender import Recommender

AS_OF = datetime(2023, 1, 1)
PEOPLE = [f"p{number:04d}" for number in range(0, 300, 7)]


def quick_config(events: pl.DataFrame, **changes: object):
    return replace(choose_config(encode_interactions(events)), n_trees=10, **changes)


@pytest.fixture(scope="module")
def fitted(ladders: pl.DataFrame) -> Recommender:
    return fit_recommender(ladders, as_of=AS_OF, config=quick_config(ladders))


def test_a_row_has_rank_probability_and_contributions_that_add_up_to_the_utility(
    fitted: Recommender, ladders: pl.DataFrame
) -> None:
    rows = fitted.score(ladders, PEOPLE, as_of=AS_OF, max_items=5)
    assert rows["rank"].min() == 1
    assert rows["rank"].max() == 5
    assert rows.select(pl.col("probability").is_between(0, 1).all()).item()
    parts = rows.select(pl.sum_horizontal(pl.col("^contribution_.*$"))).to_series()
    assert (parts - rows["utility"]).abs().max() < 1e-6
    assert rows.group_by("person_id").agg(pl.col("utility").is_sorted(descending=True))["utility"].all()


def test_no_held_and_no_excluded_item_is_recommended(fitted: Recommender, ladders: pl.DataFrame) -> None:
    excluded = fitted.score(ladders, PEOPLE, as_of=AS_OF, max_items=5).select("person_id", "skill_id")
    rows = fitted.score(ladders, PEOPLE, as_of=AS_OF, excluded_pairs=excluded, max_items=10)
    held = ladders.filter(pl.col("ts") <= AS_OF)
    assert rows.height > 0
    assert rows.join(held, on=["person_id", "skill_id"], how="semi").is_empty()
    assert rows.join(excluded, on=["person_id", "skill_id"], how="semi").is_empty()


def test_an_item_that_no_longer_exists_is_recommended_to_nobody_and_costs_no_place(
    fitted: Recommender, ladders: pl.DataFrame
) -> None:
    before = fitted.score(ladders, PEOPLE, as_of=AS_OF, max_items=5)
    vanished = before["skill_id"].mode().sort()[0]
    items = ladders["skill_id"].unique()
    remaining = items.filter(items != vanished)
    rows = fitted.score(ladders, PEOPLE, as_of=AS_OF, available_ids=remaining, max_items=5)
    assert vanished not in rows["skill_id"]
    # the next best item takes its place
    assert rows.height == before.height
    everything = fitted.score(ladders, PEOPLE, as_of=AS_OF, available_ids=items, max_items=5)
    assert_frame_equal(everything, before)


def test_removing_the_future_changes_nothing(fitted: Recommender, ladders: pl.DataFrame) -> None:
    past = ladders.filter(pl.col("ts") <= AS_OF)
    refitted = fit_recommender(past, as_of=AS_OF, config=fitted.config)
    people = [person for person in PEOPLE if person in set(past["person_id"])]
    assert_frame_equal(
        refitted.score(past, people, as_of=AS_OF), fitted.score(ladders, people, as_of=AS_OF), check_exact=True
    )


def test_row_order_and_thread_count_change_nothing(fitted: Recommender, ladders: pl.DataFrame) -> None:
    from threadpoolctl import threadpool_limits

    shuffled = ladders.sample(fraction=1.0, shuffle=True, seed=5)
    with threadpool_limits(2):
        refitted = fit_recommender(shuffled, as_of=AS_OF, config=fitted.config)
        rows = refitted.score(shuffled, PEOPLE[::-1], as_of=AS_OF)
    assert_frame_equal(rows, fitted.score(ladders, PEOPLE, as_of=AS_OF), check_exact=True)


def test_a_person_without_history_gets_recommendations(fitted: Recommender, ladders: pl.DataFrame) -> None:
    rows = fitted.score(ladders, ["stranger"], as_of=AS_OF, max_items=3)
    assert rows["person_id"].to_list() == ["stranger"] * 3
    assert rows["utility"].is_finite().all()


def test_a_persons_rows_do_not_depend_on_the_other_people_scored(fitted: Recommender, ladders: pl.DataFrame) -> None:
    single = fitted.score(ladders, PEOPLE[3:4], as_of=AS_OF)
    batch = fitted.score(ladders, PEOPLE, as_of=AS_OF).filter(pl.col("person_id") == PEOPLE[3])
    assert single["skill_id"].to_list() == batch["skill_id"].to_list()
    assert single["utility"].to_numpy() == pytest.approx(batch["utility"].to_numpy(), abs=1e-4)


def test_five_people_get_popularity_and_the_reason() -> None:
    events = pl.DataFrame(
        {"person_id": list("abcde"), "skill_id": list("xxxyz"), "ts": [datetime(2024, 1, day) for day in range(1, 6)]}
    )
    recommender = fit_recommender(events, as_of=datetime(2024, 2, 1))
    assert recommender.reason is not None
    assert "popularity" in recommender.reason
    rows = recommender.score(events, ["d"], as_of=datetime(2024, 2, 1))
    assert rows["skill_id"].to_list() == ["x", "z"]
    assert rows["probability"].null_count() == 2


def test_without_events_the_result_is_empty() -> None:
    events = pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String, "ts": pl.Datetime("us")})
    recommender = fit_recommender(events, as_of=AS_OF)
    assert recommender.reason is not None
    assert recommender.score(events, ["a"], as_of=AS_OF).is_empty()


def test_extra_features_change_the_ranking(ladders: pl.DataFrame) -> None:
    later = ladders.filter(pl.col("ts") > datetime(2022, 3, 1)).select("person_id", "skill_id").unique()
    oracle = JoinedFeatures(later.with_columns(hint=1.0), {"hint": "wishes"})
    plain = fit_recommender(ladders, as_of=AS_OF, config=quick_config(ladders, boosting=False))
    helped = fit_recommender(ladders, as_of=AS_OF, config=quick_config(ladders, boosting=False), extra_features=oracle)
    truth = ladders.filter(pl.col("ts") > AS_OF)

    def hits(recommender: Recommender) -> int:
        rows = recommender.score(ladders, truth["person_id"].unique(), as_of=AS_OF, max_items=3)
        return rows.join(truth, on=["person_id", "skill_id"], how="semi").height

    assert hits(helped) > hits(plain)
    assert "contribution_wishes" in helped.score(ladders, PEOPLE[:1], as_of=AS_OF).columns


def test_extra_features_with_gaps_are_refused(ladders: pl.DataFrame) -> None:
    class Gappy(JoinedFeatures):
        def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
            return pairs.with_columns(hint=pl.lit(np.nan)).select("hint")

    with pytest.raises(ValueError, match="empty or infinite"):
        fit_recommender(ladders, as_of=AS_OF, extra_features=Gappy(pl.DataFrame(), {"hint": "hr"}))


def test_an_item_newer_than_the_fit_is_ranked_by_its_name_and_adoption(ladders: pl.DataFrame) -> None:
    early, late = datetime(2022, 6, 1), datetime(2022, 9, 1)
    recommender = fit_recommender(ladders, as_of=early, config=quick_config(ladders))
    held = ladders.filter(pl.col("ts") < early).group_by("person_id").agg(pl.col("skill_id").str.slice(6, 1).unique())
    single_ladder = held.filter(pl.col("skill_id").list.len() == 1).explode("skill_id").sort("person_id")
    at_home, away = (single_ladder.filter(pl.col("skill_id") == ladder)["person_id"] for ladder in "ab")
    new_events = pl.DataFrame({"person_id": at_home[:8], "skill_id": "laddera/rungnew", "ts": datetime(2022, 8, 1)})
    events = pl.concat([ladders, new_events.with_columns(pl.col("ts").cast(pl.Datetime("us")))])

    def place(people: pl.Series, as_of: datetime) -> pl.Series:
        rows = recommender.score(events, people, as_of=as_of, max_items=40)
        return rows.filter(pl.col("skill_id") == "laddera/rungnew")["rank"]

    assert place(at_home[8:], datetime(2022, 7, 1)).is_empty()
    assert len(place(at_home[8:], late)) == len(at_home[8:])
    assert place(at_home[8:], late).mean() < place(away, late).mean()
