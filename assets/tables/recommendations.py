"""Published tables as assets: the rows people and systems read.

Belongs here: what the recommendation tables are put together from.
Does not belong here: how rows are made (`ml.recommend.reranking`), their publication (`assets.tables.snapshot`).
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import incremental_asset
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from assets.tables.companions import (
    EMPLOYEE_INPUT_TABLES,
    EmployeeInput,
    drop_hidden,
    filter_candidates_by_replies,
    read_employee_input,
)
from assets.tables.core import load_taxonomy
from assets.tables.snapshot import build_row_metadata
from ml.mastery.knowledge_tracing import read_knowledge_tracing
from ml.mastery.open_badges import BADGE_EVIDENCE_COLUMNS, build_badge_evidence
from ml.mastery.state import estimate_mastery, last_instant
from ml.recommend.counterfactuals import CounterfactualInputs, find_counterfactuals
from ml.recommend.motives import RecommendationContext
from ml.recommend.reply_filter import find_no_recommendation_reasons
from ml.recommend.reranking import build_recommendation_rows, rerank_candidates
from ml.recommend.support_gaps import find_support_gaps
from pipelines.contracts.catalog import (
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREFERENCE,
    PREREQUISITE,
    REPLY,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
)
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD, PRECEDENCE, TRACING
from pipelines.contracts.output_tables import (
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    SUPPORT_GAP,
)
from pipelines.core.replies import add_replies_to_mastery, find_hidden_skills
from pipelines.core.skill_demand import (
    count_skill_demand,
    count_unit_support,
    find_practice_options,
    list_current_roles,
    list_motive_weights,
    list_skill_wishes,
    select_recent_evidence,
)
from pipelines.snapshots.row_metadata import add_row_metadata

# What `surroundings` reads.
CONTEXT_INPUTS = tuple(
    table.name
    for table in (
        MASTERY,
        EVIDENCE,
        SKILL,
        ALIAS,
        PREREQUISITE,
        PRECEDENCE,
        ROLE_PROFILE,
        ASPIRATION,
        ASSIGNMENT,
        ROLE_PERIOD,
        PERSON,
    )
)
# Where a row of evidence came from: most of its bytes, and nothing that a stage or a list depends on.
_WHENCE = ("record_code", "source_name", "file_sha256", "row_number", "source_column")
_UPSTREAM = [
    *CONTEXT_INPUTS,
    *(table.name for table in (CANDIDATE, TRACING, LEARNING_RECORD, MODEL_CARD)),
    *EMPLOYEE_INPUT_TABLES,
]


def recommendation_assets() -> list[AssetsDefinition]:
    """The recommendations with what would have changed them and what they lack; stages, their proof and evidence."""
    return [recommendations, stages_held, proof, evidence_shown]


@incremental_asset(
    name="recommend",
    specs=[build_asset_spec(table, deps=_UPSTREAM) for table in (NEXT_SKILL, COUNTERFACTUAL, SUPPORT_GAP)],
    own=[CANDIDATE, MASTERY, EVIDENCE, ASPIRATION, ROLE_PERIOD, PERSON, REPLY, PREFERENCE],
    crowd=True,
)
def recommendations(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Rows for everyone who works here, what would have changed each, and what units lack for them."""
    as_of, policy, stamps = pipeline.as_of(context), pipeline.config.policy, build_row_metadata(context, pipeline)
    everyone = pipeline.own(PERSON).filter(pl.col("employment_status") != "left")
    taxonomy = load_taxonomy(pipeline)
    words = read_employee_input(pipeline, taxonomy, as_of)
    situation = build_situation(pipeline, words)
    listed = rerank_candidates(situation.candidates, situation.context, policy)
    changes = find_counterfactuals(listed, situation)
    assignment = pipeline.read(ASSIGNMENT)
    # what is said of several people leaves out what one of them hides
    seen = drop_hidden(words, select_recent_evidence(pipeline.lake.scan(EVIDENCE), as_of))
    ways = find_practice_options(assignment, pipeline.read(LEARNING_RECORD), seen, taxonomy, as_of)
    asked = find_no_recommendation_reasons(
        everyone, pipeline.own(CANDIDATE, ["person_id"]), situation.candidates, words.opted_out
    )
    rows = build_recommendation_rows(listed, changes, situation.context, ways, asked, policy)
    yield pipeline.materialize(NEXT_SKILL, add_row_metadata(NEXT_SKILL, rows, stamps))
    yield pipeline.materialize(COUNTERFACTUAL, add_row_metadata(COUNTERFACTUAL, changes, stamps))
    if pipeline.people is not None:  # what units lack is about nobody in particular, and stays as it is
        yield pipeline.materialize(SUPPORT_GAP, pl.DataFrame(schema=SUPPORT_GAP.schema))
        return
    units = everyone.select("person_id", "unit_name")
    held = drop_hidden(words, situation.context.mastery)
    given = count_unit_support(assignment, seen, held, units, taxonomy, as_of)
    gaps = find_support_gaps(drop_hidden(words, listed), units, given, taxonomy.skills, policy.minimum_people)
    yield pipeline.materialize(SUPPORT_GAP, add_row_metadata(SUPPORT_GAP, gaps, stamps))


