"""A webhook is delivered at least once and in order, in the form of Standard Webhooks, and tells no log its address."""

import base64
import hashlib
import hmac
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from publishing import publish
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from pipelines.config.publish import PublishOptions, WebhookOptions
from pipelines.publish.feed import publish_feed
from pipelines.publish.targets import PublishContext, publish_target
from pipelines.publish.webhook import (
    DEPRECATED_SIGNATURE_HEADER,
    UnusableWebhookSecret,
    WebhookDeliveryFailed,
    deliver_events,
    read_delivery_cursor,
    sign_body,
)
from pipelines.storage.lake import Lake

AT = datetime(2025, 6, 30, 2, tzinfo=UTC)
KEY = "a key of the company"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
DOCS = Path(__file__).parents[3] / "docs" / "webhooks.md"


def feed(folder: Path, snapshot_id: str, people: int) -> int:
    return publish_feed(publish(folder, snapshot_id, people), "/footsteps/acme", AT)


class Receiver(ThreadingHTTPServer):
    """Answers with the behaviours of its list, one a request, then with 204; keeps what it confirmed."""

    def __init__(self, behaviours: list[str | int]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.behaviours = behaviours
        self.confirmed: list[list[dict[str, object]]] = []
        self.requests = 0
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/events"


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.server.headers.append(dict(self.headers))
        self.server.bodies.append(body)
        behaviour = self.server.behaviours.pop(0) if self.server.behaviours else 204
        if self.headers[DEPRECATED_SIGNATURE_HEADER] not in (sign_body(body, KEY, AT), sign_body(body, SECRET, AT)):
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


def fixed_clock() -> datetime:
    return AT


def options(server: Receiver, attempts: int = 5) -> WebhookOptions:
    return WebhookOptions(url=server.url, attempts=attempts, timeout_seconds=0.3, batch=2)


def test_a_receiver_that_fails_hangs_and_recovers_gets_everything_in_order(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 5)
    with receiver(503, "hang", "break", 204, 500) as server:
        assert deliver_events(tmp_path, options(server), KEY, fixed_clock, backoff_seconds=0) == 5
        assert read_delivery_cursor(tmp_path) == 5
        assert [len(batch) for batch in server.confirmed] == [2, 2, 1]
        assert [event["id"] for batch in server.confirmed for event in batch] == [f"s0/p{n:04d}" for n in range(5)]
        assert server.requests == 7
        assert deliver_events(tmp_path, options(server), KEY, fixed_clock) == 0


def test_what_was_not_confirmed_is_sent_again_the_next_time(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 5)
    with receiver(204, 503, 503) as server:
        with pytest.raises(WebhookDeliveryFailed, match="503"):
            deliver_events(tmp_path, options(server, attempts=2), KEY, fixed_clock, backoff_seconds=0)
        assert read_delivery_cursor(tmp_path) == 2
        assert deliver_events(tmp_path, options(server), KEY, fixed_clock) == 3
    assert [event["id"] for batch in server.confirmed for event in batch] == [f"s0/p{n:04d}" for n in range(5)]


def test_a_receiver_that_does_not_believe_the_signature_moves_no_cursor(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 1)
    with receiver() as server, pytest.raises(WebhookDeliveryFailed, match="401"):
        deliver_events(tmp_path, options(server), "another key", fixed_clock)
    assert read_delivery_cursor(tmp_path) == 0


def test_the_deprecated_signature_is_the_hmac_of_time_and_body() -> None:
    seconds = int(AT.timestamp())
    expected = hmac.new(KEY.encode(), f"{seconds}.body".encode(), hashlib.sha256).hexdigest()
    assert sign_body(b"body", KEY, AT) == f"t={seconds},v1={expected}"
    assert sign_body(b"body", KEY, AT + timedelta(seconds=1)) != sign_body(b"body", KEY, AT)
    assert sign_body(b"body", "another key", AT) != sign_body(b"body", KEY, AT)


def real_clock() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(("secret", "key"), [(SECRET, SECRET), (KEY, KEY.encode())], ids=["whsec", "plain text"])
def test_a_receiver_verifies_a_request_with_the_library_of_standard_webhooks(
    tmp_path: Path, secret: str, key: str | bytes
) -> None:
    feed(tmp_path, "s0", 3)
    # refused by the deprecated signature, whose time is another; the library needs the real time
    with receiver() as server, pytest.raises(WebhookDeliveryFailed):
        deliver_events(tmp_path, options(server), secret, real_clock)
    (headers,), (body,) = server.headers, server.bodies
    events = Webhook(key).verify(body, headers)
    assert [event["data"]["person_id"] for event in events] == ["p0000", "p0001"]
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(key).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook("whsec_" + base64.b64encode(b"another key").decode()).verify(body, headers)


def test_the_signature_is_the_hmac_of_id_time_and_body(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 1)
    with receiver() as server:
        deliver_events(tmp_path, options(server), SECRET, fixed_clock)
    (headers,), (body,) = server.headers, server.bodies
    seconds = int(AT.timestamp())
    signed_text = f"{headers['webhook-id']}.{seconds}.".encode() + body
    digest = hmac.new(bytes(range(32)), signed_text, hashlib.sha256).digest()
    assert headers["webhook-timestamp"] == str(seconds)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers[DEPRECATED_SIGNATURE_HEADER] == sign_body(body, SECRET, AT)


def test_a_message_that_is_sent_again_has_the_same_id_and_another_message_another_id(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 3)
    with receiver(503, 204, 503) as server:
        with pytest.raises(WebhookDeliveryFailed):
            deliver_events(tmp_path, options(server, attempts=1), KEY, fixed_clock)
        deliver_events(tmp_path, options(server), KEY, fixed_clock, backoff_seconds=0)
    ids = [headers["webhook-id"] for headers in server.headers]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert not any("p000" in message_id or "." in message_id for message_id in ids)


def test_each_batch_is_signed_with_the_time_at_which_it_is_sent(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 4)
    times = iter([AT, AT + timedelta(minutes=20)])
    with receiver() as server, pytest.raises(WebhookDeliveryFailed, match="401"):
        deliver_events(tmp_path, options(server), KEY, lambda: next(times))  # the receiver expects AT
    assert [int(headers["webhook-timestamp"]) - int(AT.timestamp()) for headers in server.headers] == [0, 1200]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_no base64 at all, but long enough for it"])
def test_a_secret_that_is_too_short_or_no_base64_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    with receiver() as server, pytest.raises(UnusableWebhookSecret, match="24 to 64 random bytes") as caught:
        deliver_events(tmp_path, options(server), secret, fixed_clock)
    assert server.requests == 0
    assert len(secret) < 7 or secret.removeprefix("whsec_") not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://portal.example/events", "http://10.0.0.7:8080/events", "HTTP://portal.example"]
)
def test_plain_http_to_another_machine_needs_a_declaration(url: str) -> None:
    with pytest.raises(ValidationError, match="url is plain http to another machine: use https, or declare"):
        WebhookOptions(url=url)
    assert WebhookOptions(url=url, allow_insecure=True).url == url


