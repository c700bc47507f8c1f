"""Openness: which items stand open to a person at all, given what they hold.

Belongs here: what an item requires, what may be taken again, the mask of open items, pairs named by the caller.
Does not belong here: a company's policy of who may take what (it comes in as eligible or barred pairs).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.interactions import Bools, Doubles, Ints, Strings, UserStates


@dataclass(frozen=True, eq=False)
class EligibilityRules:
    """Coded by a panel's items: open is what is not held (or repeatable) and whose required items are all held."""

    requires: sparse.csr_matrix | None = None  # items x items: row i is 1 at what i requires
    needed: Doubles | None = None  # how many items each item requires, those nobody ever held counted too
    repeatable: Bools | None = None

    def eligible_mask(self, user_states: UserStates, n_items: int) -> Bools:
        """Rows x items: does the item stand open to the row's person at its cut?"""
        held = user_states.held(n_items)
        is_open = ~held if self.repeatable is None else ~held | self.repeatable
        if self.requires is not None and self.needed is not None:
            short = np.flatnonzero(self.needed)  # most items of most catalogues require nothing
            met = np.asarray((user_states.matrix(n_items) @ self.requires[short].T).todense())
            is_open[:, short] &= met >= self.needed[short]
        return is_open

    def select_items(self, kept: Ints) -> "EligibilityRules":
        """The rules among these items alone; what an item requires beyond them stays required, and is never held."""
        return EligibilityRules(
            None if self.requires is None else self.requires[kept][:, kept],
            None if self.needed is None else self.needed[kept],
            None if self.repeatable is None else self.repeatable[kept],
        )

    def remap_items(self, place: Ints, n_items: int) -> "EligibilityRules":
        """The rules among more items: those coded i now stand at place[i]; of the new ones nothing is required."""
        requires, needed, repeatable = self.requires, self.needed, self.repeatable
        if requires is not None and needed is not None:
            links = requires.tocoo()
            requires = sparse.csr_matrix((links.data, (place[links.row], place[links.col])), shape=(n_items, n_items))
            needed = np.asarray(np.bincount(place, needed, n_items), np.float64)
        if repeatable is not None:
            repeatable = np.bincount(place, repeatable, n_items) > 0
        return EligibilityRules(requires, needed, repeatable)


NO_RULES = EligibilityRules()


def encode_rules(requires: pl.DataFrame | None, repeatable: pl.Series | None, items: Strings) -> EligibilityRules:
    """Rules over these items (sorted ids) from rows (skill_id, requires_id) and the ids that may be taken again.

    Raises ValueError where `requires` lacks a column. Rows of unknown items are left out; an item that requires an
    unknown one is open to nobody, since nobody holds that.
    """
    again = None
    if repeatable is not None:
        again = np.isin(items, repeatable.cast(pl.String).to_numpy().astype(str)) if len(repeatable) else None
    if requires is None:
        return EligibilityRules(repeatable=again)
    missing = {"skill_id", "requires_id"} - set(requires.columns)
    if missing:
        raise ValueError(f"requires needs the columns skill_id, requires_id; missing: {', '.join(sorted(missing))}")
    rows = requires.select(pl.col("skill_id", "requires_id").cast(pl.String)).drop_nulls().unique()
    item, other = (rows[name].to_numpy().astype(str) for name in ("skill_id", "requires_id"))
    keep = np.isin(item, items) & (item != other)
    item, other = item[keep], other[keep]
    place = np.searchsorted(items, item)
    size = len(items)
    known = np.isin(other, items)
    links = (np.ones(int(known.sum()), np.float32), (place[known], np.searchsorted(items, other[known])))
    needed = np.bincount(place, minlength=size).astype(np.float64)
    return EligibilityRules(sparse.csr_matrix(links, shape=(size, size)), needed, again)


@dataclass(frozen=True, eq=False)
class PersonItemPairs:
    """(person, item) pairs sorted by person, cut into masks of blocks of people."""

    row: Ints
    item: Ints

    def slice_rows(self, part: slice) -> "PersonItemPairs":
        """The pairs of these rows, counted from the first of them."""
        low, high = np.searchsorted(self.row, [part.start, part.stop])
        return PersonItemPairs(self.row[low:high] - part.start, self.item[low:high])

    def mask(self, part: slice, n_items: int) -> Bools:
        """Rows of the block x items: is the pair named?"""
        low, high = np.searchsorted(self.row, [part.start, part.stop])
        mask = np.zeros((part.stop - part.start, n_items), bool)
        mask[self.row[low:high] - part.start, self.item[low:high]] = True
        return mask


def encode_pairs(frame: pl.DataFrame, who: Strings, items: Strings) -> PersonItemPairs:
    """Rows (person_id, skill_id) as codes of `who` and `items` (both sorted); others are left out."""
    person = frame["person_id"].cast(pl.String).to_numpy().astype(str)
    item = frame["skill_id"].cast(pl.String).to_numpy().astype(str)
    keep = np.isin(person, who) & np.isin(item, items)
    row, column = np.searchsorted(who, person[keep]), np.searchsorted(items, item[keep])
    order = np.lexsort((column, row))
    return PersonItemPairs(row[order].astype(np.int64), column[order].astype(np.int64))
