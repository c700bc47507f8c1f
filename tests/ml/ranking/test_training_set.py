"""Cases and training rows: what is a target, and that no scorer saw the people or the future it scores."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

import ml.ranking.training_set
from ml.data.interactions import TICKS_PER_DAY, Interactions, as_tick, encode_interactions, filter_before
from ml.data.ranker_config import choose_config
from ml.ranking.cases import build_last_moment_cases, build_training_cases, build_window_cases
from ml.ranking.training_set import build_case_rows, build_training_rows
from ml.retrieval.scorer_ensemble import fit_ensemble

EVENTS = pl.DataFrame(
    {"person_id": ["a"] * 5 + ["b"] * 2, "skill_id": list("uvwxu") + list("uv"), "ts": [1, 4, 4, 9, 10, 6, 7]}
)


def test_targets_are_first_acquisitions_from_the_cut_to_the_horizon() -> None:
    cases = build_window_cases(encode_interactions(EVENTS), np.array([2, 7]), 3)
    assert list(zip(cases.person.tolist(), cases.cutoff_tick.tolist(), strict=True)) == [(0, 2), (0, 7), (1, 7)]
    assert cases.item.tolist() == [1, 2, 3, 1]
    assert cases.start.tolist() == [0, 2, 3, 4]
    assert cases.from_end.tolist() == [1, 0, 0]


def test_people_without_a_history_or_a_target_make_no_case() -> None:
    assert len(build_window_cases(encode_interactions(EVENTS), np.array([1]), 3)) == 0
    with_idle = build_window_cases(encode_interactions(EVENTS), np.array([10]), 3, include_idle=True)
    assert with_idle.person.tolist() == [0, 1]
    assert len(with_idle.item) == 0


def test_all_items_of_a_moment_are_held_out_together() -> None:
    cases = build_last_moment_cases(encode_interactions(EVENTS), 2)
    assert cases.cutoff_tick.tolist() == [4, 9, 7]
    assert cases.item.tolist() == [1, 2, 3, 1]


def test_no_training_case_reaches_past_the_end(ladders: pl.DataFrame) -> None:
    interactions = encode_interactions(ladders)
    end = as_tick(datetime(2023, 1, 1))
    cases = build_training_cases(
        interactions, choose_config(interactions), horizon_ticks=90 * TICKS_PER_DAY, end_tick=end, seed=0
    )
    assert int((cases.cutoff_tick + 90 * TICKS_PER_DAY).max()) <= end
    assert int(np.bincount(cases.person).max()) <= choose_config(interactions).cases_per_person


def test_no_scorer_is_fitted_on_the_people_it_scores(
    small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    interactions = encode_interactions(small_ladders)
    config = choose_config(interactions, target="step")
    fitted: list[set[int]] = []
    scored: list[set[int]] = []
    fit, rows_of = ml.ranking.training_set.fit_ensemble, ml.ranking.training_set.build_case_rows

    def watch_fit(given: Interactions, *rest: object, **named: object) -> object:
        fitted.append(set(given.person.tolist()))
        return fit(given, *rest, **named)

    def watch_rows(ensemble: object, given: Interactions, cases: object, *rest: object, **named: object) -> object:
        scored.append(set(cases.person.tolist()))
        return rows_of(ensemble, given, cases, *rest, **named)

    monkeypatch.setattr(ml.ranking.training_set, "fit_ensemble", watch_fit)
    monkeypatch.setattr(ml.ranking.training_set, "build_case_rows", watch_rows)
    cases = build_last_moment_cases(interactions, 2)
    rows = build_training_rows(interactions, cases, config, item_names=None, extra=None, seed=0)
    assert len(rows.person) == len(cases)
    assert len(fitted) == len(scored) == config.n_folds
    for fitted_people, scored_people in zip(fitted, scored, strict=True):
        assert not fitted_people & scored_people


def test_held_items_are_never_candidates_and_labels_are_the_targets(small_ladders: pl.DataFrame) -> None:
    interactions = encode_interactions(small_ladders)
    config = choose_config(interactions, target="step")
    cases = build_last_moment_cases(interactions, 2)
    rows = build_training_rows(interactions, cases, config, item_names=None, extra=None, seed=0)
    # All 36 skills fit into the candidate list, so every target must be in it, and no held skill may be.
    assert rows.label.sum(axis=1).tolist() == rows.n_targets.tolist()
    assert (rows.is_candidate.sum(axis=1) < interactions.n_items).all()


def test_frozen_scorers_saw_nothing_at_or_after_their_cases(
    small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    interactions = encode_interactions(small_ladders)
    config = replace(choose_config(interactions), min_frozen_cases=10)
    end = int(interactions.time.max()) + 1
    cases = build_training_cases(interactions, config, horizon_ticks=60 * TICKS_PER_DAY, end_tick=end, seed=0)
    fitted_until: list[int] = []
    scored_from: list[int] = []
    fit, rows_of = ml.ranking.training_set.fit_ensemble, ml.ranking.training_set.build_case_rows

    def watch_fit(given: Interactions, *rest: object, **named: object) -> object:
        fitted_until.append(int(given.time.max()))
        return fit(given, *rest, **named)

    def watch_rows(ensemble: object, given: Interactions, some: object, *rest: object, **named: object) -> object:
        scored_from.append(int(some.cutoff_tick.min()))
        return rows_of(ensemble, given, some, *rest, **named)

    monkeypatch.setattr(ml.ranking.training_set, "fit_ensemble", watch_fit)
    monkeypatch.setattr(ml.ranking.training_set, "build_case_rows", watch_rows)
    rows = build_training_rows(interactions, cases, config, item_names=None, extra=None, seed=0)
    assert len(scored_from) == len(config.freeze_shares)
    assert all(latest < earliest for latest, earliest in zip(fitted_until, scored_from, strict=True))
    assert 0 < len(rows.person) < len(cases)


def test_forgetting_and_second_order_transitions_see_nothing_from_the_cutoff_on(small_ladders: pl.DataFrame) -> None:
    interactions = encode_interactions(small_ladders)
    config = replace(choose_config(interactions), half_life_days=180.0, transition_order=2)
    cutoff_tick = as_tick(datetime(2022, 3, 1))
    cases = build_window_cases(interactions, np.array([cutoff_tick]), 90 * TICKS_PER_DAY)
    past = filter_before(interactions, cutoff_tick)
    assert len(past.item) < len(interactions.item)
    features = [
        build_case_rows(
            fit_ensemble(filter_before(history, cutoff_tick), config).with_interactions(history),
            history,
            cases,
            config,
            None,
            n_listed=config.n_candidates,
            seed=0,
        )[0]
        for history in (interactions, past)
    ]
    assert np.array_equal(*features)
