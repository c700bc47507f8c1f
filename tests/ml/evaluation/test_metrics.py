"""Ranking metrics, computed by hand."""

import numpy as np
import pytest

from ml.evaluation.metrics import bootstrap_means, score_cases

OPEN = np.ones((1, 12), bool)
ORDER = np.arange(12)


def one_case(scores, target, n_targets, eligible_mask=OPEN, tie_break=ORDER):
    row = np.zeros(len(target), np.int64)
    block = np.asarray([scores], np.float32)
    return score_cases(
        block, eligible_mask, row, np.asarray(target, np.int64), np.array([n_targets]), tie_break, np.zeros(1, np.int64)
    )


def test_two_targets_at_ranks_one_and_three() -> None:
    case = one_case(np.arange(12, 0, -1), [0, 2], 2)
    assert case.hit.tolist() == [1.0]
    assert case.ndcg[0] == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))
    assert case.reciprocal_rank.tolist() == [1.0]


def test_a_target_after_rank_ten_has_a_reciprocal_rank_but_no_gain() -> None:
    case = one_case(np.arange(12, 0, -1), [10], 1)
    assert (case.hit[0], case.ndcg[0], case.reciprocal_rank[0]) == (0.0, 0.0, 1 / 11)


def test_a_target_that_is_new_since_the_training_counts_as_missed() -> None:
    case = one_case(np.arange(12, 0, -1), [0], 2)
    assert case.ndcg[0] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert one_case(np.arange(12), [], 1).ndcg.tolist() == [0.0]


def test_held_items_take_no_rank() -> None:
    eligible_mask = OPEN.copy()
    eligible_mask[0, :5] = False
    assert one_case(np.arange(12, 0, -1), [5], 1, eligible_mask).reciprocal_rank.tolist() == [1.0]


def test_equal_scores_gain_nothing_on_average() -> None:
    rng = np.random.default_rng(0)
    hits = [one_case(np.zeros(12), [0], 1, tie_break=rng.permutation(12)).hit[0] for _ in range(600)]
    assert np.mean(hits) == pytest.approx(10 / 12, abs=0.05)


def test_the_bootstrap_draws_people_not_cases() -> None:
    values = np.array([[0.0], [0.0], [0.0], [1.0]])
    means = bootstrap_means(values, np.array([7, 7, 7, 9]), 0)
    assert set(np.round(means[:, 0], 4)) == {0.0, 0.25, 1.0}
