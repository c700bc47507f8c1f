"""What people say about being shown and about what they were shown, brought into the night; and what is remembered.

Belongs here: which tables companions and replies are made of, and the memory of whom was shown to whom.
Does not belong here: how (`ml.companions`, `pipelines.replies`, `pipelines.consents`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, multi_asset

from assets.io import spec_of
from assets.resources import Night
from ml.companions import Colleagues, match_companions
from ml.replied import obey_replies, say_why_none
from pipelines.consents import consents_in_force, name_consents, opted_out
from pipelines.contracts.catalog import CONSENT, PERSON, PREFERENCE, REPLY, SKILL
from pipelines.contracts.learnt import MASTERY, REACHED_STEP
from pipelines.contracts.published import COMPANION, OBEYED, REPLY_EFFECT, SHOWN, SNAPSHOT
from pipelines.contracts.table import Table
from pipelines.replies import (
    accepted_steps,
    hidden_skills,
    name_replies,
    suppress_steps,
    tell_effects,
    tell_own_word,
)
from pipelines.taxonomy import Taxonomy

# What a night reads of people's own words.
OWN_WORDS = (CONSENT.name, REPLY.name, PREFERENCE.name, REACHED_STEP.name)


def companion_assets() -> list[AssetsDefinition]:
    """The memory of the nights: whom was shown to whom, and which reply was first obeyed when."""
    return [memory]


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


def open_candidates(night: Night, words: OwnWords, candidates: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """The candidates that replies and preferences leave open."""
    suppressed = suppress_steps(words.replies, words.as_of, night.config.policy.replies)
    asking = people.join(words.opted_out, on="person_id", how="anti")
    return obey_replies(candidates, suppressed, words.accepted, night.read(MASTERY), asking)


def tell_reasons(
    words: OwnWords, people: pl.DataFrame, candidates: pl.DataFrame, open_steps: pl.DataFrame
) -> pl.DataFrame:
    """The people, with the reason why nothing may be recommended where their own words are it."""
    return say_why_none(people, candidates, open_steps, words.opted_out)


def companion_frames(
    night: Night, words: OwnWords, taxonomy: Taxonomy, rows: pl.DataFrame, held: pl.DataFrame
) -> tuple[dict[Table, pl.DataFrame], pl.DataFrame]:
    """The frames of companions and reply effects, not yet stamped, and the rows of mastery with people's own word."""
    policy, as_of = night.config.policy, words.as_of
    steps = rows.filter(pl.col("skill_id").is_not_null())
    here = night.read(PERSON).filter(pl.col("employment_status") != "left")
    around = Colleagues(
        people=here.join(words.opted_out, on="person_id", how="anti"),
        reached=night.read(REACHED_STEP),
        held=night.read(MASTERY),
        skills=night.read(SKILL),
        consents=consents_in_force(
            name_consents(night.read(CONSENT), taxonomy), as_of, as_of + timedelta(days=policy.valid_days)
        ),
        hidden=hidden_skills(words.replies, as_of),
        shown=night.read(SHOWN),
    )
    frames = {
        COMPANION: match_companions(steps, around, as_of, policy),
        REPLY_EFFECT: tell_effects(words.replies, night.read(OBEYED), as_of),
    }
    return frames, tell_own_word(held, words.replies, as_of)


@multi_asset(
    name="remember",
    specs=[spec_of(table, deps=[SNAPSHOT.name, COMPANION.name, REPLY_EFFECT.name]) for table in (SHOWN, OBEYED)],
)
def memory(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """What later nights have to know of this one, written once it is published. The same night again, the same memory.

    Both tables are read again by the next night's recommendations: no arrow shows it, as it would lead in a circle.
    """
    as_of = night.as_of(context)
    days = night.config.policy.companions.exposure_days
    yield night.materialize(SHOWN, remember_shown(night.read(SHOWN), night.read(COMPANION), as_of, days))
    yield night.materialize(OBEYED, remember_obeyed(night.read(OBEYED), night.read(REPLY_EFFECT), as_of))


def remember_shown(shown: pl.DataFrame, companions: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair and day it began to be shown: those that still count, and tonight's new ones."""
    others = shown.filter(pl.col("since_date") != as_of, pl.col("since_date") > as_of - timedelta(days=days))
    lasting = others.filter(pl.col("since_date") < as_of).select("person_id", "companion_id")
    tonight = companions.select("person_id", "companion_id").drop_nulls().unique()
    begun = tonight.join(lasting, on=("person_id", "companion_id"), how="anti")
    begun = begun.with_columns(pl.lit(as_of).alias("since_date"))
    return pl.concat([others.select(SHOWN.column_names), begun.select(SHOWN.column_names)])


def remember_obeyed(obeyed: pl.DataFrame, effects: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per reply and night that first obeyed it: those of other nights, and tonight's."""
    others = obeyed.filter(pl.col("obeyed_date") != as_of)
    tonight = effects.filter(pl.col("obeyed_date") == as_of).select(OBEYED.column_names)
    return pl.concat([others, tonight.unique("reply_id", keep="first", maintain_order=True)])
