"""Fitting a recommender: scorers, ranker and calibration in their order of time.

Belongs here: which people and windows each part is fitted on, the reason of a fallback to popularity.
Does not belong here: the parts themselves, scoring (see recommender), evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import NO_RULES, EligibilityRules, encode_rules
from ml.data.interactions import (
    TICKS_PER_DAY,
    Interactions,
    Moment,
    as_tick,
    drop_unused_ids,
    encode_interactions,
    filter_before,
    select_people,
)
from ml.data.ranker_config import RankerConfig, choose_config
from ml.data.sparse_rows import Strings
from ml.ranking.calibration_rows import CalibrationRows, anchor_calibrator, calibrate, collect_calibration_rows
from ml.ranking.cases import build_training_cases
from ml.ranking.features import FEATURES, ExtraFeatures
from ml.ranking.newcomers import fit_newcomer_ranker
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.recommender import Recommender, TrainingWindow
from ml.ranking.scorer_choice import choose_scorers
from ml.ranking.training_set import TrainingRows, build_training_rows
from ml.retrieval.scorer_ensemble import fit_ensemble

Progress = Callable[[str, float], None]

CALIBRATION_SPANS = 4  # horizons looked back: more outcomes, and scorers as stale as they become in use


@dataclass(frozen=True, eq=False)
class FittedRecommender:
    """A recommender, and what it was fitted on, so that a fit of a later day need not compute it again.

    Attributes:
        recommender: The recommender.
        training_rows: What its ranker was fitted on; None without a ranker.
        person_ids: The person id of each person code of `training_rows`.
        calibration_rows: What its calibrator was fitted on, one element per window, the latest window first.
    """

    recommender: Recommender
    training_rows: TrainingRows | None = None
    person_ids: Strings | None = None
    calibration_rows: tuple[CalibrationRows, ...] = ()


def fit_recommender(
    events: pl.DataFrame,
    *,
    as_of: Moment,
    horizon_days: int = 90,
    config: RankerConfig | None = None,
    item_names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requirements: pl.DataFrame | None = None,
    repeatable_ids: pl.Series | None = None,
    seed: int = 0,
    report_progress: Progress = lambda *_: None,
) -> Recommender:
    """Fit a recommender on everything up to and including `as_of`.

    Args:
        events: person_id, skill_id (the item), ts; events after `as_of` are not looked at.
        as_of: Date, time, or position in an integer order.
        horizon_days: Days within which an acquisition counts; ticks if `ts` is an integer order.
        config: Settings; chosen from the size of the data if None.
        item_names: skill_id, name; ids are read as names if None.
        extra_features: Features from elsewhere.
        requirements: skill_id, requires_id; an item is eligible for people who hold all items it requires.
        repeatable_ids: Ids of items that can be reached again.
        seed: Seed of every random choice.
        report_progress: Is called with the name of a finished stage and the share of the work.

    Returns:
        The recommender. With too little to learn from it orders items by popularity and gives the `reason`.
    """
    end_tick = as_tick(as_of) + 1
    interactions = drop_unused_ids(filter_before(encode_interactions(events), end_tick))
    rules = encode_rules(requirements, repeatable_ids, interactions.items)
    interactions = replace(interactions, is_repeatable=rules.repeatable)
    with threadpool_limits(1):
        return fit_coded_recommender(
            interactions,
            end_tick=end_tick,
            horizon_ticks=horizon_days * TICKS_PER_DAY if interactions.is_calendar else horizon_days,
            config=config or choose_config(interactions),
            item_names=align_item_names(item_names, interactions.items),
            extra_features=extra_features,
            seed=seed,
            report_progress=report_progress,
            rules=rules,
        ).recommender


def fit_coded_recommender(
    interactions: Interactions,
    *,
    end_tick: int,
    horizon_ticks: int,
    config: RankerConfig,
    item_names: Strings | None,
    extra_features: ExtraFeatures | None,
    seed: int,
    report_progress: Progress = lambda *_: None,
    rules: EligibilityRules = NO_RULES,
    with_calibration: bool = True,
) -> FittedRecommender:
    """`fit_recommender` on coded interactions.

    Args:
        interactions: What happened before `end_tick`.
        end_tick: First moment in ticks that is not known.
        horizon_ticks: Span in ticks within which an acquisition counts.
        config: Settings.
        item_names: Name of each item; ids if None.
        extra_features: Features from elsewhere.
        seed: Seed of every random choice.
        report_progress: Is called with the name of a finished stage and the share of the work.
        rules: The eligibility rules, coded by the items of `interactions`.
        with_calibration: Whether to fit the probability, about half of the cost.

    Returns:
        The recommender with the rows that it was fitted on.
    """
    training_interactions, calibration_interactions, people_per_sample = _split_people(
        interactions, config.training_people, seed
    )
    training_window = describe_window(interactions, end_tick, seed)
    config = choose_scorers(interactions, config, horizon_ticks=horizon_ticks, end_tick=end_tick, seed=seed)
    ensemble = fit_ensemble(interactions, config, item_names=item_names, seed=seed)
    recommender = Recommender(config, horizon_ticks, ensemble, None, None, None, training_window, extra_features, rules)
    recommender = _add_newcomer_ranker(recommender, training_interactions)
    recommender, training_rows = _add_ranker(recommender, training_interactions, item_names, people_per_sample)
    report_progress("ranker", 0.6)
    fitted_recommender = FittedRecommender(recommender, training_rows, training_interactions.people)
    has_windows = config.target == "window" and interactions.is_calendar and len(interactions.time) > 0
    if not with_calibration or not has_windows:
        return fitted_recommender
    calibration_rows, has_ranker = _collect_past_calibration_rows(
        recommender, interactions, training_interactions, calibration_interactions, item_names, people_per_sample
    )
    recommender = replace(recommender, calibrator=calibrate(calibration_rows, has_ranker=has_ranker))
    recommender = anchor_calibrator(recommender, calibration_interactions, end_tick, horizon_ticks)
    report_progress("calibration", 1.0)
    return replace(fitted_recommender, recommender=recommender, calibration_rows=calibration_rows if has_ranker else ())


def describe_window(interactions: Interactions, end_tick: int, seed: int) -> TrainingWindow:
    """What a recommender was fitted on: interactions before a tick."""
    first_tick = int(interactions.time.min(initial=end_tick))
    is_calendar, n_people = interactions.is_calendar, interactions.n_people
    return TrainingWindow(first_tick, end_tick, is_calendar, n_people, len(interactions.item), seed)


def _collect_past_calibration_rows(
    recommender: Recommender,
    interactions: Interactions,
    training_interactions: Interactions,
    calibration_interactions: Interactions,
    item_names: Strings | None,
    people_per_sample: float,
) -> tuple[tuple[CalibrationRows, ...], bool]:
    """Rows to calibrate the ranker on, the latest window first, and whether a ranker ordered them.

    A second recommender is fitted on the interactions before the last one or more horizons. It has not seen the
    outcomes of these horizons, so they measure its probabilities.
    """
    training_window, horizon_ticks, config = recommender.window, recommender.horizon, recommender.config
    span_count = (
        CALIBRATION_SPANS
        if training_window.end - CALIBRATION_SPANS * horizon_ticks > int(np.median(interactions.time))
        else 1
    )
    past_interactions = filter_before(training_interactions, training_window.end - span_count * horizon_ticks)
    past_item_codes = past_interactions.used_items
    past_interactions = drop_unused_ids(past_interactions)
    past_item_names = None if item_names is None else item_names[past_item_codes]
    past_ensemble = fit_ensemble(
        past_interactions,
        config,
        item_names=past_item_names,
        seed=training_window.seed,
        people_per_sample=people_per_sample,
    )
    earlier_recommender = replace(
        recommender,
        ensemble=past_ensemble,
        rules=recommender.rules.select_items(past_item_codes),
        window=replace(training_window, end=training_window.end - span_count * horizon_ticks),
    )
    # otherwise the ranker did not see the people that it is measured on, and need not be fitted again
    if calibration_interactions is training_interactions and recommender.ranker is not None:
        earlier_recommender, _ = _add_ranker(
            replace(earlier_recommender, ranker=None),
            past_interactions,
            past_item_names,
            settings_ranker=recommender.ranker,
        )
    calibration_rows = tuple(
        collect_calibration_rows(
            earlier_recommender,
            calibration_interactions,
            training_window.end - span_number * horizon_ticks,
            horizon_ticks,
        )
        for span_number in range(1, span_count + 1)
    )
    return calibration_rows, earlier_recommender.ranker is not None


def build_ranker_rows(
    recommender: Recommender, interactions: Interactions, item_names: Strings | None, people_per_sample: float = 1.0
) -> TrainingRows | str:
    """The rows that the ranker of a recommender is fitted on.

    Args:
        recommender: Its settings, window, rules and extra features decide what the rows are.
        interactions: What happened before the end of its window.
        item_names: Name of each item; ids if None.
        people_per_sample: How many people each person of `interactions` represents.

    Returns:
        The rows; or, with too little to learn from, the reason.
    """
    config, training_window = recommender.config, recommender.window
    cases = build_training_cases(
        interactions,
        config,
        horizon_ticks=recommender.horizon,
        end_tick=training_window.end,
        seed=training_window.seed,
        rules=recommender.rules,
    )
    if len(cases) < config.min_cases:
        return f"{len(cases)} past steps to learn from, {config.min_cases} needed: ordered by popularity"
    training_rows = build_training_rows(
        interactions,
        cases,
        config,
        item_names=item_names,
        extra=recommender.extra,
        seed=training_window.seed,
        rules=recommender.rules,
        people_per_sample=people_per_sample,
    )
    if int(training_rows.has_target.sum()) < config.min_cases:
        return "too few past steps were among their candidates: ordered by popularity"
    return training_rows


def _add_ranker(
    recommender: Recommender,
    interactions: Interactions,
    item_names: Strings | None,
    people_per_sample: float = 1.0,
    settings_ranker: Ranker | None = None,
) -> tuple[Recommender, TrainingRows | None]:
    """The recommender with a ranker, and its rows; or the recommender with the reason why there is none."""
    rows_or_reason = build_ranker_rows(recommender, interactions, item_names, people_per_sample)
    if isinstance(rows_or_reason, str):
        return replace(recommender, reason=rows_or_reason), None
    features = (*FEATURES, *(recommender.extra.features if recommender.extra is not None else ()))
    ranker = fit_ranker(
        rows_or_reason, features, recommender.config, seed=recommender.window.seed, settings_ranker=settings_ranker
    )
    return replace(recommender, ranker=ranker), rows_or_reason


def _add_newcomer_ranker(recommender: Recommender, interactions: Interactions) -> Recommender:
    newcomer_ranker, newcomer_calibrator = fit_newcomer_ranker(
        interactions,
        recommender.config,
        horizon_ticks=recommender.horizon,
        end_tick=recommender.window.end,
        extra=recommender.extra,
        rules=recommender.rules,
        seed=recommender.window.seed,
    )
    return replace(recommender, newcomer_ranker=newcomer_ranker, newcomer_calibrator=newcomer_calibrator)


def _split_people(interactions: Interactions, max_people: int, seed: int) -> tuple[Interactions, Interactions, float]:
    """People to fit the ranker on, people to calibrate it on, and how many people each of the former represents.

    Up to `max_people` everybody serves both; of more, `max_people` train and up to half as many others calibrate.
    """
    if interactions.n_people <= max_people:
        return interactions, interactions, 1.0
    shuffled_person_codes = np.random.default_rng(seed).permutation(interactions.n_people)
    training_person_codes, calibration_person_codes = (
        np.sort(person_codes)
        for person_codes in (
            shuffled_person_codes[:max_people],
            shuffled_person_codes[max_people : max_people + max_people // 2],
        )
    )
    return (
        select_people(interactions, training_person_codes),
        select_people(interactions, calibration_person_codes),
        interactions.n_people / max_people,
    )


def align_item_names(name_rows: pl.DataFrame | None, item_ids: Strings) -> Strings | None:
    """The name of each item from rows (skill_id, name); its id if it has none. None without names."""
    if name_rows is None:
        return None
    name_by_id = dict(name_rows.select("skill_id", "name").drop_nulls().iter_rows())
    return np.asarray([name_by_id.get(item_id, item_id) for item_id in item_ids.tolist()], str)
