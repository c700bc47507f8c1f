"""Newcomers: people without a history, and the ranker that learned what people begin with.

Belongs here: features, candidates and past cases of newcomers, and the fit of their ranker.
Does not belong here: counts per item (see `ml.retrieval.beginnings`), people with a history (see training_set).
"""

from dataclasses import replace

import numpy as np

from ml.data.eligibility import EligibilityRules
from ml.data.interactions import Interactions, build_user_states
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Floats, Ints
from ml.ranking.calibration import Calibrator
from ml.ranking.cases import Cases, build_newcomer_cases, drop_closed_targets
from ml.ranking.features import ExtraFeatures, Feature, build_extra_features
from ml.ranking.newcomer_calibration import fit_newcomer_calibrator
from ml.ranking.ranker import Ranker, fit_logit, fit_residual_trees, mean_ndcg
from ml.ranking.training_set import TrainingRows, score_extra_items
from ml.retrieval.beginnings import COUNTS, Beginnings
from ml.retrieval.candidates import select_by_scores

# The family is what an explanation says of a contribution above the mean of the candidates: "trend" that a share rises,
# "curriculum" that people begin with the item. The weights of both are not negative. What is merely popular, or falls
# less than other items, is named by no sentence.
NEWCOMER_FEATURES: tuple[Feature, ...] = (
    Feature("taken", "context", "log share of all acquisitions"),
    Feature("taken_rise", "trend", "log share of acquisitions, halved every 90 days, less that of all; 0 if it fell"),
    Feature("begun", "curriculum", "log share of acquisitions within a horizon of the person's first use"),
    Feature("begun_lately", "curriculum", "log share of these, halved every 90 days"),
    Feature("first_lately", "curriculum", "log share of acquisitions at the first moment, halved every 270 days"),
    Feature("used_lately", "context", "log share of the people who used it in the last 90 days"),
    Feature("taken_fall", "context", "the same difference if it fell; 0 if it rose"),
    Feature("log_age", "context", "log of 1 + days since anybody first took it"),
)
# Without past newcomers, a geometric mean of what was taken ever and lately, and begun with lately, orders the items.
# The more newcomers there were, the more the weights follow them.
PRIOR_WEIGHT_BY_FEATURE = {"taken": 0.6, "taken_rise": 0.3, "taken_fall": 0.3, "begun_lately": 0.3}
PRIOR_CASES = 30.0  # past newcomers who count as much as the prior weights
EXTRA_PRIOR_CASES = 3.0  # the same for the extra features, whose prior weights are 0
CALIBRATION_DECAY = 0.7  # how much of it they take changes more slowly, and one window holds few newcomers
CASE_DECAY = 0.5  # of windows from the end: what newcomers begin with changes over the years
_PRIOR_WEIGHTS = np.array([PRIOR_WEIGHT_BY_FEATURE.get(feature.name, 0.0) for feature in NEWCOMER_FEATURES])


def build_newcomer_features(beginnings: Beginnings, cutoff_tick: int) -> Floats:
    """Return items x NEWCOMER_FEATURES as of a moment.

    Args:
        beginnings: What everybody did.
        cutoff_tick: The moment in ticks; what happened at or after it does not count.
    """
    smoothed_counts = beginnings.count(cutoff_tick) + 0.5
    is_used = beginnings.interactions.first_use < cutoff_tick  # items that appear later must not change the shares
    log_shares = np.log(smoothed_counts / (smoothed_counts[is_used].sum(axis=0) if is_used.any() else 1.0))
    taken_index, lately_index = COUNTS.index("taken"), COUNTS.index("taken_lately")
    taken_rise = log_shares[:, lately_index] - log_shares[:, taken_index]
    log_shares[:, lately_index] = np.maximum(taken_rise, 0.0)
    log_ages = np.log1p(beginnings.age_days(cutoff_tick))
    return np.column_stack([log_shares, np.minimum(taken_rise, 0.0), log_ages]).astype(np.float32)


def select_newcomer_candidates(
    moment_features: Floats, moment_index: Ints, eligible_mask: Bools, config: RankerConfig, extra_scores: Floats | None
) -> tuple[Ints, Floats]:
    """Return the items that are worth ranking for newcomers, and the order of all items.

    Args:
        moment_features: Moments x items x NEWCOMER_FEATURES.
        moment_index: The moment of each row.
        eligible_mask: Rows x items.
        config: Number of candidates.
        extra_scores: Rows x items from extra features that nominate candidates.

    Returns:
        Rows x k item codes, best first; and rows x items prior scores, minus infinity for items that are not eligible.
    """
    moment_scores = (moment_features @ _PRIOR_WEIGHTS).astype(np.float32)
    nominating_scores = [moment_scores[moment_index], *([] if extra_scores is None else [extra_scores])]
    return select_by_scores(nominating_scores, eligible_mask, config)


