"""Baselines that are fitted again at each window see everything before it, and nothing after."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from ml.evaluation.evaluate import evaluate, evaluate_recommender

BEGIN = datetime(2022, 1, 1)
WINDOW_DAYS = 30


def take_pairs(second_item: str, first_day: int, people: int) -> list[tuple[str, str, datetime]]:
    """People who take `first` and, 31 days later, another item; one person begins per day."""
    return [
        (f"{second_item}{person:02d}", item, BEGIN + timedelta(days=first_day + person + 31 * place))
        for person in range(people)
        for place, item in enumerate(("first", second_item))
    ]


@pytest.fixture(scope="module")
def changing_events() -> pl.DataFrame:
    """50 people continue with `old`, then 100 with `new`: 39 of them before the freeze on day 120, 69 30 days later."""
    rows = take_pairs("old", 0, 50) + take_pairs("new", 50, 100)
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")


def test_a_refitted_baseline_learns_what_came_after_the_freeze(changing_events: pl.DataFrame) -> None:
    evaluation = evaluate(changing_events, horizon_days=WINDOW_DAYS, model_names=("ease", "ease_refitted"))
    assert evaluation.frozen_at is not None
    assert evaluation.frozen_at.startswith("2022-05-01")  # day 120
    ndcg = {result.model: result.ndcg_at_10 for result in evaluation.models}
    assert ndcg["ease_refitted"] > ndcg["ease"]
    assert evaluation.ratio is None  # footsteps is not among the models
    assert evaluation.headline == "ratio"


def test_at_the_freeze_a_refitted_baseline_is_the_frozen_one(ladders: pl.DataFrame) -> None:
    models = evaluate_recommender(
        ladders,
        window_choice="last",
        horizon_days=60,
        model_names=("ease", "ease_refitted", "user_knn", "user_knn_refitted"),
    ).evaluation.models
    ease, ease_refitted, user_knn, user_knn_refitted = (result.ndcg_at_10 for result in models)
    assert 0 < ease == ease_refitted
    assert 0 < user_knn == user_knn_refitted


def test_refitted_baselines_need_windows(ladders: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="ease_refitted are fitted again at each window: use the split time"):
        evaluate(ladders, split="leave-last", model_names=("ease", "ease_refitted"))
