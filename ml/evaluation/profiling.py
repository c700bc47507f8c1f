"""Profiling: seconds and peak memory of a block of code.

Belongs here: measuring.
Does not belong here: what is measured.
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_MEMORY_STATUS_FILE = Path("/proc/self/statm")
_PAGE_MB = 4096 / 2**20


class ResourceMeter:
    """Context manager that adds up seconds and keeps the highest memory of the whole process, in MB.

    Memory is sampled fifty times a second on Linux; elsewhere it stays 0.
    """

    seconds = 0.0
    peak_mb = 0.0

    def __enter__(self) -> Self:
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._sample_memory, daemon=True)
        self._thread.start()
        self._started_seconds = time.perf_counter()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._started_seconds
        self._stop_event.set()
        self._thread.join()

    def _sample_memory(self) -> None:
        is_stopped = False
        while not is_stopped:
            if _MEMORY_STATUS_FILE.exists():
                self.peak_mb = max(self.peak_mb, int(_MEMORY_STATUS_FILE.read_text().split()[1]) * _PAGE_MB)
            is_stopped = self._stop_event.wait(0.02)
