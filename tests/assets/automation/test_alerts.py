"""An issue is sent once, together with others, over real channels, and waits while a channel is down."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from assets.automation.alerts import (
    MAX_DELIVERIES,
    AlertState,
    UndeliveredMessage,
    collect_alerts,
    deliver,
    find_run_issues,
    mark_sent,
    read_alert_state,
    send_due_alert,
)
from assets.checks.issue import Issue
from pipelines.config.monitoring import AlertConfig

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


def test_an_issue_is_sent_once_a_day_and_repeated_ones_are_counted() -> None:
    state, message = collect_alerts(AlertState(0), [LATE], 100, 600)
    assert message is None  # 600 seconds have not passed since moment 0
    state, message = collect_alerts(state, [LATE, LATE, Issue("run:nightly:", "A run of nightly failed.")], 700, 600)
    assert message == f"• {LATE.sentence} (3 times)\n• A run of nightly failed."
    state, message = collect_alerts(mark_sent(state, 700), [LATE], 2000, 600)
    assert message is None
    assert collect_alerts(state, [LATE], 700 + 25 * 3600, 600)[1] == f"• {LATE.sentence}"


def test_a_message_reaches_a_webhook_and_a_mailbox() -> None:
    box = Mailbox()
    mail = Controller(box, hostname="127.0.0.1", port=free_port())
    mail.start()
    try:
        with http_sink() as (hook, received):
            address = f"mailto://127.0.0.1:{mail.port}/?from=footsteps@example.org&to=team@example.org&mode=insecure"
            assert deliver(hook, "Footsteps at Acme", "• people: late.")
            assert deliver(address, "Footsteps at Acme", "• people: late.")
    finally:
        mail.stop()
    assert received[0]["title"] == "Footsteps at Acme"
    assert received[0]["message"] == "• people: late."
    assert len(box.mails) == 1
    assert "people: late." in box.mails[0]


def test_a_message_that_cannot_be_delivered_waits_until_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        down = AlertConfig(to=[f"json://127.0.0.1:{free_port()}/hook"], gather_minutes=0)
        state, outcome = send_due_alert(instance, AlertState(1000), down, "Acme", lambda: [LATE], 1001)
        assert "could not be reached" in outcome
        assert [undelivered.attempts for undelivered in state.undelivered] == [1]
        with http_sink() as (hook, received):
            monkeypatch.setenv("HOOK", hook)
            state = replace(state, undelivered=(UndeliveredMessage("${HOOK}", f"• {LATE.sentence}", 1),))
            state, outcome = send_due_alert(instance, state, down, "Acme", lambda: [], 1002)
        assert [message["message"] for message in received] == [f"• {LATE.sentence}"]
        assert not state.undelivered


def test_an_unreachable_address_repeats_the_message_to_no_other_and_is_given_up(tmp_path: Path) -> None:
    """Apprise 2.2 returns an object per message, which is true only if every address was reached."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, http_sink() as (hook, received):
        away = f"json://127.0.0.1:{free_port()}/hook"
        alerts = AlertConfig(to=[away, hook], gather_minutes=0)
        state = AlertState(1000)
        outcomes = []
        for tick in range(MAX_DELIVERIES + 2):
            state, outcome = send_due_alert(instance, state, alerts, "Acme", lambda: [LATE], 1001 + tick)
            outcomes.append(outcome)
        messages = [message["message"] for message in received]
    assert messages.count(f"• {LATE.sentence}") == 1
    assert messages[1:] == ["• alerts do not reach the address json://…: check it in footsteps.yaml."]
    assert state.unreachable == {away}
    assert outcomes[1] == "1 messages are tried again"
    assert [undelivered.attempts for undelivered in state.undelivered] == [3]  # the message about the address itself


def test_a_failed_run_and_a_blocking_check_are_reported_by_name() -> None:
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
        issues = find_run_issues(instance, 1.0)
    message = "\n".join(issue.sentence for issue in issues)
    assert "failed at broken" in message
    assert "The model was refused: is_better: 0.21 against 0.25" in message
    assert "anna" not in message


def test_a_refused_challenger_is_reported_although_it_blocks_nothing() -> None:
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
        issues = find_run_issues(instance, 1.0)
    assert [issue.sentence for issue in issues] == ["The model was refused: challenger_takes_over: 0.21 against 0.25."]


def test_the_cursor_of_an_earlier_version_is_read() -> None:
    cursor = json.dumps({"until": 5.0, "waiting": {"a": ["late", 2]}, "told": {"b": 4.0}, "sent_at": 3.0})
    assert read_alert_state(cursor, 9.0) == AlertState(5.0, {"a": ("late", 2)}, {"b": 4.0}, 3.0)
    assert read_alert_state(None, 9.0) == AlertState(9.0)
    assert read_alert_state('{"of": "another form"}', 9.0) == AlertState(9.0)
