"""What a measurement found: frozen rows, one for each model, segment, duel, ablation.

Belongs here: the results' form and their plain values.
Does not belong here: how they come about (see evaluation, sitting, ablation).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ml.ranking.calibration import Reliability

Split = Literal["time", "leave-last"]
OURS = "footsteps"


@dataclass(frozen=True)
class ModelCost:
    """Fitting seconds, scoring milliseconds a person, highest memory of the process in MB."""

    fit_seconds: float
    score_ms_per_person: float
    peak_mb: float


@dataclass(frozen=True)
class ModelResult:
    """One row a model. NDCG bounds are a 95 % bootstrap interval over people."""

    model: str
    hr_at_10: float
    ndcg_at_10: float
    mrr: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float
    coverage: float
    novelty: float
    fit_seconds: float
    score_ms_per_person: float
    peak_mb: float


@dataclass(frozen=True)
class SegmentResult:
    """One row a segment and model. NDCG bounds are a 95 % bootstrap interval over people, equal to it where there are
    no cases. Segments by length of history overlap in nobody; `cold_skills` asks only for
    targets that few had, and `no_history`, people whose first event it was, is part of no other figure."""

    segment: str
    model: str
    n_cases: int
    hr_at_10: float
    ndcg_at_10: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float


@dataclass(frozen=True)
class NdcgRatio:
    """NDCG@10 of ours over the best other model's, with its paired 95 % interval over people."""

    best_other: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """NDCG@10 of ours less another model's on the same cases: its 95 % interval over people, and the share of
    resamples in which ours was ahead."""

    other: str
    gain: float
    low: float
    high: float
    ahead_share: float


@dataclass(frozen=True)
class AblationResult:
    """One row a family of features: NDCG@10 of the ranker fitted without it, and the loss with its 95 % interval."""

    family: str
    ndcg_at_10: float
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """What was measured and on whom. A case is one person at one cut; a person may have several."""

    split: Split
    frozen_at: str | None
    horizon_days: int
    n_people_trained: int
    n_people_scored: int
    n_cases: int
    n_items: int
    n_targets: int
    n_targets_unseen: int  # of items nobody had when the models were frozen: a miss for every model but by name
    models: tuple[ModelResult, ...]
    segments: tuple[SegmentResult, ...]
    ratio: NdcgRatio | None
    duels: tuple[PairedComparison, ...]
    reliability: Reliability | None
    reason: str | None  # why ours fell back to popularity, if it did
    ablation: tuple[AblationResult, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
