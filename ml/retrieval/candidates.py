"""Candidates: the few items per person that are worth ranking carefully.

Belongs here: nominations of several scorers merged into one list of a fixed length, for small and large catalogues.
Does not belong here: the ranking of the list, rules about who may get what.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data.interactions import Bools, Doubles, Floats, Ints, UserStates
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import highest, largest_columns, rows_of
from ml.retrieval.scorer_ensemble import CHANNELS, NOMINATING, ScorerEnsemble

TREND = "recent_popularity"
NOTHING = np.float32(-np.inf)
PASSED_OVER = 500  # of the items in fashion are looked through for open ones, beyond those to be named


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows x k item codes, best nominated first, with the prior they came in by; `real` is False on padding."""

    item: Ints
    prior: Floats  # mean standard score over the nominating scorers
    real: Bools
    channel_scores: Floats  # channels x rows x k: what each scorer says of them
    best_scores: Floats  # channels x rows: the highest score of an open item, at least 0

    def take(self, places: Ints) -> "Candidates":
        """The candidates at these places (rows x k) of each row."""
        return Candidates(
            np.take_along_axis(self.item, places, axis=1),
            np.take_along_axis(self.prior, places, axis=1),
            np.take_along_axis(self.real, places, axis=1),
            np.take_along_axis(self.channel_scores, places[None], axis=2),
            self.best_scores,
        )


def select_candidates(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    eligible_mask: Bools,
    config: RankerConfig,
    also: Floats | None = None,
) -> tuple[Candidates, Floats]:
    """The top of each nominating scorer, filled up by mean standard score where the catalogue is small.

    also: rows x items of one more that nominates; open_items: rows x items, False where held or not eligible. No item
    is ever put on the list because it is a target: a list that knows its targets teaches nothing about lists that do
    not. Past `policy.dense_items` nothing of rows x items is computed but that mask and one scorer's scores at a time.
    Comes with the order (rows x items) of what is no candidate: mean standard scores, popularity in large catalogues.
    """
    if eligible_mask.shape[1] > config.dense_items:
        popular = np.log1p(ensemble.popularity).astype(np.float32)
        return _pick_sparse(ensemble, user_states, eligible_mask, config, also), np.broadcast_to(
            popular, eligible_mask.shape
        )
    return select_dense(ensemble.score(user_states), eligible_mask, config, also)


