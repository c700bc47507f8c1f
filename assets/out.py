"""Published tables as assets: the rows people and systems read.

Belongs here: what the recommendation tables are put together from.
Does not belong here: how rows are made (`ml.recommend`), their publication (`assets.snapshot`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.io import spec_of
from assets.resources import Night
from assets.snapshot import stamps_of
from assets.step import step
from ml.motives import Surroundings
from ml.recommend import build_rows
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
from pipelines.contracts.learnt import CANDIDATE, MASTERY, MODEL_CARD, PRECEDENCE
from pipelines.contracts.published import NEXT_SKILL, OUT_MASTERY
from pipelines.demand import count_demand, find_ways, name_preferences, name_roles, name_wishes
from pipelines.publish.stamp import stamp
from pipelines.taxonomy import Taxonomy

# What `surroundings` reads.
SURROUNDING = tuple(
    table.name
    for table in (MASTERY, EVIDENCE, SKILL, ALIAS, PREREQUISITE, PRECEDENCE, ROLE_PROFILE, ASPIRATION, ASSIGNMENT,
                  ROLE_PERIOD, PERSON)
)  # fmt: skip
_UPSTREAM = [*SURROUNDING, *(table.name for table in (CANDIDATE, LEARNING_RECORD, MODEL_CARD))]


def out_assets() -> list[AssetsDefinition]:
    """The recommendations, and the stages they start from."""
    return [recommendations, stages_held]


@step(
    name="recommend", specs=[spec_of(NEXT_SKILL, deps=_UPSTREAM)], crowd=True,
    own=[CANDIDATE, MASTERY, EVIDENCE, ASPIRATION, ROLE_PERIOD, PERSON],
)  # fmt: skip
def recommendations(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Rows for everyone who works here."""
    as_of, policy = night.as_of(context), night.config.policy
    people = night.own(PERSON).filter(pl.col("employment_status") != "left").select("person_id")
    ranked = night.own(CANDIDATE).rename({"prior": "score"})
    around = surroundings(night, as_of)
    ways = find_ways(night.read(ASSIGNMENT), night.read(LEARNING_RECORD), night.read(EVIDENCE), _taxonomy(night), as_of)
    rows = build_rows(_with_contributions(ranked), around, ways, people, policy)
    yield night.materialize(NEXT_SKILL, stamp(NEXT_SKILL, rows, stamps_of(context, night)))


@step(name="tell_stages", specs=[spec_of(OUT_MASTERY, deps=[MASTERY.name, MODEL_CARD.name])], own=[MASTERY])
def stages_held(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """How far everyone has come, as published."""
    yield night.materialize(OUT_MASTERY, stamp(OUT_MASTERY, night.own(MASTERY), stamps_of(context, night)))


def surroundings(night: Night, as_of: date) -> Surroundings:
    """What motives are measured against, as of that day."""
    taxonomy = _taxonomy(night)
    return Surroundings(
        mastery=night.own(MASTERY),
        skills=taxonomy.skills,
        prerequisites=night.read(PRECEDENCE),
        wishes=name_wishes(night.read(ASPIRATION), taxonomy, as_of),
        roles=name_roles(night.read(PERSON), night.read(ROLE_PERIOD), as_of),
        role_profiles=taxonomy.role_profiles,
        demand=count_demand(night.read(ASSIGNMENT), night.read(EVIDENCE), taxonomy, as_of),
        preferences=name_preferences(night.read(ASPIRATION), as_of),
    )


def _with_contributions(ranked: pl.DataFrame) -> pl.DataFrame:
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


def _taxonomy(night: Night) -> Taxonomy:
    return Taxonomy(*(night.read(table) for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
