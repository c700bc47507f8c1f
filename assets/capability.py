"""Mastery, half-lives, reached steps, precedence and capabilities, as assets.

Belongs here: what they are made of, and what the UI is told about each.
Does not belong here: how they are reckoned (`ml.mastery`, `ml.tracing`, `ml.precedence`, `ml.capabilities`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, asset, multi_asset

from assets.companions import OWN_WORDS, own_words, without_hidden
from assets.core import described, taxonomy_of
from assets.io import spec_of
from assets.out import SURROUNDING, surroundings
from assets.resources import Night
from assets.snapshot import stamps_of
from ml.alignment import align_teams
from ml.capabilities import map_capabilities
from ml.mastery import estimate_mastery, learn_tracing, reach_steps, tell_half_lives
from ml.precedence import declare_precedence, learn_precedence
from pipelines.contracts.catalog import EVIDENCE, PERSON, PREREQUISITE
from pipelines.contracts.learnt import HALF_LIFE, MASTERY, MODEL_CARD, PRECEDENCE, REACHED_STEP, TRACING
from pipelines.contracts.published import ALIGNMENT, CAPABILITY
from pipelines.publish.stamp import stamp


def capability_assets() -> list[AssetsDefinition]:
    """Tracing, half-lives, mastery and reached steps; precedence; capabilities and alignment."""
    return [mastery, precedence, capabilities]


@multi_asset(
    name="estimate_mastery",
    specs=[spec_of(table, deps=[EVIDENCE.name]) for table in (TRACING, HALF_LIFE, MASTERY, REACHED_STEP)],
)
def mastery(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Learn how micro-skills are judged and fade, then estimate stages and levels with it."""
    evidence, as_of = night.read(EVIDENCE), night.as_of(context)
    policy = night.config.policy.stages
    tracing = learn_tracing(evidence, as_of, policy)
    text = tracing.to_json()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    said = {"is_fitted": tracing.is_fitted, "judgements": sum(tracing.judged)}
    card = pl.DataFrame({"model_version": [version], "card": [text]}, schema=TRACING.schema)
    yield night.materialize(TRACING, card, said)
    yield night.materialize(HALF_LIFE, tell_half_lives(evidence, as_of, tracing))
    yield night.materialize(MASTERY, estimate_mastery(evidence, as_of, policy, tracing))
    yield night.materialize(REACHED_STEP, reach_steps(evidence, as_of, policy, tracing))


@asset(**described(PRECEDENCE), deps=[PREREQUISITE.name, REACHED_STEP.name])
def precedence(night: Night) -> pl.DataFrame:
    """What the taxonomy declares; where it declares nothing at all, what histories show."""
    declared = night.read(PREREQUISITE)
    if declared.height:
        return declare_precedence(declared)
    return learn_precedence(night.read(REACHED_STEP), night.config.policy.precedence)


@multi_asset(
    name="map_capabilities",
    specs=[spec_of(table, deps=[*SURROUNDING, *OWN_WORDS, MODEL_CARD.name]) for table in (CAPABILITY, ALIGNMENT)],
)
def capabilities(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """What everyone covers of each capability, and where teams' wishes and needs agree or part."""
    policy, people = night.config.policy, night.read(PERSON).filter(pl.col("employment_status") != "left")
    around, stamps = surroundings(night, night.as_of(context)), stamps_of(context, night)
    own = around.mastery.join(people, on="person_id", how="semi")
    covered = map_capabilities(own, around.skills, around.prerequisites)
    words = own_words(night, taxonomy_of(night), night.as_of(context))
    open_wishes = replace(around, wishes=without_hidden(words, around.wishes))
    aligned = align_teams(people, open_wishes, team_people=policy.team_people, minimum_people=policy.minimum_people)
    yield night.materialize(CAPABILITY, stamp(CAPABILITY, covered, stamps))
    yield night.materialize(ALIGNMENT, stamp(ALIGNMENT, aligned, stamps))
