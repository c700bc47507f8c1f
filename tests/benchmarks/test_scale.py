"""The memory of a process and its children is sampled, and the peak between two moments is found."""

import subprocess
import sys

import pytest

from benchmarks.scale.first_run import MemorySample, StepCost, _take_medians, find_peak, sample_memory

SAMPLES: list[MemorySample] = [(1.0, 10), (2.0, 30), (3.0, 20)]


@pytest.mark.parametrize(
    ("start", "end", "peak"), [(0.0, 9.0, 30), (2.5, 3.5, 20), (1.0, 2.0, 30), (1.1, 1.2, 10), (8.0, 9.0, 20)]
)
def test_the_peak_between_two_moments(start: float, end: float, peak: int) -> None:
    assert find_peak(SAMPLES, start, end) == peak


def test_without_samples_there_is_no_peak() -> None:
    assert find_peak([], 0.0, 1.0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_of_a_child_counts() -> None:
    allocate = "import time; block = b'x' * 200_000_000; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {allocate!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent])
    samples = sample_memory(process)
    assert process.returncode == 0
    assert find_peak(samples, 0.0, float("inf")) > 200_000_000


def test_repeated_runs_give_medians() -> None:
    costs = [StepCost(300, "recommend", seconds, None, seconds / 10) for seconds in (3.0, 1.0, 2.0)]
    assert _take_medians(costs) == StepCost(300, "recommend", 2.0, None, 0.2)
