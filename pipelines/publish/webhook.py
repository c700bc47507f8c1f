"""Delivery of the change feed to an HTTP endpoint: signed, retried, and confirmed batch by batch.

Belongs here: one delivery from the cursor on, in the form of Standard Webhooks.
Does not belong here: the events (`feed`), the endpoint and the name of the key (`pipelines.config.publish`).
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from standardwebhooks import Webhook
from urllib3.util import Retry

from pipelines.config.publish import WebhookOptions
from pipelines.publish.feed import FEED_FOLDER, read_feed
from pipelines.snapshots.writer import write_json

# Sent beside the headers of Standard Webhooks until release 0.2.
DEPRECATED_SIGNATURE_HEADER = "Footsteps-Signature"
_SECRET_PREFIX = "whsec_"
_ALLOWED_SECRET_BYTES = range(24, 65)
_CURSOR_FILE = "delivered.json"
# Status codes of a receiver that needs time; any other 4xx means that the request itself is wrong.
_RETRIED_STATUS_CODES = (408, 425, 429, 500, 502, 503, 504)


class WebhookDeliveryFailed(Exception):
    """The receiver did not confirm a batch; the next delivery starts with that batch."""


class UnusableWebhookSecret(Exception):
    """The secret has the prefix of Standard Webhooks, but not its form."""


def deliver_events(
    published_folder: Path,
    webhook_options: WebhookOptions,
    secret: str,
    clock: Callable[[], datetime],
    backoff_seconds: float = 0.5,
) -> int:
    """Send the events that the receiver has not confirmed yet, in order and in batches.

    Each batch that is confirmed by a 2xx moves the stored cursor (see `read_delivery_cursor`).

    Args:
        published_folder: The folder of everything that is published.
        webhook_options: The endpoint, the size of a batch, attempts and timeout.
        secret: The secret that bodies are signed with: `whsec_` and Base64, or any other text.
        clock: The current time, in UTC: receivers refuse a batch that was signed minutes ago.
        backoff_seconds: Factor of the exponential waiting time between attempts.

    Returns:
        The number of confirmed events.

    Raises:
        UnusableWebhookSecret: If the secret begins with `whsec_` but is too short, too long or no Base64.
        WebhookDeliveryFailed: After the last attempt; the cursor then stays behind the last confirmed batch.
    """
    message_signer = Webhook(_decode_secret(secret))
    events, confirmed_event_count = (
        read_feed(published_folder, after_sequence=read_delivery_cursor(published_folder)),
        0,
    )
    with _silence_connection_logs(), _open_session(webhook_options, backoff_seconds) as session:
        while event_batch := list(islice(events, webhook_options.batch)):
            request_body, sent_at = json.dumps(event_batch, ensure_ascii=False), clock()
            signatures = {
                **_sign_message(request_body, message_signer, sent_at),
                DEPRECATED_SIGNATURE_HEADER: sign_body(request_body.encode(), secret, sent_at),
            }
            _send_request(session, webhook_options, request_body.encode(), signatures)
            write_json(published_folder / FEED_FOLDER / _CURSOR_FILE, {"cursor": int(event_batch[-1]["sequence"])})
            confirmed_event_count += len(event_batch)
    return confirmed_event_count


def read_delivery_cursor(published_folder: Path) -> int:
    """Read the sequence of the last event that the receiver confirmed; 0 before the first.

    Args:
        published_folder: The folder of everything that is published.
    """
    cursor_path = published_folder / FEED_FOLDER / _CURSOR_FILE
    return int(json.loads(cursor_path.read_text())["cursor"]) if cursor_path.exists() else 0


def sign_body(request_body: bytes, shared_key: str, sent_at: datetime) -> str:
    """Sign a body with an HMAC-SHA256 over `seconds.body`, the deprecated form.

    Args:
        request_body: The body of the request.
        shared_key: The key that sender and receiver share.
        sent_at: The time in the signature.

    Returns:
        The value of the header: `t=seconds,v1=hex`.
    """
    timestamp_seconds = int(sent_at.timestamp())
    signature_hex = hmac.new(
        shared_key.encode(), f"{timestamp_seconds}.".encode() + request_body, hashlib.sha256
    ).hexdigest()
    return f"t={timestamp_seconds},v1={signature_hex}"


def _decode_secret(secret: str) -> bytes:
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        signing_key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        signing_key = b""
    if len(signing_key) not in _ALLOWED_SECRET_BYTES:
        raise UnusableWebhookSecret(
            f"a secret with {_SECRET_PREFIX} is followed by the Base64 of 24 to 64 random bytes"
        )
    return signing_key


def _sign_message(request_body: str, message_signer: Webhook, sent_at: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks; the id follows from the body, so that a repeated message has the same."""
    message_id = f"msg_{hashlib.sha256(request_body.encode()).hexdigest()[:32]}"
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        # the library takes the digits of the time as UTC
        "webhook-signature": message_signer.sign(message_id, sent_at.astimezone(UTC), request_body),
    }


def _send_request(
    session: requests.Session, webhook_options: WebhookOptions, request_body: bytes, signatures: dict[str, str]
) -> None:
    try:
        response = session.post(
            webhook_options.url,
            data=request_body,
            headers={"Content-Type": "application/cloudevents-batch+json; charset=utf-8", **signatures},
            timeout=webhook_options.timeout_seconds,
            allow_redirects=False,
        )
    except requests.RequestException as failure:
        raise WebhookDeliveryFailed(
            f"{webhook_options.shown_url} did not confirm: {type(failure).__name__}"
        ) from failure
    if not 200 <= response.status_code < 300:
        raise WebhookDeliveryFailed(f"{webhook_options.shown_url} answered {response.status_code}: it must answer 2xx")


@contextmanager
def _silence_connection_logs() -> Iterator[None]:
    """Silence urllib3, which logs path and query of each attempt; the outcome tells what failed."""
    loggers = [logging.getLogger(f"urllib3.{module_name}") for module_name in ("connectionpool", "util.retry")]
    for logger in loggers:
        logger.addFilter(_drop_record)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_drop_record)


def _drop_record(_: logging.LogRecord) -> bool:
    return False


def _open_session(webhook_options: WebhookOptions, backoff_seconds: float) -> requests.Session:
    retry_policy = Retry(
        total=webhook_options.attempts - 1,
        backoff_factor=backoff_seconds,
        status_forcelist=_RETRIED_STATUS_CODES,
        allowed_methods=None,  # a batch may be sent twice: its events have ids
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry_policy))
    return session
