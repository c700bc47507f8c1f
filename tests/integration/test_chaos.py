"""A run that is killed at a random moment, and one on a full disk, lose nothing."""

import shutil
from pathlib import Path

import pytest
from conftest import END, DemoRun

from benchmarks.chaos import LAST_DAY, interrupt_runs


# One kill and one full disk are two more runs. `footsteps bench chaos --kills 40` does the rest.
@pytest.mark.slow
def test_readers_ledger_and_the_next_run_survive_kills_and_a_full_disk(demo_run: DemoRun, tmp_path: Path) -> None:
    assert LAST_DAY == END
    before = tmp_path / "before"
    shutil.copytree(demo_run.settings.root, before)
    outcome = interrupt_runs(before, tmp_path, kills=1, seed=11)
    assert outcome.holds, outcome
