"""What all histories tell about crafts: times to stages, crafts at risk, combinations, the skill map, who taught whom.

Belongs here: which tables these are made of.
Does not belong here: how they are computed (`ml.organisation`).
"""

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.objections import OBJECTION_TABLES, read_objections
from assets.tables.snapshot import materialize_output, materialize_outputs_by_people
from ml.mastery.state import last_instant
from ml.organisation.combinations import find_capabilities_within_reach, find_rare_pairs, select_held_skills
from ml.organisation.craft_at_risk import count_practising_masters, find_crafts_at_risk, set_masters
from ml.organisation.own_combinations import count_pairs, describe_own_combinations, list_requirements
from ml.organisation.skill_map import lay_out_skills
from ml.organisation.stage_times import estimate_stage_times, list_durations
from ml.organisation.teaching_lines import find_teaching_lines
from pipelines.contracts.catalog import (
    ASSIGNMENT,
    CONSENT,
    EVIDENCE,
    PERSON,
    PREFERENCE,
    REPLY,
    ROLE_PROFILE,
    SKILL,
    SKILL_TEXT,
)
from pipelines.contracts.columns import is_employed
from pipelines.contracts.craft_tables import (
    COMBINATION,
    CRAFT_AT_RISK,
    OWN_COMBINATION,
    SKILL_MAP,
    STAGE_TIME,
    TEACHING_LINE,
)
from pipelines.contracts.feature_tables import MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.core.consents import find_active_consents, resolve_consent_skills
from pipelines.core.objections import Objections
from pipelines.core.repeated_skills import REPEATED_INPUTS, find_repeated_masters, records_no_feedback
from pipelines.core.skill_demand import list_open_work

_PERSON_DATES = ("person_id", "employment_status", "hired_date", "left_date")
_HELD_COLUMNS = ("person_id", "skill_id", "stage")


def craft_assets() -> list[AssetsDefinition]:
    """Times to stages; crafts at risk, combinations and the map; combinations of people; who taught whom."""
    return [stage_times, crafts, own_combinations, teaching_lines]


# `how` tells these times: an incremental run computes them, so that its rows equal those of a complete run.
@incremental_asset(
    name="estimate_stage_times",
    tables=[STAGE_TIME],
    reads=[REACHED_STEP, PERSON, SKILL, MODEL_CARD, *OBJECTION_TABLES],
    incremental_mode="as_complete_run",
)
def stage_times(run: AssetRun) -> Results:
    """Estimate how long people take from stage to stage, with the histories that are still open."""
    objections = read_objections(run.tables, run.as_of)
    durations = list_durations(run.tables.read(REACHED_STEP), run.tables.read(PERSON, _PERSON_DATES), run.as_of)
    stage_time_rows = estimate_stage_times(
        objections.drop_objected_rows(durations), run.tables.read(SKILL), run.config.policy.minimum_people
    )
    yield materialize_output(run, STAGE_TIME, stage_time_rows)


@incremental_asset(
    name="survey_crafts",
    tables=[CRAFT_AT_RISK, COMBINATION, SKILL_MAP],
    reads=[
        *(MASTERY, REACHED_STEP, EVIDENCE, PERSON, SKILL, STAGE_TIME, ASSIGNMENT, MODEL_CARD),
        *OBJECTION_TABLES,
    ],
)
def crafts(run: AssetRun) -> Results:
    """Find crafts at risk and combinations that are within reach or rare, and draw the map of micro-skills."""
    objections, policy, skills = read_objections(run.tables, run.as_of), run.config.policy, run.tables.read(SKILL)
    people, minimum_people = run.tables.read(PERSON), policy.minimum_people
    employed_people = people.filter(is_employed()).select("person_id", "unit_name")
    mastery = objections.drop_objected_rows(run.tables.read(MASTERY, (*_HELD_COLUMNS, "last_practised_at")))
    crafts_at_risk = _find_risks(run, objections, mastery, people, skills)
    yield materialize_output(run, CRAFT_AT_RISK, crafts_at_risk)
    held_skills, open_work = select_held_skills(mastery, employed_people), _read_open_work(run)
    combinations = [
        find_capabilities_within_reach(held_skills, skills, minimum_people),
        find_rare_pairs(held_skills, open_work, skills, employed_people.height, minimum_people),
    ]
    yield materialize_output(run, COMBINATION, pl.concat(combinations))
    practised_skills = mastery.join(employed_people, on="person_id", how="semi")
    yield materialize_output(run, SKILL_MAP, lay_out_skills(practised_skills, skills, minimum_people))


