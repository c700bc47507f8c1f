"""The declared policy of a company: stages, horizon, list length and weights, constant within a run.

Belongs here: every number that decides what a person is shown, with the reason for its default.
Does not belong here: how the model is trained (`ml.data.ranker_config`), how the policy is read
(`pipelines.config.company`).

The fields are keys of footsteps.yaml. A message about a field begins with its name, so that the error of the
configuration can name the line.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from pipelines.contracts.columns import FEEDBACK_KINDS


class _Bounded:
    """Checks the limits of a policy's numbers: at least 0, shares at most 1, some days and lengths at least 1."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for field_name in (policy_field.name for policy_field in fields(self)):  # type: ignore[arg-type]
            field_value = getattr(self, field_name)
            if isinstance(field_value, int | float) and field_value < 0:
                raise ValueError(f"{field_name} is {field_value}; allowed: 0 or more")
            if field_name.endswith("_share") and field_value > 1:
                raise ValueError(f"{field_name} is {field_value}; allowed: 0 to 1")
            if field_name.endswith(("horizon_days", "list_length", "valid_days", "common_steps")) and field_value < 1:
                raise ValueError(f"{field_name} is {field_value}; allowed: 1 or more")


@dataclass(frozen=True)
class JourneymanPolicy(_Bounded):
    """Evidence for the stage journeyman: repetition in real work, and positive feedback."""

    repetition_hours: float = 40.0  # one working week in total
    repetition_days: int = 8  # alternative to repetition_hours, because not every company books hours
    positive_feedback: int = 1


@dataclass(frozen=True)
class MasterPolicy(_Bounded):
    """Evidence for the stage master: sustained repetition, positive feedback from several people, and teaching."""

    repetition_hours: float = 200.0
    repetition_days: int = 40
    reviews: int = 3  # feedback given that counts as one act of teaching
    sustained_days: int = 365  # from the first to the last repetition: more than one intense project
    judges: int = 3
    teaching: int = 2


@dataclass(frozen=True)
class TrustPolicy(_Bounded):
    """Trust in each kind of feedback, from certificate down to self.

    All feedback is kept. Trust decides how much it weighs in a level, whether it counts for a stage, and which one
    prevails if two disagree.
    """

    certificate_share: float = 1.0
    assessment_share: float = 0.9
    manager_share: float = 0.7
    peer_share: float = 0.5
    self_share: float = 0.2
    counted_share: float = 0.5  # feedback with less trust does not count for a stage: self-assessment is not enough
    standing_days: int = 30  # more trusted feedback prevails for this long; later feedback describes a newer state

    def __post_init__(self) -> None:
        super().__post_init__()
        trust_shares = [self.share_of(feedback_kind) for feedback_kind in FEEDBACK_KINDS]
        if trust_shares != sorted(trust_shares, reverse=True):
            raise ValueError("trust must not rise in the order certificate, assessment, manager, peer, self")

    def share_of(self, feedback_kind: str) -> float:
        """The trust in a kind of feedback, 0 to 1.

        Args:
            feedback_kind: One of `FEEDBACK_KINDS`.
        """
        return float(getattr(self, f"{feedback_kind}_share"))


@dataclass(frozen=True)
class StagePolicy(_Bounded):
    """From evidence to stages and levels; courses alone do not lead beyond the stage apprentice."""

    journeyman: JourneymanPolicy = field(default_factory=JourneymanPolicy)
    master: MasterPolicy = field(default_factory=MasterPolicy)
    positive_share: float = 0.6  # lowest positive score: above the middle of a scale of 1 to 5
    rusty_after_days: int = 540  # half-life of a micro-skill without a learnt one: about one and a half years
    half_life_least_days: int = 180  # lower limit of a learnt half-life: nothing is forgotten in half a year
    half_life_most_days: int = 1440  # upper limit of a learnt half-life: four years
    trust: TrustPolicy = field(default_factory=TrustPolicy)
    tracing_outcomes: int = 500  # feedback needed to fit knowledge tracing, a tenth of it positive and a tenth negative

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.half_life_least_days > self.half_life_most_days or not self.half_life_least_days:
            raise ValueError("half_life_least_days is at least 1 and at most half_life_most_days")


