"""Several extra features as one.

Belongs here: the union. Does not belong here: its members (see context_features and group_features).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ml.data.sparse_rows import Floats, Ints, Strings
from ml.ranking.context_features import ContextFeatures
from ml.ranking.features import CandidateNominator, ExtraFeatures, Feature


@dataclass(frozen=True, eq=False)
class FeatureUnion:
    """Several extra features as one; the first member that scores items nominates candidates."""

    members: Sequence[ExtraFeatures]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(feature for member in self.members for feature in member.features)

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row per pair in the same order: the columns of all members side by side."""
        return pl.concat([member(pairs) for member in self.members], how="horizontal")

    def for_people(self, person_ids: pl.Series) -> "FeatureUnion":
        """The same features for pairs of these people alone; a member that counts other people stays as it is."""
        return FeatureUnion(
            [
                member.for_people(person_ids) if isinstance(member, ContextFeatures) else member
                for member in self.members
            ]
        )

    def score_items(self, person_ids: Strings, moment_ticks: Ints, item_ids: Strings) -> Floats:
        """Rows x items (see `ml.ranking.features.CandidateNominator`). Raises ValueError if no member scores items."""
        for member in self.members:
            if isinstance(member, CandidateNominator):
                return member.score_items(person_ids, moment_ticks, item_ids)
        raise ValueError("none of these features nominates candidates")
