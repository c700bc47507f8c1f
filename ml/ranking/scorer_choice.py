"""Choice of scorers: whether old acquisitions are forgotten, and whether order matters, on the company's own past.

Belongs here: the held-out past, the variants that are compared on it, the rule that decides.
Does not belong here: the scorers (see `ml.retrieval`), settings that follow from counts (see `ml.data.ranker_config`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.data.encoding import encode_ids
from ml.data.interactions import (
    Interactions,
    build_user_states,
    drop_unused_ids,
    filter_before,
    reindex_items,
    select_people,
)
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Doubles
from ml.data.statistics import ndcg_from_ranks
from ml.ranking.cases import Cases, build_last_moment_cases, build_window_cases
from ml.retrieval.base import Scorer
from ml.retrieval.ease import Ease
from ml.retrieval.markov import Markov
from ml.retrieval.scorer_ensemble import build_last_transitions

HALF_LIVES_DAYS = (730.0, 365.0, 180.0)  # compared with no forgetting
TRANSITION_ORDERS = (2,)  # compared with first-order transitions
HELD_OUT_WINDOWS = 2  # scorers are that old at most before the next training in a slow cadence
MIN_CASES = 50  # fewer cannot tell variants apart: the simplest ones are used
MAX_CASES = 1_000
MAX_PEOPLE = 20_000  # a sample of more
MAX_ITEMS = 2_000  # the most used ones rank the variants of transitions, so that the cost of the choice stays small
MIN_STANDARD_ERRORS = 2.0  # by which a variant must be ahead of the simplest one


def choose_scorers(
    interactions: Interactions, config: RankerConfig, *, horizon_ticks: int, end_tick: int, seed: int
) -> RankerConfig:
    """Choose the half-life and the order of transitions that rank the latest past best.

    Scorers are fitted on what happened before the last windows, or before each person's last moment if cases are
    moments. They rank what people acquired then. A variant is chosen if its mean NDCG@10 exceeds that of the simplest
    one by more than chance explains. Eligibility rules and repeated steps are left out: they concern all variants
    alike.

    Args:
        interactions: What happened before `end_tick`.
        config: Settings that follow from counts.
        horizon_ticks: Length of a window in ticks.
        end_tick: First moment in ticks that is not known.
        seed: Seed of the sample of cases.

    Returns:
        The settings with `half_life_days` and `transition_order`.
    """
    if interactions.n_people > MAX_PEOPLE:
        sampled_people = np.random.default_rng(seed).choice(interactions.n_people, MAX_PEOPLE, replace=False)
        sampled_config = replace(config, ease_ridge=config.ease_ridge * MAX_PEOPLE / interactions.n_people)
        chosen_config = choose_scorers(
            select_people(interactions, np.sort(sampled_people)),
            sampled_config,
            horizon_ticks=horizon_ticks,
            end_tick=end_tick,
            seed=seed,
        )
        return replace(chosen_config, ease_ridge=config.ease_ridge)
    # a second inverse of a large Gram matrix in each ensemble would cost minutes
    may_forget = interactions.is_calendar and interactions.n_items <= config.dense_items
    use_counts = np.bincount(interactions.item, minlength=interactions.n_items)
    most_used_items = np.sort(np.argsort(-use_counts, kind="stable")[:MAX_ITEMS])
    interactions = reindex_items(interactions, interactions.items[most_used_items])
    history, cases = _hold_out(interactions, config, horizon_ticks, end_tick)
    if len(cases) < MIN_CASES or not history.n_items:
        return config
    if len(cases) > MAX_CASES:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), MAX_CASES, replace=False)))
    if may_forget:
        half_lives = (config.half_life_days, *HALF_LIVES_DAYS)
        ease_scorers = [
            Ease(decay_days=config.decay_days, ridge=config.ease_ridge, half_life_days=half_life_days).fit(history)
            for half_life_days in half_lives
        ]
        half_life_ndcg = _measure_ndcg(ease_scorers, history, interactions, cases)
        config = replace(config, half_life_days=half_lives[choose_variant(half_life_ndcg)])
    orders = (config.transition_order, *TRANSITION_ORDERS)
    markov_scorer = Markov(entries_per_row=config.entries_per_row, seed=seed).fit(history)
    transition_scorers = [
        build_last_transitions(markov_scorer, history, replace(config, transition_order=order)) for order in orders
    ]
    order_ndcg = _measure_ndcg(transition_scorers, history, interactions, cases)
    return replace(config, transition_order=orders[choose_variant(order_ndcg)])


def choose_variant(case_ndcg: Doubles) -> int:
    """The best variant if it is surely ahead of the first one, which is the simplest; else the first.

    Args:
        case_ndcg: Cases x variants.
    """
    gains = case_ndcg - case_ndcg[:, :1]
    best_variant = int(np.argmax(gains.mean(axis=0)))
    standard_error = gains[:, best_variant].std() / np.sqrt(len(gains))
    return best_variant if gains[:, best_variant].mean() > MIN_STANDARD_ERRORS * standard_error else 0


def _hold_out(
    interactions: Interactions, config: RankerConfig, horizon_ticks: int, end_tick: int
) -> tuple[Interactions, Cases]:
    """What scorers may learn from, and the cases that they rank, which are coded by `interactions`."""
    if config.target == "step":
        cases = build_last_moment_cases(interactions, 1)
        cutoff_ticks = np.full(interactions.n_people, np.iinfo(np.int64).max)
        cutoff_ticks[cases.person] = cases.cutoff_tick
        return drop_unused_ids(filter_before(interactions, cutoff_ticks)), cases
    freeze_tick = end_tick - HELD_OUT_WINDOWS * horizon_ticks
    window_ticks = freeze_tick + horizon_ticks * np.arange(HELD_OUT_WINDOWS, dtype=np.int64)
    cases = build_window_cases(interactions, window_ticks, horizon_ticks)
    return drop_unused_ids(filter_before(interactions, freeze_tick)), cases


def _measure_ndcg(
    scorers: Sequence[Scorer], history: Interactions, interactions: Interactions, cases: Cases
) -> Doubles:
    """Cases x scorers: NDCG@10 over the items not held; what `history` does not hold is missed.

    Equal scores share their ranks.
    """
    history_codes = encode_ids(interactions.items, history.items)
    user_states = build_user_states(interactions, cases.person, cases.cutoff_tick).recode_items(history_codes)
    is_held = user_states.held_mask(history.n_items)
    target_codes, target_rows = history_codes[cases.item], cases.target_row
    is_known = target_codes >= 0
    case_ndcg = []
    for scorer in scorers:
        item_scores = np.where(is_held, -np.inf, scorer.score(user_states))
        target_scores = item_scores[target_rows, np.maximum(target_codes, 0)]
        scores_of_row = item_scores[target_rows]
        n_ahead = (scores_of_row > target_scores[:, None]).sum(axis=1)
        n_tied = (scores_of_row == target_scores[:, None]).sum(axis=1)
        target_ranks = np.where(is_known, n_ahead + (n_tied + 1) / 2.0, np.inf)
        case_ndcg.append(ndcg_from_ranks(target_rows, target_ranks, cases.n_targets))
    return np.stack(case_ndcg, axis=1)
