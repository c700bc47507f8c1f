"""Candidates: the few items per person that are worth ranking carefully.

Belongs here: nominations of several scorers merged into one list of a fixed length, for small and large catalogues.
Does not belong here: the ranking of the list, rules about who may get what.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data.interactions import UserStates
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, entry_rows, find_largest_columns, row_maxima
from ml.retrieval.scorer_ensemble import CHANNELS, NOMINATING_CHANNELS, ScorerEnsemble

TREND_CHANNEL = "recent_popularity"
NO_SCORE = np.float32(-np.inf)
SURPLUS_TRENDING_ITEMS = 500  # trending items that are searched for eligible ones, beyond the number to be nominated


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
        selected_candidates = _select_sparse(ensemble, user_states, eligible_mask, config, extra_scores)
        return selected_candidates, np.broadcast_to(
            np.log1p(ensemble.popularity).astype(np.float32), eligible_mask.shape
        )
    return select_dense(ensemble.score(user_states), eligible_mask, config, extra_scores)


def select_dense(
    scores_by_channel: Floats, eligible_mask: Bools, config: RankerConfig, extra_scores: Floats | None = None
) -> tuple[Candidates, Floats]:
    """Return what `select_candidates` returns.

    Args:
        scores_by_channel: Channels x rows x items.
        eligible_mask: Rows x items.
        config: Numbers of candidates.
        extra_scores: Rows x items of one more nominating scorer.
    """
    nominating_scores = [
        *(scores_by_channel[list(CHANNELS).index(channel)] for channel in NOMINATING_CHANNELS),
        *([] if extra_scores is None else [extra_scores]),
    ]
    item_codes, prior_scores = select_by_scores(nominating_scores, eligible_mask, config)
    candidate_prior_scores = np.take_along_axis(prior_scores, item_codes, axis=1)
    best_scores = [
        np.where(eligible_mask, channel_item_scores, np.float32(0.0)).max(axis=1, initial=0.0)
        for channel_item_scores in scores_by_channel
    ]
    candidates = Candidates(
        item=item_codes,
        prior=candidate_prior_scores,
        is_candidate=np.isfinite(candidate_prior_scores),
        channel_scores=np.take_along_axis(scores_by_channel, item_codes[None], axis=2),
        best_scores=np.stack(best_scores),
    )
    return candidates, prior_scores


def select_by_scores(
    nominating_scores: Sequence[Floats], eligible_mask: Bools, config: RankerConfig
) -> tuple[Ints, Floats]:
    """Return the best items of each of some scores, filled up by mean standard score.

    Args:
        nominating_scores: Rows x items each.
        eligible_mask: Rows x items.
        config: Numbers of candidates.

    Returns:
        Rows x k item codes, best mean standard score first among the nominated and then among the others; and the mean
        standard scores as rows x items, minus infinity for items that are not eligible.
    """
    n_items = eligible_mask.shape[1]
    prior_scores, is_nominated = np.zeros(eligible_mask.shape, np.float32), np.zeros(eligible_mask.shape, bool)
    for channel_scores in nominating_scores:
        prior_scores += standardise_scores(channel_scores, eligible_mask)
        top_items = _find_top_items(channel_scores, eligible_mask, min(config.candidates_per_scorer, n_items))
        np.put_along_axis(is_nominated, top_items, True, axis=1)
    prior_scores /= len(nominating_scores)
    prior_scores[~eligible_mask] = NO_SCORE
    listing_priority = prior_scores + np.where(is_nominated, np.float32(1e4), np.float32(0.0))
    n_candidates = min(config.n_candidates, n_items)
    listed_items = np.sort(np.argpartition(-listing_priority, n_candidates - 1, axis=1)[:, :n_candidates], axis=1)
    candidate_order = np.argsort(-np.take_along_axis(listing_priority, listed_items, axis=1), axis=1, kind="stable")
    return np.take_along_axis(listed_items, candidate_order, axis=1).astype(np.int64), prior_scores


def select_popular(popularity: Doubles, eligible_mask: Bools, config: RankerConfig) -> tuple[Candidates, Floats]:
    """Return the most popular eligible items, for a recommender without a ranker. No scorer is computed.

    Args:
        popularity: Number of people who acquired the item, per item.
        eligible_mask: Rows x items.
        config: Numbers of candidates.

    Returns:
        The candidates with log(1 + popularity) as prior, and that prior as rows x items.
    """
    prior_scores = np.where(eligible_mask, np.log1p(popularity).astype(np.float32), NO_SCORE)
    item_codes = np.argsort(-prior_scores, axis=1, kind="stable")[:, : config.n_candidates].astype(np.int64)
    candidate_prior_scores = np.take_along_axis(prior_scores, item_codes, axis=1)
    zero_scores = np.zeros((len(CHANNELS), *item_codes.shape), np.float32)
    return Candidates(
        item_codes, candidate_prior_scores, np.isfinite(candidate_prior_scores), zero_scores, zero_scores.sum(axis=2)
    ), prior_scores


def describe_without_history(
    ensemble: ScorerEnsemble, cutoff_ticks: Ints, item_codes: Ints, prior_scores: Floats, eligible_mask: Bools
) -> Candidates:
    """Return chosen items as candidates of people without a history: only the trend scores differ from 0.

    Args:
        ensemble: Fitted scorers.
        cutoff_ticks: Tick per row.
        item_codes: Rows x k.
        prior_scores: Rows x items, minus infinity for items that are not eligible.
        eligible_mask: Rows x items.
    """
    moment_scores, moment_index = ensemble.trend.score_moments(cutoff_ticks)
    trend_index = list(CHANNELS).index(TREND_CHANNEL)
    channel_scores = np.zeros((len(CHANNELS), *item_codes.shape), np.float32)
    channel_scores[trend_index] = moment_scores[moment_index[:, None], item_codes]
    best_scores = np.zeros((len(CHANNELS), len(item_codes)), np.float32)
    best_scores[trend_index] = np.where(eligible_mask, moment_scores[moment_index], np.float32(0.0)).max(
        axis=1, initial=0.0
    )
    candidate_prior_scores = np.take_along_axis(prior_scores, item_codes, axis=1)
    return Candidates(
        item_codes, candidate_prior_scores, np.isfinite(candidate_prior_scores), channel_scores, best_scores
    )


def standardise_scores(scores: Floats, eligible_mask: Bools) -> Floats:
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
    sparse_scores_by_channel: dict[str, sparse.csr_matrix] = {}
    nominated_items = [] if extra_scores is None else [_find_top_items(extra_scores, eligible_mask, n_nominated)]
    for channel_index, channel in enumerate(CHANNELS):
        if channel == TREND_CHANNEL:
            continue
        item_scores = sparse_scores_by_channel[channel] = ensemble.score_sparse(channel, user_states)
        is_eligible_entry = eligible_mask[entry_rows(item_scores.indptr), item_scores.indices]
        item_scores.data[~is_eligible_entry] = 0.0
        best_scores[channel_index] = row_maxima(item_scores.data, item_scores.indptr)
        if channel in NOMINATING_CHANNELS:
            nominated_items.append(find_largest_columns(item_scores, n_nominated, is_eligible_entry))
    trend_scores, moment_index_by_row = ensemble.trend.score_moments(user_states.cutoff_tick)
    trend_means, trend_deviations = trend_scores.mean(axis=1), trend_scores.std(axis=1)
    trending_items, best_scores[list(CHANNELS).index(TREND_CHANNEL)] = _find_trending_items(
        trend_scores, moment_index_by_row, eligible_mask, n_nominated
    )
    item_codes = np.sort(np.concatenate([*nominated_items, trending_items], axis=1), axis=1)
    item_codes[:, 1:][item_codes[:, 1:] == item_codes[:, :-1]] = -1  # listed once; -1 is padding
    unpadded_item_codes = np.maximum(item_codes, 0)  # padding reads item 0
    dense_score_buffer = np.empty(eligible_mask.shape, np.float32)
    channel_scores = np.zeros((len(CHANNELS), *item_codes.shape), np.float32)
    prior_scores = np.zeros(item_codes.shape, np.float32)
    if extra_scores is not None:
        prior_scores = np.take_along_axis(standardise_scores(extra_scores, eligible_mask), unpadded_item_codes, axis=1)
    for channel_index, channel in enumerate(CHANNELS):
        if channel == TREND_CHANNEL:
            channel_scores[channel_index] = trend_scores[moment_index_by_row[:, None], unpadded_item_codes]
        else:
            channel_scores[channel_index] = np.take_along_axis(
                sparse_scores_by_channel[channel].toarray(out=dense_score_buffer), unpadded_item_codes, axis=1
            )
        if channel in NOMINATING_CHANNELS:
            row_means, row_deviations = (
                (trend_means[moment_index_by_row], trend_deviations[moment_index_by_row])
                if channel == TREND_CHANNEL
                else _measure_mean_and_deviation(sparse_scores_by_channel[channel], eligible_counts)
            )
            prior_scores += (channel_scores[channel_index] - row_means[:, None]) / (
                row_deviations[:, None] + np.float32(1e-9)
            )
    prior_scores /= len(NOMINATING_CHANNELS) + (extra_scores is not None)
    prior_scores[item_codes < 0] = NO_SCORE
    candidate_order = np.argsort(-prior_scores, axis=1, kind="stable")[:, : config.n_candidates]
    return Candidates(
        item=np.take_along_axis(unpadded_item_codes, candidate_order, axis=1),
        prior=np.take_along_axis(prior_scores, candidate_order, axis=1),
        is_candidate=np.take_along_axis(item_codes >= 0, candidate_order, axis=1),
        channel_scores=np.take_along_axis(channel_scores, candidate_order[None], axis=2),
        best_scores=best_scores,
    )


def _measure_mean_and_deviation(scores: sparse.csr_matrix, eligible_counts: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation of each row over the eligible items, most of which have no stored score and count as 0."""
    row_indices, n_rows = entry_rows(scores.indptr), len(eligible_counts)
    row_means = np.bincount(row_indices, scores.data, n_rows) / eligible_counts
    row_mean_squares = np.bincount(row_indices, np.square(scores.data, dtype=np.float64), n_rows) / eligible_counts
    return row_means.astype(np.float32), np.sqrt(np.maximum(row_mean_squares - row_means**2, 0.0)).astype(np.float32)


