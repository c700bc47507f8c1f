"""Files are carried through when they are whole, in few runs, none is lost, and the cursor moves after success."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.automation.schedules import MOST_ATTEMPTS
from assets.automation.sensors import BatchRequest, Cursor, SeenFile, plan_next_batch, read_cursor, write_cursor

QUIET = 30.0


def lies(source: str, size: int, changed: float, now: float, done: bool = False) -> SeenFile:
    return SeenFile(source, size, int(changed * 1e9), now, now, done)


def watch(
    ticks: list[tuple[float, dict[str, tuple[str, int, float]], str]], known: Callable[[str], bool] = lambda _: False
) -> tuple[Cursor, list[BatchRequest]]:
    """The cursor and what was asked for after ticks of time, files (source, size, changed) and the run's outcome."""
    cursor, asked = Cursor(), []
    for now, files, outcome in ticks:
        seen = {path: lies(*about, now) for path, about in files.items()}
        cursor, one = plan_next_batch(read_cursor(write_cursor(cursor)), seen, now, QUIET, outcome, known)
        asked += [one] if one else []
    return cursor, asked


def test_a_file_that_still_grows_is_waited_for() -> None:
    _, asked = watch([(100, {"a": ("s", 1, 99)}, ""), (115, {"a": ("s", 2, 114)}, ""), (140, {"a": ("s", 2, 114)}, "")])
    assert asked == []


def test_a_file_that_is_quiet_is_asked_for_once() -> None:
    one = {"a": ("s", 2, 99)}
    _, asked = watch([(100, one, ""), (131, one, ""), (146, one, "under_way"), (161, one, "carried"), (176, one, "")])
    assert asked == [BatchRequest(("s",), 1)]


def test_a_marker_says_that_a_file_is_whole_at_once() -> None:
    _, asked = plan_next_batch(Cursor(), {"a": lies("s", 2, 99, 100, done=True)}, 100, QUIET, "", lambda _: False)
    assert asked == BatchRequest(("s",), 1)


def test_a_burst_of_five_hundred_files_is_two_runs() -> None:
    ticks = []
    for now in range(0, 900, 15):
        there = {f"f{n}": ("s", 1, float(n)) for n in range(min(500, now + 1))}
        ticks.append((float(now), there, "carried" if now % 60 == 0 else "under_way"))
    cursor, asked = watch(ticks)
    # the source is never quiet for long: the longest wait ends the first batch, the rest is one more
    assert 1 <= len(asked) <= 3
    assert len(cursor.carried) == 500


def test_files_that_come_while_a_run_is_under_way_are_the_next_batch() -> None:
    first, both = {"a": ("s", 1, 0.0)}, {"a": ("s", 1, 0.0), "b": ("t", 1, 40.0)}
    cursor, asked = watch(
        [
            (0, first, ""),
            (30, first, ""),
            (45, both, "under_way"),
            (80, both, "under_way"),
            (95, both, "carried"),
            (110, both, "carried"),
        ]
    )
    assert asked == [BatchRequest(("s",), 1), BatchRequest(("t",), 2)]
    assert set(cursor.carried) == {"a", "b"}


def test_the_cursor_moves_after_success_and_a_failed_run_is_tried_again_but_not_for_ever() -> None:
    one = {"a": ("s", 1, 0.0)}
    start = [(0.0, one, ""), (30.0, one, "")]
    under_way, _ = watch([*start, (45.0, one, "under_way")])
    assert not under_way.carried
    cursor, asked = watch([*start, *((200.0 * n, one, "failed") for n in range(1, 12))])
    assert len(asked) == MOST_ATTEMPTS
    assert set(cursor.carried) == {"a"}
    corrected = {"a": ("s", 2, 3000.0)}
    _, more = watch(
        [*start, *((200.0 * n, one, "failed") for n in range(1, 12)), (3001.0, corrected, ""), (3040.0, corrected, "")]
    )
    assert len(more) == MOST_ATTEMPTS + 1


def test_what_the_ledger_knows_needs_no_run() -> None:
    one = {"a": ("s", 1, 0.0)}
    cursor, asked = watch([(0, one, ""), (30, one, ""), (60, one, "")], known=lambda _: True)
    assert asked == []
    assert set(cursor.carried) == {"a"}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from("st"), st.integers(1, 9)), min_size=1, max_size=20))
def test_every_file_is_carried_in_the_end(arrivals: list[tuple[int, str, int]]) -> None:
    ticks = []
    for now in range(0, 1500, 15):
        there = {f"f{n}": (source, size, float(at)) for n, (at, source, size) in enumerate(arrivals) if at <= now}
        ticks.append((float(now), there, "carried"))
    cursor, _ = watch(ticks)
    assert len(cursor.carried) == len(arrivals)
    assert cursor.batch is None
