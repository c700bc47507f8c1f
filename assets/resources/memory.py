"""Memory that a process has freed, and that the operating system may use again.

Belongs here: returning freed memory. Does not belong here: what is kept in memory (`table_reader`).
"""

import ctypes
import sys


def return_freed_memory() -> None:
    """Return the memory that this process has freed to the operating system.

    The C library keeps freed memory for later use, so that the peak of a step would add to that of a step before it.
    Only glibc has the function `malloc_trim`; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
