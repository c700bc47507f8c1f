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

WORD = re.compile(r"[^\W\d_]+")
MAX_NAMES_PER_WORD = 1_000  # a word of more names distinguishes few of them, and would relate a million pairs
PART_SEPARATOR = re.compile(r"\s*(?:/|>|::|\||\\)\s*")  # between the parts of a path, an area, a category


@dataclass
class NameText(ItemToItem):
    """Cosine of TF-IDF weighted words, without the words that occur in over half of the names."""

    names: Strings | None = None  # one per item code; the item ids if there are none
    neighbours: int = 200

    def fit(self, interactions: Interactions) -> Self:
        return self.fit_items(interactions.items)

    def fit_items(self, items: Strings) -> Self:
        """Fit on the item ids alone: interactions teach this scorer nothing."""
        names = (items if self.names is None else self.names).tolist()
        size = len(names)
        self.matrix = sparse.csr_matrix((size, size), dtype=np.float32)
        if not any(WORD.search(name) for name in names):
            return self
        vectorizer = TfidfVectorizer(tokenizer=split_words, token_pattern=None, lowercase=False, sublinear_tf=True)
        vectors = sparse.csr_matrix(vectorizer.fit_transform(names), dtype=np.float32)
        names_per_word = np.asarray((vectors > 0).sum(axis=0)).ravel()
        vectors = vectors[:, names_per_word <= max(2.0, min(0.5 * size, MAX_NAMES_PER_WORD))]
        self.matrix = sparse.csr_matrix(
            sparse.vstack([_find_similar(vectors, low, self.neighbours) for low in range(0, size, BLOCK_ROWS)])
        )
        return self


def _find_similar(vectors: sparse.csr_matrix, low: int, neighbours: int) -> sparse.csr_matrix:
    """Cosine of a block of rows from `low` on to all rows, without the diagonal."""
    cosine = sparse.csr_matrix(vectors[low : low + BLOCK_ROWS] @ vectors.T)
    cosine.setdiag(0, k=low)
    cosine.eliminate_zeros()
    cosine.sort_indices()
    return keep_largest(cosine, neighbours)


def split_words(name: str) -> list[str]:
    """Return the runs of letters in lower case."""
    return [word.lower() for word in WORD.findall(name)]


def group_names(names: Strings) -> Ints:
    """Return 3 x names: a group code by the first word, by the first part of the path, and by its first two parts."""
    first_words = [(split_words(name) or [""])[0] for name in names.tolist()]
    paths = [PART_SEPARATOR.split(name) for name in names.tolist()]
    levels = (first_words, [path[0] for path in paths], ["/".join(path[:2]) for path in paths])
    return np.asarray([np.unique(np.asarray(keys, str), return_inverse=True)[1] for keys in levels], np.int64)