def _find_trending_items(
    trend_scores: Floats, moment_index_by_row: Ints, eligible_mask: Bools, n_nominated: int
) -> tuple[Ints, Floats]:
    """Rows x n_nominated: the eligible items with the highest trend at each row's moment, -1 on padding; the highest
    trend score per row."""
    trending_items = np.full((len(moment_index_by_row), n_nominated), -1, np.int64)
    best_scores = np.zeros(len(moment_index_by_row), np.float32)
    for moment_number in np.unique(moment_index_by_row).tolist():
        row_indices = np.flatnonzero(moment_index_by_row == moment_number)
        highest_trend_items = np.argsort(-trend_scores[moment_number], kind="stable")[
            : n_nominated + SURPLUS_TRENDING_ITEMS
        ]
        is_eligible = eligible_mask[np.ix_(row_indices, highest_trend_items)]
        positions_among_eligible = np.cumsum(is_eligible, axis=1) - 1
        nominated_row_positions, nominated_rank_positions = np.nonzero(
            is_eligible & (positions_among_eligible < n_nominated)
        )
        trending_items[
            row_indices[nominated_row_positions],
            positions_among_eligible[nominated_row_positions, nominated_rank_positions],
        ] = highest_trend_items[nominated_rank_positions]
        first_trending_items = trending_items[row_indices, 0]
        best_scores[row_indices] = np.where(
            first_trending_items >= 0, trend_scores[moment_number][np.maximum(first_trending_items, 0)], 0.0
        )
    return trending_items, best_scores


def _find_top_items(scores: Floats, eligible_mask: Bools, n_nominated: int) -> Ints:
    """Rows x n_nominated: the eligible items with the highest scores, in no order."""
    return np.argpartition(np.where(eligible_mask, -scores, np.float32(np.inf)), n_nominated - 1, axis=1)[
        :, :n_nominated
    ]
