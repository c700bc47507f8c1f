"""The switch, from the command to the published rows of every target, and back."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from conftest import END, DemoRun
from served_company import make_client, sign_in
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from benchmarks.incremental_runs import write_new_worklogs
from pipelines.config.company import read_config
from pipelines.config.publish import ObjectStoreOptions
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.columns import PAUSED
from pipelines.contracts.output_tables import (
    CAPABILITY,
    COMPANION,
    COUNTERFACTUAL,
    NEXT_SKILL,
    SQUAD_MATCH,
    SUPPORT_GAP,
)
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.publish.feed import read_feed
from pipelines.publish.object_store import fetch_publication
from pipelines.snapshots.reader import Snapshot, current_delta, current_snapshot
from pipelines.storage.lake import Lake

REASON = "The works council asked for a review."


def count_reasons(rows: pl.DataFrame) -> dict[str | None, int]:
    return dict(rows.group_by("no_recommendation_reason").len().iter_rows())


def check_nothing_is_recommended(snapshot: Snapshot, people: pl.Series) -> dict[str | None, int]:
    steps = snapshot.scan(NEXT_SKILL.name).collect()
    assert steps["person_id"].sort().equals(people)  # one row per person
    assert (
        steps.select("skill_id", "rank", "probability", "explanation", "how").null_count().row(0) == (people.len(),) * 5
    )
    for table in (COMPANION, COUNTERFACTUAL, SUPPORT_GAP, SQUAD_MATCH):
        assert snapshot.scan(table.name).collect().is_empty(), table.name
    capability = snapshot.scan(CAPABILITY.name).collect()
    assert capability["next_skill_id"].null_count() == capability.height > 0
    return count_reasons(steps)


def check_what_is_served(root: Path, reasons: dict[str | None, int]) -> None:
    """Each person's own page and the JSON interface say that recommendations are paused."""
    client, people = make_client(root, datetime.now(UTC)), Lake(root / "lake").scan(PERSON)
    paused_people = current_snapshot(root / "published").scan(NEXT_SKILL.name).filter(no_recommendation_reason=PAUSED)
    numbers = people.join(paused_people, on="person_id", how="semi").select("employee_number").collect().to_series()
    assert numbers.len() == reasons[PAUSED]
    for employee_number in numbers.sort()[:3]:
        assert REASON in client.get("/people/me/", headers=sign_in(employee_number)).text
        document = client.get("/api/v1/me/next-steps", headers=sign_in(employee_number)).json()
        (row,) = document["next_steps"]
        assert (row["no_recommendation_reason"], row["skill_id"], document["companions"]) == (PAUSED, None, [])


@pytest.mark.slow
def test_a_pause_reaches_every_target_in_one_run(
    demo_run: DemoRun, tmp_path: Path, s3_endpoint: str, postgresql_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    before = current_snapshot(root / "published").scan(NEXT_SKILL.name).collect()
    people = before["person_id"].unique().sort()
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", postgresql_uri)
    bucket = ObjectStoreOptions(url="s3://people-data/footsteps", endpoint=s3_endpoint)
    with (root / "footsteps.yaml").open("a") as declared:
        declared.write(
            "\nquiet_seconds: 0\npublish:\n  postgresql: {schema_name: paused}\n"
            f"  object_store: {bucket.model_dump_json()}\n"
            "serve: {header: {header: X-Forwarded-User, key: employee_number}}\n"
        )
    last_event = max(event["sequence"] for event in read_feed(root / "published"))

    options = ["--data-root", str(root), "--as-of", END.isoformat()]
    result = CliRunner().invoke(app, ["pause", "--reason", REASON, *options])

    assert result.exit_code == 0, result.output
    snapshot = current_snapshot(root / "published")
    reasons = check_nothing_is_recommended(snapshot, people)
    opted_out = before.filter(no_recommendation_reason="opted_out").height
    assert reasons == {PAUSED: people.len() - opted_out, **({"opted_out": opted_out} if opted_out else {})}
    # every target
    assert count_reasons(current_delta(root / "published").scan(NEXT_SKILL.name).collect()) == reasons
    counted = f"SELECT no_recommendation_reason, count(*) FROM {NEXT_SKILL.name} GROUP BY 1"
    with duckdb.connect(str(root / "published" / "footsteps.duckdb"), read_only=True) as connection:
        assert dict(connection.sql(counted).fetchall()) == reasons
    in_postgresql = pl.read_database_uri(counted.replace("out__", "paused.out__"), postgresql_uri, engine="adbc")
    assert dict(in_postgresql.iter_rows()) == reasons
    elsewhere = fetch_publication(tmp_path / "elsewhere", bucket)
    assert check_nothing_is_recommended(elsewhere, people) == reasons
    changed_people = {event["subject"] for event in read_feed(root / "published", int(last_event))}
    assert changed_people == set(before.filter(pl.col("skill_id").is_not_null())["person_id"])
    pages = [path.read_text() for path in (root / "published" / "site").rglob("*.html")]
    assert sum(REASON in page for page in pages) == reasons[PAUSED] + 1  # and the page about the run
    check_what_is_served(root, reasons)
    # what operators see, and no name of who did it
    doctor = CliRunner().invoke(app, ["doctor", "--data-root", str(root)])
    assert REASON in doctor.output
    (pause,) = Lake(root / "lake").scan(PAUSE).collect().to_dicts()
    assert set(pause) == {"pause_origin", "paused_at", "resumed_at", "pause_reason"}
    again = CliRunner().invoke(app, ["pause", "--reason", "Again.", "--data-root", str(root)])
    assert again.exit_code == 1


@pytest.mark.long
def test_a_pause_holds_in_an_incremental_run_and_ends_with_the_next_complete_one(
    demo_run: DemoRun, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    with (root / "footsteps.yaml").open("a") as declared:
        declared.write("\nquiet_seconds: 0\n")
    settings = resolve_settings(root)
    config = read_config(settings.config_path)
    before = current_snapshot(root / "published").scan(NEXT_SKILL.name).collect()
    write_new_worklogs(settings, people=5, day=END, seed=3)
    paused = CliRunner().invoke(app, ["pause", "--reason", REASON, "--no-run", "--data-root", str(root)])
    assert paused.exit_code == 0, paused.output
    assert current_snapshot(root / "published").scan(NEXT_SKILL.name).collect().equals(before)

    execute_run(settings, config, END, allow_row_count_drop=False, incremental=True)

    people = before["person_id"].unique().sort()
    assert PAUSED in check_nothing_is_recommended(current_snapshot(root / "published"), people)

    resumed = CliRunner().invoke(app, ["resume", "--no-run", "--data-root", str(root)])
    assert resumed.exit_code == 0, resumed.output
    execute_run(settings, config, END, allow_row_count_drop=False)

    after = current_snapshot(root / "published")
    reasons = count_reasons(after.scan(NEXT_SKILL.name).collect())
    assert PAUSED not in reasons
    assert reasons[None] > 0
    assert after.scan(COMPANION.name).collect().height > 0
    assert Lake(root / "lake").scan(PAUSE).collect()["resumed_at"].null_count() == 0
