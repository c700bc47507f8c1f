"""Extra features for tests: values joined to pairs, the same at every moment."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ml.ranking.features import Feature
from ml.retrieval.scorer_ensemble import FeatureFamily


@dataclass(frozen=True, eq=False)
class JoinedFeatures:
    """Values joined on person_id, skill_id, or both; a pair without a row gets 0."""

    frame: pl.DataFrame
    families: Mapping[str, FeatureFamily]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(Feature(name, family, "joined in") for name, family in self.families.items())

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        keys = [key for key in ("person_id", "skill_id") if key in self.frame.columns]
        joined = pairs.join(self.frame, on=keys, how="left", maintain_order="left")
        return joined.select(pl.col(list(self.families)).cast(pl.Float64).fill_null(0.0).fill_nan(0.0))
