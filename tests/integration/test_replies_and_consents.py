"""The next run follows what people state: withdrawn consents, dismissed steps, hidden skills."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from pipelines.config.company import read_config
from pipelines.contracts.catalog import CONSENT, PREFERENCE
from pipelines.contracts.output_tables import CAPABILITY, COMPANION, NEXT_SKILL, OUT_MASTERY, REPLY_EFFECT
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class TwoRuns:
    """A run, what people stated after it, and the next run."""

    before: Snapshot
    after: Snapshot
    withdrew: str  # was shown to others, and withdrew consent
    dismissed: tuple[str, str]  # person, micro-skill
    hidden: tuple[str, str]


@pytest.fixture(scope="module")
def two_runs(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> TwoRuns:
    """The demo's first run, and the run after several people stated something."""
    root = tmp_path_factory.mktemp("words") / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    before = demo_run.summary.snapshot
    named = before.scan(COMPANION.name).collect().drop_nulls("companion_id").sort("companion_id", "person_id")
    withdrew = named["companion_id"][0]
    other = named.filter(pl.col("companion_id") != withdrew).row(0, named=True)
    step = before.scan(NEXT_SKILL.name).filter(pl.col("rank") == 1).sort("person_id").collect().row(0, named=True)
    consents = root / "landing" / "consents" / "consents.csv"
    lines = consents.read_text().splitlines()
    consents.write_text("\n".join([*lines, f"co-x,{withdrew},all,all,withdrawn,,{END}"]) + "\n")
    for words in (
        (step["person_id"], "dismiss", step["skill_id"]),
        (other["companion_id"], "hide", other["companion_skill_id"]),
    ):
        result = CliRunner().invoke(app, ["reply", *words, "--on", str(END), "--data-root", str(root)])
        assert result.exit_code == 0, result.stderr
    settings = resolve_settings(root)
    after = execute_run(settings, read_config(settings.config_path), END + timedelta(days=1), False).snapshot
    return TwoRuns(
        before,
        after,
        withdrew,
        (step["person_id"], step["skill_id"]),
        (other["companion_id"], other["companion_skill_id"]),
    )


