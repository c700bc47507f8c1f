"""The UI in a real browser on a real server, and its API for a backfill."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import DemoRun

from pipelines.ingest.deliveries import read_ledger
from pipelines.storage.lake import Lake

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROOT = Path(__file__).parents[2]
RAW = "raw_tempo__event_worklog"
DAYS = [date(2026, 5, 1) + timedelta(days=n) for n in range(30)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(root: Path) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    server = subprocess.Popen(
        [sys.executable, "-m", "assets.cli.app", "up", "--data-root", str(root), "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(480):
            try:
                with urllib.request.urlopen(f"{url}/server_info", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "footsteps up ended"
                time.sleep(0.25)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def ask(url: str, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    for pause in (1, 2, 4, None):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                reply = json.load(answer)
                break
        except urllib.error.HTTPError as refusal:
            # the web server and the daemon share SQLite files, which refuse requests while the other process writes: a
            # person would ask again
            if pause is None:
                raise AssertionError(f"{refusal.code}: {refusal.read().decode()[:2000]}") from refusal
            time.sleep(pause)
    assert "errors" not in reply, reply["errors"]
    return reply["data"]


@pytest.fixture
def seen(demo_run: DemoRun, tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "seen"
    shutil.copytree(demo_run.settings.root, root)
    yield from serve(root)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_finds_every_group_an_assets_metadata_and_a_failed_check(seen: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(120_000)
        page.goto(f"{seen}/asset-groups")
        for group in ("raw", "core", "feat", "model", "out"):
            page.goto(f"{seen}/locations/assets.definitions/asset-groups/{group}")
            page.get_by_text(group, exact=True).first.wait_for()
        page.goto(f"{seen}/assets/{RAW}?view=overview")
        page.get_by_text("quarantined_share").first.wait_for()
        page.goto(f"{seen}/assets/{RAW}?view=checks")
        page.get_by_text("rows_are_readable").first.click()
        page.get_by_text("Failed").first.wait_for()
        assert "worked_at" in page.content()
        browser.close()


@pytest.fixture
def waiting(demo_run: DemoRun, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A company whose worklogs are in thirty files, one per day, none of them landed."""
    root = tmp_path / "waiting"
    source = demo_run.settings.root
    root.mkdir()
    shutil.copyfile(source / "footsteps.yaml", root / "footsteps.yaml")
    shutil.copytree(source / "landing", root / "landing")
    folder = root / "landing" / "tempo"
    (first, *others) = sorted(folder.glob("worklogs_*.csv"))
    head, *rows = first.read_bytes().splitlines(keepends=True)
    for path in (first, *others):
        path.unlink()
    for number, day in enumerate(DAYS):
        (folder / f"worklogs_{day}.csv").write_bytes(head + b"".join(rows[number * 20 : number * 20 + 30]))
    for url in serve(root):
        yield url, root


LAUNCH = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { status numPartitions } } }"""


@pytest.mark.slow
def test_a_backfill_of_thirty_days_equals_the_tables_made_day_by_day(waiting: tuple[str, Path], tmp_path: Path) -> None:
    url, root = waiting
    by_day = tmp_path / "by_day"
    shutil.copytree(root, by_day, ignore=shutil.ignore_patterns("dagster_home", "lake"))
    params = {
        "assetSelection": [{"path": [RAW]}, {"path": [f"quarantine__{RAW}"]}],
        "partitionNames": [day.isoformat() for day in DAYS],
    }
    launched = ask(url, LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    for _ in range(600):
        status = ask(url, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]["status"]
        if status.startswith("COMPLETED") or status == "FAILED":
            break
        time.sleep(0.5)
    assert status == "COMPLETED_SUCCESS"
    _land_day_by_day(by_day)
    (ledger, rows), (ledger_by_day, rows_by_day) = _read_landed(root), _read_landed(by_day)
    assert ledger.height == 30
    assert ledger.equals(ledger_by_day)
    assert rows.equals(rows_by_day)


def _land_day_by_day(root: Path) -> None:
    from dagster import AssetsDefinition, DagsterInstance, materialize

    from assets.cli.terminal.console import resolve_settings
    from assets.definitions import build_definitions

    definitions = build_definitions(resolve_settings(root))
    assets: Any = definitions.assets
    lands = [asset for asset in assets if isinstance(asset, AssetsDefinition) and asset.op.name == "land_tempo"]
    for day in DAYS:
        with DagsterInstance.ephemeral() as instance:
            assert materialize(lands, instance=instance, resources=definitions.resources, partition_key=day.isoformat())


def _read_landed(root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ledger without the landing time, and every raw row."""
    lake = Lake(root / "lake")
    ledger = read_ledger(lake).drop("landed_at").sort("delivery_number")
    files = sorted((lake.root / RAW).rglob("*.parquet"))
    return ledger, pl.concat([pl.read_parquet(path) for path in files]).sort("delivery_number", "row_number")
