"""A night killed at a random moment and one on a full disk lose nothing."""

from pathlib import Path

import pytest

from benchmarks.chaos import interrupt_runs


# One kill and the full disk: two nights more. `footsteps bench chaos --kills 40` does the rest.
@pytest.mark.slow
def test_readers_ledger_and_the_next_night_survive_kills_and_a_full_disk(tmp_path: Path) -> None:
    found = interrupt_runs(tmp_path, people=60, kills=1, seed=11)
    assert found.holds, found