def build_past_newcomers(
    interactions: Interactions,
    config: RankerConfig,
    *,
    horizon_ticks: int,
    end_tick: int,
    rules: EligibilityRules,
    seed: int,
) -> Cases:
    """People at the start of the window in which their history begins, and what they took within it.

    Args:
        interactions: Everything that happened before `end_tick`, with calendar times.
        config: Holds the largest number of cases.
        horizon_ticks: Length of a window in ticks.
        end_tick: First moment in ticks that is not known.
        rules: Targets that these rules closed to newcomers are dropped.
        seed: Seed of the sample.

    Returns:
        One row per person at most. `from_end` is the number of windows between the case's window and the end.
    """
    earliest_tick = int(interactions.time.min(initial=end_tick))
    cutoff_ticks = np.arange(end_tick - horizon_ticks, earliest_tick, -horizon_ticks, dtype=np.int64)
    cutoff_ticks = cutoff_ticks[: config.newcomer_windows]
    cases = build_newcomer_cases(interactions, cutoff_ticks, horizon_ticks)
    if len(cases) > config.max_newcomer_cases:
        rng = np.random.default_rng(seed)
        cases = cases.take(np.sort(rng.choice(len(cases), config.max_newcomer_cases, replace=False)))
    cases = replace(cases, from_end=(end_tick - cases.cutoff_tick) // horizon_ticks - 1)
    return drop_closed_targets(cases, interactions, rules, config.block_rows(interactions.n_items)).with_target()


def fit_newcomer_ranker(
    interactions: Interactions,
    config: RankerConfig,
    *,
    horizon_ticks: int,
    end_tick: int,
    extra: ExtraFeatures | None,
    rules: EligibilityRules,
    seed: int,
) -> tuple[Ranker | None, Calibrator | None]:
    """Fit the ranker of people without a history, and their probability, on everybody's beginnings.

    A row of a past newcomer sees only what happened strictly before its window. The fewer past newcomers there are, the
    closer the weights stay to `PRIOR_WEIGHT_BY_FEATURE`.

    Args:
        interactions: Everything that happened before `end_tick`.
        config: Settings; `max_newcomer_cases` are learned from at most.
        horizon_ticks: Span in ticks within which an acquisition counts.
        end_tick: First moment in ticks that is not known.
        extra: Features from elsewhere.
        rules: The eligibility rules.
        seed: Seed of the samples and of the trees.

    Returns:
        The ranker; None if cases are moments or times are no calendar, because an order does not tell what came before
        whom. The calibrator; None without past newcomers.
    """
    if not interactions.is_calendar or config.target != "window":
        return None, None
    extra_features = () if extra is None else extra.features
    features = (*NEWCOMER_FEATURES, *extra_features)
    cases = build_past_newcomers(
        interactions, config, horizon_ticks=horizon_ticks, end_tick=end_tick, rules=rules, seed=seed
    )
    training_rows = None
    if len(cases):
        training_rows = _build_newcomer_rows(interactions, cases, config, horizon_ticks, extra, rules)
    if training_rows is None or not training_rows.has_target.any():
        weights = np.append(_PRIOR_WEIGHTS, np.zeros(len(extra_features)))
        prior_ranker = Ranker(features, np.zeros(len(features)), np.ones(len(features)), weights, None, 0.0, CASE_DECAY)
        return prior_ranker, None if training_rows is None else _calibrate(prior_ranker, training_rows)
    # without extra features, all newcomers of a window share their features: trees would learn the windows apart
    residual_weight, calibrator = 0.0, None
    if extra_features:
        residual_weight, calibrator = _choose_residual_weight(training_rows, features, config, seed)
    ranker = _fit_logit(training_rows, features, config)
    if residual_weight:
        ranker = fit_residual_trees(ranker, training_rows, config, residual_weight, seed)
    return ranker, calibrator or _calibrate(ranker, training_rows)


def _calibrate(ranker: Ranker, training_rows: TrainingRows, residual_weight: float | None = None) -> Calibrator:
    utility = ranker.utility(training_rows.features, residual_weight=residual_weight)
    return fit_newcomer_calibrator(utility, training_rows, np.power(CALIBRATION_DECAY, training_rows.from_end))


def _fit_logit(training_rows: TrainingRows, features: tuple[Feature, ...], config: RankerConfig) -> Ranker:
    n_extra = len(features) - len(NEWCOMER_FEATURES)
    prior_cases = np.repeat([PRIOR_CASES, EXTRA_PRIOR_CASES], [len(NEWCOMER_FEATURES), n_extra])
    return fit_logit(
        training_rows,
        features,
        config,
        CASE_DECAY,
        prior_weights=np.append(_PRIOR_WEIGHTS, np.zeros(n_extra)),
        penalties=np.maximum(prior_cases / int(training_rows.has_target.sum()), config.logit_penalty),
        is_nonnegative=np.array(
            [index < len(NEWCOMER_FEATURES) and feature.family != "context" for index, feature in enumerate(features)]
        ),
    )


def _choose_residual_weight(
    training_rows: TrainingRows, features: tuple[Feature, ...], config: RankerConfig, seed: int
) -> tuple[float, Calibrator | None]:
    """The weight of trees that ranks the latest windows best, a third of the cases or more, after a fit on the others.

    People of the same windows would not show whether trees have learned the windows apart. For the same reason the
    probability of a ranker with trees is learned from these windows; the calibrator is None without trees.
    """
    is_held_out = training_rows.from_end <= np.sort(training_rows.from_end)[len(training_rows.from_end) // 3]
    earlier_rows, latest_rows = training_rows.select(~is_held_out), training_rows.select(is_held_out)
    if not config.boosting or int(earlier_rows.has_target.sum()) < config.min_boosting_cases:
        return 0.0, None
    ranker = fit_residual_trees(_fit_logit(earlier_rows, features, config), earlier_rows, config, 1.0, seed)
    ndcg_by_weight = {
        residual_weight: mean_ndcg(ranker.utility(latest_rows.features, residual_weight=residual_weight), latest_rows)
        for residual_weight in config.residual_weights
    }
    residual_weight = max(ndcg_by_weight, key=lambda residual_weight: ndcg_by_weight[residual_weight])
    return residual_weight, _calibrate(ranker, latest_rows, residual_weight) if residual_weight else None


def _build_newcomer_rows(
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    horizon_ticks: int,
    extra: ExtraFeatures | None,
    rules: EligibilityRules,
) -> TrainingRows:
    """Candidates, features and labels of past newcomers, one row per case in another order than the cases."""
    beginnings = Beginnings(interactions, horizon_ticks)
    block_arguments = []
    for cutoff_tick in np.unique(cases.cutoff_tick).tolist():
        cases_of_window = cases.take(np.flatnonzero(cases.cutoff_tick == cutoff_tick))
        item_features = build_newcomer_features(beginnings, cutoff_tick)
        block_arguments += [
            (interactions, item_features, case_block, config, extra, rules)
            for case_block in cases_of_window.blocks(config.block_rows(interactions.n_items))
        ]
    row_blocks = parallel_map(_build_block_rows, block_arguments)
    features, is_target, is_candidate, n_targets, person_codes, from_end = (
        np.concatenate(field_blocks) for field_blocks in zip(*row_blocks, strict=True)
    )
    return TrainingRows(features, is_target, is_candidate, n_targets, person_codes, from_end)


def _build_block_rows(
    interactions: Interactions,
    item_features: Floats,
    cases: Cases,
    config: RankerConfig,
    extra: ExtraFeatures | None,
    rules: EligibilityRules,
) -> tuple[Floats, Bools, Bools, Ints, Ints, Ints]:
    """The fields of `TrainingRows` for one block of cases of one window."""
    user_states = build_user_states(interactions, cases.person, cases.cutoff_tick)
    # an item that nobody has yet cannot be recommended
    is_eligible = rules.eligible_mask(user_states, interactions.n_items)
    is_eligible &= interactions.first_use[None, :] < cases.cutoff_tick[:, None]
    item_codes, prior_scores = select_newcomer_candidates(
        item_features[None],
        np.zeros(len(cases), np.int64),
        is_eligible,
        config,
        score_extra_items(extra, user_states, interactions),
    )
    is_candidate = np.isfinite(np.take_along_axis(prior_scores, item_codes, axis=1))
    is_target = cases.label_candidates(item_codes, interactions.n_items) & is_candidate
    features = item_features[item_codes].reshape(item_codes.size, -1)
    if extra is not None:
        extra_columns = build_extra_features(
            extra, user_states, item_codes, interactions.people, interactions.items, is_calendar=True
        )
        features = np.concatenate([features, extra_columns], axis=1)
    features[~is_candidate.ravel()] = 0.0
    return features, is_target, is_candidate, cases.n_targets, cases.person, cases.from_end
