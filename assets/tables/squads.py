"""Openings in work, the matches of people to them, and the measurement of free choice.

Belongs here: which tables they are made of.
Does not belong here: how (`ml.recommend`, `pipelines.core.squad_work`, `pipelines.core.free_choice`).
"""

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.tables.snapshot import materialize_output
from assets.tables.squad_inputs import (
    SQUAD_TABLES,
    SquadRun,
    build_squad_context,
    drop_hidden_answers,
    match_squad_run,
    read_squad_run,
)
from ml.recommend.squad_companions import add_squad_companions
from ml.recommend.squad_match_text import build_match_rows
from ml.recommend.squad_openings import find_openings
from pipelines.contracts.catalog import ASPIRATION, ASSIGNMENT, CONSENT, EVIDENCE, SKILL, SKILL_TEXT, WORKLOG
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import FREE_CHOICE, SQUAD_MATCH, SQUAD_OPENING
from pipelines.core.consents import find_expiring_consents
from pipelines.core.free_choice import measure_free_choice
from pipelines.core.skill_texts import add_skill_ids
from pipelines.core.squad_work import list_assigned_work
from pipelines.storage.parquet_files import content_sha256


def squad_assets() -> list[AssetsDefinition]:
    """Openings, matches and free choice."""
    return [squads]


@incremental_asset(
    name="match_squads",
    tables=[SQUAD_OPENING, SQUAD_MATCH, FREE_CHOICE],
    reads=[*SQUAD_TABLES, EVIDENCE, SKILL, MODEL_CARD],
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: _fingerprint_consents(run),
)
def squads(run: AssetRun) -> Results:
    """Find the openings in work, match people to them, and measure free choice; in every run for everybody."""
    squad_run, policy = read_squad_run(run.tables, run.as_of), run.config.policy
    context = build_squad_context(run.tables, squad_run, run.context.last_valid_day, policy.minimum_people)
    openings = find_openings(context)
    yield materialize_output(run, SQUAD_OPENING, openings.select(_own_columns(SQUAD_OPENING.column_names, openings)))
    matches = match_squad_run(run.tables, squad_run, openings, context, policy.squads)
    matches = add_squad_companions(matches, context, policy.companions.load_cap)
    match_rows = build_match_rows(matches, openings, context.mastery, run.tables.read(SKILL))
    yield materialize_output(run, SQUAD_MATCH, match_rows)
    yield run.materialize(FREE_CHOICE, _measure_free_choice(run, squad_run))


def _measure_free_choice(run: AssetRun, squad_run: SquadRun) -> pl.DataFrame:
    policy, day_end = run.config.policy, end_of_day(run.as_of)
    wishes = add_skill_ids(
        run.tables.read(ASPIRATION).filter(pl.col("stated_at") < day_end), run.tables.read(SKILL_TEXT)
    ).select("person_id", "skill_id", "wish_weight", "stated_at")
    evidence_columns = ("source_name", "record_code", "person_id", "skill_id", "occurred_at")
    shown_wishes = squad_run.objections.drop_objected_rows(wishes)
    wished_evidence = (
        run.tables.scan(EVIDENCE)
        .filter(pl.col("mode") == "repetition", pl.col("table_name") == WORKLOG.name)
        .select(evidence_columns)
        .join(shown_wishes.lazy().select("person_id", "skill_id").unique(), on=("person_id", "skill_id"), how="semi")
        .collect()
    )
    return measure_free_choice(
        squad_run.recent_hours,
        wished_evidence,
        shown_wishes,
        drop_hidden_answers(squad_run),
        squad_run.people,
        list_assigned_work(run.tables.read(ASSIGNMENT), run.as_of),
        policy.squads.free_choice_share,
        policy.team_people,
        policy.minimum_people,
    )


def _own_columns(column_names: tuple[str, ...] | list[str], rows: pl.DataFrame) -> list[str]:
    """The columns of a table that are filled before the metadata of the run."""
    return [column_name for column_name in column_names if column_name in rows.columns]


def _fingerprint_consents(run: AssetRun) -> str:
    """A text that changes when a consent does not last as long as rows whose validity is extended."""
    context = run.context
    expiring_consents = find_expiring_consents(run.tables.read(CONSENT), context.valid_until, context.last_valid_day)
    return content_sha256(expiring_consents) if expiring_consents.height else ""
