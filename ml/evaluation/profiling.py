"""What a stretch of work costs: seconds and peak memory.

Belongs here: measuring. Does not belong here: results of the work.
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/statm")
_PAGE_MB = 4096 / 2**20


class ResourceMeter:
    """Context manager; adds up seconds and keeps the highest memory of the whole process seen inside, in MB.

    Memory is sampled fifty times a second where the system tells it (Linux), and 0 elsewhere.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._began
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            if _STATUS.exists():
                self.peak_mb = max(self.peak_mb, int(_STATUS.read_text().split()[1]) * _PAGE_MB)
            if self._done.wait(0.02):
                return
