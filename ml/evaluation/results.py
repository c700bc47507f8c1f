"""Results of an evaluation: one frozen row per model, segment, comparison and ablation.

Belongs here: the fields of results, and their form on disk.
Does not belong here: how they are computed (see evaluate, scoring, ablation).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ml.evaluation.reliability import Reliability

Split = Literal["time", "leave-last"]
OURS = "footsteps"
# Fields whose keys in stored and published JSON have another name.
_STORED_KEYS = {"mean_probability": "said", "observed_share": "came_true", "comparisons": "duels"}


def to_stored_dict(record: Any) -> dict[str, Any]:
    """The values of a dataclass, nested ones too, under the keys of stored and published JSON."""
    return asdict(
        record,
        dict_factory=lambda field_items: {
            _STORED_KEYS.get(field_name, field_name): field_value for field_name, field_value in field_items
        },
    )


@dataclass(frozen=True)
class ModelResult:
    """One row per model. The bounds of NDCG@10 are a 95 % bootstrap interval over people.

    coverage, novelty, exposure_gini and list_distance describe the variety of the first ten items, as
    `ml.evaluation.variety.Variety` does.
    """

    model: str
    hr_at_10: float
    ndcg_at_10: float
    mrr: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float
    coverage: float
    novelty: float
    exposure_gini: float
    list_distance: float
    fit_seconds: float
    score_ms_per_person: float
    peak_mb: float  # highest memory of the process


@dataclass(frozen=True)
class SegmentResult:
    """One row per segment and model.

    The bounds of NDCG@10 are a 95 % bootstrap interval over people; without cases all values are 0. Segments by length
    of history share no case. `cold_skills` counts only targets that few people held. `no_history` are people whose
    first event lies in the window; they are in no other figure.
    """

    segment: str
    model: str
    n_cases: int
    hr_at_10: float
    ndcg_at_10: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float


@dataclass(frozen=True)
class NdcgRatio:
    """NDCG@10 of `footsteps` over that of the best other model, with its paired 95 % interval over people."""

    best_other: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """NDCG@10 of `footsteps` less that of another model on the same cases, with its 95 % interval over people."""

    other: str
    gain: float
    low: float
    high: float
    ahead_share: float  # of resamples in which `footsteps` was ahead


@dataclass(frozen=True)
class AblationResult:
    """One row per family of features: NDCG@10 of the ranker fitted without it, and the loss with its 95 % interval."""

    family: str
    ndcg_at_10: float
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """The results of all models on the same cases. A case is one person at one moment; a person may have several."""

    split: Split
    frozen_at: str | None
    horizon_days: int
    n_people_trained: int
    n_people_scored: int
    n_cases: int
    n_items: int
    n_targets: int
    n_targets_unseen: int  # of items that nobody held at the freeze: only a model that reads names can rank them
    models: tuple[ModelResult, ...]
    segments: tuple[SegmentResult, ...]
    ratio: NdcgRatio | None
    comparisons: tuple[PairedComparison, ...]
    reliability: Reliability | None
    reason: str | None  # why `footsteps` fell back to popularity, if it did
    ablation: tuple[AblationResult, ...] = ()
    refitted_ratio: NdcgRatio | None = None  # over the best baseline that is fitted again at each window
    # The headline figure is `ratio`. Every model is frozen at one date there; footsteps and recent popularity count
    # the adoptions up to each window, and the other models see nothing after the freeze.
    headline: Literal["ratio"] = "ratio"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return to_stored_dict(self)
