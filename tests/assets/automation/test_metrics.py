"""The metrics file: OpenMetrics, readable for the node exporter, with what the last run left."""

import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun
from dagster import DagsterInstance, build_sensor_context
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text_format
from typer.testing import CliRunner, Result

from assets.automation.metrics import Metric, build_metrics_sensor, measure_metrics, write_metrics
from assets.cli.app import app
from assets.cli.terminal.console import resolve_settings
from assets.definitions import build_pipeline
from pipelines.config.company import read_config
from pipelines.contracts.output_tables import PUBLISH_TARGET
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

Samples = dict[str, dict[str, float]]


def read_samples(path: Path) -> Samples:
    """The samples of a file by metric and label; both parsers must read the same."""
    text = path.read_text()
    samples: list[Samples] = []
    for parse in (parse_openmetrics, parse_text_format):
        samples.append({})
        for family in parse(text):
            assert family.type == "gauge"
            assert family.documentation.endswith(".")
            samples[-1][family.name] = {
                "".join(sample.labels.values()): sample.value for sample in family.samples if sample.timestamp is None
            }
    assert samples[0] == samples[1]
    return samples[0]


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, copy)
    return copy


def call(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data-root", str(root)])


def configure(root: Path, metrics_file: Path) -> None:
    with (root / "footsteps.yaml").open("a") as config_file:
        config_file.write(f"\nmonitoring: {{metrics_file: {metrics_file}}}\n")


def test_a_metric_is_written_whole_and_readable_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "collector" / "footsteps.prom"
    write_metrics(path, [Metric("waits_seconds", 'Waits of a "source".', {'a"b\n': 1.5}, "source")])
    assert path.read_text() == (
        '# HELP footsteps_waits_seconds Waits of a \\"source\\".\n'
        "# TYPE footsteps_waits_seconds gauge\n"
        "# UNIT footsteps_waits_seconds seconds\n"
        'footsteps_waits_seconds{source="a\\"b\\n"} 1.5\n'
        "# EOF\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["footsteps.prom"]


def test_metrics_say_what_the_last_run_left(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "footsteps.prom"
    doctor = call(root, "doctor", "--metrics", str(path), "--json")
    assert json.loads(doctor.stdout)
    samples, snapshot = read_samples(path), current_snapshot(root / "published")
    assert samples["footsteps_published_rows"] == {table.name: table.rows for table in snapshot.tables}
    assert set(samples["footsteps_open_refusals"].values()) == {0}
    assert set(samples["footsteps_target_current"].values()) == {1}
    assert samples["footsteps_last_run_exit_code"] == {"": 0}
    assert samples["footsteps_unresolved_runs"] == {"failed": 0, "killed": 0}
    assert set(samples["footsteps_schedule_on"].values()) == {0}
    assert samples["footsteps_last_run_timestamp_seconds"] == samples["footsteps_last_success_timestamp_seconds"]
    assert 0 < samples["footsteps_last_run_duration_seconds"][""] < 900
    assert snapshot.published_at is not None
    assert samples["footsteps_snapshot_published_timestamp_seconds"][""] == snapshot.published_at.timestamp()


def test_the_snapshot_is_valid_until_the_end_of_its_last_day(root: Path) -> None:
    settings, snapshot = resolve_settings(root), current_snapshot(root / "published")
    pipeline = build_pipeline(settings, read_config(settings.config_path))
    assert snapshot.published_at is not None
    now = snapshot.published_at + timedelta(seconds=90)
    samples = {metric.name: metric.value_by_label for metric in measure_metrics(pipeline, None, now)}
    assert samples["snapshot_age_seconds"] == {"": 90}
    first_stale_second = datetime.fromtimestamp(samples["snapshot_valid_until_timestamp_seconds"][""], UTC)
    assert snapshot.is_stale(first_stale_second.date())
    assert not snapshot.is_stale((first_stale_second - timedelta(seconds=1)).date())
    assert "last_run_exit_code" not in samples


def test_refusals_and_targets_show_in_the_metrics(root: Path, tmp_path: Path) -> None:
    rows = Lake(root / "lake").scan(PUBLISH_TARGET).collect()
    problem = pl.when(pl.col("way_name") == "site").then(pl.lit("OSError: full")).alias("way_problem")
    Lake(root / "lake").write(PUBLISH_TARGET, rows.with_columns(problem))
    call(root, "doctor", "--metrics", str(tmp_path / "footsteps.prom"))
    samples = read_samples(tmp_path / "footsteps.prom")
    assert samples["footsteps_target_current"] == {"contracts": 1, "delta": 1, "duckdb": 1, "feed": 1, "site": 0}
    assert samples["footsteps_last_run_exit_code"] == {"": 4}


def test_a_run_and_the_sensor_write_the_configured_file(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "collector" / "footsteps.prom"
    configure(root, path)
    state_before = [file.stat().st_mtime_ns for file in sorted((root / "lake" / "core__person").rglob("*.parquet"))]
    assert call(root, "run", "--as-of", END.isoformat()).exit_code == 0
    # what only reports on runs makes no table new
    assert state_before == [
        file.stat().st_mtime_ns for file in sorted((root / "lake" / "core__person").rglob("*.parquet"))
    ]
    last_run = read_samples(path)["footsteps_last_run_timestamp_seconds"]
    path.unlink()
    settings = resolve_settings(root)
    sensor = build_metrics_sensor(build_pipeline(settings, read_config(settings.config_path)))
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        sensor.evaluate_tick(build_sensor_context(instance))
    assert read_samples(path)["footsteps_last_run_timestamp_seconds"] == last_run


def test_metrics_that_cannot_be_written_are_reported_and_stop_no_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    configure(root, tmp_path / "occupied" / "footsteps.prom")
    finished = call(root, "run", "--as-of", END.isoformat())
    assert finished.exit_code == 0
    assert "monitoring: metrics: " in finished.stderr
    doctor = call(root, "doctor", "--json")
    assert any(sentence.startswith("metrics: ") for sentence in json.loads(doctor.stdout)["findings"])
    refused = call(root, "doctor", "--metrics", str(tmp_path / "occupied" / "footsteps.prom"))
    assert refused.exit_code == 1
    assert "the metrics cannot be written: FileExistsError" in refused.stderr


@pytest.mark.parametrize("path", ["footsteps.prom", "/var/lib/metrics.txt"])
def test_a_path_that_the_collector_would_not_read_is_refused(path: str, root: Path) -> None:
    configure(root, Path(path))
    refused = call(root, "doctor")
    assert refused.exit_code == 2
    assert "must be an absolute path that ends with .prom" in refused.stderr
