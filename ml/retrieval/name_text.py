"""Name text: items whose names share rare words with the names of what the person holds.

Belongs here: words of names, TF-IDF likeness of items, the group an item's name puts it in.
Does not belong here: anything learned from histories.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from ml.data.interactions import Interactions, Ints, Strings
from ml.data.sparse_rows import keep_largest
from ml.retrieval.base import ROWS, ItemToItem

WORD = re.compile(r"[^\W\d_]+")
COMMON_NAMES = 1_000  # a word of so many names tells few of them apart, and would relate a million pairs
PART = re.compile(r"\s*(?:/|>|::|\||\\)\s*")  # what separates the parts of a path, an area, a category


@dataclass
class NameText(ItemToItem):
    """Cosine of TF-IDF weighted words; a word in over half of the names says nothing and is left out."""

    names: Strings | None = None  # one for each item code; the item's own id where there is none
    neighbours: int = 200

    def fit(self, interactions: Interactions) -> Self:
        return self.fit_items(interactions.items)

    def fit_items(self, items: Strings) -> Self:
        """`fit`, of which only the items matter."""
        names = items if self.names is None else self.names
        size = len(items)
        common = max(2.0, min(0.5 * size, COMMON_NAMES))
        vectorizer = TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False, sublinear_tf=True)
        try:
            vectors = sparse.csr_matrix(vectorizer.fit_transform(names.tolist()), dtype=np.float32)
        except ValueError:  # not one word in all the names
            self.matrix = sparse.csr_matrix((size, size), dtype=np.float32)
            return self
        frequent = np.asarray((vectors > 0).sum(axis=0)).ravel() > common
        vectors = vectors[:, ~frequent]
        parts = [_most_alike(vectors, low, self.neighbours) for low in range(0, size, ROWS)]
        self.matrix = sparse.csr_matrix(sparse.vstack(parts))
        return self


def _most_alike(vectors: sparse.csr_matrix, low: int, neighbours: int) -> sparse.csr_matrix:
    """The rows from `low` on, by cosine to all, the diagonal left out."""
    alike = sparse.csr_matrix(vectors[low : low + ROWS] @ vectors.T)
    alike.setdiag(0, k=low)
    alike.eliminate_zeros()
    alike.sort_indices()
    return keep_largest(alike, neighbours)


def words(name: str) -> list[str]:
    """Lower-case runs of letters."""
    return [word.lower() for word in WORD.findall(name)]


def group_names(names: Strings) -> Ints:
    """Levels x names: a group code by first word, by first part, and by first two parts of what a path separates."""
    levels = []
    split = [PART.split(name) for name in names.tolist()]
    heads = [(words(name) or [""])[0] for name in names.tolist()]
    for keys in (heads, [parts[0] for parts in split], ["/".join(parts[:2]) for parts in split]):
        _, code = np.unique(np.asarray(keys, str), return_inverse=True)
        levels.append(code)
    return np.asarray(levels, np.int64)
