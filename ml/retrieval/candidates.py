"""Candidates: the few items per person that are worth ranking carefully.

Belongs here: nominations of several scorers merged into one list of a fixed length, for small and large catalogues.
Does not belong here: the ranking of the list, rules about who may get what.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data.interactions import Bools, Doubles, Floats, Ints, Prefixes
from ml.data.ranker_config import Policy
from ml.data.sparse_rows import highest, largest_columns, rows_of
from ml.retrieval.scorer_ensemble import CHANNELS, NOMINATING, Panel

TREND = "recent_popularity"
NOTHING = np.float32(-np.inf)
PASSED_OVER = 500  # of the items in fashion are looked through for open ones, beyond those to be named


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows x k item codes, best nominated first, with the prior they came in by; `real` is False on padding."""

    item: Ints
    prior: Floats  # mean standard score over the nominating scorers
    real: Bools
    values: Floats  # channels x rows x k: what each scorer says of them
    best: Floats  # channels x rows: the highest score of an open item, at least 0

    def take(self, places: Ints) -> "Candidates":
        """The candidates at these places (rows x k) of each row."""
        return Candidates(
            np.take_along_axis(self.item, places, axis=1),
            np.take_along_axis(self.prior, places, axis=1),
            np.take_along_axis(self.real, places, axis=1),
            np.take_along_axis(self.values, places[None], axis=2),
            self.best,
        )


def pick_candidates(
    panel: Panel, prefixes: Prefixes, open_items: Bools, policy: Policy, also: Floats | None = None
) -> tuple[Candidates, Floats]:
    """The top of each nominating scorer, filled up by mean standard score where the catalogue is small.

    also: rows x items of one more that nominates; open_items: rows x items, False where held or not eligible. No item
    is ever put on the list because it is a target: a list that knows its targets teaches nothing about lists that do
    not. Past `policy.dense_items` nothing of rows x items is computed but that mask and one scorer's scores at a time.
    Comes with the order (rows x items) of what is no candidate: mean standard scores, popularity in large catalogues.
    """
    if open_items.shape[1] > policy.dense_items:
        popular = np.log1p(panel.popularity).astype(np.float32)
        return _pick_sparse(panel, prefixes, open_items, policy, also), np.broadcast_to(popular, open_items.shape)
    return pick_dense(panel.score(prefixes), open_items, policy, also)


