"""Eligibility: which items can be recommended to a person at all, given what the person holds.

Belongs here: required items, repeatable items, the mask of eligible items, (person, item) pairs named by the caller.
Does not belong here: a company's policy of who may take what (the caller passes it as eligible or excluded pairs).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ml.data.encoding import encode_ids
from ml.data.interactions import UserStates
from ml.data.sparse_rows import Bools, Doubles, Ints, Strings


@dataclass(frozen=True, eq=False)
class EligibilityRules:
    """Rules by item code: an item is eligible if it is not held (or is repeatable) and all it requires is held."""

    requires: sparse.csr_matrix | None = None  # items x items: 1 in row i for each item that i requires
    required_counts: Doubles | None = None  # how many items each item requires, unknown items included
    repeatable: Bools | None = None

    def eligible_mask(self, user_states: UserStates, n_items: int) -> Bools:
        """Return rows x items: whether the item is eligible for the row's person at the row's cutoff."""
        is_held = user_states.held_mask(n_items)
        is_eligible = ~is_held if self.repeatable is None else ~is_held | self.repeatable
        if self.requires is not None and self.required_counts is not None:
            restricted_items = np.flatnonzero(self.required_counts)  # most items of most catalogues require nothing
            met_counts = np.asarray((user_states.matrix(n_items) @ self.requires[restricted_items].T).todense())
            is_eligible[:, restricted_items] &= met_counts >= self.required_counts[restricted_items]
        return is_eligible

    def select_items(self, item_codes: Ints) -> "EligibilityRules":
        """Return the rules for these items alone; an item that requires another item is then eligible for nobody."""
        return EligibilityRules(
            None if self.requires is None else self.requires[item_codes][:, item_codes],
            None if self.required_counts is None else self.required_counts[item_codes],
            None if self.repeatable is None else self.repeatable[item_codes],
        )

    def remap_items(self, new_codes: Ints, n_items: int) -> "EligibilityRules":
        """Return the rules in a larger item coding; the additional items require nothing.

        Args:
            new_codes: New code per old item code.
            n_items: Number of items in the new coding.
        """
        remapped_requirements = self.requires
        if remapped_requirements is not None:
            requirement_matrix = remapped_requirements.tocoo()
            new_coordinates = (new_codes[requirement_matrix.row], new_codes[requirement_matrix.col])
            remapped_requirements = sparse.csr_matrix(
                (requirement_matrix.data, new_coordinates), shape=(n_items, n_items)
            )
        required_counts = self.required_counts
        return EligibilityRules(
            remapped_requirements,
            None
            if required_counts is None
            else np.asarray(np.bincount(new_codes, required_counts, n_items), np.float64),
            None if self.repeatable is None else np.bincount(new_codes, self.repeatable, n_items) > 0,
        )


NO_RULES = EligibilityRules()


def encode_rules(
    requirements: pl.DataFrame | None, repeatable_ids: pl.Series | None, item_ids: Strings
) -> EligibilityRules:
    """Return the rules over these items.

    Args:
        requirements: One row per item (skill_id) and item it requires (requires_id). Rows of unknown items are dropped,
            and so is the requirement of an item that requires itself. An item that requires an unknown item is
            eligible for nobody.
        repeatable_ids: Ids of the items that can be reached again.
        item_ids: Sorted item ids.

    Raises:
        ValueError: `requirements` lacks one of its columns.
    """
    is_repeatable = None
    if repeatable_ids is not None and len(repeatable_ids):
        is_repeatable = encode_ids(item_ids, repeatable_ids.cast(pl.String).unique()) >= 0
    if requirements is None:
        return EligibilityRules(repeatable=is_repeatable)
    missing_columns = {"skill_id", "requires_id"} - set(requirements.columns)
    if missing_columns:
        raise ValueError(
            f"requirements need the columns skill_id, requires_id; missing: {', '.join(sorted(missing_columns))}"
        )
    distinct_requirements = requirements.select(pl.col("skill_id", "requires_id").cast(pl.String)).drop_nulls().unique()
    distinct_requirements = distinct_requirements.filter(pl.col("skill_id") != pl.col("requires_id"))
    item_codes = encode_ids(distinct_requirements["skill_id"], item_ids)
    required_codes = encode_ids(distinct_requirements["requires_id"], item_ids)
    n_items, is_known_pair = len(item_ids), (item_codes >= 0) & (required_codes >= 0)
    requires_matrix = sparse.csr_matrix(
        (np.ones(int(is_known_pair.sum()), np.float32), (item_codes[is_known_pair], required_codes[is_known_pair])),
        shape=(n_items, n_items),
    )
    return EligibilityRules(
        requires_matrix, np.bincount(item_codes[item_codes >= 0], minlength=n_items).astype(np.float64), is_repeatable
    )


@dataclass(frozen=True, eq=False)
class PersonItemPairs:
    """(person, item) pairs by code, sorted by person."""

    row: Ints
    item: Ints

    def slice_rows(self, row_slice: slice) -> "PersonItemPairs":
        """Return the pairs of these rows, counted from the first of them."""
        first_pair_index, end_pair_index = np.searchsorted(self.row, [row_slice.start, row_slice.stop])
        return PersonItemPairs(
            self.row[first_pair_index:end_pair_index] - row_slice.start, self.item[first_pair_index:end_pair_index]
        )

    def mask(self, row_slice: slice, n_items: int) -> Bools:
        """Return rows of the slice x items: whether the pair is listed."""
        slice_pairs, is_listed = self.slice_rows(row_slice), np.zeros((row_slice.stop - row_slice.start, n_items), bool)
        is_listed[slice_pairs.row, slice_pairs.item] = True
        return is_listed


def encode_pairs(pairs: pl.DataFrame, person_ids: Strings, item_ids: Strings) -> PersonItemPairs:
    """Encode pairs of person and item as codes: the positions of their ids in the sorted ids.

    Args:
        pairs: One row per pair: person_id, skill_id (the item). Pairs of other people or items are dropped.
        person_ids: Sorted person ids.
        item_ids: Sorted item ids.
    """
    text_id_pairs = pairs.select(pl.col("person_id", "skill_id").cast(pl.String))
    person_codes, item_codes = (
        encode_ids(text_id_pairs["person_id"], person_ids),
        encode_ids(text_id_pairs["skill_id"], item_ids),
    )
    pair_order = np.lexsort((item_codes, person_codes))
    pair_order = pair_order[(person_codes[pair_order] >= 0) & (item_codes[pair_order] >= 0)]
    return PersonItemPairs(person_codes[pair_order], item_codes[pair_order])
