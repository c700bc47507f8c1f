"""Refitting: a recommender fitted on everything, from what one of the same recipe learned one horizon earlier.

Belongs here: which rows of the earlier fit are used again, and which are added for the horizon since.
Does not belong here: a fit from nothing (see fitting), evaluation of the earlier recommender.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import EligibilityRules, encode_rules
from ml.data.encoding import encode_ids
from ml.data.interactions import Interactions, drop_unused_ids, encode_interactions, filter_before
from ml.data.ranker_config import choose_config
from ml.data.sparse_rows import Strings
from ml.ranking.calibration_rows import anchor_calibrator, calibrate, collect_calibration_rows
from ml.ranking.cases import build_training_cases
from ml.ranking.fitting import CALIBRATION_SPANS, FittedRecommender, align_item_names, describe_window
from ml.ranking.newcomers import fit_newcomer_ranker
from ml.ranking.ranker import fit_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows, build_case_rows, concat_rows
from ml.retrieval.scorer_ensemble import fit_ensemble


def can_refit(earlier_fit: FittedRecommender | None) -> bool:
    """Whether `refit_recommender` can start from a fit: it has a ranker that learned from windows of calendar time."""
    return (
        earlier_fit is not None
        and earlier_fit.training_rows is not None
        and earlier_fit.recommender.window.is_calendar
        and earlier_fit.recommender.config.target == "window"
    )


def refit_recommender(
    earlier_fit: FittedRecommender,
    events: pl.DataFrame,
    *,
    item_names: pl.DataFrame | None = None,
    requirements: pl.DataFrame | None = None,
    repeatable_ids: pl.Series | None = None,
) -> Recommender:
    """Fit a recommender on everything up to one horizon after an earlier fit.

    Nothing leaks into the rows that are added, because the earlier recommender saw nothing of the last horizon. Its
    scorers nominate and score the candidates of the horizon's cases, and its probabilities are measured on the
    horizon's outcomes. The scorers in use are fitted on everything. The ranker is fitted on the earlier and the added
    rows, with the settings that the earlier fit chose. The calibrator is fitted on the new window and on the earlier
    windows without the oldest.

    Args:
        earlier_fit: A fit for which `can_refit` holds.
        events: person_id, skill_id (the item), ts; later events than one horizon after the earlier fit are not looked
            at.
        item_names: skill_id, name; ids are read as names if None.
        requirements: skill_id, requires_id; an item is eligible for people who hold all items it requires.
        repeatable_ids: Ids of items that can be reached again.
    """
    end_tick = earlier_fit.recommender.window.end + earlier_fit.recommender.horizon
    interactions = drop_unused_ids(filter_before(encode_interactions(events), end_tick))
    rules = encode_rules(requirements, repeatable_ids, interactions.items)
    interactions = replace(interactions, is_repeatable=rules.repeatable)
    with threadpool_limits(1):
        return _refit(earlier_fit, interactions, rules, align_item_names(item_names, interactions.items))


def _refit(
    earlier_fit: FittedRecommender, interactions: Interactions, rules: EligibilityRules, item_names: Strings | None
) -> Recommender:
    """`refit_recommender` on coded interactions."""
    frozen_recommender = earlier_fit.recommender
    assert frozen_recommender.ranker is not None
    freeze_tick, seed = frozen_recommender.window.end, frozen_recommender.window.seed
    end_tick = freeze_tick + frozen_recommender.horizon
    # ranks and shares depend on the number of candidates, so it stays the same as in the earlier rows
    config = replace(
        choose_config(interactions),
        n_candidates=frozen_recommender.config.n_candidates,
        candidates_per_scorer=frozen_recommender.config.candidates_per_scorer,
        half_life_days=frozen_recommender.config.half_life_days,
        transition_order=frozen_recommender.config.transition_order,
    )
    training_rows = _add_cases(earlier_fit, interactions, rules, item_names, freeze_tick, end_tick)
    assert earlier_fit.training_rows is not None
    # settings of a fit on fewer cases were not chosen, but given
    has_chosen_settings = int(earlier_fit.training_rows.has_target.sum()) >= config.min_boosting_cases
    ranker = fit_ranker(
        training_rows,
        frozen_recommender.ranker.features,
        config,
        seed=seed,
        settings_ranker=frozen_recommender.ranker if has_chosen_settings else None,
    )
    calibration_windows = (
        collect_calibration_rows(frozen_recommender, interactions, freeze_tick, frozen_recommender.horizon),
        *earlier_fit.calibration_rows[: CALIBRATION_SPANS - 1],
    )
    # past newcomers need no frozen scorers, so that this ranker is fitted on everything at little cost
    newcomer_ranker, newcomer_calibrator = fit_newcomer_ranker(
        interactions,
        config,
        horizon_ticks=frozen_recommender.horizon,
        end_tick=end_tick,
        extra=frozen_recommender.extra,
        rules=rules,
        seed=seed,
    )
    recommender = Recommender(
        config,
        frozen_recommender.horizon,
        fit_ensemble(interactions, config, item_names=item_names, seed=seed),
        ranker,
        calibrate(calibration_windows),
        None,
        describe_window(interactions, end_tick, seed),
        frozen_recommender.extra,
        rules,
        newcomer_ranker=newcomer_ranker,
        newcomer_calibrator=newcomer_calibrator,
    )
    return anchor_calibrator(recommender, interactions, end_tick, frozen_recommender.horizon)


def _add_cases(
    earlier_fit: FittedRecommender,
    interactions: Interactions,
    rules: EligibilityRules,
    item_names: Strings | None,
    freeze_tick: int,
    end_tick: int,
) -> TrainingRows:
    """The earlier rows, and those of cases that begin at the freeze."""
    frozen_recommender, earlier_rows = earlier_fit.recommender, earlier_fit.training_rows
    assert earlier_rows is not None
    assert earlier_fit.person_ids is not None
    cases = build_training_cases(
        interactions,
        frozen_recommender.config,
        horizon_ticks=frozen_recommender.horizon,
        end_tick=end_tick,
        seed=frozen_recommender.window.seed,
        rules=rules,
        first_cutoff_tick=freeze_tick,
    )
    if not len(cases):
        return earlier_rows
    feature_matrix, is_target, is_candidate = build_case_rows(
        frozen_recommender.ensemble.with_interactions(interactions, item_names),
        interactions,
        cases,
        frozen_recommender.config,
        frozen_recommender.extra,
        rules,
        n_listed=earlier_rows.label.shape[1],
        seed=frozen_recommender.window.seed,
    )
    new_rows = TrainingRows(feature_matrix, is_target, is_candidate, cases.n_targets, cases.person, cases.from_end)
    person_codes = encode_ids(earlier_fit.person_ids, interactions.people)[earlier_rows.person]
    # the case that begins at the freeze is the latest one of its person
    has_later_case = np.isin(person_codes, cases.person)
    return concat_rows(
        [replace(earlier_rows, person=person_codes, from_end=earlier_rows.from_end + has_later_case), new_rows]
    )
