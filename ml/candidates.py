"""Candidates: the few items per person that are worth ranking carefully.

Belongs here: nominations of several scorers merged into one list of a fixed length.
Does not belong here: the ranking of the list, rules about who may get what.
"""

from dataclasses import dataclass

import numpy as np

from ml.histories import Bools, Floats, Ints
from ml.panel import CHANNELS, NOMINATING
from ml.policy import Policy

_NOMINATING = tuple(list(CHANNELS).index(name) for name in NOMINATING)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows x k item codes, best nominated first, with the prior they came in by; `real` is False on padding."""

    item: Ints
    prior: Floats  # mean standard score over the nominating scorers
    real: Bools


def pick_candidates(
    scores: Floats, open_items: Bools, policy: Policy, also: Floats | None = None
) -> tuple[Candidates, Floats]:
    """The top of each nominating scorer, filled up by mean standard score; and that mean for all items.

    scores: channels x rows x items; also: rows x items of one more that nominates; open_items: rows x items, False
    where held or not eligible. No item is ever put on the list because it is a target: a list that knows its targets
    teaches nothing about lists that do not.
    """
    rows, items = open_items.shape
    size = min(policy.candidates, items)
    named = np.zeros((rows, items), bool)
    prior = np.zeros((rows, items), np.float32)
    nominating = [scores[place] for place in _NOMINATING] + ([] if also is None else [also])
    for score in nominating:
        usable = np.where(open_items, score, np.float32(-np.inf))
        prior += standard(score, open_items)
        if items > policy.per_scorer:
            top = np.argpartition(-usable, policy.per_scorer - 1, axis=1)[:, : policy.per_scorer]
            np.put_along_axis(named, top, True, axis=1)
        else:
            named[:] = True
    prior /= len(nominating)
    prior[~open_items] = -np.inf
    urgent = prior + np.where(named, np.float32(1e4), np.float32(0.0))
    chosen = np.argpartition(-urgent, size - 1, axis=1)[:, :size] if size < items else _all_items(rows, items)
    chosen = np.sort(chosen, axis=1)
    picked = np.take_along_axis(urgent, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, axis=1)
    picked_prior = np.take_along_axis(prior, chosen, axis=1)
    return Candidates(chosen.astype(np.int64), picked_prior, np.isfinite(picked_prior)), prior


def standard(scores: Floats, open_items: Bools) -> Floats:
    """Scores less their row mean, over their row deviation, both over open items."""
    count = np.maximum(open_items.sum(axis=1, keepdims=True), 1)
    mean = np.where(open_items, scores, 0.0).sum(axis=1, keepdims=True) / count
    gap = np.where(open_items, scores - mean, 0.0)
    spread = np.sqrt((gap**2).sum(axis=1, keepdims=True) / count)
    return np.asarray(gap / (spread + 1e-9), np.float32)


def _all_items(rows: int, items: int) -> Ints:
    return np.tile(np.arange(items), (rows, 1))
