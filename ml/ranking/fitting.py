"""Fitting a recommender: scorers, ranker and calibration in their order of time.

Belongs here: which people and windows each part is fitted on, the reason of a fallback to popularity.
Does not belong here: the parts themselves, scoring (see recommender), evaluation.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import NO_RULES, EligibilityRules, encode_rules
from ml.data.interactions import (
    TICKS_PER_DAY,
    Interactions,
    Moment,
    as_tick,
    build_user_states,
    drop_unused_ids,
    encode_interactions,
    filter_before,
    reindex_items,
    select_people,
)
from ml.data.ranker_config import RankerConfig, choose_config
from ml.data.sparse_rows import Bools, Doubles, Floats, Strings
from ml.ranking.calibration import CALIBRATION_CANDIDATES, Calibrator, calibration_inputs, fit_calibrator
from ml.ranking.features import FEATURES, CandidateNominator, ExtraFeatures
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.recommender import Recommender, TrainingWindow
from ml.ranking.training_set import Cases, TrainingRows, build_training_cases, build_training_rows, build_window_cases
from ml.retrieval.scorer_ensemble import fit_ensemble

Progress = Callable[[str, float], None]

CALIBRATION_SPANS = 4  # horizons looked back: more outcomes, and scorers as stale as they become in use
ACTIVE_DAYS = 365  # people without a use for so long seldom acquire anything: a weighted sample of them is enough


def fit_recommender(
    events: pl.DataFrame,
    *,
    as_of: Moment,
    horizon_days: int = 90,
    config: RankerConfig | None = None,
    names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Recommender:
    """Fit a recommender on everything up to and including `as_of`.

    Args:
        events: person_id, skill_id (the item), ts; events after `as_of` are not looked at.
        as_of: Date, time, or position in an integer order.
        horizon_days: Days within which an acquisition counts; ticks if `ts` is an integer order.
        config: Settings; chosen from the size of the data if None.
        names: skill_id, name; ids are read as names if None.
        extra_features: Features from elsewhere.
        requires: skill_id, requires_id; an item is eligible for people who hold all items it requires.
        repeatable: Ids of items that can be reached again.
        seed: Seed of every random choice.
        progress: Is called with the name of a finished stage and the share of the work.

    Returns:
        The recommender. With too little to learn from it orders items by popularity and gives the `reason`.
    """
    end = as_tick(as_of) + 1
    interactions = drop_unused_ids(filter_before(encode_interactions(events), end))
    rules = encode_rules(requires, repeatable, interactions.items)
    interactions = replace(interactions, repeatable=rules.repeatable)
    with threadpool_limits(1):
        return fit_coded_recommender(
            interactions,
            end=end,
            horizon=horizon_days * TICKS_PER_DAY if interactions.is_calendar else horizon_days,
            config=config or choose_config(interactions),
            names=align_item_names(names, interactions.items),
            extra=extra_features,
            seed=seed,
            progress=progress,
            rules=rules,
        )


def fit_coded_recommender(
    interactions: Interactions,
    *,
    end: int,
    horizon: int,
    config: RankerConfig,
    names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    progress: Progress = lambda *_: None,
    rules: EligibilityRules = NO_RULES,
    with_calibration: bool = True,
) -> Recommender:
    """`fit_recommender` on coded interactions.

    Args:
        interactions: What happened before `end`.
        end: First moment in ticks that is not known.
        horizon: Span in ticks within which an acquisition counts.
        config: Settings.
        names: Name of each item; ids if None.
        extra: Features from elsewhere.
        seed: Seed of every random choice.
        progress: Is called with the name of a finished stage and the share of the work.
        rules: The eligibility rules, coded by the items of `interactions`.
        with_calibration: Whether to fit the probability, about half of the cost.
    """
    training, calibration, people_per_sample = _split_people(interactions, config.training_people, seed)
    window = TrainingWindow(
        int(training.time.min(initial=end)),
        end,
        interactions.is_calendar,
        interactions.n_people,
        len(interactions.item),
        seed,
    )
    recommender = Recommender(
        config,
        horizon,
        fit_ensemble(interactions, config, names=names, seed=seed),
        None,
        None,
        None,
        window,
        extra,
        rules,
    )
    recommender = _add_ranker(recommender, training, names, people_per_sample)
    progress("ranker", 0.6)
    if not with_calibration or recommender.ranker is None or config.target == "step" or not interactions.is_calendar:
        return recommender
    calibrator = _fit_calibrator(recommender, interactions, training, calibration, names, people_per_sample)
    progress("calibration", 1.0)
    return recommender if calibrator is None else replace(recommender, calibrator=calibrator)


def _fit_calibrator(
    recommender: Recommender,
    interactions: Interactions,
    training: Interactions,
    calibration: Interactions,
    names: Strings | None,
    people_per_sample: float,
) -> Calibrator | None:
    """The calibrator of the ranker; None if an earlier fit has no ranker.

    The same fit, some horizons earlier, did not know the outcomes of the last ones: they measure its probabilities.
    """
    window, horizon, config = recommender.window, recommender.horizon, recommender.config
    spans = CALIBRATION_SPANS if window.end - CALIBRATION_SPANS * horizon > int(np.median(interactions.time)) else 1
    past = filter_before(training, window.end - spans * horizon)
    items = past.used_items
    past, past_names = drop_unused_ids(past), None if names is None else names[items]
    ensemble = fit_ensemble(past, config, names=past_names, seed=window.seed, people_per_sample=people_per_sample)
    earlier = replace(
        recommender,
        ensemble=ensemble,
        rules=recommender.rules.select_items(items),
        window=replace(window, end=window.end - spans * horizon),
    )
    # otherwise the ranker did not see the people that it is measured on, and need not be fitted again
    if calibration is training:
        earlier = _add_ranker(replace(earlier, ranker=None), past, past_names, settings_from=recommender.ranker)
    if earlier.ranker is None:
        return None
    parts = [
        _collect_calibration_rows(earlier, calibration, window.end - span * horizon, horizon)
        for span in range(1, spans + 1)
    ]
    inputs, outcomes, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    return fit_calibrator(inputs, outcomes, weight, np.repeat(np.arange(spans), [len(part[1]) for part in parts]))


def build_ranker_rows(
    recommender: Recommender, interactions: Interactions, names: Strings | None, people_per_sample: float = 1.0
) -> TrainingRows | str:
    """The rows that the ranker of a recommender is fitted on.

    Args:
        recommender: Its settings, window, rules and extra features decide what the rows are.
        interactions: What happened before the end of its window.
        names: Name of each item; ids if None.
        people_per_sample: How many people each person of `interactions` represents.

    Returns:
        The rows; or, with too little to learn from, the reason.
    """
    config, window = recommender.config, recommender.window
    cases = build_training_cases(
        interactions,
        config,
        horizon=recommender.horizon,
        end=window.end,
        seed=window.seed,
        rules=recommender.rules,
        include_newcomers=isinstance(recommender.extra, CandidateNominator),
    )
    if len(cases) < config.min_cases:
        return f"{len(cases)} past steps to learn from, {config.min_cases} needed: ordered by popularity"
    rows = build_training_rows(
        interactions,
        cases,
        config,
        item_names=names,
        extra=recommender.extra,
        seed=window.seed,
        rules=recommender.rules,
        people_per_sample=people_per_sample,
    )
    if int(rows.has_target.sum()) < config.min_cases:
        return "too few past steps were among their candidates: ordered by popularity"
    return rows


def _add_ranker(
    recommender: Recommender,
    interactions: Interactions,
    names: Strings | None,
    people_per_sample: float = 1.0,
    settings_from: Ranker | None = None,
) -> Recommender:
    """The recommender with a ranker fitted on these interactions, or with the reason why there is none."""
    rows = build_ranker_rows(recommender, interactions, names, people_per_sample)
    if isinstance(rows, str):
        return replace(recommender, reason=rows)
    features = (*FEATURES, *(recommender.extra.features if recommender.extra is not None else ()))
    return replace(
        recommender,
        ranker=fit_ranker(
            rows, features, recommender.config, seed=recommender.window.seed, settings_from=settings_from
        ),
    )


def _split_people(interactions: Interactions, limit: int, seed: int) -> tuple[Interactions, Interactions, float]:
    """People to fit the ranker on, people to calibrate it on, and how many people each of them represents.

    Up to `limit` people everybody serves both; of more, `limit` train and up to half as many others calibrate.
    """
    if interactions.n_people <= limit:
        return interactions, interactions, 1.0
    order = np.random.default_rng(seed).permutation(interactions.n_people)
    training, calibration = (np.sort(part) for part in (order[:limit], order[limit : limit + limit // 2]))
    return (
        select_people(interactions, training),
        select_people(interactions, calibration),
        interactions.n_people / limit,
    )


def _collect_calibration_rows(
    recommender: Recommender, interactions: Interactions, cut: int, horizon: int
) -> tuple[Floats, Bools, Doubles]:
    """Calibration inputs, outcomes and weights of the best candidates of people with a history at the cut."""
    interactions = reindex_items(interactions, recommender.ensemble.items)
    interactions = replace(interactions, repeatable=recommender.rules.repeatable)
    cases = build_window_cases(interactions, np.array([cut]), horizon, include_idle=True)
    cases, weight = _sample_cases(cases, interactions, recommender)
    ready = replace(recommender.with_interactions(interactions), calibrator=None)
    parts = []
    for block in cases.blocks(recommender.config.block_rows(interactions.n_items)):
        ranked = ready.rank_block(interactions, block.person, block.cut, recommender.config.n_candidates)
        user_states = build_user_states(interactions, block.person, block.cut)
        inputs = calibration_inputs(
            interactions, user_states, ranked.utility, ranked.real, ranked.features.reshape(ranked.real.size, -1)
        )
        is_best = ranked.real & (np.arange(ranked.real.shape[1]) < CALIBRATION_CANDIDATES)
        parts.append(
            (
                inputs[is_best.ravel()],
                block.label_candidates(ranked.item, interactions.n_items)[is_best],
                is_best.sum(axis=1),
            )
        )
    if not parts:
        return np.zeros((0, 1), np.float32), np.zeros(0, bool), np.zeros(0)
    inputs, outcomes, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    return inputs, outcomes, np.repeat(weight, counts)


def _sample_cases(cases: Cases, interactions: Interactions, recommender: Recommender) -> tuple[Cases, Doubles]:
    """At most `calibration_people` active people and a quarter as many idle ones; how many people each represents."""
    entry = np.searchsorted(interactions.search_key, interactions.time_key(cases.person, cases.cut)) - 1
    latest = np.append(interactions.time, 0)[np.maximum(entry, 0)]
    is_idle = latest < cases.cut - ACTIVE_DAYS * TICKS_PER_DAY
    limit, rng = recommender.config.calibration_people, np.random.default_rng(recommender.window.seed)
    rows, weights = [], []
    for group, size in ((np.flatnonzero(~is_idle), limit), (np.flatnonzero(is_idle), limit // 4)):
        rows.append(rng.choice(group, size, replace=False) if len(group) > size else group)
        weights.append(np.full(len(rows[-1]), len(group) / max(len(rows[-1]), 1)))
    row = np.concatenate(rows)
    order = np.argsort(row)
    return cases.take(row[order]), np.concatenate(weights)[order]


def align_item_names(names: pl.DataFrame | None, items: Strings) -> Strings | None:
    """The name of each item from rows (skill_id, name); its id if it has none. None without names."""
    if names is None:
        return None
    lookup = dict(names.select("skill_id", "name").drop_nulls().iter_rows())
    return np.asarray([lookup.get(item, item) for item in items.tolist()], str)
