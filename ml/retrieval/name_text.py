"""Name text: items whose names share rare words with the names of the items held.

Belongs here: words of names, TF-IDF similarity of items, the groups that an item's name puts it in.
Does not belong here: anything learned from interactions.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from ml.data.interactions import Interactions
from ml.data.sparse_rows import Ints, Strings, keep_largest
from ml.retrieval.base import BLOCK_ROWS, ItemToItem

WORD_PATTERN = re.compile(r"[^\W\d_]+")
MAX_NAMES_PER_WORD = 1_000  # a word of more names distinguishes few of them, and would relate a million pairs
PART_SEPARATOR_PATTERN = re.compile(r"\s*(?:/|>|::|\||\\)\s*")  # between the parts of a path, an area, a category


@dataclass
class NameText(ItemToItem):
    """Cosine of TF-IDF weighted words, without the words that occur in over half of the names."""

    names: Strings | None = None  # one per item code; the item ids if there are none
    neighbours: int = 200

    def fit(self, interactions: Interactions) -> Self:
        return self.fit_items(interactions.items)

    def fit_items(self, item_ids: Strings) -> Self:
        """Fit on the item ids alone: interactions teach this scorer nothing."""
        item_names = (item_ids if self.names is None else self.names).tolist()
        n_items = len(item_names)
        self.matrix = sparse.csr_matrix((n_items, n_items), dtype=np.float32)
        if not any(WORD_PATTERN.search(item_name) for item_name in item_names):
            return self
        vectorizer = TfidfVectorizer(tokenizer=split_words, token_pattern=None, lowercase=False, sublinear_tf=True)
        names_by_words = sparse.csr_matrix(vectorizer.fit_transform(item_names), dtype=np.float32)
        name_count_per_word = np.asarray((names_by_words > 0).sum(axis=0)).ravel()
        names_by_words = names_by_words[:, name_count_per_word <= max(2.0, min(0.5 * n_items, MAX_NAMES_PER_WORD))]
        self.matrix = sparse.csr_matrix(
            sparse.vstack(
                [
                    _compute_similarity_block(names_by_words, first_row, self.neighbours)
                    for first_row in range(0, n_items, BLOCK_ROWS)
                ]
            )
        )
        return self


def _compute_similarity_block(names_by_words: sparse.csr_matrix, first_row: int, neighbours: int) -> sparse.csr_matrix:
    """Cosine of a block of rows from `first_row` on to all rows, without the diagonal."""
    similarities = sparse.csr_matrix(names_by_words[first_row : first_row + BLOCK_ROWS] @ names_by_words.T)
    similarities.setdiag(0, k=first_row)
    similarities.eliminate_zeros()
    similarities.sort_indices()
    return keep_largest(similarities, neighbours)


def split_words(item_name: str) -> list[str]:
    """Return the runs of letters in lower case."""
    return [word.lower() for word in WORD_PATTERN.findall(item_name)]


def group_names(item_names: Strings) -> Ints:
    """Return 3 x names: a group code by the first word, by the first part of the path, and by its first two parts."""
    first_words = [(split_words(item_name) or [""])[0] for item_name in item_names.tolist()]
    parts_per_name = [PART_SEPARATOR_PATTERN.split(item_name) for item_name in item_names.tolist()]
    group_keys_per_level = (
        first_words,
        [name_parts[0] for name_parts in parts_per_name],
        ["/".join(name_parts[:2]) for name_parts in parts_per_name],
    )
    return np.asarray(
        [np.unique(np.asarray(group_keys, str), return_inverse=True)[1] for group_keys in group_keys_per_level],
        np.int64,
    )
