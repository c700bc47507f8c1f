"""Practice in the demo company: what is published, what stays with the person, and events."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from conftest import DemoRun

from assets.cli.practice.examine import choose_units, examine_event, find_event
from assets.cli.terminal.console import CommandFailed
from assets.resources.table_reader import Scope, TableReader
from assets.tables.practice import read_person_weeks
from pipelines.config.company import Config, ConfigError, read_config
from pipelines.config.practice import PracticeEvent
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.output_tables import OWN_PRACTICE, PRACTICE, PUBLISHED_TABLES
from pipelines.contracts.personal_columns import person_columns
from pipelines.core.practice_weeks import sum_own_practice
from pipelines.publish.site.build import build_site
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

EVENT = PracticeEvent(name="tool", began=date(2026, 3, 2), units=["Strategy", "Nowhere"])


def test_units_are_published_without_anybody(demo_run: DemoRun) -> None:
    snapshot = current_snapshot(demo_run.settings.published_path)
    practice = snapshot.scan(PRACTICE.name).collect()
    assert practice.height > 20
    assert practice["team_people_count"].min() >= 5
    assert not person_columns(PRACTICE)
    unit_hours = practice.filter(practice_scope="unit", practice_kind="edge", practice_unit="hours")
    assert (unit_hours["practice_52_weeks"] >= unit_hours["practice_13_weeks"]).all()
    changed = practice.filter(pl.col("changed_date").is_not_null())
    assert changed["finding"].is_not_null().all()
    assert (changed["change_certainty"] >= 0.95).all()
    assert changed["finding"].str.ends_with("This says when it changed, not why.").all()


def test_own_practice_is_in_no_published_table(demo_run: DemoRun) -> None:
    own = Lake(demo_run.settings.lake_path).scan(OWN_PRACTICE).collect()
    assert own["person_id"].n_unique() > 40
    assert OWN_PRACTICE not in PUBLISHED_TABLES
    assert not [
        table.name
        for table in PUBLISHED_TABLES
        if person_columns(table) and {"practice_4_weeks", "practice_kind"} & set(table.column_names)
    ]


def test_rows_of_some_people_equal_those_of_everybody(demo_run: DemoRun) -> None:
    lake, policy = Lake(demo_run.settings.lake_path), read_config(demo_run.settings.config_path).policy
    own = lake.scan(OWN_PRACTICE).collect()
    people = frozenset(own["person_id"].unique().sort().to_list()[:5])
    weeks = read_person_weeks(TableReader(lake, Scope(people)), date(2026, 6, 30), policy.stages.master)
    assert sum_own_practice(weeks).equals(own.filter(pl.col("person_id").is_in(sorted(people))))


def test_a_page_shows_the_practice_of_its_person_alone(tmp_path: Path, demo_run: DemoRun) -> None:
    snapshot, lake = current_snapshot(demo_run.settings.published_path), Lake(demo_run.settings.lake_path)
    page_folder = build_site(snapshot, lake, "Acme", tmp_path / "site").parent
    pages = list((page_folder / "people").glob("*/*.html"))
    shown = [page.read_text() for page in pages]
    assert shown
    assert all(text.count("How much you practise") <= 1 for text in shown)
    team_pages = list((page_folder / "teams").glob("*.html"))
    names = lake.scan(PERSON).collect()["display_name"]
    assert team_pages
    for page in team_pages:
        text = page.read_text()
        assert "How much the team practises" in text
        assert not [name for name in names if name in text]


def test_an_event_is_examined_against_other_units(demo_run: DemoRun) -> None:
    config = read_config(demo_run.settings.config_path)
    examined = examine_event(EVENT, config, TableReader(Lake(demo_run.settings.lake_path)))
    assert examined.event_units == ["Strategy"]
    assert len(examined.compared_units) >= 2
    assert "Nowhere" in examined.notes[0]
    (edge,) = (effect for effect in examined.effects if effect.practice_kind == "edge")
    assert edge.low_share <= edge.effect_share <= edge.high_share
    assert edge.placebo_count > 3


def test_an_event_that_is_too_recent_is_refused(demo_run: DemoRun) -> None:
    config = read_config(demo_run.settings.config_path)
    event = EVENT.model_copy(update={"began": date(2026, 6, 20)})
    with pytest.raises(CommandFailed, match=r"1 whole weeks before the last day of the data .* at least 4 are needed"):
        examine_event(event, config, TableReader(Lake(demo_run.settings.lake_path)))


def test_too_few_units_are_refused_with_their_names() -> None:
    with pytest.raises(CommandFailed, match="1 units with the event and 1 without it have 5 people or more"):
        choose_units(EVENT, ["Strategy", "Health"], 5)


def test_an_unknown_event_is_refused_with_the_declared_ones(demo_run: DemoRun) -> None:
    config = read_config(demo_run.settings.config_path)
    with pytest.raises(CommandFailed, match="none is declared"):
        find_event(config, "tool")
    declared = config.model_copy(update={"practice": config.practice.model_copy(update={"events": [EVENT]})})
    assert find_event(declared, "tool") is EVENT
    with pytest.raises(CommandFailed, match="declared: tool"):
        find_event(declared, "other")


def test_events_are_validated_and_change_no_table(tmp_path: Path, demo_run: DemoRun) -> None:
    text = demo_run.settings.config_path.read_text()
    config_path = tmp_path / "footsteps.yaml"
    event = "{name: tool, began: 2026-03-02, units: [Strategy]}"
    config_path.write_text(f"{text}\npractice:\n  events:\n    - {event}\n")
    config: Config = read_config(config_path)
    assert config.practice.events[0].units == ["Strategy"]
    assert config.dump_inputs() == read_config(demo_run.settings.config_path).dump_inputs()
    config_path.write_text(f"{text}\npractice:\n  events:\n    - {event}\n    - {event}\n")
    with pytest.raises(ConfigError, match="two events are called 'tool'"):
        read_config(config_path)
