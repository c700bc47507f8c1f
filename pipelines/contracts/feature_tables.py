"""The tables of features and model: mastery, reached steps, the ranker, its evaluation and candidates.

Belongs here: the declarations of the layers `feat` and `model`.
Does not belong here: core tables (`catalog`), published ones (`published`).
"""

from pipelines.contracts.columns import CONTRIBUTION_COLUMNS
from pipelines.contracts.declaring import A_PERSON, A_SKILL, declare
from pipelines.contracts.table import Reference

TRACING = declare(
    "feat_skill__entity_tracing",
    "One row per knowledge tracing that gives levels: the one in use, with its fit.",
    ("model_version", "card"),
    ("model_version",),
    required=("card",),
    readers=("feat", "out"),
)

HALF_LIFE = declare(
    "feat_skill__codes_half_life",
    "One row per micro-skill with evidence: how fast it fades without practice.",
    ("skill_id", "half_life_days", "is_learnt", "judged_count"),
    ("skill_id",),
    required=("half_life_days", "is_learnt", "judged_count"),
    references=(A_SKILL,),
    readers=("feat",),
)

MASTERY = declare(
    "feat_skill__assn_mastery",
    "One row per person and micro-skill with evidence: how far the person has come, as of the night.",
    (
        "person_id",
        "skill_id",
        "stage",
        "level_share",
        "level_low_share",
        "level_high_share",
        "observation_count",
        "observation_hours",
        "repetition_count",
        "repetition_hours",
        "feedback_count",
        "positive_feedback_count",
        "judge_count",
        "teaching_count",
        "teaching_hours",
        "review_count",
        "first_evidence_at",
        "last_practised_at",
        "is_rusty",
        "missing_for_next",
    ),
    ("person_id", "skill_id"),
    required=("stage", "level_share", "level_low_share", "level_high_share"),
    references=(A_PERSON, A_SKILL),
    is_partitioned_by_person=True,
    readers=("out",),
)

REACHED_STEP = declare(
    "feat_step__event_reached",
    "One row each time a person reached a step: the history the ranker learns from.",
    ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "reached_at"),
    ("person_id", "step_id", "reached_at"),
    required=("skill_id", "kind", "from_stage", "to_stage"),
    references=(A_PERSON, A_SKILL),
    is_partitioned_by_person=True,
    readers=("model",),
)

PRECEDENCE = declare(
    "feat_skill__assn_precedence",
    "Connects a micro-skill to one that comes before it, as the taxonomy declares or, where it has none, as learnt.",
    ("skill_id", "requires_skill_id", "is_learnt", "before_count", "after_count", "held_share", "discovery_share"),
    ("skill_id", "requires_skill_id"),
    required=("is_learnt",),
    references=(A_SKILL, Reference("requires_skill_id", "core_taxonomy__codes_skill", "skill_id")),
    readers=("out",),
)

EVALUATION = declare(
    "model_ranker__event_evaluation",
    "One row per model and segment of people: how well it ranked the steps that came true.",
    ("model", "segment", "people_count", "hr_at_10", "ndcg_at_10", "ndcg_at_10_low", "ndcg_at_10_high", "mrr"),
    ("model", "segment"),
    required=("people_count",),
    readers=("data engineers",),
)

MODEL_CARD = declare(
    "model_ranker__entity_card",
    "One row per trained ranker: the one in use.",
    ("model_version", "card"),
    ("model_version",),
    required=("card",),
    readers=("out",),
)

CANDIDATE = declare(
    "model_ranker__assn_candidate",
    "One row per person and step that may come next, ranked by the model before the policy is applied.",
    (
        "person_id",
        "step_id",
        "skill_id",
        "kind",
        "from_stage",
        "to_stage",
        "probability",
        "prior",
        *CONTRIBUTION_COLUMNS,
    ),
    ("person_id", "step_id"),
    required=("kind",),
    version="2.0.0",
    references=(A_PERSON, A_SKILL),
    is_partitioned_by_person=True,
    readers=("out",),
)

DRIFT = declare(
    "model_ranker__event_drift",
    "One row per night and watched input or score: how far it has moved since the model in use was trained.",
    ("as_of", "watched_name", "watched_kind", "stability_index", "chance_index", "is_drifted", "model_version"),
    ("as_of", "watched_name"),
    required=("watched_kind", "stability_index", "is_drifted", "model_version"),
    retention_days=365,
    readers=("data engineers",),
)

SHOWN_STEP = declare(
    "feat_step__event_shown",
    "One row per snapshot, person and step that a reader showed: at which rank, and whether it was taken up.",
    ("snapshot_id", "person_id", "skill_id", "to_stage", "shown_rank", "shown_at", "is_accepted_step"),
    ("snapshot_id", "person_id", "skill_id", "to_stage"),
    required=("shown_rank", "shown_at", "is_accepted_step"),
    readers=("model",),
)

ACCEPTANCE = declare(
    "model_reader__event_acceptance",
    "One row per rank at which steps were shown: acceptance with its interval, and how much the rank is looked at.",
    (
        "shown_rank",
        "shown_count",
        "accepted_count",
        "acceptance_share",
        "acceptance_low",
        "acceptance_high",
        "examined_share",
        "step_count",
    ),
    ("shown_rank",),
    required=("shown_count", "accepted_count"),
    readers=("data engineers",),
)
