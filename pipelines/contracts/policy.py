"""The declared policy: stages, horizon, list length and weights, frozen for a night.

Belongs here: every number that decides what a person is shown, with the reason for its default.
Does not belong here: how the model is trained (`ml.data.ranker_config`), how the policy is read
(`pipelines.config.company`).
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from pipelines.contracts.columns import FEEDBACK_KINDS


class _Bounded:
    """Numbers of a policy are never negative, and a share never exceeds 1."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name in (spec.name for spec in fields(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"{name} is {value}; allowed: 0 and more")
            if name.endswith("_share") and value > 1:
                raise ValueError(f"{name} is {value}; allowed: 0 to 1")
            if name.endswith(("horizon_days", "list_length", "valid_days")) and value < 1:
                raise ValueError(f"{name} is {value}; allowed: 1 and more")


@dataclass(frozen=True)
class JourneymanPolicy(_Bounded):
    """What makes a journeyman: repetition in real work, and at least one positive judgement."""

    repetition_hours: float = 40.0  # a working week in all
    repetition_days: int = 8  # or eight separate days, where hours are not booked
    positive_feedback: int = 1


@dataclass(frozen=True)
class MasterPolicy(_Bounded):
    """What makes a master: sustained repetition, feedback from several people, and teaching."""

    repetition_hours: float = 200.0
    repetition_days: int = 40
    reviews: int = 3  # so many judgements given weigh as one lesson
    sustained_days: int = 365  # first to last repetition: sustained means more than one intense project
    judges: int = 3
    teaching: int = 2


@dataclass(frozen=True)
class TrustPolicy(_Bounded):
    """How far each kind of judgement is trusted, from certificate down to self. All are kept; trust decides what they
    weigh in a level, which of them move a stage, and who is believed where two disagree."""

    certificate_share: float = 1.0
    assessment_share: float = 0.9
    manager_share: float = 0.7
    peer_share: float = 0.5
    self_share: float = 0.2
    counted_share: float = 0.5  # trusted less, it is shown and weighs a little, and moves no stage: nobody judges alone
    standing_days: int = 30  # so long a more trusted judgement stands against a lesser one: afterwards one has moved on

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = [self.share_of(kind) for kind in FEEDBACK_KINDS]
        if shares != sorted(shares, reverse=True):
            raise ValueError("trust falls in the order certificate, assessment, manager, peer, self")

    def share_of(self, kind: str) -> float:
        """The trust in a kind of judgement. Raises AttributeError for one that is not declared."""
        return float(getattr(self, f"{kind}_share"))


@dataclass(frozen=True)
class StagePolicy(_Bounded):
    """The one policy from evidence to stages and levels; courses alone never lift anyone beyond apprentice."""

    journeyman: JourneymanPolicy = field(default_factory=JourneymanPolicy)
    master: MasterPolicy = field(default_factory=MasterPolicy)
    positive_share: float = 0.6  # a judgement from here up is positive: above the middle of a 1..5 scale
    rusty_after_days: int = 540  # the half-life where none is learnt: about one and a half years without practice
    half_life_least_days: int = 180  # a learnt half-life stays within: nothing is lost in half a year,
    half_life_most_days: int = 1440  # and nothing is kept unpractised for more than four
    trust: TrustPolicy = field(default_factory=TrustPolicy)
    tracing_outcomes: int = 500  # fewer judgements than this, or a tenth of it of either kind, fit no model

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.half_life_least_days > self.half_life_most_days or not self.half_life_least_days:
            raise ValueError("half_life_least_days is at least 1 and at most half_life_most_days")


@dataclass(frozen=True)
class PrerequisitePolicy(_Bounded):
    """What makes an order of two micro-skills learnt, where the taxonomy declares none."""

    least_people: int = 10  # who took both or the later one: fewer tell nothing
    ahead_share: float = 0.9  # of those who took both, so many took the required one first
    held_share: float = 0.85  # of those who took the later one, so many held the required one
    discovery_share: float = 0.001  # false discoveries allowed: thousands of pairs are tried


@dataclass(frozen=True)
class ScoreWeights(_Bounded):
    """The blend that orders a list. The model's probability leads; a motive breaks near ties."""

    probability: float = 0.7
    mastery: float = 0.1
    autonomy: float = 0.1
    purpose: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(getattr(self, spec.name) for spec in fields(self)):
            raise ValueError("probability and all other weights are 0: nothing would order a list")


@dataclass(frozen=True)
class CompanionPolicy(_Bounded):
    """Whom a person is shown, and how many people anyone is shown to."""

    load_cap: int = 5  # people one companion is shown to: as many as a lunch break a week leaves room for
    exposure_days: int = 28  # for so long a pair is shown, and counts towards the load; then it is somebody else's turn
    manager_chain_may_walk: bool = False  # learning beside one's own superior is not learning among equals


@dataclass(frozen=True)
class ReplyPolicy(_Bounded):
    """How long a reply holds that names no end itself."""

    dismissed_days: int = 90  # a quarter: long enough to be felt, short enough to be asked again
    done_days: int = 90  # within a quarter the work itself shows in the exports


@dataclass(frozen=True)
class TrainingPolicy(_Bounded):
    """When a new ranker is trained, and what it must show to take the champion's place."""

    every_days: int = 7  # tastes and projects move by the week, not by the night
    new_steps_share: float = 0.05  # or once so many steps more were reached than the last training saw
    drift_limit: float = 0.25  # or once an input's stability index exceeds the customary mark of a major shift
    ahead_share: float = 0.95  # of bootstrap resamples of people in which it must rank better than each rival
    segment_margin: float = 0.03  # NDCG@10 that no segment of people may lose against the champion
    least_people: int = 30  # fewer people in the last window, or in a segment, prove nothing either way
    calibration_error_share: float = 0.02  # of 100 promises of 30 in 100, 28 to 32 come true


@dataclass(frozen=True)
class RecommendationPolicy(_Bounded):
    """Everything that is declared rather than learnt."""

    horizon_days: int = 90
    list_length: int = 10
    valid_days: int = 2  # a snapshot outlives one missed night, not two
    minimum_people: int = 3  # fewer people behind a sentence could be recognised
    team_people: int = 5  # a smaller team is not reported on
    per_capability: int = 4  # at most so many of one capability in a list: variety
    stages: StagePolicy = field(default_factory=StagePolicy)
    precedence: PrerequisitePolicy = field(default_factory=PrerequisitePolicy)
    weights: ScoreWeights = field(default_factory=ScoreWeights)
    companions: CompanionPolicy = field(default_factory=CompanionPolicy)
    replies: ReplyPolicy = field(default_factory=ReplyPolicy)

    @property
    def version(self) -> str:
        """Fingerprint of the policy: twelve characters of the SHA-256 of its content."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
