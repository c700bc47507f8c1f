"""Memory that was freed goes back to the operating system."""

import gc
import importlib
import sys
from pathlib import Path

import pytest

from assets.resources.memory import pause_garbage_collection, return_freed_memory


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_freed_small_blocks_are_returned() -> None:
    blocks = [bytes(60_000) for _ in range(4_000)]  # 240 MB, each block below the limit from which one is mapped alone
    last_block = blocks[-1]  # keeps the end of the heap in use
    full = resident_pages()
    del blocks
    return_freed_memory()
    assert len(last_block) == 60_000
    assert full - resident_pages() > 30_000  # more than 120 MB


def test_garbage_is_collected_again_after_a_pause() -> None:
    assert gc.isenabled()
    with pause_garbage_collection():
        with pause_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_failed_import() -> None:
    with pytest.raises(ModuleNotFoundError), pause_garbage_collection():
        importlib.import_module("there_is_no_such_module")
    assert gc.isenabled()