@incremental_asset(
    name="describe_own_combinations",
    tables=[OWN_COMBINATION],
    reads=[MASTERY, PERSON, SKILL, ROLE_PROFILE, ASSIGNMENT, MODEL_CARD, *OBJECTION_TABLES],
    per_person_inputs=[MASTERY, PERSON, REPLY, PREFERENCE],
    depends_on_population=True,
)
def own_combinations(run: AssetRun) -> Results:
    """Describe what is unusual in the combination of each person, and which step opens the most."""
    objections = read_objections(run.tables, run.as_of)
    everybody = run.tables.read(PERSON, ("person_id", "employment_status")).filter(is_employed())
    pair_counts = count_pairs(
        select_held_skills(objections.drop_objected_rows(run.tables.read(MASTERY, _HELD_COLUMNS)), everybody)
    )
    requirements = list_requirements(run.tables.read(SKILL), run.tables.read(ROLE_PROFILE), _read_open_work(run))

    def compute_rows(table_reader: TableReader) -> list[pl.DataFrame]:
        # what a person hides stays out, and who wants no recommendations gets no row
        mastery = objections.drop_objected_rows(table_reader.read_scoped(MASTERY, _HELD_COLUMNS))
        held_skills = select_held_skills(mastery, everybody)
        return [describe_own_combinations(held_skills, pair_counts, requirements, run.config.policy.minimum_people)]

    yield from materialize_outputs_by_people(run, [OWN_COMBINATION], compute_rows)


# A consent that ends, or is withdrawn, counts in every run, also in one that only extends the validity of rows.
@incremental_asset(
    name="trace_teaching",
    tables=[TEACHING_LINE],
    reads=[EVIDENCE, REACHED_STEP, MASTERY, PERSON, CONSENT, MODEL_CARD, *OBJECTION_TABLES],
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: str(run.context.last_valid_day),
)
def teaching_lines(run: AssetRun) -> Results:
    """Trace who taught whom, between employed people who consented."""
    objections, employed = read_objections(run.tables, run.as_of), run.tables.read(PERSON).filter(is_employed())
    feedback = (
        run.tables.scan(EVIDENCE)
        .filter(pl.col("given_by_id").is_not_null(), pl.col("occurred_at") <= last_instant(run.as_of))
        .filter(pl.col("mode") == "feedback")
        .select("person_id", "skill_id", "given_by_id", "feedback_kind", "occurred_at")
        .collect()
    )
    consents = resolve_consent_skills(run.tables.read(CONSENT), run.tables.read(SKILL_TEXT))
    lines = find_teaching_lines(
        feedback.join(employed, on="person_id", how="semi").join(
            employed, left_on="given_by_id", right_on="person_id", how="semi"
        ),
        run.tables.read(REACHED_STEP),
        run.tables.read(MASTERY, _HELD_COLUMNS),
        find_active_consents(consents, run.as_of, run.context.last_valid_day),
    )
    yield materialize_output(run, TEACHING_LINE, objections.drop_objected_rows(lines))


def _find_risks(
    run: AssetRun, objections: Objections, mastery: pl.DataFrame, people: pl.DataFrame, skills: pl.DataFrame
) -> pl.DataFrame:
    """The crafts at risk; where no feedback is recorded, masters are those who repeated as often as a master must."""
    policy = run.config.policy
    reached_steps = objections.drop_objected_rows(run.tables.read(REACHED_STEP))
    is_by_repetition = records_no_feedback(reached_steps)
    if is_by_repetition:
        evidence = run.tables.scan(EVIDENCE).select(REPEATED_INPUTS).collect()
        repeated_masters = find_repeated_masters(evidence, run.as_of, policy.stages.master)
        reached_steps = objections.drop_objected_rows(repeated_masters)
        mastery = set_masters(mastery, reached_steps)
    return find_crafts_at_risk(
        count_practising_masters(mastery, reached_steps, people.select(_PERSON_DATES), run.as_of),
        mastery,
        people.filter(is_employed()).select("person_id", "unit_name"),
        skills,
        run.tables.read(STAGE_TIME),
        minimum_people=policy.minimum_people,
        team_people=policy.team_people,
        is_by_repetition=is_by_repetition,
    )


def _read_open_work(run: AssetRun) -> pl.DataFrame:
    """One row per open assignment and micro-skill that it names: work_id, skill_id."""
    return list_open_work(run.tables.read(ASSIGNMENT), run.tables.read(SKILL_TEXT), run.as_of)
