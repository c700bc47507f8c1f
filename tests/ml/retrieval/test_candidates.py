"""Candidates of a large catalogue, merged sparsely, are those a dense merge would find."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import Histories, Prefixes, as_tick, build_prefixes, read_histories
from ml.data.ranker_config import Policy, choose_policy
from ml.retrieval.candidates import pick_candidates, pick_dense
from ml.retrieval.scorer_ensemble import CHANNELS, Panel, fit_panel

CUT = as_tick(datetime(2022, 6, 1))


@pytest.fixture(scope="module")
def faced(small_ladders: pl.DataFrame) -> tuple[Histories, Policy, Panel, Prefixes]:
    histories = read_histories(small_ladders)
    policy = replace(choose_policy(histories), per_scorer=5, candidates=8)
    prefixes = build_prefixes(histories, np.arange(histories.n_people), np.full(histories.n_people, CUT))
    return histories, policy, fit_panel(histories, policy), prefixes


def test_both_ways_say_the_same_of_an_item(faced: tuple[Histories, Policy, Panel, Prefixes]) -> None:
    histories, policy, panel, prefixes = faced
    open_items = ~prefixes.held(histories.n_items)
    scores = panel.score(prefixes)
    dense, _ = pick_dense(scores, open_items, policy)
    thin, _ = pick_candidates(panel, prefixes, open_items, replace(policy, dense_items=1))
    assert thin.item.shape == dense.item.shape
    there = np.take_along_axis(scores, thin.item[None], axis=2)
    assert np.where(thin.real, thin.values, 0) == pytest.approx(np.where(thin.real, there, 0), abs=1e-4)
    assert thin.best == pytest.approx(dense.best, rel=1e-4, abs=1e-5)


def test_a_sparse_list_leads_with_what_the_dense_one_leads_with(
    faced: tuple[Histories, Policy, Panel, Prefixes],
) -> None:
    histories, policy, panel, prefixes = faced
    open_items = ~prefixes.held(histories.n_items)
    dense, _ = pick_dense(panel.score(prefixes), open_items, policy)
    thin, _ = pick_candidates(panel, prefixes, open_items, replace(policy, dense_items=1))
    shared = [len(set(a) & set(b)) for a, b in zip(dense.item[:, :5].tolist(), thin.item[:, :6].tolist(), strict=True)]
    assert np.mean(shared) > 4.5


def test_nothing_closed_is_named_and_nothing_twice(faced: tuple[Histories, Policy, Panel, Prefixes]) -> None:
    histories, policy, panel, prefixes = faced
    open_items = ~prefixes.held(histories.n_items)
    open_items[:, ::3] = False
    thin, _ = pick_candidates(panel, prefixes, open_items, replace(policy, dense_items=1))
    rows = np.broadcast_to(np.arange(len(open_items))[:, None], thin.item.shape)
    assert open_items[rows[thin.real], thin.item[thin.real]].all()
    for item, real in zip(thin.item, thin.real, strict=True):
        assert len(set(item[real].tolist())) == real.sum()


def test_every_scorer_but_the_trend_can_score_sparsely(faced: tuple[Histories, Policy, Panel, Prefixes]) -> None:
    _, _, panel, prefixes = faced
    scores = panel.score(prefixes)
    for number, channel in enumerate(CHANNELS):
        if channel != "recent_popularity":
            assert panel.score_sparse(channel, prefixes).toarray() == pytest.approx(scores[number], abs=1e-5)