def pick_dense(
    scores: Floats, open_items: Bools, policy: Policy, also: Floats | None = None
) -> tuple[Candidates, Floats]:
    """`pick_candidates` from scores (channels x rows x items), and the mean standard score of all items."""
    rows, items = open_items.shape
    size = min(policy.candidates, items)
    named = np.zeros((rows, items), bool)
    prior = np.zeros((rows, items), np.float32)
    places = dict(zip(CHANNELS, range(len(CHANNELS)), strict=True))
    nominating = [scores[places[name]] for name in NOMINATING] + ([] if also is None else [also])
    best = np.zeros(scores.shape[:2], np.float32)
    for number, score in enumerate(scores):
        best[number] = np.where(open_items, score, np.float32(0.0)).max(axis=1, initial=0.0)
    for score in nominating:
        prior += standard(score, open_items)
        if items > policy.per_scorer:
            np.put_along_axis(named, _top(score, open_items, policy.per_scorer), True, axis=1)
        else:
            named[:] = True
    prior /= len(nominating)
    prior[~open_items] = NOTHING
    urgent = prior + np.where(named, np.float32(1e4), np.float32(0.0))
    chosen = np.argpartition(-urgent, size - 1, axis=1)[:, :size] if size < items else _all_items(rows, items)
    chosen = np.sort(chosen, axis=1)
    picked = np.take_along_axis(urgent, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    item = np.take_along_axis(chosen, order, axis=1).astype(np.int64)
    said = np.take_along_axis(prior, item, axis=1)
    values = np.take_along_axis(scores, item[None], axis=2)
    return Candidates(item, said, np.isfinite(said), values, best), prior


def pick_popular(popularity: Doubles, open_items: Bools, policy: Policy) -> tuple[Candidates, Floats]:
    """The most popular open items, for want of a ranker; no scorer is asked."""
    counts = np.broadcast_to(np.log1p(popularity).astype(np.float32), open_items.shape)
    prior = np.where(open_items, counts, NOTHING)
    item = np.argsort(-prior, axis=1, kind="stable")[:, : policy.candidates].astype(np.int64)
    said = np.take_along_axis(prior, item, axis=1)
    none = np.zeros((len(CHANNELS), *item.shape), np.float32)
    return Candidates(item, said, np.isfinite(said), none, none[:, :, 0] if item.size else none.sum(axis=2)), prior


def standard(scores: Floats, open_items: Bools) -> Floats:
    """Scores less their row mean, over their row deviation, both over open items."""
    count = np.maximum(open_items.sum(axis=1, keepdims=True), 1)
    mean = np.where(open_items, scores, np.float32(0.0)).sum(axis=1, keepdims=True) / count
    gap = np.where(open_items, scores - mean, np.float32(0.0)).astype(np.float32)
    spread = np.sqrt(np.einsum("ij,ij->i", gap, gap)[:, None] / count)
    gap /= (spread + 1e-9).astype(np.float32)
    return gap


def _pick_sparse(
    panel: Panel, prefixes: Prefixes, open_items: Bools, policy: Policy, also: Floats | None
) -> Candidates:
    rows, items = open_items.shape
    count = np.maximum(open_items.sum(axis=1), 1)
    best = np.zeros((len(CHANNELS), rows), np.float32)
    stored: dict[str, sparse.csr_matrix] = {}
    named = [] if also is None else [_top(also, open_items, policy.per_scorer)]
    for number, channel in enumerate(CHANNELS):
        if channel == TREND:
            continue
        scores = panel.score_sparse(channel, prefixes)
        usable = open_items[rows_of(scores), scores.indices]
        scores.data[~usable] = 0.0
        best[number] = highest(scores.data, scores.indptr)
        if channel in NOMINATING:
            named.append(largest_columns(scores, policy.per_scorer, usable))
        stored[channel] = scores
    trend, when = panel.trend.score_at(prefixes.cut)
    fashion, best[list(CHANNELS).index(TREND)] = _in_fashion(trend, when, open_items, policy.per_scorer)
    item = _distinct([*named, fashion])
    place = np.maximum(item, 0)
    buffer = np.empty((rows, items), np.float32)
    values = np.zeros((len(CHANNELS), *item.shape), np.float32)
    prior = np.zeros(item.shape, np.float32) if also is None else np.take_along_axis(
        standard(also, open_items), place, axis=1
    )  # fmt: skip
    for number, channel in enumerate(CHANNELS):
        if channel == TREND:
            values[number] = trend[when[:, None], place]
        else:
            values[number] = np.take_along_axis(stored[channel].toarray(out=buffer), place, axis=1)
        if channel in NOMINATING:
            trended = trend.mean(axis=1)[when], trend.std(axis=1)[when]
            mean, spread = trended if channel == TREND else _moments(stored[channel], count)
            prior += (values[number] - mean[:, None]) / (spread[:, None] + np.float32(1e-9))
    prior /= len(NOMINATING) + (also is not None)
    prior[item < 0] = NOTHING
    order = np.argsort(-prior, axis=1, kind="stable")[:, : policy.candidates]
    return Candidates(place, prior, item >= 0, values, best).take(order)


def _moments(scores: sparse.csr_matrix, count: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation of each row over the open items, most of which have no stored score and count as 0."""
    row = rows_of(scores)
    mean = np.bincount(row, scores.data, len(count)) / count
    square = np.bincount(row, np.square(scores.data, dtype=np.float64), len(count)) / count
    return mean.astype(np.float32), np.sqrt(np.maximum(square - mean**2, 0.0)).astype(np.float32)


def _in_fashion(trend: Floats, when: Ints, open_items: Bools, keep: int) -> tuple[Ints, Floats]:
    """Rows x keep: the open items most in fashion at each row's moment, -1 on padding; and the best one's score."""
    found = np.full((len(when), keep), -1, np.int64)
    best = np.zeros(len(when), np.float32)
    for moment in np.unique(when).tolist():
        rows = np.flatnonzero(when == moment)
        order = np.argsort(-trend[moment], kind="stable")[: keep + PASSED_OVER]
        is_open = open_items[np.ix_(rows, order)]
        place = np.cumsum(is_open, axis=1) - 1
        row, column = np.nonzero(is_open & (place < keep))
        found[rows[row], place[row, column]] = order[column]
        first = found[rows, 0]
        best[rows] = np.where(first >= 0, trend[moment][np.maximum(first, 0)], 0.0)
    return found, best


def _distinct(named: list[Ints]) -> Ints:
    """Rows x all named items in ascending order, repeated ones and padding as -1."""
    item = np.sort(np.concatenate(named, axis=1), axis=1)
    item[:, 1:][item[:, 1:] == item[:, :-1]] = -1
    return item


def _top(scores: Floats, open_items: Bools, keep: int) -> Ints:
    usable = np.where(open_items, -scores, np.float32(np.inf))
    return np.asarray(np.argpartition(usable, keep - 1, axis=1)[:, :keep], np.int64)


def _all_items(rows: int, items: int) -> Ints:
    return np.tile(np.arange(items), (rows, 1))
