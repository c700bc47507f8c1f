"""What a response says of its snapshot, and how the requests of `footsteps bench serve` are counted."""

import json
import threading
from pathlib import Path

import pytest

from benchmarks.published import running_company
from benchmarks.published.load import _find_snapshots, _Reply, _summarize

API, PAGE = "/api/v1/me/mastery", "/people/me/"


def write_document(*snapshot_ids: str) -> bytes:
    rows = [{"snapshot_id": snapshot_id} for snapshot_id in snapshot_ids[1:]]
    return json.dumps({"snapshot_id": snapshot_ids[0], "as_of": "2026-07-01", "mastery": rows}).encode()


def write_page(as_of: str, valid_until: str) -> bytes:
    return (
        f'<p><time datetime="{as_of}">As of then.</time> <time datetime="{valid_until}">Valid until then.</time></p>'
    ).encode()


@pytest.mark.parametrize(
    ("path", "body", "snapshots"),
    [
        (API, write_document("s1", "s1"), {"2026-07-01"}),
        (API, write_document("s1", "s2"), {"s1", "s2"}),
        (PAGE, write_page("2026-07-01", "2026-07-03"), {"2026-07-01"}),
        (PAGE, write_page("2026-07-01", "2026-07-04"), {"2026-07-01", "2026-07-02"}),
        (PAGE, b"<p>You are not signed in.</p>", set()),
    ],
)
def test_a_response_of_two_snapshots_is_mixed(path: str, body: bytes, snapshots: set[str]) -> None:
    assert _find_snapshots(path, body) == snapshots


def test_errors_and_mixed_responses_are_counted() -> None:
    replies = [
        _Reply(200, 0.1, frozenset({"2026-07-01"})),
        _Reply(200, 0.2, frozenset({"s1", "s2"})),
        _Reply(0, 0.3, frozenset()),
    ]
    load = _summarize(replies, 16, [30.0, 50.0], True, 0.03)
    assert (load.requests, load.publications, load.run_seconds, load.errors, load.mixed) == (3, 2, 40.0, 1, 1)
    assert (load.p50_ms, load.server_cpu_ms) == (200.0, 10.0)


def test_runs_go_on_until_the_requests_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_done, days, run_seconds = threading.Event(), list[str](), list[float]()

    def run(root: Path, as_of: object, ends: threading.Event | None = None) -> bool:
        days.append(str(as_of))
        if len(days) == 3:  # the requests end during the third run, which is then not completed
            is_done.set()
        return not (ends is not None and ends.is_set())

    monkeypatch.setattr(running_company, "_run", run)
    running_company.run_until(tmp_path, is_done, run_seconds)
    assert days == ["2026-07-01", "2026-07-02", "2026-07-03"]
    assert len(run_seconds) == 2
