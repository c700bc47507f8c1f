"""The tables of features and model: mastery, reached steps, the ranker, its evaluation and candidates.

Belongs here: the declarations of the layers `feat` and `model`.
Does not belong here: core tables (`catalog`), published ones (`published`).
"""

from pipelines.contracts.declaring import A_PERSON, A_SKILL, declare

MASTERY = declare(
    "feat_skill__assn_mastery",
    "One row per person and micro-skill with evidence: how far the person has come, as of the night.",
    ("person_id", "skill_id", "stage", "level_share", "observation_count", "repetition_count", "repetition_hours",
     "feedback_count", "positive_feedback_count", "judge_count", "teaching_count", "first_evidence_at",
     "last_practised_at", "is_rusty", "missing_for_next"),
    ("person_id", "skill_id"),
    required=("stage", "level_share"),
    references=(A_PERSON, A_SKILL),
    readers=("out",),
)  # fmt: skip

REACHED_STEP = declare(
    "feat_step__event_reached",
    "One row each time a person reached a step: the history the ranker learns from.",
    ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "reached_at"),
    ("person_id", "step_id", "reached_at"),
    required=("skill_id", "kind", "from_stage", "to_stage"),
    references=(A_PERSON, A_SKILL),
    readers=("model",),
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
    ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "probability", "prior", "reasons"),
    ("person_id", "step_id"),
    required=("kind",),
    references=(A_PERSON, A_SKILL),
    readers=("out",),
)
