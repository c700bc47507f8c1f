"""Candidates: the few items per person that are worth ranking carefully.

Belongs here: nominations of several scorers merged into one list of a fixed length, for small and large catalogues.
Does not belong here: the ranking of the list, rules about who may get what.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data.interactions import UserStates
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, entry_rows, largest_columns, row_maxima
from ml.retrieval.scorer_ensemble import CHANNELS, NOMINATING_CHANNELS, ScorerEnsemble

TREND = "recent_popularity"
NO_SCORE = np.float32(-np.inf)
TREND_SURPLUS = 500  # trending items that are searched for eligible ones, beyond the number to be nominated


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows x k candidates, best prior first."""

    item: Ints  # item codes
    prior: Floats  # mean standard score over the nominating scorers
    is_candidate: Bools  # False on padding
    channel_scores: Floats  # channels x rows x k
    best_scores: Floats  # channels x rows: the highest score of an eligible item, at least 0

    def take(self, positions: Ints) -> "Candidates":
        """The candidates at these positions (rows x n) of each row."""
        return Candidates(
            np.take_along_axis(self.item, positions, axis=1),
            np.take_along_axis(self.prior, positions, axis=1),
            np.take_along_axis(self.is_candidate, positions, axis=1),
            np.take_along_axis(self.channel_scores, positions[None], axis=2),
            self.best_scores,
        )


def select_candidates(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    eligible_mask: Bools,
    config: RankerConfig,
    extra_scores: Floats | None = None,
) -> tuple[Candidates, Floats]:
    """Return the best items of each nominating scorer, filled up by mean standard score if the catalogue is small.

    No item is listed because it is a target: a list that knows its targets teaches nothing about lists that do not.
    Above `config.dense_items` items, only the mask and one scorer's scores at a time have rows x items cells.

    Args:
        ensemble: Fitted scorers.
        user_states: What each row's person holds.
        eligible_mask: Rows x items; False if the item is held or not eligible.
        config: Numbers of candidates.
        extra_scores: Rows x items of one more nominating scorer.

    Returns:
        The candidates, and rows x items that order the items that are no candidates: mean standard scores, in a large
        catalogue popularity.
    """
    if eligible_mask.shape[1] > config.dense_items:
        candidates = _select_sparse(ensemble, user_states, eligible_mask, config, extra_scores)
        return candidates, np.broadcast_to(np.log1p(ensemble.popularity).astype(np.float32), eligible_mask.shape)
    return select_dense(ensemble.score(user_states), eligible_mask, config, extra_scores)


def select_dense(
    scores: Floats, eligible_mask: Bools, config: RankerConfig, extra_scores: Floats | None = None
) -> tuple[Candidates, Floats]:
    """Return what `select_candidates` returns.

    Args:
        scores: Channels x rows x items.
        eligible_mask: Rows x items.
        config: Numbers of candidates.
        extra_scores: Rows x items of one more nominating scorer.
    """
    n_items = eligible_mask.shape[1]
    nominating_scores = [
        *(scores[list(CHANNELS).index(channel)] for channel in NOMINATING_CHANNELS),
        *([] if extra_scores is None else [extra_scores]),
    ]
    prior, is_nominated = np.zeros(eligible_mask.shape, np.float32), np.zeros(eligible_mask.shape, bool)
    for channel_scores in nominating_scores:
        prior += standardise(channel_scores, eligible_mask)
        top_items = _find_top(channel_scores, eligible_mask, min(config.candidates_per_scorer, n_items))
        np.put_along_axis(is_nominated, top_items, True, axis=1)
    prior /= len(nominating_scores)
    prior[~eligible_mask] = NO_SCORE
    priority = prior + np.where(is_nominated, np.float32(1e4), np.float32(0.0))
    n_listed = min(config.n_candidates, n_items)
    chosen_items = np.sort(np.argpartition(-priority, n_listed - 1, axis=1)[:, :n_listed], axis=1)
    candidate_order = np.argsort(-np.take_along_axis(priority, chosen_items, axis=1), axis=1, kind="stable")
    item_codes = np.take_along_axis(chosen_items, candidate_order, axis=1).astype(np.int64)
    item_priors = np.take_along_axis(prior, item_codes, axis=1)
    best_scores = [
        np.where(eligible_mask, item_scores, np.float32(0.0)).max(axis=1, initial=0.0) for item_scores in scores
    ]
    candidates = Candidates(
        item=item_codes,
        prior=item_priors,
        is_candidate=np.isfinite(item_priors),
        channel_scores=np.take_along_axis(scores, item_codes[None], axis=2),
        best_scores=np.stack(best_scores),
    )
    return candidates, prior


