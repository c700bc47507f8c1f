"""Fetching is a step of a run: it shows its counts, fails no run, and comes before landing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    build_sensor_context,
    materialize,
)
from fetching import PASSWORD, SftpServer, run_sftp_server
from typer.testing import CliRunner

from assets.automation.remote_files import FETCH_TAG, build_remote_files_sensor, plan_fetch, read_fetch_cursor
from assets.automation.run_selection import NewRemoteFile, select_fetch
from assets.checks.health import check_origins, find_fetch_issues
from assets.checks.source_states import describe_sources
from assets.cli.app import app
from assets.definitions import build_definitions, build_pipeline
from assets.incremental.automation_condition import MAX_ATTEMPTS
from assets.resources.pipeline import PipelineResource
from assets.tables.fetch import fetch_assets
from assets.tables.raw import landing_assets
from pipelines.config.company import Config, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY, FETCH, ORIGIN
from pipelines.storage.lake import Lake

HEADER = "Employee #,Work Email,First Name,Last Name,Status"


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HR_PASSWORD", PASSWORD)
    with run_sftp_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def root(tmp_path: Path, sftp: SftpServer) -> Path:
    """A data root with a source on an SFTP server, one in a folder, and one without `fetch`."""
    for folder in ("root/landing", "share"):
        (tmp_path / folder).mkdir(parents=True)
    sources = {
        "people": {
            "url": f"{sftp.url}/",
            "known_hosts": str(sftp.known_hosts),
            "variables": {"password": "HR_PASSWORD"},
        },
        "more_people": {"url": str(tmp_path / "share")},
        "local": None,
    }
    declared = [
        {"name": name, "system": "bamboohr", "path": f"{name}/*.csv", **({"fetch": fetch} if fetch else {})}
        for name, fetch in sources.items()
    ]
    (tmp_path / "root/footsteps.yaml").write_text(json.dumps({"sources": declared, "quiet_seconds": 0}))
    return tmp_path / "root"


def open_root(root: Path) -> tuple[Config, PipelineResource]:
    settings = Settings(data_root=root)
    config = read_config(settings.config_path)
    return config, build_pipeline(settings, config)


def run_assets(root: Path) -> ExecuteInProcessResult:
    config, pipeline = open_root(root)
    landing = [asset for asset in landing_assets(config) if isinstance(asset, AssetsDefinition)]
    day = datetime.now(UTC).date().isoformat()
    return materialize([*fetch_assets(config), *landing], resources={"pipeline": pipeline}, partition_key=day)


def read_metadata(result: ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == AssetKey(name)]
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_fetched_files_are_landed_in_the_same_run_and_counted(root: Path, sftp: SftpServer) -> None:
    (sftp.folder / "people.csv").write_text(f"{HEADER}\n1,a@x.org,A,B,Active\n")
    (root.parent / "share" / "more.csv").write_text(f"{HEADER}\n2,b@x.org,C,D,Active\n3,c@x.org,E,F,Active\n")
    result = run_assets(root)
    assert result.success
    metadata = read_metadata(result, ORIGIN.name)
    names = ("seen_files", "fetched_files", "unchanged_files", "waiting_files", "refused_files", "failed_origins")
    assert [metadata[name] for name in names] == [2, 2, 0, 0, 0, 0]
    assert "| people | 1 | 1 | 0 | 0 | 0 |  |" in metadata["origins"]
    lake = Lake(root / "lake")
    ledger = lake.scan(DELIVERY).select("source_name", "file_name", "good_count", "file_sha256").collect()
    assert sorted(ledger.drop("file_sha256").rows()) == [("more_people", "more.csv", 2), ("people", "people.csv", 1)]
    fetched = lake.scan(FETCH).collect()
    assert fetched.join(ledger, on=["source_name", "file_sha256"]).height == 2
    again = run_assets(root)
    assert [read_metadata(again, ORIGIN.name)[name] for name in names] == [2, 0, 2, 0, 0, 0]
    assert "people_is_fetched" in repr(result.all_events)
    assert PASSWORD not in repr(result.all_events)


def test_an_origin_that_fails_stops_no_other_and_is_reported_until_it_is_read_again(
    root: Path, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sftp.folder / "people.csv").write_text(f"{HEADER}\n1,a@x.org,A,B,Active\n")
    (root.parent / "share" / "more.csv").write_text(f"{HEADER}\n2,b@x.org,C,D,Active\n")
    config, _ = open_root(root)
    monkeypatch.setenv("HR_PASSWORD", "wrong-secret")
    result = run_assets(root)
    assert result.success
    problem = f"people: not fetched from {sftp.url}: 127.0.0.1 refused the user and HR_PASSWORD."
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert (checks["people_is_fetched"].passed, checks["people_is_fetched"].description) == (False, problem)
    assert not checks["people_is_fetched"].blocking
    assert checks["more_people_is_fetched"].passed
    lake = Lake(root / "lake")
    assert lake.scan(DELIVERY).collect()["source_name"].to_list() == ["more_people"]
    assert [issue.sentence for issue in find_fetch_issues(lake, config)] == [problem]
    assert [issue.sentence for issue in check_origins(config)] == [problem]
    described = {
        source["name"]: (source["status"], source["fetch"])
        for source in describe_sources(lake, config, root / "landing")
    }
    counts = {"fetched": 0, "unchanged": 0, "waiting": 0, "refused": 0, "refusals": []}
    reason = "127.0.0.1 refused the user and HR_PASSWORD"
    assert described["people"] == ("not_fetched", {"url": sftp.url, **counts, "problem": reason})
    assert described["more_people"][0] == "landed"
    assert described["local"] == ("no_file", None)
    doctor = CliRunner().invoke(app, ["doctor", "--json", "--data-root", str(root)])
    assert doctor.exit_code == 1
    assert json.loads(doctor.stdout)["findings"].count(problem) == 1
    monkeypatch.setenv("HR_PASSWORD", PASSWORD)
    assert check_origins(config) == []
    assert [issue.sentence for issue in find_fetch_issues(lake, config)] == [problem], "what the last run left undone"
    run_assets(root)
    assert find_fetch_issues(lake, config) == []


def test_a_source_that_is_no_longer_fetched_is_no_issue(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HR_PASSWORD", "wrong-secret")
    run_assets(root)
    config, pipeline = open_root(root)
    assert len(find_fetch_issues(pipeline.lake, config)) == 1
    elsewhere = [source.model_copy(update={"fetch": None}) for source in config.sources]
    assert find_fetch_issues(pipeline.lake, config.model_copy(update={"sources": elsewhere})) == []


def test_landing_waits_for_the_fetch(root: Path) -> None:
    definitions = build_definitions(Settings(data_root=root))
    graph = definitions.resolve_asset_graph()
    raw = AssetKey("raw_bamboohr__entity_person")
    assert AssetKey(ORIGIN.name) in graph.get(raw).parent_keys
    assert [sensor.name for sensor in definitions.sensors or []][:2] == ["landed_files_sensor", "remote_files_sensor"]


def test_without_fetch_there_is_neither_step_nor_sensor(root: Path) -> None:
    source = {"name": "local", "system": "bamboohr", "path": "local/*.csv"}
    (root / "footsteps.yaml").write_text(json.dumps({"sources": [source]}))
    definitions: Definitions = build_definitions(Settings(data_root=root))
    assert select_fetch(definitions.assets or []).assets == ()
    assert "remote_files_sensor" not in {sensor.name for sensor in definitions.sensors or []}
    assert not definitions.resolve_asset_graph().get(AssetKey("raw_bamboohr__entity_person")).parent_keys


def test_the_sensor_requests_one_fetch_for_new_files(root: Path, sftp: SftpServer) -> None:
    definitions = build_definitions(Settings(data_root=root))
    _, pipeline = open_root(root)
    fetch = select_fetch(definitions.assets or [])
    sensor = build_remote_files_sensor(pipeline, fetch)
    with DagsterInstance.ephemeral() as instance:

        def tick(cursor: str | None) -> Any:
            return sensor.evaluate_tick(build_sensor_context(instance, cursor=cursor, definitions=definitions))

        nothing = tick(None)
        assert (nothing.run_requests, nothing.skip_message) == ([], "no new file")
        (sftp.folder / "people.csv").write_text(f"{HEADER}\n1,a@x.org,A,B,Active\n")
        requested = tick(nothing.cursor)
        (request,) = requested.run_requests
        assert set(request.asset_selection) == {AssetKey(FETCH.name), AssetKey(ORIGIN.name)}
        assert request.tags[FETCH_TAG] == "1"
        assert {"people_is_fetched", "more_people_is_fetched"} < {key.name for key in request.asset_check_keys}
        job = definitions.resolve_job_def("nightly").get_subset(
            asset_selection=frozenset(fetch.assets), asset_check_selection=frozenset(fetch.checks)
        )
        assert job.execute_in_process(instance=instance, resources={"pipeline": pipeline}, tags=request.tags).success
        assert (root / "landing/people/people.csv").exists()
        after = tick(requested.cursor)
        assert (after.run_requests, after.skip_message) == ([], "no new file")
        assert read_fetch_cursor(after.cursor).attempts == {}
        sftp.sftp.denied = frozenset({"late.csv"})
        (sftp.folder / "late.csv").write_text("x")
        cursor = after.cursor
        for _ in range(MAX_ATTEMPTS):
            repeated = tick(cursor)
            assert len(repeated.run_requests) == 1
            cursor = repeated.cursor
        ended = tick(cursor)
        message = "new files were tried 3 times and are not requested again until they change"
        assert (ended.run_requests, ended.skip_message) == ([], message)


def test_a_file_that_is_never_fetched_is_tried_three_times_and_a_changed_one_again() -> None:
    cursor, due = read_fetch_cursor("no cursor"), []
    for version in ("a:1", "a:1", "a:1", "a:1", "a:2"):
        cursor, is_due = plan_fetch(cursor, [NewRemoteFile(("people",), version)])
        due.append(is_due)
    assert due == [True, True, True, False, True]
    assert cursor.number == 4