def named(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.scan(COMPANION.name).collect().drop_nulls("companion_id")


def test_a_person_who_withdrew_consent_is_named_nowhere(two_runs: TwoRuns) -> None:
    assert two_runs.withdrew in named(two_runs.before)["companion_id"].to_list()
    assert two_runs.withdrew not in named(two_runs.after)["companion_id"].to_list()
    assert named(two_runs.after).height > 0


def test_a_dismissed_step_is_gone_and_its_effect_is_listed_with_the_days_it_took(two_runs: TwoRuns) -> None:
    person, skill = two_runs.dismissed
    mine = two_runs.after.scan(NEXT_SKILL.name).filter(pl.col("person_id") == person).collect()
    assert mine.height > 0
    assert skill not in mine["skill_id"].to_list()
    effects = two_runs.after.scan(REPLY_EFFECT.name).filter(pl.col("person_id") == person).collect()
    dismissals = effects.filter((pl.col("skill_id") == skill) & (pl.col("reply_kind") == "dismiss"))
    assert dismissals.select("effect", "first_snapshot_id", "time_to_effect_days").rows() == [
        ("kept_away", two_runs.after.snapshot_id, 1)
    ]


def test_a_reply_that_took_effect_in_an_earlier_run_keeps_that_run(two_runs: TwoRuns) -> None:
    first, second = (
        snapshot.scan(REPLY_EFFECT.name).select("reply_id", "skill_id", "obeyed_date", "first_snapshot_id").collect()
        for snapshot in (two_runs.before, two_runs.after)
    )
    assert first.height > 0
    assert first.join(second, on=first.columns, how="anti", nulls_equal=True).height == 0
    assert first["first_snapshot_id"].drop_nulls().unique().to_list() == [two_runs.before.snapshot_id]


def test_a_hidden_micro_skill_stays_on_the_person_s_own_page(two_runs: TwoRuns) -> None:
    person, skill = two_runs.hidden
    shown = named(two_runs.after).filter(pl.col("companion_id") == person)
    assert skill not in shown["companion_skill_id"].to_list()
    held = two_runs.after.scan(OUT_MASTERY.name).filter(pl.col("person_id") == person, pl.col("is_hidden")).collect()
    assert held.height <= held["skill_id"].n_unique()
    hidden = two_runs.after.scan(OUT_MASTERY.name).filter(pl.col("is_hidden")).select("person_id", "skill_id").collect()
    published = two_runs.after.scan(OUT_MASTERY.name).select("person_id", "skill_id").collect().rows()
    assert ((person, skill) in hidden.rows()) == ((person, skill) in published)


def test_companions_stay_from_run_to_run_within_their_load(two_runs: TwoRuns) -> None:
    first, second = (named(s).select("person_id", "companion_id") for s in (two_runs.before, two_runs.after))
    lasting = first.join(second, on=first.columns, how="semi").height
    assert lasting > 0.8 * first.height
    assert second.group_by("companion_id").len()["len"].max() <= 5  # type: ignore[operator]


def test_only_people_whose_consent_is_in_force_are_named(demo_run: DemoRun, two_runs: TwoRuns) -> None:
    consents = Lake(demo_run.settings.lake_path).scan(CONSENT).collect()
    given = consents.filter((pl.col("consent_status") == "granted") & (pl.col("expires_date") >= END))
    assert consents.height > given.height
    assert set(named(two_runs.before)["companion_id"]) <= set(given["person_id"])


def test_a_person_who_opted_out_gets_a_row_with_that_reason_and_is_nobody_s_companion(
    demo_run: DemoRun, two_runs: TwoRuns
) -> None:
    rows = two_runs.before.scan(NEXT_SKILL.name).filter(pl.col("no_recommendation_reason") == "opted_out").collect()
    asked = Lake(demo_run.settings.lake_path).scan(PREFERENCE).filter(pl.col("is_opted_out")).collect()
    assert rows.height > 0
    assert set(rows["person_id"]) == set(asked["person_id"])
    assert not set(rows["person_id"]) & set(named(two_runs.before)["companion_id"])
    coverage = two_runs.before.scan(CAPABILITY.name).collect().join(rows, on="person_id", how="semi")
    assert coverage.height > 0
    assert coverage["next_skill_id"].null_count() == coverage["completes_share"].null_count() == coverage.height


def test_an_incremental_run_too_names_nobody_who_withdrew_consent(demo_run: DemoRun, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    before = named(demo_run.summary.snapshot)
    withdrew = before["companion_id"].sort()[0]
    consents = root / "landing" / "consents" / "consents.csv"
    consents.write_text(f"{consents.read_text().rstrip()}\nco-x,{withdrew},all,all,withdrawn,,{END}\n")
    settings = resolve_settings(root)
    after = execute_run(settings, read_config(settings.config_path), END, False, incremental=True).snapshot
    rows = ("person_id", "step_id", "relation", "companion_id")
    expected = before.filter(pl.col("companion_id") != withdrew).select(rows).sort(rows)
    assert expected.height < before.height
    assert named(after).select(rows).sort(rows).equals(expected)


def test_nobody_is_shown_longer_than_their_consent_if_rows_are_only_renewed(demo_run: DemoRun, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    leaving = named(demo_run.summary.snapshot)["companion_id"].sort()[0]
    settings = resolve_settings(root)
    config = read_config(settings.config_path)
    last_day = END + timedelta(days=config.policy.valid_days)
    consents = root / "landing" / "consents" / "consents.csv"
    consents.write_text(f"{consents.read_text().rstrip()}\nco-x,{leaving},all,all,granted,{last_day},{END}\n")
    first = execute_run(settings, config, None, False, run_day=END).snapshot
    renewed = execute_run(settings, config, None, False, run_day=END + timedelta(days=1)).snapshot
    assert (renewed.as_of, renewed.valid_until) == (END, last_day + timedelta(days=1))
    rows = ("person_id", "step_id", "relation", "companion_id")
    expected = named(first).filter(pl.col("companion_id") != leaving).select(rows).sort(rows)
    assert expected.height < named(first).height
    assert named(renewed).select(rows).sort(rows).equals(expected)