def select_dense(
    scores: Floats, eligible_mask: Bools, config: RankerConfig, also: Floats | None = None
) -> tuple[Candidates, Floats]:
    """`pick_candidates` from scores (channels x rows x items), and the mean standard score of all items."""
    rows, items = eligible_mask.shape
    size = min(config.n_candidates, items)
    named = np.zeros((rows, items), bool)
    prior = np.zeros((rows, items), np.float32)
    places = dict(zip(CHANNELS, range(len(CHANNELS)), strict=True))
    nominating = [scores[places[name]] for name in NOMINATING] + ([] if also is None else [also])
    best_scores = np.zeros(scores.shape[:2], np.float32)
    for number, score in enumerate(scores):
        best_scores[number] = np.where(eligible_mask, score, np.float32(0.0)).max(axis=1, initial=0.0)
    for score in nominating:
        prior += standard(score, eligible_mask)
        if items > config.per_scorer:
            np.put_along_axis(named, _top(score, eligible_mask, config.per_scorer), True, axis=1)
        else:
            named[:] = True
    prior /= len(nominating)
    prior[~eligible_mask] = NOTHING
    urgent = prior + np.where(named, np.float32(1e4), np.float32(0.0))
    chosen = np.argpartition(-urgent, size - 1, axis=1)[:, :size] if size < items else _all_items(rows, items)
    chosen = np.sort(chosen, axis=1)
    picked = np.take_along_axis(urgent, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    item = np.take_along_axis(chosen, order, axis=1).astype(np.int64)
    said = np.take_along_axis(prior, item, axis=1)
    channel_scores = np.take_along_axis(scores, item[None], axis=2)
    return Candidates(item, said, np.isfinite(said), channel_scores, best_scores), prior


def select_popular(popularity: Doubles, eligible_mask: Bools, config: RankerConfig) -> tuple[Candidates, Floats]:
    """The most popular open items, for want of a ranker; no scorer is asked."""
    counts = np.broadcast_to(np.log1p(popularity).astype(np.float32), eligible_mask.shape)
    prior = np.where(eligible_mask, counts, NOTHING)
    item = np.argsort(-prior, axis=1, kind="stable")[:, : config.n_candidates].astype(np.int64)
    said = np.take_along_axis(prior, item, axis=1)
    none = np.zeros((len(CHANNELS), *item.shape), np.float32)
    return Candidates(item, said, np.isfinite(said), none, none[:, :, 0] if item.size else none.sum(axis=2)), prior


def standard(scores: Floats, eligible_mask: Bools) -> Floats:
    """Scores less their row mean, over their row deviation, both over open items."""
    count = np.maximum(eligible_mask.sum(axis=1, keepdims=True), 1)
    mean = np.where(eligible_mask, scores, np.float32(0.0)).sum(axis=1, keepdims=True) / count
    gap = np.where(eligible_mask, scores - mean, np.float32(0.0)).astype(np.float32)
    spread = np.sqrt(np.einsum("ij,ij->i", gap, gap)[:, None] / count)
    gap /= (spread + 1e-9).astype(np.float32)
    return gap


def _pick_sparse(
    ensemble: ScorerEnsemble, user_states: UserStates, eligible_mask: Bools, config: RankerConfig, also: Floats | None
) -> Candidates:
    rows, items = eligible_mask.shape
    count = np.maximum(eligible_mask.sum(axis=1), 1)
    best_scores = np.zeros((len(CHANNELS), rows), np.float32)
    stored: dict[str, sparse.csr_matrix] = {}
    named = [] if also is None else [_top(also, eligible_mask, config.per_scorer)]
    for number, channel in enumerate(CHANNELS):
        if channel == TREND:
            continue
        scores = ensemble.score_sparse(channel, user_states)
        usable = eligible_mask[rows_of(scores), scores.indices]
        scores.data[~usable] = 0.0
        best_scores[number] = highest(scores.data, scores.indptr)
        if channel in NOMINATING:
            named.append(largest_columns(scores, config.per_scorer, usable))
        stored[channel] = scores
    trend, when = ensemble.trend.score_at(user_states.cut)
    fashion, best_scores[list(CHANNELS).index(TREND)] = _in_fashion(trend, when, eligible_mask, config.per_scorer)
    item = _distinct([*named, fashion])
    place = np.maximum(item, 0)
    buffer = np.empty((rows, items), np.float32)
    channel_scores = np.zeros((len(CHANNELS), *item.shape), np.float32)
    prior = (
        np.zeros(item.shape, np.float32)
        if also is None
        else np.take_along_axis(standard(also, eligible_mask), place, axis=1)
    )
    for number, channel in enumerate(CHANNELS):
        if channel == TREND:
            channel_scores[number] = trend[when[:, None], place]
        else:
            channel_scores[number] = np.take_along_axis(stored[channel].toarray(out=buffer), place, axis=1)
        if channel in NOMINATING:
            trended = trend.mean(axis=1)[when], trend.std(axis=1)[when]
            mean, spread = trended if channel == TREND else _moments(stored[channel], count)
            prior += (channel_scores[number] - mean[:, None]) / (spread[:, None] + np.float32(1e-9))
    prior /= len(NOMINATING) + (also is not None)
    prior[item < 0] = NOTHING
    order = np.argsort(-prior, axis=1, kind="stable")[:, : config.n_candidates]
    return Candidates(place, prior, item >= 0, channel_scores, best_scores).take(order)


def _moments(scores: sparse.csr_matrix, count: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation of each row over the open items, most of which have no stored score and count as 0."""
    row = rows_of(scores)
    mean = np.bincount(row, scores.data, len(count)) / count
    square = np.bincount(row, np.square(scores.data, dtype=np.float64), len(count)) / count
    return mean.astype(np.float32), np.sqrt(np.maximum(square - mean**2, 0.0)).astype(np.float32)


def _in_fashion(trend: Floats, when: Ints, eligible_mask: Bools, keep: int) -> tuple[Ints, Floats]:
    """Rows x keep: the open items most in fashion at each row's moment, -1 on padding; and the best one's score."""
    found = np.full((len(when), keep), -1, np.int64)
    best_scores = np.zeros(len(when), np.float32)
    for moment in np.unique(when).tolist():
        rows = np.flatnonzero(when == moment)
        order = np.argsort(-trend[moment], kind="stable")[: keep + PASSED_OVER]
        is_open = eligible_mask[np.ix_(rows, order)]
        place = np.cumsum(is_open, axis=1) - 1
        row, column = np.nonzero(is_open & (place < keep))
        found[rows[row], place[row, column]] = order[column]
        first = found[rows, 0]
        best_scores[rows] = np.where(first >= 0, trend[moment][np.maximum(first, 0)], 0.0)
    return found, best_scores


def _distinct(named: list[Ints]) -> Ints:
    """Rows x all named items in ascending order, repeated ones and padding as -1."""
    item = np.sort(np.concatenate(named, axis=1), axis=1)
    item[:, 1:][item[:, 1:] == item[:, :-1]] = -1
    return item


def _top(scores: Floats, eligible_mask: Bools, keep: int) -> Ints:
    usable = np.where(eligible_mask, -scores, np.float32(np.inf))
    return np.asarray(np.argpartition(usable, keep - 1, axis=1)[:, :keep], np.int64)


def _all_items(rows: int, items: int) -> Ints:
    return np.tile(np.arange(items), (rows, 1))
