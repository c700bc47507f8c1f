"""Candidates of a large catalogue, selected sparsely, equal those selected densely."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import Interactions, UserStates, as_tick, build_user_states, encode_interactions
from ml.data.ranker_config import RankerConfig, choose_config
from ml.retrieval.candidates import select_candidates, select_dense
from ml.retrieval.scorer_ensemble import CHANNELS, ScorerEnsemble, fit_ensemble

CUT = as_tick(datetime(2022, 6, 1))


@pytest.fixture(scope="module")
def fitted(small_ladders: pl.DataFrame) -> tuple[Interactions, RankerConfig, ScorerEnsemble, UserStates]:
    interactions = encode_interactions(small_ladders)
    config = replace(choose_config(interactions), candidates_per_scorer=5, n_candidates=8)
    user_states = build_user_states(interactions, np.arange(interactions.n_people), np.full(interactions.n_people, CUT))
    return interactions, config, fit_ensemble(interactions, config), user_states


def test_sparse_and_dense_selection_give_an_item_the_same_scores(
    fitted: tuple[Interactions, RankerConfig, ScorerEnsemble, UserStates],
) -> None:
    interactions, config, ensemble, user_states = fitted
    eligible_mask = ~user_states.held_mask(interactions.n_items)
    scores = ensemble.score(user_states)
    dense, _ = select_dense(scores, eligible_mask, config)
    sparse, _ = select_candidates(ensemble, user_states, eligible_mask, replace(config, dense_items=1))
    assert sparse.item.shape == dense.item.shape
    expected = np.take_along_axis(scores, sparse.item[None], axis=2)
    assert np.where(sparse.is_candidate, sparse.channel_scores, 0) == pytest.approx(
        np.where(sparse.is_candidate, expected, 0), abs=1e-4
    )
    assert sparse.best_scores == pytest.approx(dense.best_scores, rel=1e-4, abs=1e-5)


def test_sparse_and_dense_lists_start_with_the_same_items(
    fitted: tuple[Interactions, RankerConfig, ScorerEnsemble, UserStates],
) -> None:
    interactions, config, ensemble, user_states = fitted
    eligible_mask = ~user_states.held_mask(interactions.n_items)
    dense, _ = select_dense(ensemble.score(user_states), eligible_mask, config)
    sparse, _ = select_candidates(ensemble, user_states, eligible_mask, replace(config, dense_items=1))
    shared = [
        len(set(a) & set(b)) for a, b in zip(dense.item[:, :5].tolist(), sparse.item[:, :6].tolist(), strict=True)
    ]
    assert np.mean(shared) > 4.5


def test_only_eligible_items_are_listed_and_only_once(
    fitted: tuple[Interactions, RankerConfig, ScorerEnsemble, UserStates],
) -> None:
    interactions, config, ensemble, user_states = fitted
    eligible_mask = ~user_states.held_mask(interactions.n_items)
    eligible_mask[:, ::3] = False
    sparse, _ = select_candidates(ensemble, user_states, eligible_mask, replace(config, dense_items=1))
    rows = np.broadcast_to(np.arange(len(eligible_mask))[:, None], sparse.item.shape)
    assert eligible_mask[rows[sparse.is_candidate], sparse.item[sparse.is_candidate]].all()
    for item, is_candidate in zip(sparse.item, sparse.is_candidate, strict=True):
        assert len(set(item[is_candidate].tolist())) == is_candidate.sum()


def test_every_scorer_except_the_trend_scores_sparsely(
    fitted: tuple[Interactions, RankerConfig, ScorerEnsemble, UserStates],
) -> None:
    _, _, ensemble, user_states = fitted
    scores = ensemble.score(user_states)
    for number, channel in enumerate(CHANNELS):
        if channel != "recent_popularity":
            assert ensemble.score_sparse(channel, user_states).toarray() == pytest.approx(scores[number], abs=1e-5)
