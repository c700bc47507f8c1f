"""Several extra features as one.

Belongs here: the union of parts. Does not belong here: the parts (see context_features and group_features).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ml.data.sparse_rows import Floats, Ints, Strings
from ml.ranking.context_features import ContextFeatures
from ml.ranking.features import CandidateNominator, ExtraFeatures, Feature


@dataclass(frozen=True, eq=False)
class FeatureUnion:
    """Several extra features as one; the first part that scores items nominates candidates."""

    parts: Sequence[ExtraFeatures]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(feature for extra_features in self.parts for feature in extra_features.features)

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """One row per pair in the same order: the columns of all parts side by side."""
        return pl.concat([extra_features(pairs) for extra_features in self.parts], how="horizontal")

    def for_people(self, person_ids: pl.Series) -> "FeatureUnion":
        """The same features for pairs of these people alone; a part that counts other people stays as it is."""
        return FeatureUnion(
            [
                extra_features.for_people(person_ids) if isinstance(extra_features, ContextFeatures) else extra_features
                for extra_features in self.parts
            ]
        )

    def score_items(self, person_ids: Strings, moment_ticks: Ints, item_ids: Strings) -> Floats:
        """Rows x items (see `ml.ranking.features.CandidateNominator`). Raises ValueError if no part scores items."""
        for extra_features in self.parts:
            if isinstance(extra_features, CandidateNominator):
                return extra_features.score_items(person_ids, moment_ticks, item_ids)
        raise ValueError("none of these features nominates candidates")
