"""Memory of this process: what it has freed, and searches for more to free.

Belongs here: returning freed memory, garbage collection. Does not belong here: what is kept in memory (`table_reader`).
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Run a block that imports large libraries without garbage collection.

    An import creates hundreds of thousands of objects that live as long as the process. Searching them again and again
    takes a fifth of the time of the import, and finds next to nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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
