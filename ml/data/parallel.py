"""Parallel work: the same function on many arguments, through joblib, with the results in the order of the arguments.

Belongs here: the number and default kind of jobs. Does not belong here: the work.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def parallel_map(
    function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], *, n_jobs: int | None = None
) -> list[Result]:
    """Return `function(*args)` for each tuple of arguments, in order. The results do not depend on `n_jobs`.

    Inside joblib's `parallel_config(backend=..., n_jobs=...)` the calls run on that backend, such as other
    processes, Dask or Ray.

    Args:
        function: Work on one tuple of arguments; its result must not depend on the thread or process that runs it.
        arguments: One tuple per call.
        n_jobs: Number of threads, by default one per core. A single call runs in the caller's thread.
    """
    if n_jobs is None and effective_n_jobs(None) == 1:  # not inside joblib's parallel_config
        n_jobs = os.cpu_count() or 1
    if len(arguments) <= 1 or n_jobs == 1:
        return [_call_single_threaded(function, call_arguments) for call_arguments in arguments]
    # Compiled array code releases the interpreter's lock, and threads need no copies of fitted models.
    with threadpool_limits(1):  # otherwise a thread that ends would lift the limit of threads that still work
        delayed_calls = (delayed(_call_single_threaded)(function, call_arguments) for call_arguments in arguments)
        return list(Parallel(n_jobs=n_jobs, prefer="threads")(delayed_calls))


def _call_single_threaded(function: Callable[..., Result], call_arguments: tuple[Any, ...]) -> Result:
    """Call with one thread per matrix product, so that the order of sums, hence the last digit, is always the same."""
    with threadpool_limits(1):
        return function(*call_arguments)
