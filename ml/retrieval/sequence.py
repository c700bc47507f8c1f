"""Sequence: what follows the latest items and the ones shortly before them, backed off to first-order transitions.

Belongs here: counts of pairs of items that were held in this order, and what was acquired next.
Does not belong here: first-order transitions (see markov), the choice whether order carries signal.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Interactions, UserStates, build_user_states
from ml.data.sparse_rows import Doubles, Floats, Ints, entry_rows, take_rows
from ml.retrieval.markov import MOMENTS_PER_PERSON, STATE_ROWS, Markov, sample_next_items

MAX_TIED_ITEMS = 4  # items of one moment have no order: a moment with more of them tells little about what led to what
MAX_MOMENTS = 200_000  # a larger number is sampled evenly: each moment has up to 48 pairs
MAX_PAIRS = 200_000  # the most frequent ones: rarer pairs of a large company back off to single items
MIN_PAIR_COUNT = 2  # a pair that was seen once would repeat one person's path


@dataclass
class Sequence(Markov):
    """Interpolated second-order and skip-gram transitions.

    A pair (a, b) says that b was among the latest items and a among those up to `reach` moments before. The share of
    item j after it is (n(a, b, j) + back_off * p1(j)) / (n(a, b) + back_off), where p1 is the first-order share of the
    row's items: the interpolation of Witten and Bell (1991) with a constant instead of the number of distinct items.
    """

    reach: int = 3  # moments before the latest one that a pair may begin at: 1 is second order, more are skip-grams
    skip_decay: float = 0.5  # weight of a pair that begins one moment earlier
    back_off: float = 2.0  # next items that the first-order share counts for
    pair_keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # a * items + b, ascending
    pair_shares: sparse.csr_matrix = field(default_factory=lambda: sparse.csr_matrix((0, 0), dtype=np.float32))
    pair_back_off: Doubles = field(default_factory=lambda: np.zeros(0))  # weight of the first-order shares per pair

    def fit(self, interactions: Interactions) -> Self:
        super().fit(interactions)
        return self._fit_pairs(interactions)

    @classmethod
    def extend(cls, first_order: Markov, interactions: Interactions) -> "Sequence":
        """Return transitions of second order that back off to fitted ones of first order.

        Args:
            first_order: Transitions that were fitted on `interactions`; their matrix is shared, not copied.
            interactions: Interactions to learn from.
        """
        return cls(**vars(first_order))._fit_pairs(interactions)

    def _fit_pairs(self, interactions: Interactions) -> Self:
        person_codes, cutoff_ticks, moments_by_items = sample_next_items(
            interactions, MOMENTS_PER_PERSON, MAX_MOMENTS, self.seed
        )
        n_items = interactions.n_items
        moment_rows, keys, weights = [], [], []
        for first_row in range(0, len(person_codes), STATE_ROWS):
            row_slice = slice(first_row, first_row + STATE_ROWS)
            user_states = build_user_states(interactions, person_codes[row_slice], cutoff_ticks[row_slice])
            pair_rows, row_pair_keys, pair_weights = self._list_pairs(user_states, n_items)
            moment_rows.append(pair_rows + first_row)
            keys.append(row_pair_keys)
            weights.append(pair_weights)
        if keys:
            self._count_pairs(
                np.concatenate(moment_rows), np.concatenate(keys), np.concatenate(weights), moments_by_items
            )
        return self

    def _count_pairs(
        self, moment_rows: Ints, keys: Ints, weights: Doubles, moments_by_items: sparse.csr_matrix
    ) -> None:
        distinct_keys, key_index, key_counts = np.unique(keys, return_inverse=True, return_counts=True)
        is_frequent = key_counts >= MIN_PAIR_COUNT
        if is_frequent.sum() > MAX_PAIRS:
            is_frequent &= key_counts > np.partition(key_counts, -MAX_PAIRS - 1)[-MAX_PAIRS - 1]
        frequent_index = np.cumsum(is_frequent) - 1
        is_counted = is_frequent[key_index]
        pairs_by_moments = sparse.csr_matrix(
            (
                weights[is_counted].astype(np.float32),
                (frequent_index[key_index[is_counted]], moment_rows[is_counted]),
            ),
            shape=(int(is_frequent.sum()), moments_by_items.shape[0]),
        )
        next_item_counts = sparse.csr_matrix(pairs_by_moments @ moments_by_items)
        totals = np.asarray(next_item_counts.sum(axis=1), np.float64).ravel() + self.back_off
        self.pair_keys = distinct_keys[is_frequent]
        self.pair_shares = sparse.csr_matrix(sparse.diags(1.0 / totals) @ next_item_counts, dtype=np.float32)
        self.pair_back_off = self.back_off / totals

    def _list_pairs(self, user_states: UserStates, n_items: int) -> tuple[Ints, Ints, Doubles]:
        """The row, the key and the weight of each pair of a latest item and one of the moments before it."""
        # the items of each row by moment: a row's latest moment first
        entry_order = np.lexsort((user_states.moments_back, user_states.row))
        group_keys = user_states.row[entry_order] * (self.reach + 2) + np.minimum(
            user_states.moments_back[entry_order], self.reach + 1
        )
        group_starts = np.searchsorted(group_keys, np.arange(len(user_states) * (self.reach + 2) + 1))
        rows = np.arange(len(user_states))
        pair_rows, keys, weights = [], [], []
        for distance in range(1, self.reach + 1):
            latest_groups, earlier_groups = rows * (self.reach + 2), rows * (self.reach + 2) + distance
            latest_counts, earlier_counts = (
                group_starts[groups + 1] - group_starts[groups] for groups in (latest_groups, earlier_groups)
            )
            is_untied = (latest_counts <= MAX_TIED_ITEMS) & (earlier_counts <= MAX_TIED_ITEMS)
            pair_counts = np.where(is_untied, latest_counts * earlier_counts, 0)
            pair_offsets, pair_numbers = take_rows(np.zeros(len(rows), np.int64), pair_counts)
            pair_row = entry_rows(pair_offsets)
            earlier_place, latest_place = np.divmod(pair_numbers, np.maximum(latest_counts[pair_row], 1))
            latest_items, earlier_items = (
                user_states.item[entry_order[group_starts[groups[pair_row]] + places]]
                for groups, places in ((latest_groups, latest_place), (earlier_groups, earlier_place))
            )
            pair_rows.append(pair_row)
            keys.append(earlier_items * n_items + latest_items)
            weights.append(self.skip_decay ** (distance - 1) / np.maximum(pair_counts[pair_row], 1))
        return np.concatenate(pair_rows), np.concatenate(keys), np.concatenate(weights)

    def score(self, user_states: UserStates) -> Floats:
        return np.asarray(self._interpolate(user_states, super().score(user_states)), np.float32)

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        return sparse.csr_matrix(self._interpolate(user_states, super().score_sparse(user_states)))

    def _interpolate(
        self, user_states: UserStates, first_order_scores: Floats | sparse.csr_matrix
    ) -> Floats | sparse.csr_matrix:
        """Rows x items: the shares after each row's pairs; first-order scores where no pair is known."""
        if not len(self.pair_keys):
            return first_order_scores
        n_rows = len(user_states)
        pair_rows, keys, weights = self._list_pairs(user_states, self.matrix.shape[0])
        pair_index = np.minimum(np.searchsorted(self.pair_keys, keys), len(self.pair_keys) - 1)
        is_known = self.pair_keys[pair_index] == keys
        pair_rows, pair_index, weights = pair_rows[is_known], pair_index[is_known], weights[is_known]
        weights = weights / np.maximum(np.bincount(pair_rows, weights, n_rows), 1e-12)[pair_rows]
        rows_by_pairs = sparse.csr_matrix(
            (weights.astype(np.float32), (pair_rows, pair_index)), shape=(n_rows, len(self.pair_keys))
        )
        first_order_weights = np.ones(n_rows)
        has_pair = np.bincount(pair_rows, minlength=n_rows) > 0
        first_order_weights[has_pair] = np.bincount(pair_rows, weights * self.pair_back_off[pair_index], n_rows)[
            has_pair
        ]
        # the weights of the items held add up to more than 1, shares must not
        held_weights = np.asarray(user_states.matrix(self.matrix.shape[0], self.decay_moments).sum(axis=1)).ravel()
        first_order_weights /= np.maximum(held_weights, 1e-9)
        pair_scores = rows_by_pairs @ self.pair_shares
        return pair_scores + sparse.diags(first_order_weights.astype(np.float32)) @ first_order_scores
