"""Complete files are landed in few runs, none is lost, and the cursor moves after a run has succeeded."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.automation.sensors import (
    BatchOutcome,
    BatchRequest,
    Cursor,
    SeenFile,
    plan_next_batch,
    read_cursor,
    write_cursor,
)
from assets.incremental.automation_condition import MAX_ATTEMPTS

QUIET = 30.0


def seen_file(source: str, size: int, changed: float, now: float, done: bool = False) -> SeenFile:
    return SeenFile(source, size, int(changed * 1e9), now, now, done)


def run_ticks(
    ticks: list[tuple[float, dict[str, tuple[str, int, float]], BatchOutcome]],
    known: Callable[[str], bool] = lambda _: False,
) -> tuple[Cursor, list[BatchRequest]]:
    """The cursor and the requested runs after ticks: time, files (source, size, changed), outcome of the last run."""
    cursor, requests = Cursor(), []
    for now, files, outcome in ticks:
        seen = {path: seen_file(*about, now) for path, about in files.items()}
        cursor, request = plan_next_batch(read_cursor(write_cursor(cursor)), seen, now, QUIET, outcome, known)
        requests += [request] if request else []
    return cursor, requests


def test_a_file_that_still_grows_is_not_landed() -> None:
    _, requests = run_ticks(
        [
            (100, {"a": ("s", 1, 99)}, "carried"),
            (115, {"a": ("s", 2, 114)}, "carried"),
            (140, {"a": ("s", 2, 114)}, "carried"),
        ]
    )
    assert requests == []


def test_a_file_that_stays_unchanged_is_landed_once() -> None:
    files = {"a": ("s", 2, 99)}
    _, requests = run_ticks(
        [
            (100, files, "carried"),
            (131, files, "carried"),
            (146, files, "under_way"),
            (161, files, "carried"),
            (176, files, "carried"),
        ]
    )
    assert requests == [BatchRequest(("s",), 1)]


def test_a_marker_makes_a_file_complete_at_once() -> None:
    _, requests = plan_next_batch(
        Cursor(), {"a": seen_file("s", 2, 99, 100, done=True)}, 100, QUIET, "carried", lambda _: False
    )
    assert requests == BatchRequest(("s",), 1)


def test_a_burst_of_five_hundred_files_takes_few_runs() -> None:
    ticks = []
    for now in range(0, 900, 15):
        files = {f"f{n}": ("s", 1, float(n)) for n in range(min(500, now + 1))}
        ticks.append((float(now), files, "carried" if now % 60 == 0 else "under_way"))
    cursor, requests = run_ticks(ticks)
    # the source keeps changing: the longest wait ends the first batch, the other files are one more
    assert 1 <= len(requests) <= 3
    assert len(cursor.carried) == 500


def test_files_that_arrive_while_a_run_is_under_way_are_the_next_batch() -> None:
    first, both = {"a": ("s", 1, 0.0)}, {"a": ("s", 1, 0.0), "b": ("t", 1, 40.0)}
    cursor, requests = run_ticks(
        [
            (0, first, "carried"),
            (30, first, "carried"),
            (45, both, "under_way"),
            (80, both, "under_way"),
            (95, both, "carried"),
            (110, both, "carried"),
        ]
    )
    assert requests == [BatchRequest(("s",), 1), BatchRequest(("t",), 2)]
    assert set(cursor.carried) == {"a", "b"}


def test_the_cursor_moves_after_success_and_a_failed_run_is_retried_a_limited_number_of_times() -> None:
    files = {"a": ("s", 1, 0.0)}
    start = [(0.0, files, "carried"), (30.0, files, "carried")]
    under_way, _ = run_ticks([*start, (45.0, files, "under_way")])
    assert not under_way.carried
    cursor, requests = run_ticks([*start, *((200.0 * n, files, "failed") for n in range(1, 12))])
    assert len(requests) == MAX_ATTEMPTS
    assert set(cursor.carried) == {"a"}
    corrected = {"a": ("s", 2, 3000.0)}
    _, more = run_ticks(
        [
            *start,
            *((200.0 * n, files, "failed") for n in range(1, 12)),
            (3001.0, corrected, "carried"),
            (3040.0, corrected, "carried"),
        ]
    )
    assert len(more) == MAX_ATTEMPTS + 1


def test_files_that_the_ledger_knows_need_no_run() -> None:
    files = {"a": ("s", 1, 0.0)}
    cursor, requests = run_ticks(
        [(0, files, "carried"), (30, files, "carried"), (60, files, "carried")], known=lambda _: True
    )
    assert requests == []
    assert set(cursor.carried) == {"a"}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from("st"), st.integers(1, 9)), min_size=1, max_size=20))
def test_every_file_is_landed_in_the_end(arrivals: list[tuple[int, str, int]]) -> None:
    ticks = []
    for now in range(0, 1500, 15):
        files = {f"f{n}": (source, size, float(at)) for n, (at, source, size) in enumerate(arrivals) if at <= now}
        ticks.append((float(now), files, "carried"))
    cursor, _ = run_ticks(ticks)
    assert len(cursor.carried) == len(arrivals)
    assert cursor.batch is None
