"""What openings, matches and proposals are made from, read from the tables of the lake.

Belongs here: reading the tables as of a day, without what people object to.
Does not belong here: the assets (`squads`), the command that proposes squads (`assets.cli.squads`).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.resources.table_reader import TableReader
from assets.tables.objections import OBJECTION_TABLES, read_objections
from ml.recommend.squad_matching import OPENINGS_PER_SKILL, match_openings
from ml.recommend.squad_openings import SquadContext
from pipelines.contracts.catalog import ASPIRATION, ASSIGNMENT, CONSENT, PERSON, SKILL_TEXT, SQUAD_REPLY, WORKLOG
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import MASTERY
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.policy import SquadPolicy
from pipelines.core.consents import find_active_consents, resolve_consent_skills
from pipelines.core.objections import Objections
from pipelines.core.skill_demand import list_skill_wishes
from pipelines.core.squad_work import OpenWork, find_last_answers, find_open_work, measure_workload, read_recent_hours

# What the functions of this module read.
SQUAD_TABLES = (
    *(ASSIGNMENT, WORKLOG, PERSON, MASTERY, NEXT_SKILL, ASPIRATION, CONSENT, SQUAD_REPLY),
    *OBJECTION_TABLES,
)


@dataclass(frozen=True)
class SquadRun:
    """What the tables of squads share in one run.

    Attributes:
        open_work: Seats, requirements and people on the work.
        recent_hours: The hours of the last quarter.
        objections: What people object to.
        people: Employed people who did not opt out, in the contract of `PERSON`.
        answers: The last answer per person and opening.
        as_of: The day.
    """

    open_work: OpenWork
    recent_hours: pl.DataFrame
    objections: Objections
    people: pl.DataFrame
    answers: pl.DataFrame
    as_of: date


def read_squad_run(table_reader: TableReader, as_of: date) -> SquadRun:
    """Read open work, hours, objections and answers (`SQUAD_TABLES`).

    Args:
        table_reader: Reads the tables.
        as_of: The last day whose data counts.
    """
    objections = read_objections(table_reader, as_of)
    people = table_reader.read(PERSON).filter(is_employed())
    recent_hours = read_recent_hours(table_reader.scan(WORKLOG), as_of)
    return SquadRun(
        find_open_work(table_reader.read(ASSIGNMENT), recent_hours, table_reader.read(SKILL_TEXT), as_of),
        recent_hours,
        objections,
        people.join(objections.opted_out_people, on="person_id", how="anti"),
        find_last_answers(table_reader.read(SQUAD_REPLY), as_of),
        as_of,
    )


def build_squad_context(
    table_reader: TableReader, squad_run: SquadRun, last_valid_day: date, minimum_people: int
) -> SquadContext:
    """Put together what openings and matches are made from.

    Args:
        table_reader: Reads the tables.
        squad_run: As `read_squad_run` returns it.
        last_valid_day: The day until which a consent must last.
        minimum_people: The smallest number of people that a count describes.
    """
    mastery = table_reader.read(MASTERY, ["person_id", "skill_id", "stage"])
    consents = resolve_consent_skills(table_reader.read(CONSENT), table_reader.read(SKILL_TEXT))
    return SquadContext(
        seats=squad_run.open_work.seats,
        requirements=squad_run.open_work.requirements,
        members=squad_run.open_work.members,
        people=squad_run.people.select("person_id"),
        mastery=squad_run.objections.drop_objected_rows(mastery),
        consents=find_active_consents(consents, squad_run.as_of, last_valid_day),
        answers=squad_run.answers,
        shown_answers=drop_hidden_answers(squad_run),
        minimum_people=minimum_people,
    )


def match_squad_run(
    table_reader: TableReader,
    squad_run: SquadRun,
    openings: pl.DataFrame,
    context: SquadContext,
    policy: SquadPolicy,
    openings_per_skill: int = OPENINGS_PER_SKILL,
) -> pl.DataFrame:
    """Match everybody who takes part to openings, as `match_openings` does.

    Args:
        table_reader: Reads the tables.
        squad_run: As `read_squad_run` returns it.
        openings: As `find_openings` returns them.
        context: As `build_squad_context` returns it.
        policy: Length of a list, and share of time for free choice.
        openings_per_skill: Openings of one micro-skill that a person is compared with.
    """
    assignments, text_matches = table_reader.read(ASSIGNMENT), table_reader.read(SKILL_TEXT)
    return match_openings(
        openings,
        table_reader.read(NEXT_SKILL).filter(pl.col("skill_id").is_not_null()),
        list_skill_wishes(table_reader.read(ASPIRATION), text_matches, squad_run.as_of),
        measure_workload(assignments, squad_run.recent_hours, squad_run.people, squad_run.as_of),
        context,
        policy,
        squad_run.as_of,
        openings_per_skill,
    )


def drop_hidden_answers(squad_run: SquadRun) -> pl.DataFrame:
    """The answers about micro-skills that the person does not hide.

    Args:
        squad_run: As `read_squad_run` returns it.
    """
    skill_id = pl.col("opening_id").str.extract(r"([^|]*)$").alias("skill_id")
    return squad_run.objections.drop_objected_rows(squad_run.answers.with_columns(skill_id)).drop("skill_id")
