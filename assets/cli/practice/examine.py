"""`footsteps practice examine`: the effect of an event on the practice of units.

Belongs here: the units that are compared, and printing the estimates with what they cannot prove.
Does not belong here: the estimates (`ml.organisation.practice_events`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings, stdout_console
from assets.cli.terminal.inputs import load_config
from assets.resources.table_reader import TableReader
from assets.tables.objections import read_objections
from assets.tables.practice import find_reported_units, read_memberships, read_person_weeks
from ml.organisation.practice_events import CANNOT_PROVE, LEAST_WEEKS_AFTER_EVENT, EventEffect, estimate_effects
from pipelines.config.company import Config
from pipelines.config.practice import PracticeEvent
from pipelines.contracts.catalog import SKILL
from pipelines.contracts.output_tables import SNAPSHOT
from pipelines.core.unit_practice import add_unit_practice, count_staff_weeks, mark_tellable, sum_unit_practice
from pipelines.storage.lake import Lake

_HEADINGS = ("practice", "effect", "95 % interval", "units with", "units without", "placebo days", "as large as")
_KIND_TEXTS = {
    "edge": "work on steps being taken",
    "routine": "work in mastered micro-skills",
    "learning": "learning",
    "review_given": "reviews given",
    "review_received": "reviews received",
    "finished": "finished work",
    "finished_per_hour": "finished work per hour of work",
}


@dataclass(frozen=True)
class ExaminedEvent:
    """What an event did, as far as it can be told.

    Attributes:
        event: The event as declared.
        event_units: Units with it that are large enough.
        compared_units: Units without it.
        notes: What was left out and why.
        weeks_since: Whole weeks since it began.
        effects: The effect on each kind of practice.
    """

    event: PracticeEvent
    event_units: list[str]
    compared_units: list[str]
    notes: list[str]
    weeks_since: int
    effects: list[EventEffect]


def print_event(event_name: str, data_root: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Examine an event and print what it did.

    Args:
        event_name: Name of the event in footsteps.yaml.
        data_root: The data root.
        config_file: The footsteps.yaml, if it is not in the data root.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: If there is no such event, nothing was run here, or too few units can be compared.
    """
    settings = resolve_settings(data_root, config_file)
    config = load_config(settings)
    examined = examine_event(find_event(config, event_name), config, TableReader(Lake(settings.lake_path)))
    if as_json:
        print_json(
            {
                "event": examined.event.model_dump(mode="json"),
                "units": examined.event_units,
                "compared_units": examined.compared_units,
                "notes": examined.notes,
                "effects": [effect._asdict() for effect in examined.effects],
                "cannot_prove": list(CANNOT_PROVE),
            }
        )
        return
    weeks = max(effect.weeks for effect in examined.effects)
    print_table(
        f"{event_name}: amount per person in up to {weeks} weeks after {examined.event.began} against as many before, "
        "relative to units without it",
        {**dict.fromkeys(_HEADINGS, "right"), "practice": "left"},
        [_format_effect(effect) for effect in examined.effects],
    )
    sentences = (
        f"With the event: {', '.join(examined.event_units)}. Compared with: {', '.join(examined.compared_units)}.",
        "Placebo days lie before the event, where nothing began: of their intervals about a twentieth leaves out 0 by "
        "chance; more mean that the units did not move alike. “As large as” is the share of them, the event counted "
        "among them, with an effect at least as large.",
        *examined.notes,
        *CANNOT_PROVE,
    )
    for sentence in sentences:
        stdout_console.print(sentence, soft_wrap=True)


def find_event(config: Config, event_name: str) -> PracticeEvent:
    """The declared event of that name.

    Args:
        config: The configuration.
        event_name: Name of the event.

    Raises:
        CommandFailed: If no event has that name.
    """
    event_by_name = {event.name: event for event in config.practice.events}
    if event_name not in event_by_name:
        declared = f"declared: {', '.join(event_by_name)}" if event_by_name else "none is declared"
        raise CommandFailed(
            f"no event is called {event_name!r} below `practice.events` in footsteps.yaml ({declared}); an event has "
            "`name`, `began` and `units`",
            ExitCode.CONFIGURATION,
        )
    return event_by_name[event_name]


