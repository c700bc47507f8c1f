"""The readers of the benchmark read what a target shows: without reads it could not find a torn one."""

import pytest

from benchmarks.published.readers import benchmark_readers


@pytest.mark.slow
@pytest.mark.parametrize("target", ["parquet", "delta", "duckdb", "feed", "site"])
def test_every_read_of_a_local_target_is_whole(target: str) -> None:
    (result,) = benchmark_readers(readers=1, publications=2, targets=(target,), people=3)
    assert result.reads > 0
    assert (result.torn, result.empty, result.mixed, result.failed) == (0, 0, 0, 0)
