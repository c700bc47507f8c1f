"""Variety: how much of the catalogue lists show, how evenly, how unexpected their items are, and how different.

Belongs here: the four measures, each with its source, and what was known of items when models were frozen.
Does not belong here: accuracy (see metrics), limits that a challenger must keep (`ml.registry.promotion`).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data.sparse_rows import Bools, Doubles, Ints
from ml.evaluation.splits import EvalSplit
from ml.retrieval.base import build_acquisition_matrix


@dataclass(frozen=True, eq=False)
class KnownItems:
    """What was known of the items at the freeze.

    Attributes:
        holder_counts: People who held each item, shape (items,).
        common_holder_counts: People who held both items, shape (items, items); the diagonal is `holder_counts`.
        n_people: People with a history.
    """

    holder_counts: Ints
    common_holder_counts: sparse.csr_matrix
    n_people: int


@dataclass(frozen=True)
class Variety:
    """The measures of one model's lists. The field names are those of `ModelResult`.

    Attributes:
        coverage: Share of all items that are on at least one list, 0 to 1.
        novelty: Mean self-information of the listed items, in bits.
        exposure_gini: Gini coefficient of how often items are listed, 0 (all equally often) to 1 (one item alone).
        list_distance: Mean distance of two items of a list, 0 (the same people hold both) to 1 (nobody holds both).
    """

    coverage: float
    novelty: float
    exposure_gini: float
    list_distance: float


def describe_known_items(eval_split: EvalSplit) -> KnownItems:
    """Count the holders of each item and of each pair of items of a split when models were frozen.

    Args:
        eval_split: The split; items are coded as in `all_interactions`. Nobody held an item that was new after the
            freeze.
    """
    train_codes = eval_split.train_codes
    known_codes = np.flatnonzero(train_codes >= 0)
    people_by_train_items = build_acquisition_matrix(eval_split.train_interactions)
    # train items x all items: 1 where both are the same item
    recoding = sparse.csr_matrix(
        (np.ones(len(known_codes), np.float32), (train_codes[known_codes], known_codes)),
        shape=(eval_split.train_interactions.n_items, eval_split.all_interactions.n_items),
    )
    people_by_items = sparse.csr_matrix(people_by_train_items @ recoding)
    return KnownItems(
        eval_split.holder_counts,
        sparse.csr_matrix(people_by_items.T @ people_by_items),
        eval_split.train_interactions.n_people,
    )


def measure_variety(top_items: Ints, known_items: KnownItems) -> Variety:
    """Measure the variety of lists.

    Args:
        top_items: Item codes, lists x length; -1 where a list is shorter.
        known_items: What was known of the items when models were frozen.
    """
    return Variety(
        measure_coverage(top_items, len(known_items.holder_counts)),
        measure_novelty(top_items, known_items.holder_counts, known_items.n_people),
        measure_exposure_gini(top_items, len(known_items.holder_counts)),
        measure_list_distance(top_items, known_items),
    )


def measure_coverage(top_items: Ints, n_items: int) -> float:
    """Share of all items that are on at least one list.

    Catalogue coverage of Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy" (RecSys 2010).
    """
    return len(np.unique(top_items[top_items >= 0])) / max(n_items, 1)


def measure_novelty(top_items: Ints, holder_counts: Doubles | Ints, n_people: int) -> float:
    """Mean of -log2((holders + 1) / (people + 1)) over all listed items; 0 bits if everybody holds them.

    Mean self-information of Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems"
    (PNAS 2010); one is added to both counts, so that an item that nobody holds has a finite value.
    """
    shown_items = top_items[top_items >= 0]
    return float(-np.log2((holder_counts[shown_items] + 1.0) / (n_people + 1.0)).mean()) if len(shown_items) else 0.0


def measure_exposure_gini(top_items: Ints, n_items: int) -> float:
    """Gini coefficient of the number of lists on which each item of the catalogue is.

    sum of (2 i - n - 1) x_i over n times the sum of x_i, with the counts x ascending and i from 1 (Fleder and
    Hosanagar, "Blockbuster culture's next rise or fall", Management Science 2009).
    """
    exposure_counts = np.sort(np.bincount(top_items[top_items >= 0], minlength=n_items))
    if not exposure_counts.sum():
        return 0.0
    rank_weights = 2.0 * np.arange(1, n_items + 1) - n_items - 1
    return float(rank_weights @ exposure_counts / (n_items * exposure_counts.sum()))


def measure_list_distance(top_items: Ints, known_items: KnownItems) -> float:
    """Mean over lists of the mean distance of two items of a list; lists of fewer than two items do not count.

    Intra-list distance of Ziegler et al., "Improving recommendation lists through topic diversification" (WWW 2005),
    with 1 - cosine of the sets of people who hold the items: 1 - both / sqrt(holders of one x holders of the other).
    An item that nobody holds has distance 1 to all others.
    """
    n_items = len(known_items.holder_counts)
    first_places, second_places = np.triu_indices(top_items.shape[1], k=1)
    first_items, second_items = top_items[:, first_places], top_items[:, second_places]
    is_pair: Bools = (first_items >= 0) & (second_items >= 0)
    has_pair = is_pair.any(axis=1)
    if not has_pair.any():
        return 0.0
    # the same pair is on many lists: each is looked up once
    pair_keys, key_index = np.unique(
        np.where(is_pair, first_items * n_items + second_items, 0).ravel(), return_inverse=True
    )
    pair_firsts, pair_seconds = np.divmod(pair_keys, n_items)
    common_holders = np.asarray(known_items.common_holder_counts[pair_firsts, pair_seconds], np.float64).ravel()
    holders = known_items.holder_counts.astype(np.float64)
    cosines = common_holders / np.sqrt(np.maximum(holders[pair_firsts] * holders[pair_seconds], 1.0))
    distances = np.where(is_pair, (1.0 - cosines)[key_index].reshape(is_pair.shape), 0.0)
    return float((distances.sum(axis=1)[has_pair] / is_pair.sum(axis=1)[has_pair]).mean())