@incremental_asset(
    name="tell_stages",
    own=[MASTERY, REPLY, PERSON],
    specs=[
        build_asset_spec(
            OUT_MASTERY, deps=[MASTERY.name, MODEL_CARD.name, REPLY.name, SKILL.name, ALIAS.name, PERSON.name]
        )
    ],
)
def stages_held(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """How far everyone who works here has come, as published, beside what they say themselves."""
    words = read_employee_input(pipeline, load_taxonomy(pipeline), pipeline.as_of(context))
    held = pipeline.own(MASTERY).join(_people(pipeline), on="person_id", how="semi")
    rows = add_replies_to_mastery(held, words.replies, words.as_of)
    yield pipeline.materialize(OUT_MASTERY, add_row_metadata(OUT_MASTERY, rows, build_row_metadata(context, pipeline)))


_SHOWING = [table.name for table in (EVIDENCE, PERSON, SKILL, ALIAS, REPLY, MODEL_CARD)]


@incremental_asset(
    name="prove_mastery",
    own=[MASTERY, EVIDENCE, PERSON, REPLY],
    specs=[build_asset_spec(MASTERY_PROOF, deps=[MASTERY.name, *_SHOWING])],
)
def proof(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """What shows each micro-skill held by those who work here."""
    held = pipeline.own(MASTERY).join(_people(pipeline), on="person_id", how="semi")
    rows = build_badge_evidence(
        held, pipeline.own(EVIDENCE, BADGE_EVIDENCE_COLUMNS), pipeline.read(SKILL), pipeline.as_of(context)
    )
    shown = _with_hidden(pipeline, rows, pipeline.as_of(context))
    yield pipeline.materialize(
        MASTERY_PROOF, add_row_metadata(MASTERY_PROOF, shown, build_row_metadata(context, pipeline))
    )


@incremental_asset(
    name="show_evidence", specs=[build_asset_spec(OUT_EVIDENCE, deps=_SHOWING)], own=[EVIDENCE, PERSON, REPLY]
)
def evidence_shown(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """The evidence of those who work here, up to the day, with file and row."""
    # in the evidence's own order, which is that of the table: nothing need be sorted
    rows = pipeline.own(EVIDENCE).join(_people(pipeline), on="person_id", how="semi", maintain_order="left")
    rows = rows.filter(pl.col("occurred_at") <= last_instant(pipeline.as_of(context)))
    rows = _with_hidden(pipeline, rows, pipeline.as_of(context))
    yield pipeline.materialize(
        OUT_EVIDENCE, add_row_metadata(OUT_EVIDENCE, rows, build_row_metadata(context, pipeline))
    )


def build_situation(pipeline: PipelineResource, words: EmployeeInput) -> CounterfactualInputs:
    """What the night knew when it made the lists."""
    stages, cards = pipeline.config.policy.stages, pipeline.read(TRACING)["card"]
    tracing = read_knowledge_tracing(cards[0]) if cards.len() else None
    as_of, found = words.as_of, pipeline.own(CANDIDATE).rename({"prior": "utility"})
    return CounterfactualInputs(
        evidence=pipeline.own(EVIDENCE, [name for name in EVIDENCE.column_names if name not in _WHENCE]),
        candidates=filter_candidates_by_replies(pipeline, words, found, pipeline.own(MASTERY), _people(pipeline)),
        context=build_recommendation_context(pipeline, as_of),
        as_of=as_of,
        policy=pipeline.config.policy,
        estimate=partial(estimate_mastery, as_of=as_of, policy=stages, tracing=tracing),
    )


def build_recommendation_context(pipeline: PipelineResource, as_of: date) -> RecommendationContext:
    """What motives are measured against, as of that day."""
    taxonomy, recent = load_taxonomy(pipeline), select_recent_evidence(pipeline.lake.scan(EVIDENCE), as_of)
    return RecommendationContext(
        mastery=pipeline.own(MASTERY),
        skills=taxonomy.skills,
        prerequisites=pipeline.read(PRECEDENCE),
        wishes=list_skill_wishes(pipeline.read(ASPIRATION), taxonomy, as_of),
        roles=list_current_roles(pipeline.read(PERSON), pipeline.read(ROLE_PERIOD), as_of),
        role_profiles=taxonomy.role_profiles,
        demand=count_skill_demand(pipeline.read(ASSIGNMENT), recent, taxonomy, as_of),
        preferences=list_motive_weights(pipeline.read(ASPIRATION), as_of),
    )


def _with_hidden(pipeline: PipelineResource, rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows with is_hidden: for the person's own page alone."""
    hidden = find_hidden_skills(read_employee_input(pipeline, load_taxonomy(pipeline), as_of).replies, as_of)
    marked = hidden.select("person_id", "skill_id", pl.lit(True).alias("is_hidden"))
    found = rows.join(marked, on=("person_id", "skill_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("is_hidden").fill_null(False))


def _people(pipeline: PipelineResource) -> pl.DataFrame:
    return pipeline.own(PERSON).filter(pl.col("employment_status") != "left").select("person_id")
