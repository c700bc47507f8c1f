"""The comparison of fits on more and fewer rows."""

import pytest

from benchmarks.recommender import synthetic_events
from benchmarks.training import learning_curve
from benchmarks.training.learning_curve import TrainingHistory, measure_training


def test_fits_are_compared_with_the_one_on_all_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve, "_SIZES", ((60, 30),))
    history = TrainingHistory(synthetic_events(150, items=60), horizon_days=180)
    all_candidates, as_trained, refit, few_rows = measure_training(history)
    assert (all_candidates.fit, few_rows.fit) == ("all candidates", "60 cases x 30")
    assert (all_candidates.ratio, all_candidates.ratio_low, all_candidates.ratio_high) == (1.0, 1.0, 1.0)
    # so few cases are learned from with all their candidates
    assert as_trained.ndcg_at_10 == all_candidates.ndcg_at_10
    assert refit.ndcg_at_10 != all_candidates.ndcg_at_10
    assert few_rows.ratio_low <= few_rows.ratio <= few_rows.ratio_high
