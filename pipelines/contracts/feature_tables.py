"""The tables of features and models: mastery, reached steps, the ranker, its evaluation and candidates.

Belongs here: the declarations of the layers `feat` and `model`.
Does not belong here: core tables (`catalog`), published tables (`output_tables`).
"""

from pipelines.contracts.columns import CONTRIBUTION_COLUMNS
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import (
    PERSON_REFERENCE,
    PREREQUISITE_REFERENCE,
    SKILL_REFERENCE,
    declare_table,
)

TRACING = declare_table(
    "feat_skill__entity_tracing",
    "One row per knowledge-tracing model that estimates levels: the one in use, with its fit.",
    "model_version card",
    key="model_version",
    required="card",
    readers=("feat", "out"),
)

HALF_LIFE = declare_table(
    "feat_skill__codes_half_life",
    "One row per micro-skill with evidence: how fast it is forgotten without practice.",
    "skill_id half_life_days is_learnt judged_count",
    key="skill_id",
    required="half_life_days is_learnt judged_count",
    references=(SKILL_REFERENCE,),
    readers=("feat",),
)

MASTERY = declare_table(
    "feat_skill__assn_mastery",
    "One row per person and micro-skill with evidence: the person's stage and level as of the run.",
    """
    person_id skill_id stage level_share level_low_share level_high_share observation_count observation_hours
    repetition_count repetition_hours feedback_count positive_feedback_count judge_count teaching_count teaching_hours
    review_count first_evidence_at last_practised_at is_rusty missing_for_next
    """,
    key="person_id skill_id",
    required="stage level_share level_low_share level_high_share",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    is_partitioned_by_person=True,
    readers=("out",),
)

REACHED_STEP = declare_table(
    "feat_step__event_reached",
    "One row each time a person reached a step: the history that the ranker is trained on.",
    "person_id step_id skill_id kind from_stage to_stage reached_at",
    key="person_id step_id reached_at",
    required="skill_id kind from_stage to_stage",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    is_partitioned_by_person=True,
    readers=("model",),
)

PRECEDENCE = declare_table(
    "feat_skill__assn_precedence",
    "Connects a micro-skill to a prerequisite: declared by the taxonomy or, if the taxonomy has none, learnt.",
    "skill_id requires_skill_id is_learnt before_count after_count held_share discovery_share",
    key="skill_id requires_skill_id",
    required="is_learnt",
    references=(SKILL_REFERENCE, PREREQUISITE_REFERENCE),
    readers=("out",),
)

EVALUATION = declare_table(
    "model_ranker__event_evaluation",
    "One row per model and segment of people: how well the model ranked the steps that people reached.",
    "model segment people_count hr_at_10 ndcg_at_10 ndcg_at_10_low ndcg_at_10_high mrr",
    key="model segment",
    required="people_count",
    readers=("data engineers",),
)

MODEL_CARD = declare_table(
    "model_ranker__entity_card",
    "One row per trained ranker: the one in use.",
    "model_version card",
    key="model_version",
    required="card",
    readers=("out",),
)

CANDIDATE = declare_table(
    "model_ranker__assn_candidate",
    "One row per person and candidate step, ranked by the model before the policy is applied.",
    " ".join(("person_id step_id skill_id kind from_stage to_stage probability prior", *CONTRIBUTION_COLUMNS)),
    key="person_id step_id",
    required="kind",
    version="2.0.0",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    is_partitioned_by_person=True,
    readers=("out",),
)

DRIFT = declare_table(
    "model_ranker__event_drift",
    "One row per run and monitored input or score: its shift since the model in use was trained.",
    "as_of watched_name watched_kind stability_index chance_index is_drifted model_version",
    key="as_of watched_name",
    required="watched_kind stability_index is_drifted model_version",
    retention_days=365,
    retention_column="as_of",
    readers=("data engineers",),
)

SHOWN_STEP = declare_table(
    "feat_step__event_shown",
    "One row per snapshot, person and step that a reader showed: its rank, and whether the person took it up.",
    "snapshot_id person_id skill_id to_stage shown_rank shown_at is_accepted_step",
    key="snapshot_id person_id skill_id to_stage",
    required="shown_rank shown_at is_accepted_step",
    readers=("model",),
)

ACCEPTANCE = declare_table(
    "model_reader__event_acceptance",
    "One row per rank at which steps were shown: acceptance with its interval, and how often the rank is examined.",
    "shown_rank shown_count accepted_count acceptance_share acceptance_low acceptance_high examined_share step_count",
    key="shown_rank",
    required="shown_count accepted_count",
    readers=("data engineers",),
)

FEATURE_TABLES: tuple[Table, ...] = (
    TRACING,
    HALF_LIFE,
    MASTERY,
    REACHED_STEP,
    PRECEDENCE,
    EVALUATION,
    MODEL_CARD,
    CANDIDATE,
    DRIFT,
    SHOWN_STEP,
    ACCEPTANCE,
)
