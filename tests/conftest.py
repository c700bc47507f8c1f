"""What several tests share: one run of the demo company, and a browser."""

import fcntl
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import settings

from assets.cli.run import RunSummary, execute_run
from assets.cli.terminal.console import resolve_settings
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.table import Table
from pipelines.core import skill_texts, taxonomy
from pipelines.demo.build import build_demo
from pipelines.ingest import raw_tables
from pipelines.validation import rule_evaluation

END = date(2026, 6, 30)
CHROMIUM = Path("/usr/bin/chromium")

# A busy machine is no failure: what counts is what a property says, not how long an example takes.
settings.register_profile("footsteps", deadline=None)
settings.load_profile("footsteps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests so that the workers seldom wait for each other and end together.

    Each worker begins with one half of the list. The tests of the demo are all in the first half, so that one worker
    makes it while the other runs tests without it. The longest are first: at the end, short ones are left to share.
    """
    items.sort(
        key=lambda item: (
            "integration" not in item.path.parts,
            item.get_closest_marker("slow") is None,
            "demo_run" not in getattr(item, "fixturenames", ()),
        )
    )


@dataclass(frozen=True)
class DemoRun:
    """A demo company after its first run.

    Attributes:
        matched_texts: Each text that the run matched to the taxonomy, and whether as the code of a course.
        evaluated_rows: Rows for which the run evaluated the rules of a table, by name of the table.
    """

    settings: Settings
    summary: RunSummary
    matched_texts: list[tuple[str, bool]]
    evaluated_rows: Counter[str]


def run_pipeline(root: Path, *, allow_row_count_drop: bool = False) -> RunSummary:
    """A complete run on the data root, as of the demo's end."""
    settings = resolve_settings(root)
    return execute_run(settings, read_config(settings.config_path), END, allow_row_count_drop)


@contextmanager
def record_matched_texts() -> Iterator[list[tuple[str, bool]]]:
    """The texts that are matched to the taxonomy meanwhile, once per match, and whether as the code of a course."""
    matched: list[tuple[str, bool]] = []
    match_texts = taxonomy.match_texts

    def record(texts: pl.DataFrame, skills: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
        is_matched_whole = texts["is_matched_whole"] if "is_matched_whole" in texts.columns else [False] * texts.height
        matched.extend(zip(texts["skill_text"], is_matched_whole, strict=True))
        return match_texts(texts, skills, aliases)

    with pytest.MonkeyPatch.context() as patch:
        for module in (taxonomy, skill_texts):
            patch.setattr(module, "match_texts", record)
        yield matched


@contextmanager
def record_evaluated_rows() -> Iterator[Counter[str]]:
    """Rows for which the rules of a table are evaluated meanwhile, by name of the table."""
    counts: Counter[str] = Counter()
    evaluate, split_landed = rule_evaluation._evaluate, raw_tables.split_landed

    def count_evaluated(table: Table, rules: Any, rows: pl.DataFrame, *arguments: Any) -> Any:
        counts[table.name] += rows.height
        return evaluate(table, rules, rows, *arguments)

    def count_landed(frame: pl.LazyFrame, table: Table, *arguments: Any) -> Any:
        def count(row_numbers: pl.Series) -> pl.Series:
            counts[table.name] += len(row_numbers)
            return row_numbers

        counted = pl.col("row_number").map_batches(count, return_dtype=pl.Int64, is_elementwise=True)
        return split_landed(frame.with_columns(counted), table, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_evaluation, "_evaluate", count_evaluated)
        patch.setattr(raw_tables, "split_landed", count_landed)
        yield counts


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A company of 60 people and its first run, which all workers share: tests that change files copy it first."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder of a worker lies in that of all
        shared = shared.parent
    recorded = shared / "demo_run.pickle"
    with (shared / "demo_run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not recorded.exists():
            recorded.write_bytes(pickle.dumps(make_demo_run(tmp_path_factory.mktemp("demo"))))
    run: DemoRun = pickle.loads(recorded.read_bytes())
    files = list_files(run.settings.root)
    yield run
    changed = sorted({path for path, _, _ in list_files(run.settings.root) ^ files})
    assert changed == [], "a test changed the demo that all tests share"


def make_demo_run(root: Path) -> DemoRun:
    build_demo(root, people_count=60, seed=7, export_day=END)
    with record_matched_texts() as matched_texts, record_evaluated_rows() as evaluated_rows:
        summary = run_pipeline(root)
    return DemoRun(resolve_settings(root), summary, matched_texts, evaluated_rows)


def list_files(root: Path) -> set[tuple[str, int, int]]:
    """Path, size in bytes and time of change of each file, without what readers open: Dagster's files and the lock."""
    paths = (path for path in root.rglob("*") if path.is_file() and "dagster_home" not in path.parts)
    return {(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.name != ".writing"}


@pytest.fixture
def s3_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server on this machine with one bucket, people-data."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="people-data")
    try:
        yield endpoint
    finally:
        running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    with api.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
