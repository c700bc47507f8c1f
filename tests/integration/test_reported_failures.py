"""Whatever fails is reported by the run, its exit code, the doctor and the alerts."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import END, DemoRun
from dagster import DagsterInstance
from typer.testing import CliRunner, Result

from assets.automation.alerts import AlertState, send_due_alert
from assets.checks.exit_codes import ExitCode
from assets.checks.health import find_issues
from assets.cli.app import app
from assets.cli.terminal.console import resolve_settings
from assets.tables import model
from pipelines.config.company import read_config
from pipelines.config.monitoring import AlertConfig
from pipelines.contracts.output_tables import PUBLISH_TARGET
from pipelines.publish import targets
from pipelines.storage import lake
from pipelines.storage.lake import Lake

# Every target is configured; no other machine is asked.
PUBLISH = """
publish:
  postgresql: {uri_variable: PEOPLE_DATABASE}
  object_store: {url: "s3://people-data/footsteps"}
  webhook: {url: "http://127.0.0.1:1/hook", secret_variable: WEBHOOK_KEY}
"""
TARGETS = ("contracts", "delta", "duckdb", "postgresql", "object_store", "feed", "webhook", "site")


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    """A copy of the demo after its first run, which the test may change."""
    copy = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, copy, ignore=shutil.ignore_patterns("dagster_home"))
    return copy


def call(command: str, root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [command, "--json", "--data-root", str(root), *arguments])


def run(root: Path) -> Result:
    return call("run", root, "--as-of", END.isoformat())


def reports(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """What the doctor prints, and the message that the alert sensor sends."""
    messages: list[str] = []
    monkeypatch.setattr("assets.automation.alerts.deliver", lambda *sent: messages.append(sent[-1]) or True)
    settings = resolve_settings(root)
    config = read_config(settings.config_path)
    doctor = call("doctor", root)
    assert doctor.exit_code == ExitCode.FAILED

    def find() -> list[Any]:
        return find_issues(settings, config, root / "landing", datetime.now(UTC))

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        alerts = AlertConfig(to=["json://127.0.0.1/hook"], gather_minutes=0)
        send_due_alert(instance, AlertState(0.0), alerts, "Acme", find, datetime.now(UTC).timestamp())
    return "\n".join(json.loads(doctor.stdout)["findings"]), "\n".join(messages)


def fail(*_: Any, **__: Any) -> str:
    raise OSError(28, "No space left on device")


def replace_targets(monkeypatch: pytest.MonkeyPatch, publish: Callable[..., str], *unchanged: str) -> None:
    """Publish to every target by another function, except some."""
    publishers = {
        name: original if name in unchanged else (original[0], publish) for name, original in targets._TARGETS.items()
    }
    monkeypatch.setattr(targets, "_TARGETS", publishers)


def test_every_failed_target_is_reported_and_ends_with_the_next_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tuple(targets._TARGETS) == TARGETS
    monkeypatch.delenv("PEOPLE_DATABASE", raising=False)
    monkeypatch.delenv("WEBHOOK_KEY", raising=False)
    with (root / "footsteps.yaml").open("a") as config_file:
        config_file.write(PUBLISH)
    with monkeypatch.context() as patch:
        replace_targets(patch, fail, "postgresql", "webhook")  # these lack their secrets
        failed = run(root)
        both_reports = reports(root, patch)
    assert failed.exit_code == ExitCode.TARGET_FAILED
    reasons = {
        **dict.fromkeys(TARGETS, "OSError: [Errno 28] No space left on device"),
        "postgresql": "TargetNotReady: set PEOPLE_DATABASE to the URI of the PostgreSQL server",
        "webhook": "TargetNotReady: set WEBHOOK_KEY to",
    }
    problems = {state["target"]: state["problem"] for state in json.loads(failed.stdout)["targets"]}
    for target, reason in reasons.items():
        assert problems[target].startswith(reason)
        assert f"target: {target}: {reason}" in failed.stderr
        for report in both_reports:
            assert f"target {target}: {reason}" in report
    replace_targets(monkeypatch, lambda *_: "there")
    assert run(root).exit_code == ExitCode.SUCCESS


def test_a_target_that_stays_on_an_earlier_snapshot_is_reported(root: Path) -> None:
    rows = Lake(root / "lake").scan(PUBLISH_TARGET).collect()
    is_site = pl.col("way_name") == "site"
    earlier = pl.when(is_site).then(pl.lit("20250101-000000-aaaaaaaa")).otherwise("snapshot_id").alias("snapshot_id")
    Lake(root / "lake").write(PUBLISH_TARGET, rows.with_columns(earlier))
    doctor = call("doctor", root)
    assert "target site: it holds snapshot 20250101-000000-aaaaaaaa" in doctor.stdout


def test_a_refused_file_is_reported_until_it_is_acknowledged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "landing" / "tempo" / "worklogs_2027-01-03.csv").write_text("When,Who,What\n2026-01-01,me,it\n")
    refused = run(root)
    assert refused.exit_code == ExitCode.SOURCE_REFUSED
    assert "refused: worklogs: worklogs_2027-01-03.csv" in refused.stderr
    with monkeypatch.context() as patch:
        for report in reports(root, patch):
            assert "worklogs: refused: worklogs_2027-01-03.csv" in report
    acknowledged = call("acknowledge", root, "worklogs", "worklogs_2027-01-03.csv")
    assert json.loads(acknowledged.stdout)["acknowledged"] == ["worklogs_2027-01-03.csv"]
    assert run(root).exit_code == ExitCode.SUCCESS
    assert "worklogs: refused" not in call("doctor", root).stdout


def break_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "write_parquet", fail)


def break_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "run_champion_challenger", fail)


@pytest.mark.parametrize(("break_step", "step"), [(break_disk, "land_tempo"), (break_training, "train_ranker")])
def test_a_failed_step_is_reported_and_the_publication_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch, break_step: Callable[[pytest.MonkeyPatch], None], step: str
) -> None:
    pointer = (root / "published" / "CURRENT").read_text()
    worklogs = next((root / "landing" / "tempo").glob("*.csv"))
    header, first_row, *_ = worklogs.read_text().splitlines()
    worklogs.with_name("worklogs_2027-01-03.csv").write_text(f"{header}\n{first_row}\n")
    with monkeypatch.context() as patch:
        break_step(patch)
        failed = run(root)
    assert failed.exit_code == ExitCode.FAILED
    assert f"the step {step} failed" in failed.stderr
    assert "The last publication remains." in failed.stderr
    assert (root / "published" / "CURRENT").read_text() == pointer
    for report in reports(root, monkeypatch):
        assert f"A run of nightly failed at {step}" in report


def test_a_wrong_configuration_has_an_exit_code_of_its_own(root: Path) -> None:
    (root / "footsteps.yaml").write_text("sources: 1\n")
    assert run(root).exit_code == ExitCode.CONFIGURATION
