"""Openings in work, the matches of people to them, and the measurement of free choice.

Belongs here: which tables they are made of.
Does not belong here: how (`ml.squads`, `pipelines.core.squad_work`, `pipelines.core.free_choice`).
"""

from dataclasses import dataclass

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.tables.objections import OBJECTION_TABLES, read_objections
from assets.tables.snapshot import materialize_output
from ml.squads.match_text import build_match_rows
from ml.squads.matching import match_openings
from ml.squads.openings import SquadContext, find_openings
from ml.squads.squad_companions import add_squad_companions
from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    CONSENT,
    EVIDENCE,
    PERSON,
    SKILL,
    SKILL_TEXT,
    SQUAD_REPLY,
    WORKLOG,
)
from pipelines.contracts.columns import is_employed
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.feature_tables import MASTERY, MODEL_CARD
from pipelines.contracts.output_tables import FREE_CHOICE, NEXT_SKILL, SQUAD_MATCH, SQUAD_OPENING
from pipelines.core.consents import find_active_consents, find_expiring_consents, resolve_consent_skills
from pipelines.core.free_choice import measure_free_choice
from pipelines.core.objections import Objections
from pipelines.core.skill_demand import list_skill_wishes
from pipelines.core.skill_texts import add_skill_ids
from pipelines.core.squad_work import (
    OpenWork,
    find_last_answers,
    find_open_work,
    list_assigned_work,
    measure_workload,
    read_recent_hours,
)
from pipelines.storage.parquet_files import content_sha256


@dataclass(frozen=True)
class SquadRun:
    """What the tables of squads share in one run.

    Attributes:
        open_work: Seats, requirements and people on the work.
        recent_hours: The hours of the last quarter.
        objections: What people object to.
        people: Employed people who did not opt out, in the contract of `PERSON`.
        answers: The last answer per person and opening.
    """

    open_work: OpenWork
    recent_hours: pl.DataFrame
    objections: Objections
    people: pl.DataFrame
    answers: pl.DataFrame


def squad_assets() -> list[AssetsDefinition]:
    """Openings, matches and free choice."""
    return [squads]


@incremental_asset(
    name="match_squads",
    tables=[SQUAD_OPENING, SQUAD_MATCH, FREE_CHOICE],
    reads=[
        *(ASSIGNMENT, WORKLOG, PERSON, MASTERY, NEXT_SKILL, ASPIRATION, CONSENT, SQUAD_REPLY, EVIDENCE),
        *(SKILL, MODEL_CARD, *OBJECTION_TABLES),
    ],
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: _fingerprint_consents(run),
)
def squads(run: AssetRun) -> Results:
    """Find the openings in work, match people to them, and measure free choice; in every run for everybody."""
    squad_run, policy = _read_squad_run(run), run.config.policy
    context = _build_context(run, squad_run)
    openings = find_openings(context)
    yield materialize_output(run, SQUAD_OPENING, openings.select(_own_columns(SQUAD_OPENING.column_names, openings)))
    text_matches, assignments = run.tables.read(SKILL_TEXT), run.tables.read(ASSIGNMENT)
    listed_steps = run.tables.read(NEXT_SKILL).filter(pl.col("skill_id").is_not_null())
    matches = match_openings(
        openings,
        listed_steps,
        list_skill_wishes(run.tables.read(ASPIRATION), text_matches, run.as_of),
        measure_workload(assignments, squad_run.recent_hours, squad_run.people, run.as_of),
        context,
        policy.squads,
        run.as_of,
    )
    matches = add_squad_companions(matches, context, policy.companions.load_cap)
    match_rows = build_match_rows(matches, openings, context.mastery, run.tables.read(SKILL))
    yield materialize_output(run, SQUAD_MATCH, match_rows)
    yield run.materialize(FREE_CHOICE, _measure_free_choice(run, squad_run))


def _read_squad_run(run: AssetRun) -> SquadRun:
    objections = read_objections(run.tables, run.as_of)
    people = run.tables.read(PERSON).filter(is_employed())
    recent_hours = read_recent_hours(run.tables.scan(WORKLOG), run.as_of)
    text_matches = run.tables.read(SKILL_TEXT)
    return SquadRun(
        find_open_work(run.tables.read(ASSIGNMENT), recent_hours, text_matches, run.as_of),
        recent_hours,
        objections,
        people.join(objections.opted_out_people, on="person_id", how="anti"),
        find_last_answers(run.tables.read(SQUAD_REPLY), run.as_of),
    )


def _build_context(run: AssetRun, squad_run: SquadRun) -> SquadContext:
    mastery = run.tables.read(MASTERY, ["person_id", "skill_id", "stage"])
    consents = resolve_consent_skills(run.tables.read(CONSENT), run.tables.read(SKILL_TEXT))
    return SquadContext(
        seats=squad_run.open_work.seats,
        requirements=squad_run.open_work.requirements,
        members=squad_run.open_work.members,
        people=squad_run.people.select("person_id"),
        mastery=squad_run.objections.drop_objected_rows(mastery),
        consents=find_active_consents(consents, run.as_of, run.context.last_valid_day),
        answers=squad_run.answers,
        shown_answers=_drop_hidden_answers(squad_run),
        minimum_people=run.config.policy.minimum_people,
    )


def _drop_hidden_answers(squad_run: SquadRun) -> pl.DataFrame:
    """The answers about micro-skills that the person does not hide."""
    skill_id = pl.col("opening_id").str.extract(r"([^|]*)$").alias("skill_id")
    return squad_run.objections.drop_objected_rows(squad_run.answers.with_columns(skill_id)).drop("skill_id")


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
        _drop_hidden_answers(squad_run),
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
