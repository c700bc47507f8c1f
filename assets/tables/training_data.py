"""What the ranker is trained on: reached steps, names, rules and features as of a day.

Belongs here: which tables training reads, and the fingerprints of recipe and content.
Does not belong here: features (`ml.ranking`), training (`ml.registry.champion_challenger`).
"""

import hashlib
from datetime import date
from pathlib import Path

import polars as pl

from assets.resources.table_reader import TableReader
from ml.mastery.step_items import list_memberships, list_repeatable_steps, list_required_steps
from ml.ranking.context_features import ContextTables, build_context_features
from ml.ranking.feature_union import FeatureUnion
from ml.ranking.features import ExtraFeatures
from ml.ranking.group_features import GroupFeatures
from ml.registry.champion_challenger import TrainingInput
from ml.registry.promotion import TrainingVersion
from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREREQUISITE,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
    SKILL_TEXT,
)
from pipelines.contracts.feature_tables import REACHED_STEP
from pipelines.core.skill_texts import add_skill_ids
from pipelines.storage.parquet_files import content_sha256

SEED = 7
# The content of these tables decides what a ranker learns: if none of it changed, a training learns nothing new.
_CONTENT_TABLES = (PERSON, ROLE_PERIOD, ROLE_PROFILE, PREREQUISITE, ASSIGNMENT, LEARNING_RECORD, ASPIRATION)
# What `build_training_input` and `build_extra_features` read.
TRAINING_INPUTS = (*dict.fromkeys((REACHED_STEP, EVIDENCE, SKILL, SKILL_TEXT, *_CONTENT_TABLES)),)
PRACTICE_COLUMNS = ("person_id", "skill_id", "occurred_at", "amount", "mode")
STEP_COLUMNS = ("person_id", "skill_id", "reached_at")
_FINISHED_VERBS = ("completed", "passed", "attended")


def build_training_input(
    table_reader: TableReader, as_of: date, horizon_days: int, *, with_wishes: bool = False
) -> TrainingInput:
    """What the ranker is trained on.

    Args:
        table_reader: Reads `TRAINING_INPUTS`.
        horizon_days: Days after the moment of a recommendation within which a reached step counts.
        as_of: The last day whose data counts.
        with_wishes: Add features of wishes, to measure what they contribute. See `read_flow_tables`.
    """
    reached_steps = table_reader.read(REACHED_STEP)
    extra_features, interactions = (
        build_extra_features(table_reader, reached_steps, with_wishes=with_wishes),
        to_events(reached_steps),
    )
    step_names = (
        reached_steps.select("step_id", "skill_id").unique().join(table_reader.read(SKILL), on="skill_id", how="left")
    )
    step_names = step_names.select(skill_id="step_id", name="skill_name").sort("skill_id")
    recipe_hash = fingerprint_recipe(horizon_days, extra_features)
    content_digest = hashlib.sha256(recipe_hash.encode())
    for hashed_rows in (interactions, step_names, *(table_reader.read(table) for table in _CONTENT_TABLES)):
        content_digest.update(content_sha256(hashed_rows).encode())
    return TrainingInput(
        events=interactions,
        step_names=step_names,
        requirements=list_required_steps(reached_steps["step_id"]),
        repeatable_ids=list_repeatable_steps(reached_steps["step_id"]),
        extra_features=extra_features,
        horizon_days=horizon_days,
        seed=SEED,
        training_version=TrainingVersion(as_of, reached_steps.height, recipe_hash, content_digest.hexdigest()[:12]),
    )


def to_events(reached_steps: pl.DataFrame) -> pl.DataFrame:
    """Reached steps (`feat_step__event_reached`) as events to rank on: person_id, skill_id (the step's id), ts."""
    return reached_steps.select("person_id", skill_id="step_id", ts="reached_at")


def build_extra_features(
    table_reader: TableReader, reached_steps: pl.DataFrame, *, with_wishes: bool = False
) -> FeatureUnion:
    """Features beyond interactions: what people of the same role and unit took, and context from the lake.

    Args:
        table_reader: Reads `TRAINING_INPUTS`; only the people in scope need features.
        reached_steps: Reached steps of everybody.
        with_wishes: Add features of wishes. See `read_flow_tables`.
    """
    group_features = GroupFeatures(
        to_events(reached_steps), list_memberships(table_reader.read(PERSON), table_reader.read(ROLE_PERIOD))
    )
    return FeatureUnion(
        (group_features, build_context_features(read_flow_tables(table_reader, reached_steps, with_wishes=with_wishes)))
    )


def read_flow_tables(
    table_reader: TableReader, reached_steps: pl.DataFrame, *, with_wishes: bool = False
) -> ContextTables:
    """The core tables that context features are made of, with the micro-skills of their texts.

    The ranker sees no wishes. They order a list as the motive `autonomy`, by declared policy: a model that used them
    too would count them twice, and a counterfactual could not tell what a wish changes (`ml.recommend.counterfactuals`)
    without scoring again. The model did not rank better with them.

    Args:
        table_reader: Reads `TRAINING_INPUTS`; what counts per person is read for the people in scope.
        reached_steps: Reached steps of everybody.
        with_wishes: Read wishes as well, to measure what they contribute.
    """
    text_matches = table_reader.read(SKILL_TEXT)
    learning_records = table_reader.read_scoped(LEARNING_RECORD).with_columns(
        skill_text=pl.coalesce("skill_text", "course_name")
    )
    wishes = add_skill_ids(table_reader.read_scoped(ASPIRATION), text_matches) if with_wishes else None
    return ContextTables(
        people=table_reader.read(PERSON).select("person_id", "role_name", "hired_date"),
        role_periods=table_reader.read(ROLE_PERIOD).select("person_id", "role_name", "started_date", "ended_date"),
        role_profiles=table_reader.read(ROLE_PROFILE),
        assignments=add_skill_ids(table_reader.read(ASSIGNMENT), text_matches).select(
            "person_id", "skill_id", "started_date", "done_at"
        ),
        practice=select_practice(table_reader.read_scoped(EVIDENCE, PRACTICE_COLUMNS)),
        learning=add_skill_ids(learning_records, text_matches).select(
            "person_id",
            "skill_id",
            "occurred_at",
            pl.col("learning_verb").is_in(_FINISHED_VERBS).alias("is_finished"),
            "score_share",
        ),
        steps=reached_steps.select(*STEP_COLUMNS),
        prerequisites=table_reader.read(PREREQUISITE),
        capabilities=table_reader.read(SKILL).select("skill_id", "capability_id"),
        wishes=None if wishes is None else wishes.select("person_id", "skill_id", "stated_at", "wish_weight"),
    )


def select_practice(evidence: pl.DataFrame) -> pl.DataFrame:
    """One row per row of `core_skill__event_evidence` of real work: person_id, skill_id, occurred_at, hours."""
    return evidence.filter(pl.col("mode") == "repetition").select(
        "person_id", "skill_id", "occurred_at", hours="amount"
    )


def fingerprint_recipe(horizon_days: int, extra_features: ExtraFeatures) -> str:
    """A hash of how a ranker is made: horizon, seed, features and the code of `ml`."""
    recipe_digest = hashlib.sha256(
        f"{horizon_days} {SEED} {[feature.name for feature in extra_features.features]}".encode()
    )
    for source_path in sorted((Path(__file__).parents[2] / "ml").rglob("*.py")):
        recipe_digest.update(source_path.read_bytes())
    return recipe_digest.hexdigest()[:12]
