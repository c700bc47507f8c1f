"""Parallel work: one thread per core, results in the order of the arguments."""

import os
import threading

import pytest
from joblib import parallel_config

from ml.data.parallel import parallel_map


def test_calls_run_at_the_same_time_on_one_thread_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    meeting = threading.Barrier(2)

    def meet(number: int) -> int:
        meeting.wait(timeout=20)  # raises if the other call waits until this one is done
        return number

    assert parallel_map(meet, [(1,), (2,)]) == [1, 2]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_are_in_the_order_of_the_arguments(jobs: int) -> None:
    assert parallel_map(lambda number: number * number, [(n,) for n in range(9)], n_jobs=jobs) == [
        n * n for n in range(9)
    ]


def test_the_configuration_of_joblib_applies() -> None:
    with parallel_config(backend="threading", n_jobs=3):
        names = parallel_map(lambda _: threading.current_thread() is threading.main_thread(), [(n,) for n in range(4)])
    assert not any(names)


def test_a_single_call_runs_in_the_callers_thread() -> None:
    assert parallel_map(lambda: threading.current_thread() is threading.main_thread(), [()]) == [True]
