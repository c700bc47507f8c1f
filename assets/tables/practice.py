"""Practice of units compared with their own past, and each person's own practice.

Belongs here: which tables these are made of, and that no person's practice leaves their own rows.
Does not belong here: how practice is counted (`pipelines.core.practice_weeks`, `pipelines.core.unit_practice`) and
compared (`ml.organisation`).
"""

from datetime import date

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.objections import OBJECTION_TABLES, read_objections
from assets.tables.snapshot import materialize_output
from ml.organisation.practice_table import PracticeLimits, describe_practice
from pipelines.contracts.catalog import EVIDENCE, PERSON, ROLE_PERIOD, SKILL
from pipelines.contracts.columns import STAGES
from pipelines.contracts.feature_tables import MODEL_CARD, REACHED_STEP
from pipelines.contracts.output_tables import OWN_PRACTICE, PRACTICE
from pipelines.contracts.policy import MasterPolicy
from pipelines.core.objections import Objections
from pipelines.core.practice_weeks import PRACTICE_INPUTS, count_person_weeks, sum_own_practice
from pipelines.core.unit_practice import (
    UnitPractice,
    add_unit_practice,
    build_memberships,
    count_staff_weeks,
    mark_tellable,
    sum_unit_practice,
)

# What `read_person_weeks` and `read_staffing` read.
PRACTICE_TABLES = (EVIDENCE, REACHED_STEP, PERSON, ROLE_PERIOD, SKILL, *OBJECTION_TABLES)


def practice_assets() -> list[AssetsDefinition]:
    """Practice of units, and each person's own."""
    return [practice]


@incremental_asset(
    name="measure_practice",
    tables=[OWN_PRACTICE, PRACTICE],
    reads=[*PRACTICE_TABLES, MODEL_CARD],
    per_person_inputs=[EVIDENCE, REACHED_STEP],
    depends_on_population=True,
)
def practice(run: AssetRun) -> Results:
    """Sum each person's own practice, and compare that of units with their own past."""
    policy, as_of = run.config.policy, run.as_of
    objections = read_objections(run.tables, as_of)
    memberships, skills = read_memberships(run.tables, as_of), run.tables.read(SKILL)
    unit_parts: list[UnitPractice] = []

    def compute_rows(reader: TableReader) -> list[pl.DataFrame]:
        person_weeks = read_person_weeks(reader, as_of, policy.stages.master)
        if run.scope.people is None:
            shown_weeks = objections.drop_objected_rows(person_weeks)
            unit_parts.append(sum_unit_practice(shown_weeks, memberships, skills, as_of))
        return [sum_own_practice(person_weeks)]

    yield from run.materialize_by_people([OWN_PRACTICE], compute_rows)
    if run.scope.people is not None:  # practice of units: a run for some people leaves it as it is
        yield run.materialize(PRACTICE, pl.DataFrame(schema=PRACTICE.schema))
        return
    unit_practice = add_unit_practice(unit_parts, policy.minimum_people)
    parts = find_reported_units(memberships, objections, as_of, policy.team_people).join(
        mark_tellable(unit_practice.contributions, policy.minimum_people), on="unit_name"
    )
    rows = describe_practice(
        parts,
        unit_practice.weeks,
        count_staff_weeks(memberships, as_of),
        name_parts(skills, parts),
        as_of,
        PracticeLimits(policy.team_people, run.config.practice.false_alarm_share),
    )
    run.log.info(f"{rows['changed_date'].count():,} changes in {rows.height:,} rows about the practice of units")
    yield materialize_output(run, PRACTICE, rows)


def read_person_weeks(table_reader: TableReader, as_of: date, policy: MasterPolicy) -> pl.DataFrame:
    """Count the practice of the people in scope, as `count_person_weeks` returns it.

    Args:
        table_reader: Reads evidence and reached steps.
        as_of: The last day that counts.
        policy: What a master has repeated.
    """
    reached_steps = table_reader.read_scoped(REACHED_STEP, ["person_id", "skill_id", "to_stage", "kind", "reached_at"])
    mastered_steps = reached_steps.filter(pl.col("to_stage") == STAGES[-1], pl.col("kind") == "deepen")
    return count_person_weeks(table_reader.read_scoped(EVIDENCE, PRACTICE_INPUTS), mastered_steps, as_of, policy)


def read_memberships(table_reader: TableReader, as_of: date) -> pl.DataFrame:
    """Read in which unit each person was, as `build_memberships` returns it.

    Args:
        table_reader: Reads people and role periods.
        as_of: The last day that counts.
    """
    return build_memberships(table_reader.read(PERSON), table_reader.read(ROLE_PERIOD), as_of)


def find_reported_units(
    memberships: pl.DataFrame, objections: Objections, as_of: date, team_people: int
) -> pl.DataFrame:
    """The units of sufficient size: unit_name, team_people_count (employed people).

    Args:
        memberships: As `read_memberships` returns them.
        objections: Whoever opted out does not make a unit large enough.
        as_of: The day.
        team_people: The fewest people of a unit.
    """
    present = memberships.filter(pl.col("to_date").is_null() | (pl.col("to_date") > as_of))
    is_shown = ~pl.col("person_id").is_in(objections.opted_out_people["person_id"].implode())
    return (
        present.group_by("unit_name")
        .agg(pl.len().cast(pl.Int64).alias("team_people_count"), is_shown.sum().alias("shown_count"))
        .filter(pl.col("shown_count") >= team_people)
        .drop("shown_count")
    )


def name_parts(skills: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """The names of the parts of work: practice_scope, practice_of, practice_name.

    Args:
        skills: Rows of `SKILL`.
        parts: Rows with unit_name.
    """
    named = [
        skills.select(
            practice_of="capability_id", practice_name="capability_name", practice_scope=pl.lit("capability")
        ),
        skills.select(practice_of="skill_id", practice_name="skill_name", practice_scope=pl.lit("skill")),
        parts.select(practice_of="unit_name", practice_name="unit_name", practice_scope=pl.lit("unit")),
    ]
    return (
        pl.concat(named)
        .drop_nulls("practice_of")
        .unique(("practice_scope", "practice_of"), keep="first", maintain_order=True)
    )