def select_popular(popularity: Doubles, eligible_mask: Bools, config: RankerConfig) -> tuple[Candidates, Floats]:
    """Return the most popular eligible items, for a recommender without a ranker. No scorer is computed.

    Args:
        popularity: Number of people who acquired the item, per item.
        eligible_mask: Rows x items.
        config: Numbers of candidates.

    Returns:
        The candidates with log(1 + popularity) as prior, and that prior as rows x items.
    """
    prior = np.where(eligible_mask, np.log1p(popularity).astype(np.float32), NO_SCORE)
    item_codes = np.argsort(-prior, axis=1, kind="stable")[:, : config.n_candidates].astype(np.int64)
    item_priors = np.take_along_axis(prior, item_codes, axis=1)
    no_scores = np.zeros((len(CHANNELS), *item_codes.shape), np.float32)
    return Candidates(item_codes, item_priors, np.isfinite(item_priors), no_scores, no_scores.sum(axis=2)), prior


def standardise(scores: Floats, eligible_mask: Bools) -> Floats:
    """Return rows x items: scores minus their row mean, over their row deviation, both over eligible items."""
    eligible_counts = np.maximum(eligible_mask.sum(axis=1, keepdims=True), 1)
    row_means = np.where(eligible_mask, scores, np.float32(0.0)).sum(axis=1, keepdims=True) / eligible_counts
    standard_scores = np.where(eligible_mask, scores - row_means, np.float32(0.0)).astype(np.float32)
    row_deviations = np.sqrt(np.einsum("ij,ij->i", standard_scores, standard_scores)[:, None] / eligible_counts)
    standard_scores /= (row_deviations + 1e-9).astype(np.float32)
    return standard_scores


