"""What goes wrong is told once, gathered, over real channels, and stays to be told where they are down."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from assets.automation.alerts import (
    AlertState,
    Issue,
    collect_alerts,
    deliver,
    find_run_issues,
    mark_sent,
    send_due_alert,
)
from pipelines.config.company import AlertConfig

LATE = Issue("late:people", "people: late: the last file came 3.0 days ago, one is due every 2 days.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def http_sink() -> Iterator[tuple[str, list[Any]]]:
    received: list[Any] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[str] = []

    def handle_message(self, message: Any) -> None:
        parts = [part for part in message.walk() if part.get_content_type() == "text/plain"]
        self.mails.append((parts or [message])[0].get_payload(decode=True).decode())


def test_a_trouble_is_told_once_a_day_and_repeated_ones_are_gathered() -> None:
    told, message = collect_alerts(AlertState(0), [LATE], 100, 600)
    assert message is None  # 600 seconds have not passed since moment 0
    told, message = collect_alerts(told, [LATE, LATE, Issue("run:night:", "A run of night failed.")], 700, 600)
    assert message == f"• {LATE.sentence} (3 times)\n• A run of night failed."
    told, message = collect_alerts(mark_sent(told, 700), [LATE], 2000, 600)
    assert message is None
    assert collect_alerts(told, [LATE], 700 + 25 * 3600, 600)[1] == f"• {LATE.sentence}"


def test_a_message_reaches_a_webhook_and_a_mailbox() -> None:
    box = Mailbox()
    mail = Controller(box, hostname="127.0.0.1", port=free_port())
    mail.start()
    try:
        with http_sink() as (hook, received):
            address = f"mailto://127.0.0.1:{mail.port}/?from=night@example.org&to=team@example.org&mode=insecure"
            assert deliver([hook, address], "Footsteps at Acme", "• people: late.")
    finally:
        mail.stop()
    assert received[0]["title"] == "Footsteps at Acme"
    assert received[0]["message"] == "• people: late."
    assert len(box.mails) == 1
    assert "people: late." in box.mails[0]


def test_what_cannot_be_delivered_stays_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        down = AlertConfig(to=[f"json://127.0.0.1:{free_port()}/hook"], gather_minutes=0)
        told, said = send_due_alert(instance, AlertState(1000), down, "Acme", lambda: [LATE], 1001)
        assert "could not be reached" in said
        assert LATE.about in told.waiting
        with http_sink() as (hook, received):
            monkeypatch.setenv("HOOK", hook)
            told, said = send_due_alert(
                instance, told, AlertConfig(to=["${HOOK}"], gather_minutes=0), "Acme", lambda: [], 1002
            )
        assert len(received) == 1
        assert not told.waiting


def test_a_failed_run_and_a_blocked_check_are_told_by_name() -> None:
    @dg.asset
    def broken() -> None:
        raise ValueError("anna@example.org is not a number")

    @dg.asset_check(asset="model_card", blocking=True)
    def is_better() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="0.21 against 0.25 of the one in use")

    @dg.asset
    def model_card() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([broken], instance=instance, raise_on_error=False)
        dg.materialize([model_card, is_better], instance=instance, raise_on_error=False)
        found = find_run_issues(instance, 1.0)
    said = "\n".join(trouble.sentence for trouble in found)
    assert "failed at broken" in said
    assert "The model was refused: is_better: 0.21 against 0.25" in said
    assert "anna" not in said


def test_a_challenger_that_was_refused_is_told_though_it_stops_nothing() -> None:
    @dg.asset_check(asset="model_card", name="challenger_takes_over")
    def refused() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="0.21 against 0.25")

    @dg.asset_check(asset="model_card")
    def is_small() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="too large")

    @dg.asset
    def model_card() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([model_card, refused, is_small], instance=instance)
        found = find_run_issues(instance, 1.0)
    assert [one.sentence for one in found] == ["The model was refused: challenger_takes_over: 0.21 against 0.25."]
