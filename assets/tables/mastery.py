"""Mastery and what is learnt from it: knowledge tracing, reached steps, prerequisites, capabilities, team alignment.

Belongs here: which tables these are made of, and what the UI shows of each.
Does not belong here: how they are computed (`ml.mastery`, `ml.recommend.capability_coverage`,
`ml.organisation.team_alignment`).
"""

import hashlib
from dataclasses import replace

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.companions import EMPLOYEE_INPUT_TABLES, read_employee_input
from assets.tables.objections import OBJECTION_TABLES, read_objections
from assets.tables.recommendations import CONTEXT_INPUTS, build_recommendation_context
from assets.tables.snapshot import materialize_output, materialize_outputs_by_people
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.prerequisites import declare_prerequisites, learn_prerequisites
from ml.mastery.state import MASTERY_INPUTS, build_half_lives, estimate_mastery_and_steps, learn_knowledge_tracing
from ml.organisation.team_alignment import align_teams
from ml.recommend.capability_coverage import compute_capability_coverage
from pipelines.contracts.catalog import EVIDENCE, PERSON, PREFERENCE, PREREQUISITE, REPLY, SKILL
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, MODEL_CARD, PRECEDENCE, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY


def mastery_assets() -> list[AssetsDefinition]:
    """Knowledge tracing, mastery with reached steps, prerequisites, capabilities and alignment."""
    return [tracing, mastery, prerequisites, capabilities, alignment]


@incremental_asset(name="learn_tracing", tables=[TRACING, HALF_LIFE], reads=[EVIDENCE])
def tracing(run: AssetRun) -> Results:
    """Learn how micro-skills are assessed and how they fade. An incremental run keeps what was learnt."""
    evidence, as_of = run.tables.read_scoped(EVIDENCE, MASTERY_INPUTS), run.as_of
    tracing_model = learn_knowledge_tracing(evidence, as_of, run.config.policy.stages)
    model_json = tracing_model.to_json()
    model_version = hashlib.sha256(model_json.encode()).hexdigest()[:12]
    tracing_card = pl.DataFrame({"model_version": [model_version], "card": [model_json]}, schema=TRACING.schema)
    metadata = {"is_fitted": tracing_model.is_fitted, "judgements": sum(tracing_model.judged)}
    yield run.materialize(TRACING, tracing_card, metadata)
    yield run.materialize(HALF_LIFE, build_half_lives(evidence, as_of, tracing_model))


@incremental_asset(
    name="estimate_mastery",
    tables=[MASTERY, REACHED_STEP],
    reads=[EVIDENCE, TRACING],
    per_person_inputs=[EVIDENCE],
)
def mastery(run: AssetRun) -> Results:
    """Estimate the stage and level of each person in each micro-skill, and list the steps they reached."""
    tracing_model = read_knowledge_tracing(run.tables.read(TRACING)["card"][0])
    as_of, stage_policy = run.as_of, run.config.policy.stages

    def compute_rows(table_reader: TableReader) -> tuple[pl.DataFrame, pl.DataFrame]:
        evidence = table_reader.read_scoped(EVIDENCE, MASTERY_INPUTS)
        return estimate_mastery_and_steps(evidence, as_of, stage_policy, tracing_model)

    yield from run.materialize_by_people((MASTERY, REACHED_STEP), compute_rows)


@incremental_asset(name="learn_precedence", tables=[PRECEDENCE], reads=[PREREQUISITE, REACHED_STEP])
def prerequisites(run: AssetRun) -> Results:
    """Take the prerequisites that the taxonomy declares, or learn them from reached steps if it declares none."""
    declared_prerequisites, reached_steps = run.tables.read(PREREQUISITE), run.tables.read(REACHED_STEP)
    is_learned, policy = declared_prerequisites.is_empty(), run.config.policy.precedence
    yield run.materialize(
        PRECEDENCE,
        learn_prerequisites(reached_steps, policy) if is_learned else declare_prerequisites(declared_prerequisites),
    )


@incremental_asset(
    name="map_capabilities",
    tables=[CAPABILITY],
    reads=[MASTERY, PERSON, SKILL, PRECEDENCE, MODEL_CARD, *OBJECTION_TABLES],
    per_person_inputs=[MASTERY, PERSON, REPLY, PREFERENCE],
)
def capabilities(run: AssetRun) -> Results:
    """Compute how much of each capability every employed person covers."""
    hidden_pairs = read_objections(run.tables, run.as_of).hidden_pairs
    skills, known_prerequisites = run.tables.read(SKILL), run.tables.read(PRECEDENCE)

    def compute_rows(table_reader: TableReader) -> list[pl.DataFrame]:
        people = table_reader.read_scoped(PERSON).filter(is_employed())
        employed_mastery = (
            table_reader.read_scoped(MASTERY)
            .join(people, on="person_id", how="semi")
            .join(hidden_pairs, on=("person_id", "skill_id"), how="anti")
        )
        return [compute_capability_coverage(employed_mastery, skills, known_prerequisites)]

    yield from materialize_outputs_by_people(run, [CAPABILITY], compute_rows)


@incremental_asset(name="align_teams", tables=[ALIGNMENT], reads=[*CONTEXT_INPUTS, *EMPLOYEE_INPUT_TABLES, MODEL_CARD])
def alignment(run: AssetRun) -> Results:
    """Find where the wishes of teams agree with their needs, and where they differ."""
    as_of, policy = run.as_of, run.config.policy
    recommendation_context = build_recommendation_context(run.tables, as_of)
    employee_input = read_employee_input(run.tables, as_of)
    team_alignments = align_teams(
        run.tables.read(PERSON).filter(is_employed()),
        replace(
            recommendation_context, wishes=employee_input.objections.drop_objected_rows(recommendation_context.wishes)
        ),
        min_team_people=policy.team_people,
        minimum_people=policy.minimum_people,
    )
    yield materialize_output(run, ALIGNMENT, team_alignments)
