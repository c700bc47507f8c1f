"""Mastery and what is learnt from it: knowledge tracing, reached steps, prerequisites, capabilities, team alignment.

Belongs here: which tables these are made of, and what the UI shows of each.
Does not belong here: how they are computed (`ml.mastery`, `ml.recommend.capability_coverage`,
`ml.recommend.team_alignment`).
"""

import hashlib
from dataclasses import replace

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.pipeline import PipelineResource
from assets.tables.companions import EMPLOYEE_INPUT_TABLES, read_employee_input
from assets.tables.core import load_taxonomy
from assets.tables.recommendations import CONTEXT_INPUTS, build_recommendation_context
from assets.tables.snapshot import materialize_output
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.prerequisites import declare_prerequisites, learn_prerequisites
from ml.mastery.state import MASTERY_INPUTS, build_half_lives, estimate_mastery_and_steps, learn_knowledge_tracing
from ml.recommend.capability_coverage import compute_capability_coverage
from ml.recommend.team_alignment import align_teams
from pipelines.contracts.catalog import EVIDENCE, PERSON, PREREQUISITE
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, MODEL_CARD, PRECEDENCE, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY


def mastery_assets() -> list[AssetsDefinition]:
    """Knowledge tracing, mastery with reached steps, prerequisites, capabilities and alignment."""
    return [tracing, mastery, prerequisites, capabilities, alignment]


@incremental_asset(name="learn_tracing", tables=[TRACING, HALF_LIFE], deps=[EVIDENCE])
def tracing(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
    """Learn how micro-skills are assessed and how they fade. An incremental run keeps what was learnt."""
    evidence, as_of = pipeline.read_scoped(EVIDENCE, MASTERY_INPUTS), pipeline.as_of(context)
    model = learn_knowledge_tracing(evidence, as_of, pipeline.config.policy.stages)
    text = model.to_json()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    card = pl.DataFrame({"model_version": [version], "card": [text]}, schema=TRACING.schema)
    metadata = {"is_fitted": model.is_fitted, "judgements": sum(model.judged)}
    yield pipeline.materialize(TRACING, card, metadata)
    yield pipeline.materialize(HALF_LIFE, build_half_lives(evidence, as_of, model))


@incremental_asset(
    name="estimate_mastery",
    tables=[MASTERY, REACHED_STEP],
    deps=[EVIDENCE, TRACING],
    per_person_inputs=[EVIDENCE],
)
def mastery(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
    """Estimate the stage and level of each person in each micro-skill, and list the steps they reached."""
    model = read_knowledge_tracing(pipeline.read(TRACING)["card"][0])
    states, steps = estimate_mastery_and_steps(
        pipeline.read_scoped(EVIDENCE, MASTERY_INPUTS), pipeline.as_of(context), pipeline.config.policy.stages, model
    )
    yield pipeline.materialize(MASTERY, states)
    yield pipeline.materialize(REACHED_STEP, steps)


@incremental_asset(name="learn_precedence", tables=[PRECEDENCE], deps=[PREREQUISITE, REACHED_STEP])
def prerequisites(pipeline: PipelineResource) -> Results:
    """Take the prerequisites that the taxonomy declares, or learn them from reached steps if it declares none."""
    declared, policy = pipeline.read(PREREQUISITE), pipeline.config.policy.precedence
    rows = (
        declare_prerequisites(declared) if declared.height else learn_prerequisites(pipeline.read(REACHED_STEP), policy)
    )
    yield pipeline.materialize(PRECEDENCE, rows)


@incremental_asset(
    name="map_capabilities",
    tables=[CAPABILITY],
    deps=[*CONTEXT_INPUTS, MODEL_CARD],
    per_person_inputs=[MASTERY, PERSON],
)
def capabilities(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
    """Compute how much of each capability every employed person covers."""
    people = pipeline.read_scoped(PERSON).filter(is_employed())
    recommendation_context = build_recommendation_context(pipeline, pipeline.as_of(context))
    held = recommendation_context.mastery.join(people, on="person_id", how="semi")
    coverage = compute_capability_coverage(held, recommendation_context.skills, recommendation_context.prerequisites)
    yield materialize_output(context, pipeline, CAPABILITY, coverage)


@incremental_asset(name="align_teams", tables=[ALIGNMENT], deps=[*CONTEXT_INPUTS, *EMPLOYEE_INPUT_TABLES, MODEL_CARD])
def alignment(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
    """Find where the wishes of teams agree with their needs, and where they differ."""
    as_of, policy = pipeline.as_of(context), pipeline.config.policy
    recommendation_context = build_recommendation_context(pipeline, as_of)
    employee_input = read_employee_input(pipeline, load_taxonomy(pipeline), as_of)
    aligned = align_teams(
        pipeline.read(PERSON).filter(is_employed()),
        replace(recommendation_context, wishes=employee_input.drop_hidden(recommendation_context.wishes)),
        team_people=policy.team_people,
        minimum_people=policy.minimum_people,
    )
    yield materialize_output(context, pipeline, ALIGNMENT, aligned)