@pytest.mark.parametrize(
    "url", ["https://portal.example/events", "http://localhost:8080/e", "http://127.0.0.1/e", "http://[::1]:1/e"]
)
def test_https_and_this_machine_need_none(url: str) -> None:
    assert WebhookOptions(url=url).url == url


@pytest.mark.parametrize("url", ["ftp://portal.example", "https:///events", "https://[::1", "portal.example"])
def test_an_address_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as"):
        WebhookOptions(url=url)


@pytest.mark.parametrize(
    ("behaviours", "problem"),
    [((), None), ((401,), "answered 401"), (("break",), "did not confirm"), ((503,), "answered 503")],
)
def test_a_token_in_the_address_is_in_no_outcome_and_no_log(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    behaviours: tuple[str | int, ...],
    problem: str | None,
) -> None:
    monkeypatch.setenv("FOOTSTEPS_FEED_SECRET", KEY)
    feed(tmp_path, "s0", 1)
    with caplog.at_level(logging.DEBUG), receiver(*behaviours, *behaviours) as server:
        address = server.url.replace("http://", "http://user:hush-password@") + "/hush-path?token=hush-query"
        webhook = WebhookOptions(url=address, attempts=2, timeout_seconds=0.3)
        snapshot, published_options = publish(tmp_path, "s0", 1), PublishOptions(webhook=webhook)
        lake, site_folder = Lake(tmp_path / "lake"), tmp_path / "site"
        publication = PublishContext(snapshot, lake, published_options, "Acme", fixed_clock, site_folder)
        outcome = publish_target("webhook", publication)
    assert server.requests
    assert "hush" not in f"{outcome} {caplog.text}"
    if problem is None:
        assert (outcome.location, outcome.problem) == ("http://127.0.0.1", None)
    else:
        assert outcome.problem is not None
        assert f"http://127.0.0.1 {problem}" in outcome.problem


def test_the_receiver_in_the_documentation_accepts_a_delivery_and_refuses_a_forged_one(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert program.count("8080") == 1
    environment = os.environ | {"FOOTSTEPS_FEED_SECRET": SECRET, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", program.replace("8080", str(port))]
    feed(tmp_path, "s0", 3)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: is_listening(port))
            webhook = WebhookOptions(url=f"http://127.0.0.1:{port}/events", attempts=1)
            with pytest.raises(WebhookDeliveryFailed, match="401"):
                deliver_events(tmp_path, webhook, KEY, real_clock)
            assert deliver_events(tmp_path, webhook, SECRET, real_clock) == 3
        finally:
            process.terminate()
        assert process.stdout is not None
        assert "3 people" in process.stdout.read()


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the receiver did not start"
        time.sleep(0.05)
