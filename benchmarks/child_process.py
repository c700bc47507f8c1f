"""Measurements in a process of their own, so that no measurement sees what an earlier one left in memory.

Belongs here: running a function in a new process, and the peak memory of a process.
Does not belong here: what is measured.
"""

import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def run_in_child(work: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_megabytes() -> float:
    """Peak resident memory of this process so far.

    On Linux from VmHWM: getrusage would count the parent's memory too, which a child has until it loads its own.
    """
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if peak is not None:
        return int(peak[1]) / 1024
    import resource  # does not exist on Windows

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
