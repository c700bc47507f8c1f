"""Published tables as assets: the rows people and systems read, and the snapshot they belong to.

Belongs here: what is put together for publication, and the publication itself.
Does not belong here: how rows are made (`ml.recommend`) and how a snapshot is kept (`pipelines.publish`).
"""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult, multi_asset

from assets.capability import capability_frames
from assets.io import spec_of
from assets.resources import Night
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
from pipelines.contracts.published import NEXT_SKILL, OUT_MASTERY, PUBLISHED, SNAPSHOT
from pipelines.contracts.table import Table
from pipelines.demand import count_demand, find_ways, name_preferences, name_roles, name_wishes
from pipelines.lake import content_sha256, obey
from pipelines.publish.snapshot import Snapshot, publish_snapshot
from pipelines.taxonomy import Taxonomy

_STAMPS = ("snapshot_id", "as_of", "valid_until", "model_version", "policy_version", "schema_version")
_UPSTREAM = [
    table.name
    for table in (CANDIDATE, MASTERY, EVIDENCE, SKILL, PREREQUISITE, ROLE_PROFILE, ASPIRATION, ASSIGNMENT,
                  LEARNING_RECORD, ROLE_PERIOD, PERSON, MODEL_CARD, PRECEDENCE)
]  # fmt: skip


def out_assets() -> list[AssetsDefinition]:
    """The recommendation tables, and their publication."""
    return [recommendations, snapshot]


@multi_asset(name="recommend", specs=[spec_of(table, deps=_UPSTREAM) for table in PUBLISHED])
def recommendations(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Rows for everyone who works here, stamped with the snapshot that their content makes."""
    as_of, policy = night.as_of(context), night.config.policy
    people = night.read(PERSON).filter(pl.col("employment_status") != "left").select("person_id")
    ranked = night.read(CANDIDATE).rename({"prior": "score"})
    around = surroundings(night, as_of)
    ways = find_ways(night.read(ASSIGNMENT), night.read(LEARNING_RECORD), night.read(EVIDENCE), _taxonomy(night), as_of)
    rows = build_rows(_with_contributions(ranked), around, ways, people, policy)
    held = night.read(MASTERY)
    published = {NEXT_SKILL: rows, OUT_MASTERY: held, **capability_frames(night, around)}
    frames = stamp(published, as_of, policy.valid_days, {
        "model_version": night.read(MODEL_CARD)["model_version"][0], "policy_version": policy.version,
    })  # fmt: skip
    for table, frame in frames.items():
        yield night.materialize(table, frame)


@multi_asset(name="publish", specs=[spec_of(SNAPSHOT, deps=[table.name for table in PUBLISHED])])
def snapshot(night: Night) -> Iterator[MaterializeResult[None]]:
    """Move the pointer that readers follow to this night's tables, all at once."""
    published = publish_tables(night)
    yield night.materialize(SNAPSHOT, snapshot_rows(published))


def surroundings(night: Night, as_of: date) -> Surroundings:
    """What motives are measured against, as of that day."""
    taxonomy = _taxonomy(night)
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


def publish_tables(night: Night) -> Snapshot:
    """Publish the lake's out tables as one snapshot."""
    frames = {table: night.read(table) for table in PUBLISHED}
    first = next(iter(frames.values()))
    snapshot_id, as_of, valid_until = first.select("snapshot_id", "as_of", "valid_until").row(0)
    return publish_snapshot(night.settings.published_path, frames, snapshot_id, as_of, valid_until)


def snapshot_rows(published: Snapshot) -> pl.DataFrame:
    """One row per published table."""
    return pl.DataFrame(
        [
            (one.name, published.snapshot_id, published.as_of, published.valid_until, one.rows, one.content_sha256)
            for one in published.tables
        ],
        schema=SNAPSHOT.schema,
        orient="row",
    )


def stamp(
    frames: dict[Table, pl.DataFrame], as_of: date, valid_days: int, versions: dict[str, str]
) -> dict[Table, pl.DataFrame]:
    """The frames with their snapshot's columns. The id follows from day and content: the same night, the same id."""
    stamped = {}
    for table, frame in frames.items():
        values = {**versions, "as_of": as_of, "valid_until": as_of + timedelta(days=valid_days),
                  "schema_version": table.version}  # fmt: skip
        stamps = [pl.lit(values[name]).alias(name) for name in _STAMPS if name in values and name in table.column_names]
        stamped[table] = frame.with_columns(stamps)
    digest = hashlib.sha256()
    for table, frame in stamped.items():
        blank = frame.with_columns(pl.lit("").alias("snapshot_id"))
        digest.update(content_sha256(obey(table, blank)).encode())
    snapshot_id = f"{as_of:%Y%m%d}-{digest.hexdigest()[:12]}"
    return {
        table: frame.with_columns(pl.lit(snapshot_id).alias("snapshot_id")).select(table.column_names)
        for table, frame in stamped.items()
    }


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
