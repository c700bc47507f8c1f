"""Exposures and outcomes that commands record become acceptance by rank in the next run, with intervals."""

import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from pipelines.config.company import read_config
from pipelines.contracts.feature_tables import ACCEPTANCE, SHOWN_STEP
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.storage.lake import Lake

SOURCES = """sources:
  - {name: exposures, system: tabular, shape: exposure, path: "reader/exposures_*.csv", delivery: incremental,
     mapping: {record_code: exposure_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, shown_rank: rank, shown_at: shown_at}}
  - {name: outcomes, system: tabular, shape: outcome, path: "reader/outcomes_*.csv", delivery: incremental,
     mapping: {record_code: outcome_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, outcome_kind: outcome, outcome_at: happened_at}}
"""


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-root", str(root)])


@pytest.fixture(scope="module")
def root(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with sources of exposures and outcomes declared, before the next run."""
    copy = tmp_path_factory.mktemp("loop") / "copy"
    shutil.copytree(demo_run.settings.root, copy, ignore=shutil.ignore_patterns("dagster_home"))
    config = copy / "footsteps.yaml"
    text = config.read_text()
    assert text.count("\nsources:\n") == 1
    config.write_text(text.replace("sources:\n", SOURCES, 1))
    return copy


def test_exposures_and_outcomes_become_acceptance_by_rank(demo_run: DemoRun, root: Path) -> None:
    snapshot = demo_run.summary.snapshot
    rows = snapshot.scan(NEXT_SKILL.name).filter(pl.col("rank") <= 2).sort("person_id", "rank").collect()
    whole = rows.filter(pl.len().over("person_id") == 2)
    (first_step, second_step), (other_step, _), (unseen_step, _) = (
        [[row["person_id"], row["skill_id"], row["to_stage"]] for row in part.to_dicts()]
        for part in whole.partition_by("person_id", maintain_order=True)[:3]
    )
    day = END.isoformat()
    before = (END - timedelta(days=1)).isoformat()
    commands = [
        ["exposure", *first_step, "1", "--at", day],
        ["exposure", *second_step, "2", "--at", day],
        ["exposure", *other_step, "1", "--at", day],
        ["outcome", *first_step, "accepted", "--at", f"{day}T09:00:00"],
        ["outcome", *other_step, "accepted", "--at", before],  # before the step was shown: it does not count
        ["outcome", *second_step, "dismissed", "--at", f"{day}T09:00:00"],
        ["outcome", *unseen_step, "started", "--at", day],  # the step was never shown
    ]
    for words in (*commands, *commands):  # twice, as an unsure caller would: each is written once
        result = call(root, *words)
        assert result.exit_code == 0, result.stderr
    lines = [path.read_text().count("\n") for path in sorted((root / "landing" / "reader").iterdir())]
    assert lines == [1 + 3, 1 + 4]

    settings = resolve_settings(root)
    execute_run(settings, read_config(settings.config_path), END + timedelta(days=1), False)
    lake = Lake(settings.lake_path)
    shown = lake.scan(SHOWN_STEP).sort("shown_rank", "is_accepted_step").collect()
    assert shown.select("person_id", "shown_rank", "is_accepted_step").rows() == [
        (other_step[0], 1, False),
        (first_step[0], 1, True),
        (second_step[0], 2, False),
    ]
    assert shown["snapshot_id"].unique().to_list() == [snapshot.snapshot_id]
    first, second = lake.scan(ACCEPTANCE).sort("shown_rank").collect().to_dicts()
    assert (first["shown_rank"], first["shown_count"], first["accepted_count"]) == (1, 2, 1)
    # Wilson, 95 %: 1 of 2 is 0.5 (0.095 to 0.905), 0 of 1 is 0 (0 to 0.793)
    assert [first[f"acceptance_{name}"] for name in ("share", "low", "high")] == pytest.approx(
        [0.5, 0.0945, 0.9055], abs=1e-4
    )
    assert (second["shown_rank"], second["shown_count"], second["accepted_count"]) == (2, 1, 0)
    assert second["acceptance_high"] == pytest.approx(0.7935, abs=1e-4)
    assert second["examined_share"] is None  # no step was shown at both ranks: the bias is unknown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("exposure", "nobody", "dat-1", "journeyman", "1"), "does not recommend dat-1 as journeyman to nobody"),
        (("exposure", "100003", "dat-1", "guru", "1"), "is none of none, apprentice"),
        (("outcome", "100003", "dat-1", "journeyman", "loved"), "is none of accepted"),
        (("outcome", "100003", "dat-1", "journeyman", "done", "--snapshot", "x"), "no snapshot 'x' is kept"),
    ],
)
def test_a_record_that_would_match_nothing_is_refused(root: Path, words: tuple[str, ...], sentence: str) -> None:
    result = call(root, *words)
    assert result.exit_code == 1
    assert sentence in " ".join(result.stderr.split())


def test_without_a_source_the_message_shows_how_to_declare_it(demo_run: DemoRun) -> None:
    result = call(demo_run.settings.root, "exposure", "100003", "dat-1", "journeyman", "1")
    assert result.exit_code == 1
    assert "shape: exposure" in result.stderr
