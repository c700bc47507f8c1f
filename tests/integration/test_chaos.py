"""A run that is killed at a random moment, and one on a full disk, lose nothing."""

from pathlib import Path

import pytest

from benchmarks.chaos import interrupt_runs


# One kill and one full disk are two more runs. `footsteps bench chaos --kills 40` does the rest.
@pytest.mark.slow
def test_readers_ledger_and_the_next_run_survive_kills_and_a_full_disk(tmp_path: Path) -> None:
    outcome = interrupt_runs(tmp_path, people=60, kills=1, seed=11)
    assert outcome.holds, outcome
