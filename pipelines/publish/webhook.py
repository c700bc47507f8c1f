"""Delivery of the change feed to an HTTP endpoint: signed, retried, and never beyond what the receiver confirmed.

Belongs here: one delivery from the cursor on, the signature and its verification.
Does not belong here: the events (`feed`), where to and with which key (`options`).
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pipelines.config.publish import WebhookOptions
from pipelines.publish.feed import FEED_FOLDER, read_feed
from pipelines.snapshots.writer import write_json

SIGNATURE_HEADER = "Footsteps-Signature"
_CURSOR = "delivered.json"
# What a receiver may say when it only needs time; anything else of 4xx means that the request itself is wrong.
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
# Seconds that a signature is good for: long enough for retries and clocks that differ, too short to be replayed later.
TOLERANCE_SECONDS = 300


class WebhookDeliveryFailed(Exception):
    """The receiver did not confirm; what it did not confirm is sent again next time."""


@dataclass(frozen=True)
class WebhookDelivery:
    """What one delivery came to: events confirmed, and the cursor behind the last of them."""

    events: int
    cursor: int


def deliver_events(
    published: Path, options: WebhookOptions, key: str, at: datetime, backoff_seconds: float = 0.5
) -> WebhookDelivery:
    """Send what the receiver has not confirmed yet, in order, in batches; each one confirmed by a 2xx moves the cursor.

    Raises DeliveryFailed after the last attempt; the cursor then stands behind the last batch that was confirmed.
    """
    cursor, sent = read_delivery_cursor(published), 0
    with _session(options, backoff_seconds) as session:
        for batch in _batches(read_feed(published, after=cursor), options.batch):
            body = json.dumps(batch, ensure_ascii=False).encode()
            _send(session, options, body, sign_body(body, key, at))
            cursor, sent = int(batch[-1]["sequence"]), sent + len(batch)
            write_json(published / FEED_FOLDER / _CURSOR, {"cursor": cursor})
    return WebhookDelivery(sent, cursor)


def read_delivery_cursor(published: Path) -> int:
    """The cursor behind the last event that the receiver confirmed; 0 before the first."""
    path = published / FEED_FOLDER / _CURSOR
    return int(json.loads(path.read_text())["cursor"]) if path.exists() else 0


def sign_body(body: bytes, key: str, at: datetime) -> str:
    """The signature of a body: `t=seconds,v1=hex`, an HMAC-SHA256 over `seconds.body`."""
    seconds = int(at.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def verify_signature(
    body: bytes, signature: str, key: str, now: datetime, tolerance: float = TOLERANCE_SECONDS
) -> bool:
    """Whether a receiver should believe a body: signed with the key, and not long ago."""
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    if not parts.get("t", "").isdigit() or "v1" not in parts:
        return False
    fresh = abs(now.timestamp() - int(parts["t"])) <= tolerance
    expected = hmac.new(key.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and fresh


def _send(session: requests.Session, options: WebhookOptions, body: bytes, signature: str) -> None:
    headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8", SIGNATURE_HEADER: signature}
    try:
        answer = session.post(
            options.url, data=body, headers=headers, timeout=options.timeout_seconds, allow_redirects=False
        )
    except requests.RequestException as failure:
        raise WebhookDeliveryFailed(f"{options.url} did not confirm: {type(failure).__name__}") from failure
    if not 200 <= answer.status_code < 300:
        raise WebhookDeliveryFailed(f"{options.url} answered {answer.status_code}: it is to answer 2xx")


def _session(options: WebhookOptions, backoff_seconds: float) -> requests.Session:
    retry = Retry(
        total=options.attempts - 1,
        backoff_factor=backoff_seconds,
        status_forcelist=_TRY_AGAIN,
        allowed_methods=None,  # a batch may be sent twice: its events say by their ids that they are the same
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _batches(events: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(events, size)):
        yield batch
