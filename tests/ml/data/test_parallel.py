"""The same work on many parts: side by side where there are cores, and in the order of the parts."""

import os
import threading

import pytest
from joblib import parallel_config

from ml.data.parallel import parallel_map


def test_parts_are_done_side_by_side_on_as_many_threads_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    meeting = threading.Barrier(2)

    def meet(part: int) -> int:
        meeting.wait(timeout=20)  # raises where the other part waits for this one to be done
        return part

    assert parallel_map(meet, [(1,), (2,)]) == [1, 2]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_answers_come_in_the_order_of_the_parts(jobs: int) -> None:
    assert parallel_map(lambda part: part * part, [(n,) for n in range(9)], n_jobs=jobs) == [n * n for n in range(9)]


def test_what_joblib_is_told_is_obeyed() -> None:
    with parallel_config(backend="threading", n_jobs=3):
        names = parallel_map(lambda _: threading.current_thread() is threading.main_thread(), [(n,) for n in range(4)])
    assert not any(names)


def test_one_part_or_one_job_needs_no_thread() -> None:
    assert parallel_map(lambda: threading.current_thread() is threading.main_thread(), [()]) == [True]
