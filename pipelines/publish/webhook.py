"""Delivery of the change feed to an HTTP endpoint: signed, retried, and confirmed batch by batch.

Belongs here: one delivery from the cursor on, and the signature of a body.
Does not belong here: the events (`feed`), the endpoint and the name of the key (`pipelines.config.publish`).
"""

import hashlib
import hmac
import json
from datetime import datetime
from itertools import islice
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pipelines.config.publish import WebhookOptions
from pipelines.publish.feed import FEED_FOLDER, read_feed
from pipelines.snapshots.writer import write_json

SIGNATURE_HEADER = "Footsteps-Signature"
_CURSOR_FILE = "delivered.json"
# Status codes of a receiver that needs time; any other 4xx means that the request itself is wrong.
_RETRIED_STATUS_CODES = (408, 425, 429, 500, 502, 503, 504)


class WebhookDeliveryFailed(Exception):
    """The receiver did not confirm a batch; the next delivery starts with that batch."""


def deliver_events(
    published_folder: Path, options: WebhookOptions, key: str, sent_at: datetime, backoff_seconds: float = 0.5
) -> int:
    """Send the events that the receiver has not confirmed yet, in order and in batches.

    Each batch that is confirmed by a 2xx moves the stored cursor (see `read_delivery_cursor`).

    Args:
        published_folder: The folder of everything that is published.
        options: The endpoint, the size of a batch, attempts and timeout.
        key: The key that bodies are signed with.
        sent_at: The time in the signatures.
        backoff_seconds: Factor of the exponential waiting time between attempts.

    Returns:
        The number of confirmed events.

    Raises:
        WebhookDeliveryFailed: After the last attempt; the cursor then stays behind the last confirmed batch.
    """
    events, event_count = read_feed(published_folder, after_sequence=read_delivery_cursor(published_folder)), 0
    with _open_session(options, backoff_seconds) as session:
        while batch := list(islice(events, options.batch)):
            body = json.dumps(batch, ensure_ascii=False).encode()
            _send(session, options, body, sign_body(body, key, sent_at))
            write_json(published_folder / FEED_FOLDER / _CURSOR_FILE, {"cursor": int(batch[-1]["sequence"])})
            event_count += len(batch)
    return event_count


def read_delivery_cursor(published_folder: Path) -> int:
    """Read the sequence of the last event that the receiver confirmed; 0 before the first.

    Args:
        published_folder: The folder of everything that is published.
    """
    cursor_path = published_folder / FEED_FOLDER / _CURSOR_FILE
    return int(json.loads(cursor_path.read_text())["cursor"]) if cursor_path.exists() else 0


def sign_body(body: bytes, key: str, sent_at: datetime) -> str:
    """Sign a body with an HMAC-SHA256 over `seconds.body`.

    A receiver computes the same HMAC, compares it in constant time, and rejects a signature that is older than a few
    minutes.

    Args:
        body: The body of the request.
        key: The key that sender and receiver share.
        sent_at: The time in the signature.

    Returns:
        The value of the header: `t=seconds,v1=hex`.
    """
    seconds = int(sent_at.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _send(session: requests.Session, options: WebhookOptions, body: bytes, signature: str) -> None:
    try:
        response = session.post(
            options.url,
            data=body,
            headers={
                "Content-Type": "application/cloudevents-batch+json; charset=utf-8",
                SIGNATURE_HEADER: signature,
            },
            timeout=options.timeout_seconds,
            allow_redirects=False,
        )
    except requests.RequestException as failure:
        raise WebhookDeliveryFailed(f"{options.url} did not confirm: {type(failure).__name__}") from failure
    if not 200 <= response.status_code < 300:
        raise WebhookDeliveryFailed(f"{options.url} answered {response.status_code}: it must answer 2xx")


def _open_session(options: WebhookOptions, backoff_seconds: float) -> requests.Session:
    retry_policy = Retry(
        total=options.attempts - 1,
        backoff_factor=backoff_seconds,
        status_forcelist=_RETRIED_STATUS_CODES,
        allowed_methods=None,  # a batch may be sent twice: its events have ids
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry_policy))
    return session
