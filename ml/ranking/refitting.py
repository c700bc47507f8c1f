"""Refitting: a recommender fitted on everything, from what one of the same recipe learned one horizon earlier.

Belongs here: which rows of the earlier fit are used again, and which are added for the horizon since.
Does not belong here: a fit from nothing (see fitting), evaluation of the earlier recommender.
"""

from dataclasses import replace

import numpy as np

from ml.data.eligibility import EligibilityRules
from ml.data.encoding import encode_ids
from ml.data.interactions import Interactions
from ml.data.ranker_config import choose_config
from ml.data.sparse_rows import Strings
from ml.ranking.calibration_rows import calibrate, collect_calibration_rows
from ml.ranking.cases import build_training_cases
from ml.ranking.features import CandidateNominator
from ml.ranking.fitting import CALIBRATION_SPANS, FittedRecommender, describe_window
from ml.ranking.ranker import fit_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows, build_case_rows, concat_rows
from ml.retrieval.scorer_ensemble import fit_ensemble


def can_refit(earlier: FittedRecommender | None) -> bool:
    """Whether `refit_recommender` can start from a fit: it has a ranker that learned from windows of calendar time."""
    return (
        earlier is not None
        and earlier.training_rows is not None
        and earlier.recommender.window.is_calendar
        and earlier.recommender.config.target == "window"
    )


def refit_recommender(
    earlier: FittedRecommender, interactions: Interactions, rules: EligibilityRules, item_names: Strings | None
) -> Recommender:
    """Fit a recommender on everything up to one horizon after an earlier fit.

    Nothing leaks into the rows that are added: the earlier recommender saw nothing of the horizon since. Its scorers
    nominate and score the candidates of the horizon's cases, and its probabilities are measured on the horizon's
    outcomes. The scorers in use are fitted on everything. The ranker is fitted on the earlier rows and the added ones,
    with the settings that the earlier fit chose; the calibrator on the earlier windows but the oldest, and the new one.

    Args:
        earlier: A fit for which `can_refit` holds.
        interactions: Everything that happened, up to one horizon after the end of the earlier fit.
        rules: The eligibility rules, coded by the items of `interactions`.
        item_names: Name of each item; ids if None.
    """
    frozen = earlier.recommender
    assert frozen.ranker is not None
    freeze_tick, seed = frozen.window.end, frozen.window.seed
    end_tick = freeze_tick + frozen.horizon
    # ranks and shares of features compare candidates with each other: lists stay as long as in the earlier rows
    config = replace(
        choose_config(interactions),
        n_candidates=frozen.config.n_candidates,
        candidates_per_scorer=frozen.config.candidates_per_scorer,
    )
    training_rows = _add_cases(earlier, interactions, rules, item_names, freeze_tick, end_tick)
    ranker = fit_ranker(training_rows, frozen.ranker.features, config, seed=seed, settings_from=frozen.ranker)
    calibration_windows = (
        collect_calibration_rows(frozen, interactions, freeze_tick, frozen.horizon),
        *earlier.calibration_rows[: CALIBRATION_SPANS - 1],
    )
    return Recommender(
        config,
        frozen.horizon,
        fit_ensemble(interactions, config, item_names=item_names, seed=seed),
        ranker,
        calibrate(calibration_windows),
        None,
        describe_window(interactions, end_tick, seed),
        frozen.extra,
        rules,
    )


def _add_cases(
    earlier: FittedRecommender,
    interactions: Interactions,
    rules: EligibilityRules,
    item_names: Strings | None,
    freeze_tick: int,
    end_tick: int,
) -> TrainingRows:
    """The earlier rows, and those of cases that begin at the freeze."""
    frozen, earlier_rows = earlier.recommender, earlier.training_rows
    assert earlier_rows is not None
    assert earlier.person_ids is not None
    cases = build_training_cases(
        interactions,
        frozen.config,
        horizon_ticks=frozen.horizon,
        end_tick=end_tick,
        seed=frozen.window.seed,
        rules=rules,
        include_newcomers=isinstance(frozen.extra, CandidateNominator),
        first_cutoff_tick=freeze_tick,
    )
    if not len(cases):
        return earlier_rows
    features, is_target, is_candidate = build_case_rows(
        frozen.ensemble.with_interactions(interactions, item_names),
        interactions,
        cases,
        frozen.config,
        frozen.extra,
        rules,
        n_listed=earlier_rows.label.shape[1],
        seed=frozen.window.seed,
    )
    new_rows = TrainingRows(features, is_target, is_candidate, cases.n_targets, cases.person, cases.from_end)
    person_codes = encode_ids(earlier.person_ids, interactions.people)[earlier_rows.person]
    # the case that begins at the freeze is the latest one of its person
    is_followed = np.isin(person_codes, cases.person)
    return concat_rows(
        [replace(earlier_rows, person=person_codes, from_end=earlier_rows.from_end + is_followed), new_rows]
    )
