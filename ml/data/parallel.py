"""Spread: the same work on many parts, through joblib, in the order of the parts.

Belongs here: how many jobs, which kind by default. Does not belong here: the work.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def parallel_map(work: Callable[..., Result], parts: Sequence[tuple[Any, ...]], *, n_jobs: int | None = None) -> list[Result]:
    """`work(*part)` for each part, in order. Results must not depend on who does a part: they never do on `n_jobs`.

    One part is done at once. Several go to `n_jobs` threads, by default as many as there are cores. Inside joblib's
    `parallel_config(backend=..., n_jobs=...)` they go where that says: other processes, Dask, Ray.
    """
    configured = effective_n_jobs(None)  # of joblib's parallel_config; 1 outside of it
    jobs = n_jobs or (configured if configured > 1 else os.cpu_count() or 1)
    if len(parts) <= 1 or jobs == 1:
        return [_alone(work, part) for part in parts]
    # Arrays in compiled code leave the interpreter's lock, and threads need no copies of what was fitted.
    asked = None if n_jobs is None and configured > 1 else jobs
    with threadpool_limits(1):  # else a thread that ends would lift the limit of those that still work
        return list(Parallel(n_jobs=asked, prefer="threads")(delayed(_alone)(work, part) for part in parts))


def _alone(work: Callable[..., Result], part: tuple[Any, ...]) -> Result:
    """One thread a product: the order of sums, hence the last digit, is always the same."""
    with threadpool_limits(1):
        return work(*part)
