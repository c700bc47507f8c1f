"""Evaluation on small worlds: no split leaks, misses are counted, ours is compared on the same cases."""

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.evaluation.evaluate import available_models, evaluate
from ml.evaluation.splits import split_leave_last, split_time

SIMPLE = ("popularity", "item_knn", "ease")


def test_every_model_is_named_and_measured(ladders: pl.DataFrame) -> None:
    found = evaluate(ladders, horizon_days=60)
    assert [row.model for row in found.models] == list(available_models())
    for row in found.models:
        assert 0 <= row.ndcg_at_10_low <= row.ndcg_at_10 <= row.ndcg_at_10_high <= 1
        assert row.hr_at_10 >= row.ndcg_at_10
        assert row.peak_mb >= 0
    assert found.ratio is not None
    assert found.ratio.low <= found.ratio.ratio <= found.ratio.high
    assert {row.segment for row in found.segments} == {"cold", "short", "long", "no_history", "cold_skills"}
    asked = [row for row in found.segments if row.n_cases]
    assert asked
    assert all(row.ndcg_at_10_low <= row.ndcg_at_10 <= row.ndcg_at_10_high for row in asked)
    assert any(row.ndcg_at_10_low < row.ndcg_at_10_high for row in asked)
    assert json.loads(json.dumps(found.to_dict()))["models"][-1]["model"] == "footsteps"


def test_ladders_are_climbed_better_than_by_popularity(small_ladders: pl.DataFrame) -> None:
    found = {row.model: row for row in evaluate(small_ladders, split="leave-last").models}
    assert found["footsteps"].ndcg_at_10 > found["popularity"].ndcg_at_10 + 0.2


def test_the_freeze_leaves_a_fifth_of_the_acquisitions_in_whole_windows(ladders: pl.DataFrame) -> None:
    full = encode_interactions(ladders)
    eval_split = split_time(full, 60 * TICKS_PER_DAY)
    end = int(full.time.max()) + 1
    assert eval_split.frozen_at is not None
    assert (end - eval_split.frozen_at) % (60 * TICKS_PER_DAY) == 0
    got = full.acquisitions.time
    assert (got >= eval_split.frozen_at).mean() >= 0.2 > (got >= eval_split.frozen_at + 60 * TICKS_PER_DAY).mean()
    assert int(eval_split.train.time.max()) < eval_split.frozen_at <= int(eval_split.cases.cut.min())


def test_leave_last_trains_on_nothing_from_the_held_out_moment_on(ladders: pl.DataFrame) -> None:
    eval_split = split_leave_last(encode_interactions(ladders))
    latest = {
        str(eval_split.train.people[p]): int(t)
        for p, t in zip(eval_split.train.person, eval_split.train.time, strict=True)
    }
    for person, cut in zip(eval_split.full.people[eval_split.cases.person].tolist(), eval_split.cases.cut, strict=True):
        assert latest[person] < cut


def test_skills_never_seen_before_the_freeze_are_counted_as_misses(ladders: pl.DataFrame) -> None:
    late = ladders["ts"].max() - timedelta(days=100)
    renamed = ladders.with_columns(
        skill_id=pl.when(pl.col("ts") > late).then(pl.lit("new/") + pl.col("skill_id")).otherwise("skill_id")
    )
    found = evaluate(renamed, horizon_days=60, models=SIMPLE)
    assert found.n_targets_unseen > 0.5 * found.n_targets
    assert max(row.hr_at_10 for row in found.models) < 0.5


def test_a_signal_that_exists_only_in_the_future_gains_nothing() -> None:
    """After the freeze all take twins on one day, before it nobody did: a leak would see the pairs and win."""

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
    found = evaluate(events, horizon_days=90, models=("popularity", "ease", "item_knn", "footsteps"))
    # Twenty late and some forty early skills stand open; a model that saw the pairs would reach one.
    assert all(row.ndcg_at_10 < 0.35 for row in found.models)


def test_the_same_seed_gives_the_same_figures_whatever_the_row_order(small_ladders: pl.DataFrame) -> None:
    def figures(events: pl.DataFrame) -> list[tuple[float, ...]]:
        found = evaluate(events, horizon_days=60, models=("user_knn", "footsteps"))
        return [(row.ndcg_at_10, row.mrr, row.ndcg_at_10_low, row.coverage) for row in found.models]

    assert figures(small_ladders) == figures(small_ladders.sample(fraction=1.0, shuffle=True, seed=2))


def test_data_that_cannot_be_split_is_refused_with_what_to_do() -> None:
    one = pl.DataFrame({"person_id": ["a", "b"], "skill_id": ["x", "y"], "ts": [1, 2]})
    with pytest.raises(ValueError, match="leave-last"):
        evaluate(one)
    with pytest.raises(ValueError, match="nothing to hold out"):
        evaluate(one, split="leave-last")
    with pytest.raises(ValueError, match="no model is called oracle"):
        evaluate(one, models=["oracle"])
