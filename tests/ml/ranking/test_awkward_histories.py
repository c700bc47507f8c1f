"""Evaluation of unusual data: texts and Unix times, ties, single events, few people."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import encode_interactions
from ml.evaluation.evaluate import evaluate
from ml.evaluation.results import Evaluation
from ml.evaluation.splits import TooLittleHistory, parse_unix_times

FEW = ("popularity", "ease", "footsteps")


def figures(evaluation: Evaluation) -> list[tuple[float, float]]:
    return [(row.ndcg_at_10, row.mrr) for row in evaluation.models]


def test_texts_and_unix_times_are_read_as_the_moments_they_are(small_ladders: pl.DataFrame) -> None:
    events = small_ladders.with_columns(pl.col("ts").dt.truncate("1s"))
    wanted = figures(evaluate(events, horizon_days=60, model_names=("popularity", "ease")))
    forms = {
        "text": pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "offset": pl.col("ts").dt.strftime("%Y-%m-%d %H:%M:%S") + pl.lit("+00:00"),
        "seconds": pl.col("ts").dt.epoch("s"),
        "milliseconds": pl.col("ts").dt.epoch("ms"),
    }
    for form in forms.values():
        assert (
            figures(evaluate(events.with_columns(form), horizon_days=60, model_names=("popularity", "ease"))) == wanted
        )


def test_a_small_integer_stays_an_order() -> None:
    events = pl.DataFrame({"person_id": ["a"], "skill_id": ["x"], "ts": [7]})
    assert parse_unix_times(events).schema["ts"] == pl.Int64


def test_a_text_that_is_no_date_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts"):
        encode_interactions(
            pl.DataFrame({"person_id": ["a", "b"], "skill_id": ["x", "y"], "ts": ["2024-01-01", "soon"]})
        )


def test_using_an_item_again_makes_no_new_target(small_ladders: pl.DataFrame) -> None:
    again = small_ladders.with_columns(pl.col("ts") + timedelta(days=3))
    last = small_ladders["ts"].max()
    both = pl.concat([small_ladders, again.filter(pl.col("ts") <= last)])
    plain, used = (evaluate(events, horizon_days=60, model_names=("popularity",)) for events in (small_ladders, both))
    assert (used.n_targets, used.models[0].ndcg_at_10) == (plain.n_targets, plain.models[0].ndcg_at_10)


def test_thirty_people_are_enough_for_figures(ladders: pl.DataFrame) -> None:
    people = ladders["person_id"].unique().sort()[:30].implode()
    for split in ("time", "leave-last"):
        evaluation = evaluate(ladders.filter(pl.col("person_id").is_in(people)), split=split, model_names=FEW)
        assert all(0 <= row.ndcg_at_10 <= 1 for row in evaluation.models)


def test_one_event_per_person_is_too_little_history() -> None:
    begin = datetime(2024, 1, 1)
    rows = [(f"p{number}", f"s{number % 7}", begin + timedelta(days=number)) for number in range(300)]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    with pytest.raises(ValueError, match="300 people acquired items at one moment alone: nobody has a past"):
        evaluate(events, model_names=FEW)
    with pytest.raises(ValueError, match="nothing to hold out"):
        evaluate(events, split="leave-last", model_names=FEW)


def test_events_at_two_moments_are_enough_for_figures() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"p{person}", f"s{item}", moment)
        for person in range(60)
        for moment in (datetime(2023, 1, 1), datetime(2024, 1, 1))
        for item in rng.integers(0, 30, 4)
    ]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    for split in ("time", "leave-last"):
        evaluation = evaluate(events, split=split, model_names=FEW)
        assert evaluation.n_cases > 0


DAY_ONE = datetime(2024, 1, 1)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "there are no events"),
        ([("a", "u", 0), ("a", "v", 200), ("a", "w", 400)], "all events are of one person: at least two people"),
        ([("a", "u", 0), ("b", "v", 0), ("b", "u", 0)], "all events lie within one day"),
        ([("a", "u", 0), ("b", "u", 200), ("c", "u", 400)], "each of 3 people acquired items at one moment alone"),
        # all skills are held from the first day on: later uses are no next step
        ([(person, "u", day) for person in "ab" for day in (0, 200, 400)], "each of 2 people acquired items at one"),
        ([(person, skill, day) for person in "ab" for skill, day in (("u", 0), ("v", 60))], "span 60 days, too few"),
        (
            [("a", "u", 0), ("a", "v", 20), ("b", "u", 0), ("b", "v", 20), ("c", "u", 900), ("d", "u", 901)],
            "acquired anything new in the last part: use the split leave-last",
        ),
    ],
)
def test_a_history_that_cannot_be_split_is_refused_with_the_true_reason(
    rows: list[tuple[str, str, int]], reason: str
) -> None:
    events = pl.DataFrame(
        [(person, skill, DAY_ONE + timedelta(days=day)) for person, skill, day in rows],
        schema={"person_id": pl.String, "skill_id": pl.String, "ts": pl.Datetime("us")},
        orient="row",
    )
    with pytest.raises(TooLittleHistory, match=reason):
        evaluate(events, model_names=("popularity",))


def test_the_horizon_that_a_refusal_proposes_is_short_enough() -> None:
    rows = [(person, skill, DAY_ONE + timedelta(days=day)) for person in "ab" for day, skill in enumerate("uvwxyz")]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    with pytest.raises(TooLittleHistory, match="such as 1d"):
        evaluate(events, model_names=("popularity",))
    assert evaluate(events, horizon_days=1, model_names=("popularity",)).n_cases > 0
