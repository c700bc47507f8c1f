"""Published tables as assets: the rows people and systems read.

Belongs here: what the recommendation tables are put together from.
Does not belong here: how rows are made (`ml.recommend.reranking`), their publication (`assets.tables.snapshot`).
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition

from assets.incremental.incremental_asset import step
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from assets.tables.companions import OWN_WORDS, OwnWords, open_candidates, own_words, without_hidden
from assets.tables.core import taxonomy_of
from assets.tables.snapshot import stamps_of
from ml.mastery.knowledge_tracing import read_tracing
from ml.mastery.open_badges import PROVING, prove_mastery
from ml.mastery.state import end_of, estimate_mastery
from ml.recommend.counterfactuals import Situation, find_counterfactuals
from ml.recommend.motives import Surroundings
from ml.recommend.reply_filter import say_why_none
from ml.recommend.reranking import build_rows, list_steps
from ml.recommend.support_gaps import find_gaps
from pipelines.contracts.catalog import (
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    LEARNING_RECORD,
    PERSON,
    PREFERENCE,
    PREREQUISITE,
    REPLY,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
)
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD, PRECEDENCE, TRACING
from pipelines.contracts.output_tables import (
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    SUPPORT_GAP,
)
from pipelines.core.replies import hidden_skills, tell_own_word
from pipelines.core.skill_demand import (
    count_demand,
    count_support,
    find_ways,
    name_preferences,
    name_roles,
    name_wishes,
    recent_evidence,
)
from pipelines.snapshots.row_metadata import stamp

# What `surroundings` reads.
SURROUNDING = tuple(
    table.name
    for table in (MASTERY, EVIDENCE, SKILL, ALIAS, PREREQUISITE, PRECEDENCE, ROLE_PROFILE, ASPIRATION, ASSIGNMENT,
                  ROLE_PERIOD, PERSON)
)  # fmt: skip
# Where a row of evidence came from: most of its bytes, and nothing that a stage or a list depends on.
_WHENCE = ("record_code", "source_name", "file_sha256", "row_number", "source_column")
_UPSTREAM = [
    *SURROUNDING, *(table.name for table in (CANDIDATE, TRACING, LEARNING_RECORD, MODEL_CARD)), *OWN_WORDS
]  # fmt: skip


def out_assets() -> list[AssetsDefinition]:
    """The recommendations with what would have changed them and what they lack; stages, their proof and evidence."""
    return [recommendations, stages_held, proof, evidence_shown]


@step(
    name="recommend", specs=[spec_of(table, deps=_UPSTREAM) for table in (NEXT_SKILL, COUNTERFACTUAL, SUPPORT_GAP)],
    own=[CANDIDATE, MASTERY, EVIDENCE, ASPIRATION, ROLE_PERIOD, PERSON, REPLY, PREFERENCE], crowd=True,
)  # fmt: skip
def recommendations(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """Rows for everyone who works here, what would have changed each, and what units lack for them."""
    as_of, policy, stamps = night.as_of(context), night.config.policy, stamps_of(context, night)
    everyone = night.own(PERSON).filter(pl.col("employment_status") != "left")
    taxonomy = taxonomy_of(night)
    words = own_words(night, taxonomy, as_of)
    situation = situation_of(night, words)
    listed = list_steps(situation.candidates, situation.around, policy)
    changes = find_counterfactuals(listed, situation)
    assignment = night.read(ASSIGNMENT)
    # what is said of several people leaves out what one of them hides
    seen = without_hidden(words, recent_evidence(night.lake.scan(EVIDENCE), as_of))
    ways = find_ways(assignment, night.read(LEARNING_RECORD), seen, taxonomy, as_of)
    asked = say_why_none(everyone, night.own(CANDIDATE, ["person_id"]), situation.candidates, words.opted_out)
    rows = build_rows(listed, changes, situation.around, ways, asked, policy)
    yield night.materialize(NEXT_SKILL, stamp(NEXT_SKILL, rows, stamps))
    yield night.materialize(COUNTERFACTUAL, stamp(COUNTERFACTUAL, changes, stamps))
    if night.people is not None:  # what units lack is about nobody in particular, and stays as it is
        yield night.materialize(SUPPORT_GAP, pl.DataFrame(schema=SUPPORT_GAP.schema))
        return
    units = everyone.select("person_id", "unit_name")
    held = without_hidden(words, situation.around.mastery)
    given = count_support(assignment, seen, held, units, taxonomy, as_of)
    gaps = find_gaps(without_hidden(words, listed), units, given, taxonomy.skills, policy.minimum_people)
    yield night.materialize(SUPPORT_GAP, stamp(SUPPORT_GAP, gaps, stamps))


@step(
    name="tell_stages", own=[MASTERY, REPLY, PERSON],
    specs=[spec_of(OUT_MASTERY, deps=[MASTERY.name, MODEL_CARD.name, REPLY.name, SKILL.name, ALIAS.name, PERSON.name])],
)  # fmt: skip
def stages_held(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """How far everyone who works here has come, as published, beside what they say themselves."""
    words = own_words(night, taxonomy_of(night), night.as_of(context))
    held = night.own(MASTERY).join(_people(night), on="person_id", how="semi")
    rows = tell_own_word(held, words.replies, words.as_of)
    yield night.materialize(OUT_MASTERY, stamp(OUT_MASTERY, rows, stamps_of(context, night)))


_SHOWING = [table.name for table in (EVIDENCE, PERSON, SKILL, ALIAS, REPLY, MODEL_CARD)]


@step(
    name="prove_mastery", own=[MASTERY, EVIDENCE, PERSON, REPLY],
    specs=[spec_of(MASTERY_PROOF, deps=[MASTERY.name, *_SHOWING])],
)  # fmt: skip
def proof(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """What shows each micro-skill held by those who work here."""
    held = night.own(MASTERY).join(_people(night), on="person_id", how="semi")
    rows = prove_mastery(held, night.own(EVIDENCE, PROVING), night.read(SKILL), night.as_of(context))
    shown = _with_hidden(night, rows, night.as_of(context))
    yield night.materialize(MASTERY_PROOF, stamp(MASTERY_PROOF, shown, stamps_of(context, night)))


@step(name="show_evidence", specs=[spec_of(OUT_EVIDENCE, deps=_SHOWING)], own=[EVIDENCE, PERSON, REPLY])
def evidence_shown(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
    """The evidence of those who work here, up to the day, with file and row."""
    # in the evidence's own order, which is that of the table: nothing need be sorted
    rows = night.own(EVIDENCE).join(_people(night), on="person_id", how="semi", maintain_order="left")
    rows = rows.filter(pl.col("occurred_at") <= end_of(night.as_of(context)))
    rows = _with_hidden(night, rows, night.as_of(context))
    yield night.materialize(OUT_EVIDENCE, stamp(OUT_EVIDENCE, rows, stamps_of(context, night)))


def situation_of(night: Night, words: OwnWords) -> Situation:
    """What the night knew when it made the lists."""
    stages, cards = night.config.policy.stages, night.read(TRACING)["card"]
    tracing = read_tracing(cards[0]) if cards.len() else None
    as_of, found = words.as_of, with_contributions(night.own(CANDIDATE).rename({"prior": "score"}))
    return Situation(
        evidence=night.own(EVIDENCE, [name for name in EVIDENCE.column_names if name not in _WHENCE]),
        candidates=open_candidates(night, words, found, night.own(MASTERY), _people(night)),
        around=surroundings(night, as_of),
        as_of=as_of,
        policy=night.config.policy,
        estimate=partial(estimate_mastery, as_of=as_of, policy=stages, tracing=tracing),
    )


def surroundings(night: Night, as_of: date) -> Surroundings:
    """What motives are measured against, as of that day."""
    taxonomy, recent = taxonomy_of(night), recent_evidence(night.lake.scan(EVIDENCE), as_of)
    return Surroundings(
        mastery=night.own(MASTERY),
        skills=taxonomy.skills,
        prerequisites=night.read(PRECEDENCE),
        wishes=name_wishes(night.read(ASPIRATION), taxonomy, as_of),
        roles=name_roles(night.read(PERSON), night.read(ROLE_PERIOD), as_of),
        role_profiles=taxonomy.role_profiles,
        demand=count_demand(night.read(ASSIGNMENT), recent, taxonomy, as_of),
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


def _with_hidden(night: Night, rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows with is_hidden: for the person's own page alone."""
    hidden = hidden_skills(own_words(night, taxonomy_of(night), as_of).replies, as_of)
    marked = hidden.select("person_id", "skill_id", pl.lit(True).alias("is_hidden"))
    found = rows.join(marked, on=("person_id", "skill_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("is_hidden").fill_null(False))


def _people(night: Night) -> pl.DataFrame:
    return night.own(PERSON).filter(pl.col("employment_status") != "left").select("person_id")
