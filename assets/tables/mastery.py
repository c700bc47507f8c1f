"""Mastery, half-lives, reached steps, precedence and capabilities, as assets.

Belongs here: what they are made of, and what the UI is told about each.
Does not belong here: how they are reckoned (`ml.mastery.state`, `ml.mastery.knowledge_tracing`,
`ml.mastery.prerequisites`, `ml.recommend.capability_coverage`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import incremental_asset
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from assets.tables.companions import EMPLOYEE_INPUT_TABLES, drop_hidden, read_employee_input
from assets.tables.core import load_taxonomy
from assets.tables.recommendations import CONTEXT_INPUTS, build_recommendation_context
from assets.tables.snapshot import build_row_metadata
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.prerequisites import declare_prerequisites, learn_prerequisites
from ml.mastery.state import MASTERY_INPUTS, build_half_lives, estimate_mastery_and_steps, learn_knowledge_tracing
from ml.recommend.capability_coverage import compute_capability_coverage
from ml.recommend.team_alignment import align_teams
from pipelines.contracts.catalog import EVIDENCE, PERSON, PREREQUISITE
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, MODEL_CARD, PRECEDENCE, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY
from pipelines.snapshots.row_metadata import add_row_metadata


def mastery_assets() -> list[AssetsDefinition]:
    """Tracing, half-lives, mastery and reached steps; precedence; capabilities and alignment."""
    return [tracing, mastery, precedence, capabilities, alignment]


@incremental_asset(
    name="learn_tracing", specs=[build_asset_spec(table, deps=[EVIDENCE.name]) for table in (TRACING, HALF_LIFE)]
)
def tracing(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Learn how micro-skills are judged and fade; by day it stays as the night learnt it."""
    evidence, as_of = pipeline.own(EVIDENCE, MASTERY_INPUTS), pipeline.as_of(context)
    learnt = learn_knowledge_tracing(evidence, as_of, pipeline.config.policy.stages)
    text = learnt.to_json()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    said = {"is_fitted": learnt.is_fitted, "judgements": sum(learnt.judged)}
    card = pl.DataFrame({"model_version": [version], "card": [text]}, schema=TRACING.schema)
    yield pipeline.materialize(TRACING, card, said)
    yield pipeline.materialize(HALF_LIFE, build_half_lives(evidence, as_of, learnt))


@incremental_asset(
    name="estimate_mastery",
    own=[EVIDENCE],
    specs=[build_asset_spec(table, deps=[EVIDENCE.name, TRACING.name]) for table in (MASTERY, REACHED_STEP)],
)
def mastery(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Estimate stages and levels with what was learnt of fading."""
    evidence, as_of, policy = (
        pipeline.own(EVIDENCE, MASTERY_INPUTS),
        pipeline.as_of(context),
        pipeline.config.policy.stages,
    )
    learnt = read_knowledge_tracing(pipeline.read(TRACING)["card"][0])
    held, reached = estimate_mastery_and_steps(evidence, as_of, policy, learnt)
    yield pipeline.materialize(MASTERY, held)
    yield pipeline.materialize(REACHED_STEP, reached)


@incremental_asset(
    name="learn_precedence", specs=[build_asset_spec(PRECEDENCE, deps=[PREREQUISITE.name, REACHED_STEP.name])]
)
def precedence(pipeline: PipelineResource) -> Iterator[Any]:
    """What the taxonomy declares; where it declares nothing at all, what histories show."""
    declared = pipeline.read(PREREQUISITE)
    found = (
        declare_prerequisites(declared)
        if declared.height
        else learn_prerequisites(pipeline.read(REACHED_STEP), pipeline.config.policy.precedence)
    )
    yield pipeline.materialize(PRECEDENCE, found)


@incremental_asset(
    name="map_capabilities",
    own=[MASTERY, PERSON],
    specs=[build_asset_spec(CAPABILITY, deps=[*CONTEXT_INPUTS, MODEL_CARD.name])],
)
def capabilities(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """What everyone covers of each capability."""
    people = pipeline.own(PERSON).filter(pl.col("employment_status") != "left")
    around = build_recommendation_context(pipeline, pipeline.as_of(context))
    own = around.mastery.join(people, on="person_id", how="semi")
    covered = compute_capability_coverage(own, around.skills, around.prerequisites)
    yield pipeline.materialize(CAPABILITY, add_row_metadata(CAPABILITY, covered, build_row_metadata(context, pipeline)))


@incremental_asset(
    name="align_teams",
    specs=[build_asset_spec(ALIGNMENT, deps=[*CONTEXT_INPUTS, *EMPLOYEE_INPUT_TABLES, MODEL_CARD.name])],
)
def alignment(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Where teams' wishes and needs agree or part."""
    policy, people = pipeline.config.policy, pipeline.read(PERSON).filter(pl.col("employment_status") != "left")
    around = build_recommendation_context(pipeline, pipeline.as_of(context))
    words = read_employee_input(pipeline, load_taxonomy(pipeline), pipeline.as_of(context))
    open_wishes = replace(around, wishes=drop_hidden(words, around.wishes))
    aligned = align_teams(people, open_wishes, team_people=policy.team_people, minimum_people=policy.minimum_people)
    yield pipeline.materialize(ALIGNMENT, add_row_metadata(ALIGNMENT, aligned, build_row_metadata(context, pipeline)))
