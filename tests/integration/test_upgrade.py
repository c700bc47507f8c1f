"""A data root of the first published version keeps working: switches, cursors, configuration, tables and model."""

import tarfile
from datetime import date
from pathlib import Path

import pytest
from dagster import DagsterInstance

from assets.automation.alerts import read_alert_state
from assets.automation.sensors import read_cursor
from assets.automation.upgrade import NAME_BY_FORMER_NAME, transfer_instigator_states
from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from assets.definitions import build_definitions
from pipelines.config.company import read_config
from pipelines.contracts.catalog import DELIVERY, EVIDENCE, PERSON, SKILL
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

# Ten people of the demo company after a run as of the last day, with the schedule and all sensors switched on. The
# last file of worklogs is among the exports, which are left out otherwise.
FIXTURE = Path(__file__).parents[1] / "data" / "data_root_0_1.tar.xz"
END = date(2026, 6, 30)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data root as the first version left it."""
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_schedules_and_sensors_stay_switched_on_under_their_present_names(root: Path) -> None:
    with DagsterInstance.local_temp(str(root / "dagster_home")) as instance:
        before = {NAME_BY_FORMER_NAME[state.name]: state for state in instance.all_instigator_state()}
        assert transfer_instigator_states(instance) == list(before)
        running = {state.name: state for state in instance.all_instigator_state() if state.is_running}
        assert transfer_instigator_states(instance) == []
    assert running.keys() == before.keys() == set(NAME_BY_FORMER_NAME.values())
    assert all(state.instigator_data == before[name].instigator_data for name, state in running.items())


def test_the_schedule_that_had_its_hour_in_its_name_stays_switched_on(root: Path) -> None:
    with DagsterInstance.local_temp(str(root / "dagster_home")) as instance:
        (first,) = (state for state in instance.all_instigator_state() if state.name == "every_night_at_two")
        instance.stop_schedule(first.instigator_origin_id, first.selector_id, None)
        former = first._replace(origin=first.origin._replace(instigator_name="nightly_0200"))
        instance.add_instigator_state(former)
        assert "nightly_schedule" in transfer_instigator_states(instance)
        running = {state.name: state for state in instance.all_instigator_state() if state.is_running}
    assert "nightly_0200" not in running
    assert running["nightly_schedule"].instigator_data == former.instigator_data


def test_the_present_code_defines_every_renamed_schedule_and_sensor(root: Path) -> None:
    definitions = build_definitions(resolve_settings(root))
    names = {item.name for item in (*(definitions.schedules or ()), *(definitions.sensors or ()))}
    assert names == set(NAME_BY_FORMER_NAME.values())


def test_cursors_of_the_first_version_are_read(root: Path) -> None:
    with DagsterInstance.local_temp(str(root / "dagster_home")) as instance:
        cursors = {
            state.name: state.sensor_instigator_data.cursor
            for state in instance.all_instigator_state()
            if state.sensor_instigator_data
        }
    landed = read_cursor(cursors["files_that_landed"])
    assert len(landed.carried) == len(landed.seen) > 10
    assert read_alert_state(cursors["tell_what_went_wrong"], 1.0).until > 1.0


def test_a_switch_under_the_present_name_is_not_overwritten(root: Path) -> None:
    with DagsterInstance.local_temp(str(root / "dagster_home")) as instance:
        (old,) = (state for state in instance.all_instigator_state() if state.name == "tell_what_went_wrong")
        transfer_instigator_states(instance)
        (new,) = (state for state in instance.all_instigator_state() if state.name == "alert_sensor")
        instance.stop_sensor(new.instigator_origin_id, new.selector_id, None)
        instance.update_instigator_state(old)
        assert transfer_instigator_states(instance) == []
        states = {state.name: state.is_running for state in instance.all_instigator_state()}
    assert not states["alert_sensor"]
    assert not states["tell_what_went_wrong"]


def test_runs_of_the_present_code_continue_from_the_tables_of_the_first_version(root: Path) -> None:
    settings, lake = resolve_settings(root), Lake(root / "lake")
    config = read_config(settings.config_path)
    published = current_snapshot(settings.published_path)
    before = {table: lake.scan(table).collect() for table in (DELIVERY, EVIDENCE, PERSON, SKILL, NEXT_SKILL)}

    new_export = root / "landing" / "tempo" / "worklogs_2026-07-01.csv"
    new_export.write_bytes(
        (root / "landing" / "tempo" / "worklogs_2026-06-30.csv").read_bytes().replace(b",4.25,", b",4.5,")
    )
    execute_run(settings, config, END, False, incremental=True)
    assert lake.scan(DELIVERY).collect()["file_name"].to_list() == [*before[DELIVERY]["file_name"], new_export.name]
    assert current_snapshot(settings.published_path).snapshot_id != published.snapshot_id

    summary = execute_run(settings, config, END, False)
    for table in (PERSON, SKILL):
        assert lake.scan(table).collect().equals(before[table]), table.name
    rows = summary.snapshot.scan(NEXT_SKILL.name).collect()
    assert set(rows["person_id"]) == set(before[NEXT_SKILL]["person_id"])
    version = lake.scan(MODEL_CARD).collect()["model_version"][0]
    assert set(rows["model_version"].drop_nulls()) == {version}
    assert (root / "models" / version / "model.skops").exists()
