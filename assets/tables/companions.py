"""What people say about being shown and about what they were shown, brought into the night; and what is remembered.

Belongs here: which tables companions and replies are made of, and the memory of whom was shown to whom.
Does not belong here: how (`ml.recommend.companion_matching`, `pipelines.core.replies`, `pipelines.core.consents`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import incremental_asset
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from assets.tables.core import load_taxonomy
from assets.tables.snapshot import build_row_metadata
from ml.recommend.companion_candidates import CompanionContext
from ml.recommend.companion_matching import EXPOSURE_TERMS, filter_valid_companions, match_companions
from ml.recommend.reply_filter import apply_replies
from ml.recommend.reranking import mark_accepted_steps
from pipelines.contracts.catalog import ALIAS, CONSENT, PERSON, PREFERENCE, REPLY, SKILL
from pipelines.contracts.feature_tables import MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OBEYED_REPLY,
    REPLY_EFFECT,
    SHOWN_COMPANION,
    SNAPSHOT,
)
from pipelines.core.consents import (
    find_active_consents,
    find_expiring_consents,
    find_opted_out_people,
    resolve_consent_skills,
)
from pipelines.core.replies import (
    find_accepted_steps,
    find_hidden_skills,
    find_suppressed_steps,
    list_reply_effects,
    resolve_reply_skills,
)
from pipelines.core.taxonomy import Taxonomy
from pipelines.snapshots.row_metadata import UNPUBLISHED, add_row_metadata, fill_snapshot_id
from pipelines.storage.lake import content_sha256

# What a night reads of people's own words.
EMPLOYEE_INPUT_TABLES = (CONSENT.name, REPLY.name, PREFERENCE.name, REACHED_STEP.name)


def companion_assets() -> list[AssetsDefinition]:
    """Companions and what was done about replies; and what later nights must know of both."""
    return [companions, memory]


@dataclass(frozen=True)
class EmployeeInput:
    """What people said up to a day: replies with their micro-skills, the steps they accepted, and who wants none."""

    replies: pl.DataFrame
    accepted: pl.DataFrame
    opted_out: pl.DataFrame
    as_of: date


def read_employee_input(pipeline: PipelineResource, taxonomy: Taxonomy, as_of: date) -> EmployeeInput:
    """What people said, as of that day."""
    replies = resolve_reply_skills(pipeline.read(REPLY), taxonomy)
    return EmployeeInput(
        replies, find_accepted_steps(replies, as_of), find_opted_out_people(pipeline.read(PREFERENCE), as_of), as_of
    )


def filter_candidates_by_replies(
    pipeline: PipelineResource,
    words: EmployeeInput,
    candidates: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
) -> pl.DataFrame:
    """The candidates that replies and preferences leave open, with is_accepted."""
    suppressed = find_suppressed_steps(words.replies, words.as_of, pipeline.config.policy.replies)
    asking = people.join(words.opted_out, on="person_id", how="anti")
    return mark_accepted_steps(apply_replies(candidates, suppressed, words.accepted, mastery, asking), words.accepted)


def drop_hidden(words: EmployeeInput, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (person_id, skill_id, …) without micro-skills that are for the person's own page: for what speaks of
    several people."""
    return rows.join(find_hidden_skills(words.replies, words.as_of), on=("person_id", "skill_id"), how="anti")


_MATCHES = "matches"
_READ = (NEXT_SKILL, PERSON, MASTERY, SKILL, ALIAS, MODEL_CARD)


