"""Evaluation on small data: no split leaks, misses are counted, all models have the same cases."""

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.evaluation.evaluate import evaluate, list_available_models
from ml.evaluation.splits import sample_people, split_by_time, split_leave_last

SIMPLE = ("popularity", "item_knn", "ease")


def test_every_model_has_results(ladders: pl.DataFrame) -> None:
    evaluation = evaluate(ladders, horizon_days=60)
    assert [row.model for row in evaluation.models] == list(list_available_models())
    for row in evaluation.models:
        assert 0 <= row.ndcg_at_10_low <= row.ndcg_at_10 <= row.ndcg_at_10_high <= 1
        assert row.hr_at_10 >= row.ndcg_at_10
        assert row.peak_mb >= 0
    assert evaluation.ratio is not None
    assert evaluation.ratio.low <= evaluation.ratio.ratio <= evaluation.ratio.high
    assert {row.segment for row in evaluation.segments} == {"cold", "short", "long", "no_history", "cold_skills"}
    scored = [row for row in evaluation.segments if row.n_cases]
    assert scored
    assert all(row.ndcg_at_10_low <= row.ndcg_at_10 <= row.ndcg_at_10_high for row in scored)
    assert any(row.ndcg_at_10_low < row.ndcg_at_10_high for row in scored)
    assert json.loads(json.dumps(evaluation.to_dict()))["models"][-1]["model"] == "footsteps"


def test_ladders_are_predicted_better_than_by_popularity(small_ladders: pl.DataFrame) -> None:
    evaluation = {row.model: row for row in evaluate(small_ladders, split="leave-last").models}
    assert evaluation["footsteps"].ndcg_at_10 > evaluation["popularity"].ndcg_at_10 + 0.2


def test_the_freeze_leaves_a_fifth_of_the_acquisitions_in_whole_windows(ladders: pl.DataFrame) -> None:
    full = encode_interactions(ladders)
    eval_split = split_by_time(full, 60 * TICKS_PER_DAY)
    end = int(full.time.max()) + 1
    assert eval_split.freeze_tick is not None
    assert (end - eval_split.freeze_tick) % (60 * TICKS_PER_DAY) == 0
    got = full.acquisitions.time
    assert (got >= eval_split.freeze_tick).mean() >= 0.2 > (got >= eval_split.freeze_tick + 60 * TICKS_PER_DAY).mean()
    assert (
        int(eval_split.train_interactions.time.max())
        < eval_split.freeze_tick
        <= int(eval_split.cases.cutoff_tick.min())
    )


def test_leave_last_trains_on_nothing_from_the_held_out_moment_on(ladders: pl.DataFrame) -> None:
    eval_split = split_leave_last(encode_interactions(ladders))
    latest = {
        str(eval_split.train_interactions.people[p]): int(t)
        for p, t in zip(eval_split.train_interactions.person, eval_split.train_interactions.time, strict=True)
    }
    for person, cut in zip(
        eval_split.all_interactions.people[eval_split.cases.person].tolist(), eval_split.cases.cutoff_tick, strict=True
    ):
        assert latest[person] < cut


def test_skills_that_are_new_after_the_freeze_count_as_misses(ladders: pl.DataFrame) -> None:
    late = ladders["ts"].max() - timedelta(days=100)
    renamed = ladders.with_columns(
        skill_id=pl.when(pl.col("ts") > late).then(pl.lit("new/") + pl.col("skill_id")).otherwise("skill_id")
    )
    evaluation = evaluate(renamed, horizon_days=60, model_names=SIMPLE)
    assert evaluation.n_targets_unseen > 0.5 * evaluation.n_targets
    assert max(row.hr_at_10 for row in evaluation.models) < 0.5


def test_a_signal_that_exists_only_in_the_future_does_not_help() -> None:
    """After the freeze all people take pairs on one day, before it nobody did: a leak would rank them first."""

    rng = np.random.default_rng(0)
    begin, rows = datetime(2022, 1, 1), []
    for person in range(240):
        early = rng.choice(20, 4, replace=False)
        rows += [(f"p{person}", f"early{item}", begin + timedelta(days=int(rng.integers(600)))) for item in early]
        secret = person % 20
        rows.append((f"p{person}", f"early{secret}x", begin + timedelta(days=int(rng.integers(600)))))
        rows.append((f"p{person}", f"late{secret}", begin + timedelta(days=700)))
    for item in range(20):  # each late skill is known before the freeze, so it can be ranked at all
        rows.append((f"known{item}", f"late{item}", begin + timedelta(days=item)))
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    evaluation = evaluate(events, horizon_days=90, model_names=("popularity", "ease", "item_knn", "footsteps"))
    # Twenty late and about forty early skills are eligible; a model that saw the pairs would reach one.
    assert all(row.ndcg_at_10 < 0.35 for row in evaluation.models)


def test_the_same_seed_gives_the_same_figures_for_any_row_order(small_ladders: pl.DataFrame) -> None:
    def figures(events: pl.DataFrame) -> list[tuple[float, ...]]:
        evaluation = evaluate(events, horizon_days=60, model_names=("user_knn", "footsteps"))
        return [(row.ndcg_at_10, row.mrr, row.ndcg_at_10_low, row.coverage) for row in evaluation.models]

    assert figures(small_ladders) == figures(small_ladders.sample(fraction=1.0, shuffle=True, seed=2))


def test_data_that_cannot_be_split_is_refused_with_a_remedy() -> None:
    two_events = pl.DataFrame({"person_id": ["a", "b"], "skill_id": ["x", "y"], "ts": [1, 2]})
    with pytest.raises(ValueError, match="leave-last"):
        evaluate(two_events)
    with pytest.raises(ValueError, match="nothing to hold out"):
        evaluate(two_events, split="leave-last")
    with pytest.raises(ValueError, match="no model is called oracle"):
        evaluate(two_events, model_names=["oracle"])


def test_a_sample_of_people_has_all_their_cases_and_the_same_training_data(ladders: pl.DataFrame) -> None:
    eval_split = split_by_time(encode_interactions(ladders), 60 * TICKS_PER_DAY)
    sampled = sample_people(eval_split, 20, seed=0)
    people = np.unique(np.concatenate([sampled.all_cases.person, sampled.newcomers.person]))
    assert len(people) == 20
    is_sampled = np.isin(eval_split.all_cases.person, people)
    np.testing.assert_array_equal(sampled.all_cases.cutoff_tick, eval_split.all_cases.cutoff_tick[is_sampled])
    assert len(sampled.cases) == (eval_split.all_cases.n_targets[is_sampled] > 0).sum()
    assert sampled.train_interactions is eval_split.train_interactions
    assert sample_people(eval_split, 10**6, seed=0) is eval_split