def examine_event(event: PracticeEvent, config: Config, table_reader: TableReader) -> ExaminedEvent:
    """Estimate what an event did, from the tables of the last run.

    Only units of sufficient size are compared, and only the practice of whole units that enough people are behind.
    What people object to counts nowhere.

    Args:
        event: The event.
        config: The configuration.
        table_reader: Reads the lake.

    Raises:
        CommandFailed: If nothing was run here, or too few units or weeks can be compared.
    """
    as_of_days, policy = table_reader.read(SNAPSHOT)["as_of"], config.policy
    if as_of_days.is_empty():
        raise CommandFailed("nothing was run here: run `footsteps run`")
    as_of = as_of_days[0]
    weeks_since = ((as_of - event.began).days + 1) // 7
    if weeks_since < LEAST_WEEKS_AFTER_EVENT:
        raise CommandFailed(
            f"{event.name} began on {event.began}, {max(weeks_since, 0)} whole weeks before the last day of the data "
            f"({as_of}): at least {LEAST_WEEKS_AFTER_EVENT} are needed"
        )
    objections = read_objections(table_reader, as_of)
    memberships = read_memberships(table_reader, as_of)
    reported_units = find_reported_units(memberships, objections, as_of, policy.team_people)
    event_units, compared_units, notes = choose_units(
        event, reported_units["unit_name"].sort().to_list(), policy.team_people
    )
    person_weeks = objections.drop_objected_rows(read_person_weeks(table_reader, as_of, policy.stages.master))
    unit_practice = add_unit_practice(
        [sum_unit_practice(person_weeks, memberships, table_reader.read(SKILL), as_of)], policy.minimum_people
    )
    tellable = mark_tellable(unit_practice.contributions, policy.minimum_people).filter(
        pl.col("practice_scope") == "unit", pl.col("is_told_52"), pl.col("is_told_4")
    )
    weeks = unit_practice.weeks.join(
        tellable, on=["unit_name", "practice_scope", "practice_kind", "practice_unit"], how="semi"
    )
    effects = estimate_effects(weeks, count_staff_weeks(memberships, as_of), event_units, compared_units, weeks_since)
    if not effects:
        raise CommandFailed(
            f"{event.name}: no kind of practice has amounts before and after {event.began} in a unit with it and "
            "in two units without"
        )
    return ExaminedEvent(event, event_units, compared_units, notes, weeks_since, effects)


def choose_units(
    event: PracticeEvent, reported_units: Sequence[str], team_people: int
) -> tuple[list[str], list[str], list[str]]:
    """The units with the event, the units to compare with, and what was left out.

    Args:
        event: The event.
        reported_units: Units of sufficient size.
        team_people: The fewest people of a unit.

    Raises:
        CommandFailed: If no unit with the event or fewer than two without it are large enough.
    """
    event_units = [unit for unit in event.units if unit in reported_units]
    candidates = event.compared_units or [unit for unit in reported_units if unit not in event.units]
    compared_units = [unit for unit in candidates if unit in reported_units]
    left_out = sorted({*event.units, *candidates} - {*event_units, *compared_units})
    notes = [f"Left out, because no such unit has {team_people} people: {', '.join(left_out)}."] if left_out else []
    if not event_units or len(compared_units) < 2:
        raise CommandFailed(
            f"{event.name}: {len(event_units)} units with the event and {len(compared_units)} without it have "
            f"{team_people} people or more; one and two are needed. Units: {', '.join(reported_units) or 'none'}",
            ExitCode.CONFIGURATION,
        )
    return event_units, compared_units, notes


def _format_effect(effect: EventEffect) -> list[str]:
    unit_text = f" ({effect.practice_unit})" if effect.practice_kind in ("edge", "routine", "learning") else ""
    return [
        _KIND_TEXTS[effect.practice_kind] + unit_text,
        f"{effect.effect_share:+.0%}",
        f"{effect.low_share:+.0%} to {effect.high_share:+.0%}",
        str(effect.event_unit_count),
        str(effect.compared_unit_count),
        f"{effect.placebo_outside_count} of {effect.placebo_count} outside",
        "–" if effect.placebo_chance is None else f"{effect.placebo_chance:.0%}",
    ]
