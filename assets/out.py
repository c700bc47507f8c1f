"""Published tables as assets: the rows people and systems read.

Belongs here: what the recommendation tables are put together from.
Does not belong here: how rows are made (`ml.recommend`), their publication (`assets.snapshot`).
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, asset, multi_asset

from assets.companions import OWN_WORDS, OwnWords, open_candidates, own_words, tell_reasons
from assets.core import described, taxonomy_of
from assets.io import spec_of
from assets.resources import Night
from assets.snapshot import stamps_of
from ml.counterfactual import Situation, find_counterfactuals
from ml.mastery import end_of, estimate_mastery
from ml.motives import Surroundings
from ml.proof import prove_mastery
from ml.recommend import build_rows, list_steps
from ml.support import find_gaps
from ml.tracing import read_tracing
from pipelines.contracts.catalog import (
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREREQUISITE,
    REPLY,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
)
from pipelines.contracts.learnt import CANDIDATE, MASTERY, MODEL_CARD, PRECEDENCE, TRACING
from pipelines.contracts.published import (
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    SUPPORT_GAP,
)
from pipelines.demand import count_demand, count_support, find_ways, name_preferences, name_roles, name_wishes
from pipelines.publish.stamp import stamp
from pipelines.replies import tell_own_word

# What `surroundings` reads.
SURROUNDING = tuple(
    table.name
    for table in (MASTERY, EVIDENCE, SKILL, ALIAS, PREREQUISITE, PRECEDENCE, ROLE_PROFILE, ASPIRATION, ASSIGNMENT,
                  ROLE_PERIOD, PERSON)
)  # fmt: skip
_UPSTREAM = [
    *SURROUNDING, *(table.name for table in (CANDIDATE, TRACING, LEARNING_RECORD, MODEL_CARD)), *OWN_WORDS
]  # fmt: skip


def out_assets() -> list[AssetsDefinition]:
    """The recommendations with what would have changed them and what they lack; stages, their proof and evidence."""
    return [recommendations, stages_held, proof, evidence_shown]


@multi_asset(
    name="recommend", specs=[spec_of(table, deps=_UPSTREAM) for table in (NEXT_SKILL, COUNTERFACTUAL, SUPPORT_GAP)]
)
def recommendations(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Rows for everyone who works here, what would have changed each, and what units lack for them."""
    as_of, policy, stamps = night.as_of(context), night.config.policy, stamps_of(context, night)
    everyone = night.read(PERSON).filter(pl.col("employment_status") != "left")
    taxonomy = taxonomy_of(night)
    words = own_words(night, taxonomy, as_of)
    situation = situation_of(night, words)
    listed = list_steps(situation.candidates, situation.around, policy)
    changes = find_counterfactuals(listed, situation)
    assignment = night.read(ASSIGNMENT)
    ways = find_ways(assignment, night.read(LEARNING_RECORD), situation.evidence, taxonomy, as_of)
    asked = tell_reasons(words, everyone, night.read(CANDIDATE), situation.candidates)
    rows = build_rows(listed, changes, situation.around, ways, asked, policy)
    yield night.materialize(NEXT_SKILL, stamp(NEXT_SKILL, rows, stamps))
    yield night.materialize(COUNTERFACTUAL, stamp(COUNTERFACTUAL, changes, stamps))
    units = everyone.select("person_id", "unit_name")
    given = count_support(assignment, situation.evidence, situation.around.mastery, units, taxonomy, as_of)
    gaps = find_gaps(listed, units, given, taxonomy.skills, policy.minimum_people)
    yield night.materialize(SUPPORT_GAP, stamp(SUPPORT_GAP, gaps, stamps))


@asset(**described(OUT_MASTERY), deps=[MASTERY.name, MODEL_CARD.name, REPLY.name, SKILL.name, ALIAS.name])
def stages_held(context: AssetExecutionContext, night: Night) -> pl.DataFrame:
    """How far everyone has come, as published, beside what they say themselves."""
    words = own_words(night, taxonomy_of(night), night.as_of(context))
    return stamp(OUT_MASTERY, tell_own_word(night.read(MASTERY), words.replies, words.as_of), stamps_of(context, night))


@asset(**described(MASTERY_PROOF), deps=[MASTERY.name, EVIDENCE.name, SKILL.name, PERSON.name])
def proof(context: AssetExecutionContext, night: Night) -> pl.DataFrame:
    """What shows each micro-skill held by those who work here."""
    held = night.read(MASTERY).join(_people(night), on="person_id", how="semi")
    rows = prove_mastery(held, night.read(EVIDENCE), night.read(SKILL), night.as_of(context))
    return stamp(MASTERY_PROOF, rows, stamps_of(context, night))


@asset(**described(OUT_EVIDENCE), deps=[EVIDENCE.name, PERSON.name])
def evidence_shown(context: AssetExecutionContext, night: Night) -> pl.DataFrame:
    """The evidence of those who work here, up to the day, with file and row."""
    rows = night.read(EVIDENCE).join(_people(night), on="person_id", how="semi")
    rows = rows.filter(pl.col("occurred_at") <= end_of(night.as_of(context)))
    return stamp(OUT_EVIDENCE, rows.sort("person_id", "skill_id", "occurred_at"), stamps_of(context, night))


def situation_of(night: Night, words: OwnWords) -> Situation:
    """What the night knew when it made the lists."""
    stages, cards = night.config.policy.stages, night.read(TRACING)["card"]
    tracing = read_tracing(cards[0]) if cards.len() else None
    as_of, found = words.as_of, with_contributions(night.read(CANDIDATE).rename({"prior": "score"}))
    return Situation(
        evidence=night.read(EVIDENCE),
        candidates=open_candidates(night, words, found, night.read(MASTERY), _people(night)),
        around=surroundings(night, as_of),
        as_of=as_of,
        policy=night.config.policy,
        estimate=partial(estimate_mastery, as_of=as_of, policy=stages, tracing=tracing),
    )


def surroundings(night: Night, as_of: date) -> Surroundings:
    """What motives are measured against, as of that day."""
    taxonomy = taxonomy_of(night)
    return Surroundings(
        mastery=night.read(MASTERY),
        skills=taxonomy.skills,
        prerequisites=night.read(PRECEDENCE),
        wishes=name_wishes(night.read(ASPIRATION), taxonomy, as_of),
        roles=name_roles(night.read(PERSON), night.read(ROLE_PERIOD), as_of),
        role_profiles=taxonomy.role_profiles,
        demand=count_demand(night.read(ASSIGNMENT), night.read(EVIDENCE), taxonomy, as_of),
        preferences=name_preferences(night.read(ASPIRATION), as_of),
    )


def with_contributions(ranked: pl.DataFrame) -> pl.DataFrame:
    """The ranker's contributions, stored as code and value, as one column a family again."""
    codes = ranked["reasons"].explode().struct.field("code").unique().drop_nulls().sort().to_list()
    reasons = pl.col("reasons")
    columns = [
        reasons.list.eval(
            pl.element().struct.field("value").filter(pl.element().struct.field("code") == code)
        ).list.first().alias(f"contribution_{code}")
        for code in codes
    ]  # fmt: skip
    return ranked.with_columns(columns).drop("reasons")


def _people(night: Night) -> pl.DataFrame:
    return night.read(PERSON).filter(pl.col("employment_status") != "left").select("person_id")