def _select_sparse(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    eligible_mask: Bools,
    config: RankerConfig,
    extra_scores: Floats | None,
) -> Candidates:
    n_nominated = config.candidates_per_scorer
    eligible_counts = np.maximum(eligible_mask.sum(axis=1), 1)
    best_scores = np.zeros((len(CHANNELS), len(eligible_mask)), np.float32)
    sparse_scores: dict[str, sparse.csr_matrix] = {}
    nominated_items = [] if extra_scores is None else [_find_top(extra_scores, eligible_mask, n_nominated)]
    for channel_index, channel in enumerate(CHANNELS):
        if channel == TREND:
            continue
        scores = sparse_scores[channel] = ensemble.score_sparse(channel, user_states)
        is_eligible_entry = eligible_mask[entry_rows(scores.indptr), scores.indices]
        scores.data[~is_eligible_entry] = 0.0
        best_scores[channel_index] = row_maxima(scores.data, scores.indptr)
        if channel in NOMINATING_CHANNELS:
            nominated_items.append(largest_columns(scores, n_nominated, is_eligible_entry))
    trend_scores, moment_index = ensemble.trend.score_moments(user_states.cutoff_tick)
    trend_mean_and_deviation = trend_scores.mean(axis=1)[moment_index], trend_scores.std(axis=1)[moment_index]
    trending_items, best_scores[list(CHANNELS).index(TREND)] = _find_trending(
        trend_scores, moment_index, eligible_mask, n_nominated
    )
    item_codes = np.sort(np.concatenate([*nominated_items, trending_items], axis=1), axis=1)
    item_codes[:, 1:][item_codes[:, 1:] == item_codes[:, :-1]] = -1  # listed once; -1 is padding
    lookup_codes = np.maximum(item_codes, 0)
    dense_buffer = np.empty(eligible_mask.shape, np.float32)
    channel_scores = np.zeros((len(CHANNELS), *item_codes.shape), np.float32)
    prior = np.zeros(item_codes.shape, np.float32)
    if extra_scores is not None:
        prior = np.take_along_axis(standardise(extra_scores, eligible_mask), lookup_codes, axis=1)
    for channel_index, channel in enumerate(CHANNELS):
        if channel == TREND:
            channel_scores[channel_index] = trend_scores[moment_index[:, None], lookup_codes]
        else:
            channel_scores[channel_index] = np.take_along_axis(
                sparse_scores[channel].toarray(out=dense_buffer), lookup_codes, axis=1
            )
        if channel in NOMINATING_CHANNELS:
            row_means, row_deviations = (
                trend_mean_and_deviation if channel == TREND else _measure_rows(sparse_scores[channel], eligible_counts)
            )
            prior += (channel_scores[channel_index] - row_means[:, None]) / (row_deviations[:, None] + np.float32(1e-9))
    prior /= len(NOMINATING_CHANNELS) + (extra_scores is not None)
    prior[item_codes < 0] = NO_SCORE
    candidate_order = np.argsort(-prior, axis=1, kind="stable")[:, : config.n_candidates]
    return Candidates(
        item=np.take_along_axis(lookup_codes, candidate_order, axis=1),
        prior=np.take_along_axis(prior, candidate_order, axis=1),
        is_candidate=np.take_along_axis(item_codes >= 0, candidate_order, axis=1),
        channel_scores=np.take_along_axis(channel_scores, candidate_order[None], axis=2),
        best_scores=best_scores,
    )


def _measure_rows(scores: sparse.csr_matrix, eligible_counts: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation of each row over the eligible items, most of which have no stored score and count as 0."""
    row_indices, n_rows = entry_rows(scores.indptr), len(eligible_counts)
    row_means = np.bincount(row_indices, scores.data, n_rows) / eligible_counts
    mean_square = np.bincount(row_indices, np.square(scores.data, dtype=np.float64), n_rows) / eligible_counts
    return row_means.astype(np.float32), np.sqrt(np.maximum(mean_square - row_means**2, 0.0)).astype(np.float32)


def _find_trending(
    trend_scores: Floats, moment_index: Ints, eligible_mask: Bools, n_nominated: int
) -> tuple[Ints, Floats]:
    """Rows x n_nominated: the eligible items with the highest trend at each row's moment, -1 on padding; the highest
    trend score per row."""
    trending_items = np.full((len(moment_index), n_nominated), -1, np.int64)
    best_scores = np.zeros(len(moment_index), np.float32)
    for moment_code in np.unique(moment_index).tolist():
        row_indices = np.flatnonzero(moment_index == moment_code)
        leading_items = np.argsort(-trend_scores[moment_code], kind="stable")[: n_nominated + TREND_SURPLUS]
        is_eligible = eligible_mask[np.ix_(row_indices, leading_items)]
        list_positions = np.cumsum(is_eligible, axis=1) - 1
        block_row, block_column = np.nonzero(is_eligible & (list_positions < n_nominated))
        trending_items[row_indices[block_row], list_positions[block_row, block_column]] = leading_items[block_column]
        first_items = trending_items[row_indices, 0]
        best_scores[row_indices] = np.where(
            first_items >= 0, trend_scores[moment_code][np.maximum(first_items, 0)], 0.0
        )
    return trending_items, best_scores


def _find_top(scores: Floats, eligible_mask: Bools, n_nominated: int) -> Ints:
    """Rows x n_nominated: the eligible items with the highest scores, in no order."""
    return np.argpartition(np.where(eligible_mask, -scores, np.float32(np.inf)), n_nominated - 1, axis=1)[
        :, :n_nominated
    ]
