"""Rows that a calibrator is fitted on: the best candidates of people at past moments, and what became of them.

Belongs here: which people and candidates are looked at, their inputs, outcomes and weights.
Does not belong here: the calibrator (see calibration), which recommender ranks them (see fitting).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.data.interactions import TICKS_PER_DAY, Interactions, build_user_states, reindex_items
from ml.data.parallel import parallel_map
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.data.statistics import LIST_LENGTH
from ml.ranking.calibration import (
    CALIBRATION_CANDIDATES,
    Calibrator,
    build_calibration_inputs,
    find_input_segments,
    fit_calibrator,
)
from ml.ranking.cases import Cases, build_window_cases
from ml.ranking.probability_level import ActivityCounts, anchor_level, count_activity, fit_level
from ml.ranking.recommender import Recommender

ACTIVE_DAYS = 365  # people without a use for so long seldom acquire anything: a weighted sample of them is enough


@dataclass(frozen=True, eq=False)
class CalibrationRows:
    """The best candidates of people at one moment. One row per person and candidate."""

    inputs: Floats  # rows x inputs, see `ml.ranking.calibration.build_calibration_inputs`
    outcomes: Bools  # whether the person acquired the item within the horizon
    weights: Doubles  # how many people each row represents
    positions: Ints  # place of the candidate in the person's list, from 0
    activity: ActivityCounts  # of everybody in the window


def collect_calibration_rows(
    recommender: Recommender, interactions: Interactions, cutoff_tick: int, horizon_ticks: int
) -> CalibrationRows:
    """Rank the items of people with a history before a cutoff, and look up what they acquired after it.

    Args:
        recommender: It must be fitted only on events before the cutoff, or only on other people.
        interactions: Everything that these people did; items that the recommender does not know are left out.
        cutoff_tick: The cutoff in ticks.
        horizon_ticks: Span in ticks within which an acquisition counts.
    """
    all_cases = build_window_cases(interactions, np.array([cutoff_tick]), horizon_ticks, include_idle=True)
    activity = count_activity(interactions, all_cases)  # items that the recommender does not know count, too
    interactions = reindex_items(interactions, recommender.ensemble.items)
    interactions = replace(interactions, is_repeatable=recommender.rules.repeatable)
    uncalibrated_recommender = replace(recommender.with_interactions(interactions), calibrator=None)
    cases = build_window_cases(interactions, np.array([cutoff_tick]), horizon_ticks, include_idle=True)
    cases, case_weights = _sample_cases(cases, interactions, recommender)
    row_blocks = parallel_map(
        _collect_block_rows,
        [
            (uncalibrated_recommender, interactions, case_block)
            for case_block in cases.blocks(recommender.config.block_rows(interactions.n_items))
        ],
    )
    if not row_blocks:
        return CalibrationRows(
            np.zeros((0, 1), np.float32), np.zeros(0, bool), np.zeros(0), np.zeros(0, np.int64), activity
        )
    inputs, outcomes, row_counts_per_case = (
        np.concatenate(field_blocks) for field_blocks in zip(*row_blocks, strict=True)
    )
    positions = np.arange(len(outcomes)) - np.repeat(
        np.cumsum(row_counts_per_case) - row_counts_per_case, row_counts_per_case
    )
    return CalibrationRows(inputs, outcomes, np.repeat(case_weights, row_counts_per_case), positions, activity)


def calibrate(calibration_rows_per_window: Sequence[CalibrationRows], *, has_ranker: bool = True) -> Calibrator | None:
    """Fit a calibrator on the rows of one or more windows.

    Args:
        calibration_rows_per_window: One element per window.
        has_ranker: Whether a ranker ordered the candidates. If not, or if too few of them were acquired, the
            probability is the base rate of each segment.

    Returns:
        The calibrator; None without rows: even the base rate is unknown.
    """
    windows = [window_rows for window_rows in calibration_rows_per_window if len(window_rows.outcomes)]
    if not windows:
        return None
    inputs, outcomes, weights, positions = (
        np.concatenate([getattr(window_rows, field_name) for window_rows in windows])
        for field_name in ("inputs", "outcomes", "weights", "positions")
    )
    window_codes = np.repeat(np.arange(len(windows)), [len(window_rows.outcomes) for window_rows in windows])
    model, held_out_log_odds = fit_calibrator(inputs, outcomes, weights, window_codes) if has_ranker else (None, None)
    people, acquired = (
        sum(getattr(window_rows.activity, field_name) for window_rows in windows)
        for field_name in ("people", "acquired")
    )
    is_listed = positions < LIST_LENGTH
    level = fit_level(
        None if model is None else model.log_odds(inputs[is_listed]),
        None if held_out_log_odds is None else held_out_log_odds[is_listed],
        outcomes[is_listed],
        weights[is_listed],
        find_input_segments(inputs[is_listed]),
        np.cumsum(positions == 0)[is_listed],
        window_codes[is_listed],
        # a segment without people is as active as all
        (acquired + acquired.sum() / people.sum()) / (people + 1.0),
    )
    base_rate = float(weights[is_listed] @ outcomes[is_listed] / weights[is_listed].sum())
    if model is None:
        model = Calibrator(np.zeros(0), 0.0, int(outcomes.sum()), np.array([0.0, 1.0]), np.zeros(0))
    return replace(model, level=level, base_rate=base_rate)


def anchor_calibrator(
    recommender: Recommender, interactions: Interactions, end_tick: int, horizon_ticks: int
) -> Recommender:
    """The recommender whose probabilities add up, for people as of now, more nearly to what came true in past windows.

    Args:
        recommender: The recommender in use, calibrated on past windows.
        interactions: Everything that the people of a sample did before `end_tick`.
        end_tick: First moment in ticks that is not known.
        horizon_ticks: Span in ticks within which an acquisition counts.
    """
    calibrator = recommender.calibrator
    if calibrator is None or calibrator.level is None or not calibrator.level.anchor_weight:
        return recommender
    current_rows = collect_calibration_rows(recommender, interactions, end_tick, horizon_ticks)
    is_listed = current_rows.positions < LIST_LENGTH
    inputs = current_rows.inputs[is_listed]
    if not len(inputs):
        return recommender
    level = anchor_level(
        calibrator.level, calibrator.log_odds(inputs), current_rows.weights[is_listed], find_input_segments(inputs)
    )
    return replace(recommender, calibrator=replace(calibrator, level=level))


def _collect_block_rows(
    recommender: Recommender, interactions: Interactions, cases: Cases
) -> tuple[Floats, Bools, Doubles]:
    """Inputs and outcomes of the best candidates of some cases, and their number per case."""
    ranked_block = recommender.rank_block(
        interactions, cases.person, cases.cutoff_tick, recommender.config.n_candidates
    )
    input_matrix = build_calibration_inputs(
        interactions,
        build_user_states(interactions, cases.person, cases.cutoff_tick),
        ranked_block.utility,
        ranked_block.is_candidate,
        ranked_block.features.reshape(ranked_block.is_candidate.size, -1),
    )
    is_top_candidate = ranked_block.is_candidate & (
        np.arange(ranked_block.is_candidate.shape[1]) < CALIBRATION_CANDIDATES
    )
    return (
        input_matrix[is_top_candidate.ravel()],
        cases.label_candidates(ranked_block.item, interactions.n_items)[is_top_candidate],
        is_top_candidate.sum(axis=1),
    )


def _sample_cases(cases: Cases, interactions: Interactions, recommender: Recommender) -> tuple[Cases, Doubles]:
    """A sample of the cases, and how many cases each sampled one stands for.

    The sample holds at most `calibration_people` cases of active people (with an event in the last `ACTIVE_DAYS` days
    before the cutoff), and at most a quarter as many of idle ones.
    """
    latest_entry_indices = (
        np.searchsorted(interactions.search_key, interactions.time_key(cases.person, cases.cutoff_tick)) - 1
    )
    latest_ticks = np.append(interactions.time, 0)[np.maximum(latest_entry_indices, 0)]
    is_idle = latest_ticks < cases.cutoff_tick - ACTIVE_DAYS * TICKS_PER_DAY
    max_active_cases, rng = recommender.config.calibration_people, np.random.default_rng(recommender.window.seed)
    case_indices_per_group, weights_per_group = [], []
    for group_case_indices, max_sampled_cases in (
        (np.flatnonzero(~is_idle), max_active_cases),
        (np.flatnonzero(is_idle), max_active_cases // 4),
    ):
        case_indices_per_group.append(
            rng.choice(group_case_indices, max_sampled_cases, replace=False)
            if len(group_case_indices) > max_sampled_cases
            else group_case_indices
        )
        weights_per_group.append(
            np.full(len(case_indices_per_group[-1]), len(group_case_indices) / max(len(case_indices_per_group[-1]), 1))
        )
    case_indices = np.concatenate(case_indices_per_group)
    case_order = np.argsort(case_indices)
    return cases.take(case_indices[case_order]), np.concatenate(weights_per_group)[case_order]
