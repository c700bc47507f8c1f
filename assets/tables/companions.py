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

from assets.incremental.incremental_asset import step
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from assets.tables.core import taxonomy_of
from assets.tables.snapshot import stamps_of
from ml.recommend.companion_candidates import Colleagues
from ml.recommend.companion_matching import TERMS, match_companions, still_standing
from ml.recommend.reply_filter import obey_replies
from ml.recommend.reranking import mark_accepted
from pipelines.contracts.catalog import ALIAS, CONSENT, PERSON, PREFERENCE, REPLY, SKILL
from pipelines.contracts.feature_tables import MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OBEYED, REPLY_EFFECT, SHOWN, SNAPSHOT
from pipelines.core.consents import consents_in_force, ending_between, name_consents, opted_out
from pipelines.core.replies import (
    accepted_steps,
    hidden_skills,
    name_replies,
    suppress_steps,
    tell_effects,
)
from pipelines.core.taxonomy import Taxonomy
from pipelines.snapshots.row_metadata import UNPUBLISHED, put_id, stamp
from pipelines.storage.lake import content_sha256

# What a night reads of people's own words.
OWN_WORDS = (CONSENT.name, REPLY.name, PREFERENCE.name, REACHED_STEP.name)


def companion_assets() -> list[AssetsDefinition]:
    """Companions and what was done about replies; and what later nights must know of both."""
    return [companions, memory]


@dataclass(frozen=True)
class OwnWords:
    """What people said up to a day: replies with their micro-skills, the steps they accepted, and who wants none."""

    replies: pl.DataFrame
    accepted: pl.DataFrame
    opted_out: pl.DataFrame
    as_of: date


def own_words(night: Night, taxonomy: Taxonomy, as_of: date) -> OwnWords:
    """What people said, as of that day."""
    replies = name_replies(night.read(REPLY), taxonomy)
    return OwnWords(replies, accepted_steps(replies, as_of), opted_out(night.read(PREFERENCE), as_of), as_of)


def open_candidates(
    night: Night, words: OwnWords, candidates: pl.DataFrame, mastery: pl.DataFrame, people: pl.DataFrame
) -> pl.DataFrame:
    """The candidates that replies and preferences leave open, with is_accepted."""
    suppressed = suppress_steps(words.replies, words.as_of, night.config.policy.replies)
    asking = people.join(words.opted_out, on="person_id", how="anti")
    return mark_accepted(obey_replies(candidates, suppressed, words.accepted, mastery, asking), words.accepted)


def without_hidden(words: OwnWords, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (person_id, skill_id, …) without micro-skills that are for the person's own page: for what speaks of
    several people."""
    return rows.join(hidden_skills(words.replies, words.as_of), on=("person_id", "skill_id"), how="anti")


_MATCHES = "matches"
_READ = (NEXT_SKILL, PERSON, MASTERY, SKILL, ALIAS, MODEL_CARD)


@step(
    name="match_companions", by_day="as_at_night", also=lambda night, context: _removal(context, night),
    specs=[spec_of(table, deps=[*(one.name for one in _READ), *OWN_WORDS]) for table in (COMPANION, REPLY_EFFECT)],
)  # fmt: skip
def companions(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Whom to follow, walk with and lead at each recommended step; and what was done about every reply.

    By day, and where an earlier night's rows are to hold for longer, nobody is matched, since that would move other
    people's rows; who may not be shown any more is taken out.
    """
    policy, taxonomy, stamps = night.config.policy, taxonomy_of(night), stamps_of(context, night)
    words = own_words(night, taxonomy, night.as_of(context))
    steps = night.read(NEXT_SKILL).filter(pl.col("skill_id").is_not_null())
    around = colleagues(night, words, taxonomy, night.lasts_until(context))
    if _removal(context, night) != _MATCHES:
        yield night.materialize(COMPANION, still_standing(night.read(COMPANION), steps, around))
    else:
        matched = match_companions(steps, around, words.as_of, policy)
        yield night.materialize(COMPANION, stamp(COMPANION, matched, stamps))
    effects = tell_effects(words.replies, night.read(OBEYED), words.as_of)
    # what is obeyed for the first time is obeyed since the snapshot to come
    since = pl.when(pl.col("obeyed_date").is_not_null()).then(pl.lit(UNPUBLISHED))
    effects = effects.with_columns(pl.col("first_snapshot_id").fill_null(since))
    yield night.materialize(REPLY_EFFECT, stamp(REPLY_EFFECT, effects, stamps))


def _removal(context: AssetExecutionContext, night: Night) -> str:
    """What rows are to be taken out for, between two nights that match anew; `_MATCHES` of such a night, whose rows
    hold as long as they are made to."""
    if night.is_by_day(context):
        return "by day"
    held, now = night.as_of(context) + timedelta(days=night.config.policy.valid_days), night.lasts_until(context)
    ended = ending_between(night.read(CONSENT), held, now)
    return content_sha256(ended) if ended.height else _MATCHES


def colleagues(night: Night, words: OwnWords, taxonomy: Taxonomy, until: date) -> Colleagues:
    """Everyone who may be shown, with the consents that last until that day, as of the night."""
    here = night.read(PERSON).filter(pl.col("employment_status") != "left")
    return Colleagues(
        people=here.join(words.opted_out, on="person_id", how="anti"),
        reached=night.read(REACHED_STEP),
        held=night.read(MASTERY),
        skills=night.read(SKILL),
        consents=consents_in_force(name_consents(night.read(CONSENT), taxonomy), words.as_of, until),
        hidden=hidden_skills(words.replies, words.as_of),
        shown=night.read(SHOWN),
    )


@step(
    name="remember", by_day="as_at_night",
    specs=[spec_of(table, deps=[SNAPSHOT.name, COMPANION.name, REPLY_EFFECT.name]) for table in (SHOWN, OBEYED)],
)  # fmt: skip
def memory(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """What later nights have to know of this one, written once it is published. The same night again, the same memory.

    Both tables are read again by the next night's recommendations: no arrow shows it, as it would lead in a circle.
    """
    as_of = night.as_of(context)
    days = night.config.policy.companions.exposure_days
    yield night.materialize(SHOWN, remember_shown(night.read(SHOWN), night.read(COMPANION), as_of, days))
    effects = put_id(night.read(REPLY_EFFECT), night.read(SNAPSHOT)["snapshot_id"][0])
    yield night.materialize(OBEYED, remember_obeyed(night.read(OBEYED), effects, as_of))


def remember_shown(shown: pl.DataFrame, companions: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair and day it began to be shown: those of the last terms, and tonight's new ones."""
    others = shown.filter(pl.col("since_date") != as_of, pl.col("since_date") > as_of - timedelta(days=TERMS * days))
    lasting = others.filter(pl.col("since_date").is_between(as_of - timedelta(days=days), as_of, closed="none")).select(
        "person_id", "companion_id"
    )
    tonight = companions.select("person_id", "companion_id").drop_nulls().unique()
    begun = tonight.join(lasting, on=("person_id", "companion_id"), how="anti")
    begun = begun.with_columns(pl.lit(as_of).alias("since_date"))
    return pl.concat([others.select(SHOWN.column_names), begun.select(SHOWN.column_names)])


def remember_obeyed(obeyed: pl.DataFrame, effects: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per reply and night that first obeyed it: those of other nights, and tonight's."""
    others = obeyed.filter(pl.col("obeyed_date") != as_of)
    tonight = effects.filter(pl.col("obeyed_date") == as_of).select(OBEYED.column_names)
    return pl.concat([others, tonight.unique("reply_id", keep="first", maintain_order=True)])
