"""Consent to be shown to others, and the wish for no recommendations: what holds on a day.

Belongs here: which statement of a person is the last, which micro-skill it is about, when it ends.
Does not belong here: who is shown to whom (`ml.recommend.companion_matching`), replies to recommended steps
(`pipelines.core.replies`).
"""

from datetime import date

import polars as pl

from pipelines.contracts.columns import RELATIONS
from pipelines.contracts.dates import end_of_day
from pipelines.core.skill_texts import look_up_matches

_EVERY_SKILL = "all"  # skill_text of a consent to every micro-skill
_RELATION_KEY = ("person_id", "relation")
_ACTIVE_CONSENT_SCHEMA = pl.Schema(
    {"person_id": pl.String, "relation": pl.String, "skill_id": pl.String, "is_given": pl.Boolean}
)


def resolve_consent_skills(consent_rows: pl.DataFrame, stored_text_matches: pl.DataFrame) -> pl.DataFrame:
    """Find the micro-skill and the relations of each consent.

    A consent whose text names no micro-skill of the taxonomy gives nothing. A withdrawal whose text names none
    withdraws everything, because otherwise a person who refused would still be shown.

    Args:
        consent_rows: Rows in the contract of `CONSENT`.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.

    Returns:
        One row per statement, relation and micro-skill: person_id, relation, skill_id (null for every micro-skill),
        consent_status, expires_date, stated_at.
    """
    is_about_every_skill = pl.col("skill_text").str.strip_chars().str.to_lowercase() == _EVERY_SKILL
    consent_rows = consent_rows.with_columns(is_about_every_skill.alias("is_general"))
    general_consents = consent_rows.filter(pl.col("is_general")).with_columns(pl.lit(None, pl.String).alias("skill_id"))
    skill_consents = consent_rows.filter(~pl.col("is_general"))
    text_matches = (
        look_up_matches(skill_consents.select("skill_text"), stored_text_matches)
        .select("skill_text", "skill_id")
        .unique()
    )
    skill_consents = skill_consents.join(text_matches, on="skill_text", how="left", maintain_order="left").filter(
        pl.col("skill_id").is_not_null() | (pl.col("consent_status") == "withdrawn")
    )
    relations = (
        pl.when(pl.col("consent_relation") == "all")
        .then(pl.lit(list(RELATIONS)))
        .otherwise(pl.concat_list("consent_relation"))
    )
    consents_per_relation = (
        pl.concat([general_consents, skill_consents.select(general_consents.columns)])
        .with_columns(relations.alias("relation"))
        .explode("relation")
    )
    statement_columns = ("person_id", "relation", "skill_id", "consent_status", "expires_date", "stated_at")
    return consents_per_relation.select(statement_columns).unique().sort(statement_columns, nulls_last=True)


def find_active_consents(consents: pl.DataFrame, as_of: date, last_valid_day: date) -> pl.DataFrame:
    """Find whether each person may be shown.

    The last statement about a micro-skill decides, or else the last statement about every micro-skill; without a
    statement the answer is no. Of two statements at the same time the refusal counts.

    Args:
        consents: As `resolve_consent_skills` returns them.
        as_of: The day of the run; later statements are ignored.
        last_valid_day: The last day on which the published rows are valid; a consent must last that long.

    Returns:
        One row per person, relation and micro-skill (null for every one) with a decisive statement: person_id,
        relation, skill_id, is_given.
    """
    statement_key_columns = (*_RELATION_KEY, "skill_id")
    is_given = (pl.col("consent_status") == "granted") & (pl.col("expires_date") >= last_valid_day)
    past_consents = consents.filter(pl.col("stated_at") < end_of_day(as_of))
    last_statements = (
        past_consents.with_columns(is_given.fill_null(False).alias("is_given"))
        .filter(pl.col("stated_at") == pl.col("stated_at").max().over(statement_key_columns))
        .group_by(statement_key_columns)
        .agg(pl.col("is_given").all(), pl.col("stated_at").first())
    )
    general_statements = last_statements.filter(pl.col("skill_id").is_null())
    general_decisions = general_statements.select(*_RELATION_KEY, general_given="is_given", general_at="stated_at")
    is_not_older = (pl.col("stated_at") >= pl.col("general_at")).fill_null(True)
    is_at_same_time = (pl.col("stated_at") == pl.col("general_at")).fill_null(False)
    skill_statements = (
        last_statements.filter(pl.col("skill_id").is_not_null())
        .join(general_decisions, on=_RELATION_KEY, how="left")
        .filter(is_not_older)
        .with_columns(pl.col("is_given") & (~is_at_same_time | pl.col("general_given").fill_null(True)))
    )
    decision_rows = pl.concat(
        [statements.select(list(_ACTIVE_CONSENT_SCHEMA)) for statements in (general_statements, skill_statements)]
    )
    return decision_rows.cast(_ACTIVE_CONSENT_SCHEMA).sort(list(_ACTIVE_CONSENT_SCHEMA), nulls_last=True)


def find_expiring_consents(consent_rows: pl.DataFrame, last_valid_day: date, extended_last_day: date) -> pl.DataFrame:
    """Find the consents that last until the last valid day of the published rows, but not until the extended one.

    Args:
        consent_rows: Rows in the contract of `CONSENT`.
        last_valid_day: The last day on which the published rows are valid.
        extended_last_day: The last day if their validity is extended.

    Returns:
        The rows of such consents, sorted by source and record.
    """
    is_expiring = pl.col("expires_date").is_between(last_valid_day, extended_last_day, closed="left")
    return consent_rows.filter((pl.col("consent_status") == "granted") & is_expiring).sort("source_name", "record_code")


def find_opted_out_people(preference_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row (person_id) per person whose last preference up to a day is to get no recommendations.

    Args:
        preference_rows: Rows in the contract of `PREFERENCE`. Of two at the same time the refusal counts.
        as_of: The day of the run.
    """
    past_preferences = preference_rows.filter(pl.col("stated_at") < end_of_day(as_of))
    last_preferences = past_preferences.filter(pl.col("stated_at") == pl.col("stated_at").max().over("person_id"))
    return last_preferences.filter(pl.col("is_opted_out")).select("person_id").unique().sort("person_id")
