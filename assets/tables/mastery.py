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

from assets.incremental.incremental_asset import step
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from assets.tables.companions import OWN_WORDS, own_words, without_hidden
from assets.tables.core import taxonomy_of
from assets.tables.recommendations import SURROUNDING, surroundings
from assets.tables.snapshot import stamps_of
from ml.mastery.knowledge_tracing import read_tracing
from ml.mastery.prerequisites import declare_precedence, learn_precedence
from ml.mastery.state import FOLLOWING, follow_mastery, learn_tracing, tell_half_lives
from ml.recommend.capability_coverage import map_capabilities
from ml.recommend.team_alignment import align_teams
from pipelines.contracts.catalog import EVIDENCE, PERSON, PREREQUISITE
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, MODEL_CARD, PRECEDENCE, REACHED_STEP, TRACING
from pipelines.contracts.output_tables import ALIGNMENT, CAPABILITY
from pipelines.snapshots.row_metadata import stamp


def capability_assets() -> list[AssetsDefinition]:
    """Tracing, half-lives, mastery and reached steps; precedence; capabilities and alignment."""
    return [tracing, mastery, precedence, capabilities, alignment]


@step(name="learn_tracing", specs=[spec_of(table, deps=[EVIDENCE.name]) for table in (TRACING, HALF_LIFE)])
def tracing(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Learn how micro-skills are judged and fade; by day it stays as the night learnt it."""
    evidence, as_of = night.own(EVIDENCE, FOLLOWING), night.as_of(context)
    learnt = learn_tracing(evidence, as_of, night.config.policy.stages)
    text = learnt.to_json()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    said = {"is_fitted": learnt.is_fitted, "judgements": sum(learnt.judged)}
    card = pl.DataFrame({"model_version": [version], "card": [text]}, schema=TRACING.schema)
    yield night.materialize(TRACING, card, said)
    yield night.materialize(HALF_LIFE, tell_half_lives(evidence, as_of, learnt))


@step(
    name="estimate_mastery", own=[EVIDENCE],
    specs=[spec_of(table, deps=[EVIDENCE.name, TRACING.name]) for table in (MASTERY, REACHED_STEP)],
)  # fmt: skip
def mastery(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Estimate stages and levels with what was learnt of fading."""
    evidence, as_of, policy = night.own(EVIDENCE, FOLLOWING), night.as_of(context), night.config.policy.stages
    learnt = read_tracing(night.read(TRACING)["card"][0])
    held, reached = follow_mastery(evidence, as_of, policy, learnt)
    yield night.materialize(MASTERY, held)
    yield night.materialize(REACHED_STEP, reached)


@step(name="learn_precedence", specs=[spec_of(PRECEDENCE, deps=[PREREQUISITE.name, REACHED_STEP.name])])
def precedence(night: Night) -> Iterator[Any]:
    """What the taxonomy declares; where it declares nothing at all, what histories show."""
    declared = night.read(PREREQUISITE)
    found = (
        declare_precedence(declared) if declared.height
        else learn_precedence(night.read(REACHED_STEP), night.config.policy.precedence)
    )  # fmt: skip
    yield night.materialize(PRECEDENCE, found)


@step(name="map_capabilities", own=[MASTERY, PERSON], specs=[spec_of(CAPABILITY, deps=[*SURROUNDING, MODEL_CARD.name])])
def capabilities(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """What everyone covers of each capability."""
    people = night.own(PERSON).filter(pl.col("employment_status") != "left")
    around = surroundings(night, night.as_of(context))
    own = around.mastery.join(people, on="person_id", how="semi")
    covered = map_capabilities(own, around.skills, around.prerequisites)
    yield night.materialize(CAPABILITY, stamp(CAPABILITY, covered, stamps_of(context, night)))


@step(name="align_teams", specs=[spec_of(ALIGNMENT, deps=[*SURROUNDING, *OWN_WORDS, MODEL_CARD.name])])
def alignment(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Where teams' wishes and needs agree or part."""
    policy, people = night.config.policy, night.read(PERSON).filter(pl.col("employment_status") != "left")
    around = surroundings(night, night.as_of(context))
    words = own_words(night, taxonomy_of(night), night.as_of(context))
    open_wishes = replace(around, wishes=without_hidden(words, around.wishes))
    aligned = align_teams(people, open_wishes, team_people=policy.team_people, minimum_people=policy.minimum_people)
    yield night.materialize(ALIGNMENT, stamp(ALIGNMENT, aligned, stamps_of(context, night)))
