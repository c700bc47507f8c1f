"""Consent to be shown to others, and who wants no recommendations: what holds on a day.

Belongs here: which word of a person is the last one, which micro-skill it is about, when it ends.
Does not belong here: who is shown to whom (`ml.recommend.companion_matching`), replies to recommended steps
(`pipelines.core.replies`).
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.contracts.columns import RELATIONS
from pipelines.core.taxonomy import Taxonomy, match_skills

EVERY_SKILL = "all"
_PAIR = ["person_id", "relation"]
IN_FORCE = pl.Schema({"person_id": pl.String, "relation": pl.String, "skill_id": pl.String, "is_given": pl.Boolean})


def resolve_consent_skills(consent: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per statement, relation and micro-skill; skill_id is null for every micro-skill.

    A grant whose text names no known micro-skill grants nothing; a withdrawal that cannot be understood withdraws
    everything, since silence would go on showing somebody who said no.
    """
    text = pl.col("skill_text").str.strip_chars().str.to_lowercase()
    said = consent.with_columns((text == EVERY_SKILL).alias("is_every"))
    every = said.filter(pl.col("is_every")).with_columns(pl.lit(None, pl.String).alias("skill_id"))
    single = said.filter(~pl.col("is_every"))
    named = match_skills(single.select("skill_text"), taxonomy).select("skill_text", "skill_id").unique()
    single = single.join(named, on="skill_text", how="left", maintain_order="left")
    understood = pl.col("skill_id").is_not_null() | (pl.col("consent_status") == "withdrawn")
    both = pl.concat([every, single.filter(understood).select(every.columns)])
    is_any = pl.col("consent_relation") == "all"
    relations = pl.when(is_any).then(pl.lit(list(RELATIONS))).otherwise(pl.concat_list("consent_relation"))
    both = both.with_columns(relations.alias("relation")).explode("relation")
    columns = ("person_id", "relation", "skill_id", "consent_status", "expires_date", "stated_at")
    return both.select(columns).unique().sort(columns, nulls_last=True)


def find_active_consents(named: pl.DataFrame, as_of: date, until: date) -> pl.DataFrame:
    """One row per person, relation and micro-skill (null: every one) of which the last word decides, with is_given.

    named: as `name_consents` gives it. The row of a micro-skill itself decides, else the one for every micro-skill,
    else it is no. What was said after `as_of` is not known yet. Consent has to last through `until`, the last day on
    which what is published may be read. Of two words in one moment the one that says no is believed.
    """
    moment = _end(as_of)
    lasts = (pl.col("consent_status") == "granted") & (pl.col("expires_date") >= until)
    known = named.filter(pl.col("stated_at") < moment).with_columns(lasts.fill_null(False).alias("is_given"))
    last = known.filter(pl.col("stated_at") == pl.col("stated_at").max().over(*_PAIR, "skill_id"))
    last = last.group_by(*_PAIR, "skill_id").agg(pl.col("is_given").all(), pl.col("stated_at").first())
    every = last.filter(pl.col("skill_id").is_null())
    single = last.filter(pl.col("skill_id").is_not_null())
    beside = every.select(*_PAIR, every_given="is_given", every_at="stated_at")
    single = single.join(beside, on=_PAIR, how="left").filter(
        (pl.col("stated_at") >= pl.col("every_at")).fill_null(True)
    )
    at_once = (pl.col("stated_at") == pl.col("every_at")).fill_null(False)
    is_given = pl.col("is_given") & (~at_once | pl.col("every_given").fill_null(True))
    single = single.with_columns(is_given.alias("is_given"))
    columns = list(IN_FORCE)
    return pl.concat([every.select(columns), single.select(columns)]).cast(IN_FORCE).sort(columns, nulls_last=True)


def find_expiring_consents(consent: pl.DataFrame, until: date, later: date) -> pl.DataFrame:
    """The grants that last through `until` and not through `later`, sorted by source and record: where what is
    published is prolonged, these people agreed to less."""
    ends = pl.col("expires_date").is_between(until, later, closed="left")
    return consent.filter((pl.col("consent_status") == "granted") & ends).sort("source_name", "record_code")


def find_opted_out_people(preference: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row (person_id) per person whose last word up to that day is that they want no recommendations.

    Of two words in one moment the one that says no is believed.
    """
    known = preference.filter(pl.col("stated_at") < _end(as_of))
    last = known.filter(pl.col("stated_at") == pl.col("stated_at").max().over("person_id"))
    return last.filter(pl.col("is_opted_out")).select("person_id").unique().sort("person_id")


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
