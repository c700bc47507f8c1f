"""The listwise fits: correct weights, and trees only if they help."""

from dataclasses import replace

import numpy as np
import pytest

from ml.data.interactions import encode_interactions
from ml.data.ranker_config import RankerConfig, choose_config
from ml.ranking.features import Feature
from ml.ranking.ranker import (
    SMALL_CASE_DECAY,
    SMALL_PRIOR_WEIGHT_BY_FEATURE,
    fit_logit,
    fit_ranker,
    log_softmax,
    mean_ndcg,
)
from ml.ranking.training_set import TrainingRows

POLICY = RankerConfig(target="step", ease_ridge=1.0, item_shrink=1.0)
NAMES = (Feature("good", "history", ""), Feature("noise", "trend", ""), Feature("who", "context", ""))


def rows_with(n_cases: int, power: float, *, curved: bool = False) -> TrainingRows:
    """Eight candidates per case; the target is drawn by softmax of power * good (or of good's distance from 0)."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(n_cases, 8, 3))
    features[:, :, 2] = rng.normal(size=(n_cases, 1))
    strength = -np.abs(features[:, :, 0]) if curved else features[:, :, 0]
    target = (power * strength + rng.gumbel(size=(n_cases, 8))).argmax(axis=1)
    label = np.arange(8)[None, :] == target[:, None]
    ones = np.ones(n_cases, np.int64)
    return TrainingRows(
        features.reshape(-1, 3).astype(np.float32), label, np.ones_like(label), ones, np.arange(n_cases), 0 * ones
    )


def test_the_logit_estimates_the_weights_that_the_targets_were_drawn_with() -> None:
    ranker = fit_logit(rows_with(3000, 1.5), NAMES, replace(POLICY, logit_penalty=0.0), 0.0)
    assert ranker.weights / ranker.scale == pytest.approx([1.5, 0.0, 0.0], abs=0.12)


def test_a_feature_that_is_constant_per_person_gets_no_weight() -> None:
    assert abs(fit_logit(rows_with(300, 1.5), NAMES, POLICY, 0.0).weights[2]) < 1e-6


def test_trees_are_used_if_the_signal_is_not_linear() -> None:
    rows = rows_with(900, 3.0, curved=True)
    straight = fit_ranker(rows, NAMES, replace(POLICY, boosting=False), seed=0)
    mixed = fit_ranker(rows, NAMES, replace(POLICY, n_trees=15), seed=0)
    assert straight.booster is None
    assert mixed.residual_weight > 0
    assert mean_ndcg(mixed.utility(rows.features), rows) > mean_ndcg(straight.utility(rows.features), rows) + 0.1


def test_the_fewer_cases_there_are_the_closer_the_weights_stay_to_the_prior_ones() -> None:
    names = (Feature("prior", "history", ""), *NAMES[1:])
    # the targets avoid what the prior weights favour
    weights = [
        float((ranker.weights / ranker.scale)[0])
        for n_cases in (5, 50, 390)
        for ranker in [fit_ranker(rows_with(n_cases, -2.0), names, POLICY, seed=0)]
    ]
    assert SMALL_PRIOR_WEIGHT_BY_FEATURE["prior"] > weights[0] > 0 > weights[1] > weights[2] > -2


def test_few_cases_get_no_trees_and_no_chosen_settings() -> None:
    few, enough = (
        fit_ranker(rows_with(n_cases, 3.0, curved=True), NAMES, replace(POLICY, n_trees=5), seed=0)
        for n_cases in (390, 900)
    )
    assert few.booster is None
    assert few.case_decay == SMALL_CASE_DECAY
    assert enough.booster is not None


def test_contributions_add_up_to_the_utility() -> None:
    ranker = fit_ranker(rows_with(800, 2.0, curved=True), NAMES, replace(POLICY, n_trees=10), seed=0)
    features = rows_with(20, 1.0).features
    parts = ranker.contributions(features, ranker.utility(features))
    assert set(parts) == {"history", "trend", "context", "interaction"}
    assert sum(parts.values()) == pytest.approx(ranker.utility(features))
    assert sum(parts[name] for name in parts if name != "interaction") == pytest.approx(ranker.linear_utility(features))


def test_padding_takes_no_share_of_the_softmax() -> None:
    is_candidate = np.array([[True, True, False]])
    assert np.exp(log_softmax(np.array([[0.0, 0.0, 99.0]]), is_candidate)).tolist() == [[0.5, 0.5, 0.0]]


def test_settings_depend_on_the_size_of_the_data(ladders) -> None:
    interactions = encode_interactions(ladders)
    per_item = len(interactions.acquisitions.item) / interactions.n_items
    assert choose_config(interactions).ease_ridge == pytest.approx(min(4 * per_item, 600))
    assert choose_config(interactions) == choose_config(
        encode_interactions(ladders.sample(fraction=1.0, shuffle=True, seed=1))
    )