@dataclass(frozen=True)
class PrerequisitePolicy(_Bounded):
    """When one micro-skill is learnt to be a prerequisite of another, if the taxonomy declares none."""

    least_people: int = 10  # people with both or the later micro-skill; fewer people are too little evidence
    ahead_share: float = 0.9  # share of people with both who reached the prerequisite first
    held_share: float = 0.85  # share of people with the later micro-skill who already held the prerequisite
    discovery_share: float = 0.001  # accepted false discovery rate; low, because thousands of pairs are tested


@dataclass(frozen=True)
class ScoreWeights(_Bounded):
    """The blend that orders a list: the model's probability dominates; a motive decides between near ties."""

    probability: float = 0.7
    mastery: float = 0.1
    autonomy: float = 0.1
    purpose: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(asdict(self).values()):
            raise ValueError("probability and all other weights are 0: at least one must order the list")


@dataclass(frozen=True)
class CompanionPolicy(_Bounded):
    """Which companions a person is shown, and to how many people one companion is shown."""

    load_cap: int = 5  # people to whom one companion is shown: one lunch break per week
    exposure_days: int = 28  # days for which a pair is shown and counts towards the load; then others get their turn
    manager_chain_may_walk: bool = False  # a manager above the person is not an equal who learns alongside


@dataclass(frozen=True)
class ReplyPolicy(_Bounded):
    """How long a reply without an end of its own is valid."""

    dismissed_days: int = 90  # a quarter: long enough to be noticed, short enough to recommend the step again
    done_days: int = 90  # within a quarter the exports contain the work itself


@dataclass(frozen=True)
class SquadPolicy(_Bounded):
    """How people find open work, and how much of their time is for what they choose."""

    free_choice_share: float = 0.1  # share of working time for what a person wants to try: half a day per week
    list_length: int = 5  # openings shown to a person: more are not compared
    not_now_days: int = 28  # days for which an opening answered with `not_now` is not shown
    squad_people: int = 7  # people that a proposal puts into one squad: larger groups split

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.squad_people < 1:
            raise ValueError(f"squad_people is {self.squad_people}; allowed: 1 or more")


@dataclass(frozen=True)
class TrainingPolicy(_Bounded):
    """When a new ranker is trained, and what it must achieve to replace the champion."""

    every_days: int = 7  # histories change within weeks, not within a day
    new_steps_share: float = 0.05  # earlier, if this share of reached steps is new since the last training
    drift_limit: float = 0.25  # earlier, if a stability index exceeds this, the usual mark of a major shift
    ahead_share: float = 0.95  # share of bootstrap resamples of people in which it must beat the champion and baselines
    segment_margin: float = 0.03  # NDCG@10 that no segment of people may lose against the champion
    novelty_loss_share: float = (
        0.1  # novelty that lists may lose against the champion; popularity loses a third or more
    )
    least_people: int = 30  # people needed in the last window, and in a segment, for a comparison
    calibration_error_share: float = 0.02  # of 100 steps with probability 0.30, between 28 and 32 are reached


@dataclass(frozen=True)
class RecommendationPolicy(_Bounded):
    """The company's business rules: everything that is declared and not learnt."""

    horizon_days: int = 90
    list_length: int = 10
    valid_days: int = 2  # a snapshot stays valid if one run fails, not if two do
    minimum_people: int = 3  # people behind an anonymous sentence; fewer could be recognised
    team_people: int = 5  # people of a team that is reported on; fewer could be recognised
    per_capability: int = 4  # steps of one capability in a list, for variety
    common_steps: int = 5  # steps in a list that more than half of the person's unit hold; fewer cost over 1 % NDCG
    stages: StagePolicy = field(default_factory=StagePolicy)
    precedence: PrerequisitePolicy = field(default_factory=PrerequisitePolicy)
    weights: ScoreWeights = field(default_factory=ScoreWeights)
    companions: CompanionPolicy = field(default_factory=CompanionPolicy)
    replies: ReplyPolicy = field(default_factory=ReplyPolicy)
    squads: SquadPolicy = field(default_factory=SquadPolicy)

    @property
    def version(self) -> str:
        """Fingerprint of the policy: the first twelve characters of the SHA-256 of its content."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
