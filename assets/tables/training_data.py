"""What a night hands to learning: reached steps, names, rules, and the flow's features, as of its day.

Belongs here: which core tables learning sees, and the fingerprints of recipe and content.
Does not belong here: features (`ml.ranking.context_features`, `ml.ranking.group_features`), training
(`ml.registry.champion_challenger`), assets.
"""

import hashlib
from datetime import date
from pathlib import Path

import polars as pl

from assets.resources.pipeline import PipelineResource
from assets.tables.core import load_taxonomy
from ml.mastery.step_items import list_memberships, list_repeatable_steps, list_required_steps
from ml.ranking.context_features import ContextTables, FeatureUnion, build_context_features
from ml.ranking.features import ExtraFeatures
from ml.ranking.group_features import GroupFeatures
from ml.registry.champion_challenger import TrainingInput
from ml.registry.promotion import TrainingVersion
from pipelines.contracts.catalog import (
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREREQUISITE,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
)
from pipelines.contracts.feature_tables import REACHED_STEP
from pipelines.core.taxonomy import Taxonomy, match_skills
from pipelines.storage.lake import content_sha256

SEED = 7
# Content of these decides what a ranker learns; a night in which none of it changed learns nothing new.
_TOLD = (PERSON, ROLE_PERIOD, ROLE_PROFILE, PREREQUISITE, ASSIGNMENT, LEARNING_RECORD, ASPIRATION)
TRAINING_INPUTS = [REACHED_STEP.name, EVIDENCE.name, SKILL.name, ALIAS.name, *(table.name for table in _TOLD)]
PRACTICE_COLUMNS = ("person_id", "skill_id", "occurred_at", "amount", "mode")
STEP_COLUMNS = ("person_id", "skill_id", "reached_at")
_FINISHED = ("completed", "passed", "attended")


def build_training_input(pipeline: PipelineResource, as_of: date, *, with_wishes: bool = False) -> TrainingInput:
    """What the night's tables hold for learning, as of that day; with wishes only to measure what they are worth."""
    steps, horizon = pipeline.read(REACHED_STEP), pipeline.config.policy.horizon_days
    extra = extra_features(pipeline, steps, with_wishes=with_wishes)
    recipe = fingerprint_recipe(horizon, extra)
    names = step_names(steps, pipeline.read(SKILL))
    version = hashlib.sha256(recipe.encode())
    for frame in (to_interactions(steps), names, *(pipeline.read(table) for table in _TOLD)):
        version.update(content_sha256(frame).encode())
    return TrainingInput(
        events=to_interactions(steps),
        names=names,
        requires=list_required_steps(steps["step_id"]),
        repeatable=list_repeatable_steps(steps["step_id"]),
        extra=extra,
        horizon_days=horizon,
        seed=SEED,
        training_version=TrainingVersion(as_of, steps.height, recipe, version.hexdigest()[:12]),
    )


def to_interactions(steps: pl.DataFrame) -> pl.DataFrame:
    """Reached steps as the recommender's histories: person_id, skill_id (the step), ts."""
    return steps.select("person_id", pl.col("step_id").alias("skill_id"), pl.col("reached_at").alias("ts"))


def extra_features(pipeline: PipelineResource, steps: pl.DataFrame, *, with_wishes: bool = False) -> FeatureUnion:
    """What each role and unit took, and what HR, projects, learning and taxonomy say of a pair."""
    groups = GroupFeatures(to_interactions(steps), list_memberships(pipeline.read(PERSON), pipeline.read(ROLE_PERIOD)))
    return FeatureUnion((groups, build_context_features(read_flow_tables(pipeline, steps, with_wishes=with_wishes))))


def read_flow_tables(pipeline: PipelineResource, steps: pl.DataFrame, *, with_wishes: bool = False) -> ContextTables:
    """The core tables that features are made of, the micro-skills found in their texts.

    Wishes order a list as the motive `autonomy`, by declared policy. A model that saw them too would count them twice,
    and nobody could be told what a wish of theirs moves (`ml.recommend.counterfactuals`) without asking it again; and
    it ranked no
    better with them.
    """
    taxonomy = load_taxonomy(pipeline)
    # what counts by person is read of the people the step is about; assignments are everybody's demand
    learning = pipeline.own(LEARNING_RECORD).with_columns(pl.coalesce("skill_text", "course_name").alias("skill_text"))
    wishes = _named(pipeline.own(ASPIRATION), taxonomy)
    return ContextTables(
        people=pipeline.read(PERSON).select("person_id", "role_name", "hired_date"),
        role_periods=pipeline.read(ROLE_PERIOD).select("person_id", "role_name", "started_date", "ended_date"),
        role_profiles=taxonomy.role_profiles,
        assignments=_named(pipeline.read(ASSIGNMENT), taxonomy).select(
            "person_id", "skill_id", "started_date", "done_at"
        ),
        practice=select_practice(pipeline.own(EVIDENCE, PRACTICE_COLUMNS)),
        learning=_named(learning, taxonomy).select(
            "person_id",
            "skill_id",
            "occurred_at",
            pl.col("learning_verb").is_in(_FINISHED).alias("is_finished"),
            "score_share",
        ),
        steps=steps.select(*STEP_COLUMNS),
        prerequisites=taxonomy.prerequisites,
        capabilities=taxonomy.skills.select("skill_id", "capability_id"),
        wishes=wishes.select("person_id", "skill_id", "stated_at", "wish_weight") if with_wishes else None,
    )


def select_practice(evidence: pl.DataFrame) -> pl.DataFrame:
    """One row per row of evidence of real work: person_id, skill_id, occurred_at, hours."""
    work = evidence.filter(pl.col("mode") == "repetition")
    return work.select("person_id", "skill_id", "occurred_at", pl.col("amount").alias("hours"))


def fingerprint_recipe(horizon_days: int, extra: ExtraFeatures) -> str:
    """Fingerprint of how a ranker is made: horizon, seed, features and the learning code."""
    digest = hashlib.sha256(f"{horizon_days} {SEED} {[feature.name for feature in extra.features]}".encode())
    for path in sorted((Path(__file__).parents[2] / "ml").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def step_names(steps: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """One row a step (skill_id) and the name of its micro-skill."""
    named = steps.select("step_id", "skill_id").unique().join(skills, on="skill_id", how="left")
    return named.select(pl.col("step_id").alias("skill_id"), pl.col("skill_name").alias("name")).sort("skill_id")


def _named(rows: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    matched = match_skills(rows.select("skill_text"), taxonomy).drop_nulls("skill_id")
    return rows.join(matched.select("skill_text", "skill_id").unique(), on="skill_text")