@incremental_asset(
    name="match_companions",
    by_day="as_at_night",
    also=lambda pipeline, context: _removal(context, pipeline),
    specs=[
        build_asset_spec(table, deps=[*(one.name for one in _READ), *EMPLOYEE_INPUT_TABLES])
        for table in (COMPANION, REPLY_EFFECT)
    ],
)
def companions(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """Whom to follow, walk with and lead at each recommended step; and what was done about every reply.

    By day, and where an earlier night's rows are to hold for longer, nobody is matched, since that would move other
    people's rows; who may not be shown any more is taken out.
    """
    policy, taxonomy, stamps = pipeline.config.policy, load_taxonomy(pipeline), build_row_metadata(context, pipeline)
    words = read_employee_input(pipeline, taxonomy, pipeline.as_of(context))
    steps = pipeline.read(NEXT_SKILL).filter(pl.col("skill_id").is_not_null())
    around = read_companion_candidates(pipeline, words, taxonomy, pipeline.last_valid_day(context))
    if _removal(context, pipeline) != _MATCHES:
        yield pipeline.materialize(COMPANION, filter_valid_companions(pipeline.read(COMPANION), steps, around))
    else:
        matched = match_companions(steps, around, words.as_of, policy)
        yield pipeline.materialize(COMPANION, add_row_metadata(COMPANION, matched, stamps))
    effects = list_reply_effects(words.replies, pipeline.read(OBEYED_REPLY), words.as_of)
    # what is obeyed for the first time is obeyed since the snapshot to come
    since = pl.when(pl.col("obeyed_date").is_not_null()).then(pl.lit(UNPUBLISHED))
    effects = effects.with_columns(pl.col("first_snapshot_id").fill_null(since))
    yield pipeline.materialize(REPLY_EFFECT, add_row_metadata(REPLY_EFFECT, effects, stamps))


def _removal(context: AssetExecutionContext, pipeline: PipelineResource) -> str:
    """What rows are to be taken out for, between two nights that match anew; `_MATCHES` of such a night, whose rows
    hold as long as they are made to."""
    if pipeline.is_incremental(context):
        return "by day"
    held, now = (
        pipeline.as_of(context) + timedelta(days=pipeline.config.policy.valid_days),
        pipeline.last_valid_day(context),
    )
    ended = find_expiring_consents(pipeline.read(CONSENT), held, now)
    return content_sha256(ended) if ended.height else _MATCHES


def read_companion_candidates(
    pipeline: PipelineResource, words: EmployeeInput, taxonomy: Taxonomy, until: date
) -> CompanionContext:
    """Everyone who may be shown, with the consents that last until that day, as of the night."""
    here = pipeline.read(PERSON).filter(pl.col("employment_status") != "left")
    return CompanionContext(
        people=here.join(words.opted_out, on="person_id", how="anti"),
        reached_steps=pipeline.read(REACHED_STEP),
        mastery=pipeline.read(MASTERY),
        skills=pipeline.read(SKILL),
        consents=find_active_consents(resolve_consent_skills(pipeline.read(CONSENT), taxonomy), words.as_of, until),
        hidden_pairs=find_hidden_skills(words.replies, words.as_of),
        shown_pairs=pipeline.read(SHOWN_COMPANION),
    )


@incremental_asset(
    name="remember",
    by_day="as_at_night",
    specs=[
        build_asset_spec(table, deps=[SNAPSHOT.name, COMPANION.name, REPLY_EFFECT.name])
        for table in (SHOWN_COMPANION, OBEYED_REPLY)
    ],
)
def memory(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    """What later nights have to know of this one, written once it is published. The same night again, the same memory.

    Both tables are read again by the next night's recommendations: no arrow shows it, as it would lead in a circle.
    """
    as_of = pipeline.as_of(context)
    days = pipeline.config.policy.companions.exposure_days
    yield pipeline.materialize(
        SHOWN_COMPANION, update_shown_pairs(pipeline.read(SHOWN_COMPANION), pipeline.read(COMPANION), as_of, days)
    )
    effects = fill_snapshot_id(pipeline.read(REPLY_EFFECT), pipeline.read(SNAPSHOT)["snapshot_id"][0])
    yield pipeline.materialize(OBEYED_REPLY, update_applied_replies(pipeline.read(OBEYED_REPLY), effects, as_of))


def update_shown_pairs(shown: pl.DataFrame, companions: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair and day it began to be shown: those of the last terms, and tonight's new ones."""
    others = shown.filter(
        pl.col("since_date") != as_of, pl.col("since_date") > as_of - timedelta(days=EXPOSURE_TERMS * days)
    )
    lasting = others.filter(pl.col("since_date").is_between(as_of - timedelta(days=days), as_of, closed="none")).select(
        "person_id", "companion_id"
    )
    tonight = companions.select("person_id", "companion_id").drop_nulls().unique()
    begun = tonight.join(lasting, on=("person_id", "companion_id"), how="anti")
    begun = begun.with_columns(pl.lit(as_of).alias("since_date"))
    return pl.concat([others.select(SHOWN_COMPANION.column_names), begun.select(SHOWN_COMPANION.column_names)])


def update_applied_replies(obeyed: pl.DataFrame, effects: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per reply and night that first obeyed it: those of other nights, and tonight's."""
    others = obeyed.filter(pl.col("obeyed_date") != as_of)
    tonight = effects.filter(pl.col("obeyed_date") == as_of).select(OBEYED_REPLY.column_names)
    return pl.concat([others, tonight.unique("reply_id", keep="first", maintain_order=True)])
