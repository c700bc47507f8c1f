"""The change feed tells of everyone whose list changed, at least once, in order, and a receiver can trust it."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from publishing import DAY, UNTIL, make_next_skill_rows, publish

from pipelines.config.publish import WebhookOptions
from pipelines.contracts.feed_event import build_feed_event_schema
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.feed import list_outbox_files, publish_feed, read_feed
from pipelines.publish.webhook import (
    SIGNATURE_HEADER,
    WebhookDeliveryFailed,
    deliver_events,
    read_delivery_cursor,
    sign_body,
)
from pipelines.snapshots.reader import current_snapshot
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots

AT = datetime(2025, 6, 30, 2, tzinfo=UTC)
KEY = "a key of the company"


def told(folder: Path, after: int = 0) -> list[tuple[str, str]]:
    return [(event["data"]["person_id"], event["data"]["change"]) for event in read_feed(folder, after)]


def feed(folder: Path, snapshot_id: str, people: int, skill: str = "sql") -> int:
    return publish_feed(publish(folder, snapshot_id, people, skill), "/footsteps/acme", AT)


def test_only_people_whose_list_changed_are_told_of(tmp_path: Path) -> None:
    assert feed(tmp_path, "s0", people=2) == 2
    rows = make_next_skill_rows("s1", people=3)
    changed = rows.with_columns(
        skill_id=pl.when((pl.col("person_id") == "p0001") & (pl.col("rank") == 2))
        .then(pl.lit("go"))
        .otherwise("skill_id"),
        probability=pl.col("probability") / 2,
    ).filter(pl.col("person_id") != "p0000")
    snapshot = publish_snapshot(tmp_path, {NEXT_SKILL: changed}, "s1", DAY, UNTIL)
    assert publish_feed(snapshot, "/footsteps/acme", AT) == 3
    assert told(tmp_path, after=2) == [("p0000", "left"), ("p0001", "changed"), ("p0002", "came")]


def test_every_event_is_a_cloud_event_of_the_published_schema(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 2)
    feed(tmp_path, "s1", 3, "go")
    events = list(read_feed(tmp_path))
    validator = jsonschema.Draft202012Validator(build_feed_event_schema(), format_checker=jsonschema.FormatChecker())
    for event in events:
        validator.validate(event)
    assert len({event["id"] for event in events}) == len(events)
    assert [int(event["sequence"]) for event in events] == [1, 2, 3, 4, 5]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**events[0], "specversion": "0.3"})


def test_a_cursor_goes_on_where_it_stood(tmp_path: Path) -> None:
    for number in range(3):
        feed(tmp_path, f"s{number}", 4, f"skill{number}_")
    cursor, seen = 0, []
    while batch := list(read_feed(tmp_path, after_sequence=cursor, limit=5)):
        cursor = int(batch[-1]["sequence"])
        seen += [event["id"] for event in batch]
    assert seen == [f"s{number}/p{person:04d}" for number in range(3) for person in range(4)]


def test_feeding_a_snapshot_again_says_nothing_twice_and_a_missed_one_is_made_up_for(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 2)
    assert feed(tmp_path, "s0", 2) == 0
    publish(tmp_path, "s1", 2, "go")  # published, but nobody was told
    assert feed(tmp_path, "s2", 2, "go") == 2
    assert feed(tmp_path, "s3", 2, "go") == 0
    assert [one.snapshot_id for one in list_outbox_files(tmp_path)] == ["s0", "s2", "s3"]
    assert feed(tmp_path, "s4", 2, "rust") == 2
    assert [int(event["sequence"]) for event in read_feed(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_where_the_last_fed_snapshot_is_gone_everybody_is_told(tmp_path: Path) -> None:
    for number in range(2):
        frames = {NEXT_SKILL: make_next_skill_rows(f"s{number}")}
        snapshot = publish_snapshot(tmp_path, frames, f"s{number}", DAY, UNTIL, AT + timedelta(days=number))
        if not number:
            publish_feed(snapshot, "/footsteps/acme", AT)
    remove_expired_snapshots(tmp_path, 1, AT + timedelta(days=9))
    assert publish_feed(current_snapshot(tmp_path), "/footsteps/acme", AT) == 3


class Receiver(ThreadingHTTPServer):
    """Answers with the behaviours of its list, one a request, then with 204; keeps what it confirmed."""

    def __init__(self, behaviours: list[str | int]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.behaviours = behaviours
        self.confirmed: list[list[dict[str, object]]] = []
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/events"


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        behaviour = self.server.behaviours.pop(0) if self.server.behaviours else 204
        if self.headers[SIGNATURE_HEADER] != sign_body(body, KEY, AT):
            behaviour = 401
        if behaviour == "hang":
            time.sleep(1.0)
            return
        if behaviour == "break":
            self.connection.close()
            return
        if behaviour == 204:
            self.server.confirmed.append(json.loads(body))
        self.send_response(int(behaviour))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def receiver(*behaviours: str | int) -> Iterator[Receiver]:
    server = Receiver(list(behaviours))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def options(server: Receiver, attempts: int = 5) -> WebhookOptions:
    return WebhookOptions(url=server.url, attempts=attempts, timeout_seconds=0.3, batch=2)


def test_a_receiver_that_fails_hangs_and_recovers_gets_everything_in_order(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 5)
    with receiver(503, "hang", "break", 204, 500) as server:
        assert deliver_events(tmp_path, options(server), KEY, AT, backoff_seconds=0) == 5
        assert read_delivery_cursor(tmp_path) == 5
        assert [len(batch) for batch in server.confirmed] == [2, 2, 1]
        assert [event["id"] for batch in server.confirmed for event in batch] == [f"s0/p{n:04d}" for n in range(5)]
        assert server.requests == 7
        assert deliver_events(tmp_path, options(server), KEY, AT) == 0


def test_what_was_not_confirmed_is_sent_again_the_next_time(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 5)
    with receiver(204, 503, 503) as server:
        with pytest.raises(WebhookDeliveryFailed, match="503"):
            deliver_events(tmp_path, options(server, attempts=2), KEY, AT, backoff_seconds=0)
        assert read_delivery_cursor(tmp_path) == 2
        assert deliver_events(tmp_path, options(server), KEY, AT) == 3
    assert [event["id"] for batch in server.confirmed for event in batch] == [f"s0/p{n:04d}" for n in range(5)]


def test_a_receiver_that_does_not_believe_the_signature_moves_no_cursor(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 1)
    with receiver() as server, pytest.raises(WebhookDeliveryFailed, match="401"):
        deliver_events(tmp_path, options(server), "another key", AT)
    assert read_delivery_cursor(tmp_path) == 0


def test_a_signature_is_the_hmac_of_time_and_body() -> None:
    seconds = int(AT.timestamp())
    expected = hmac.new(KEY.encode(), f"{seconds}.body".encode(), hashlib.sha256).hexdigest()
    assert sign_body(b"body", KEY, AT) == f"t={seconds},v1={expected}"
    assert sign_body(b"body", KEY, AT + timedelta(seconds=1)) != sign_body(b"body", KEY, AT)
    assert sign_body(b"body", "another key", AT) != sign_body(b"body", KEY, AT)
