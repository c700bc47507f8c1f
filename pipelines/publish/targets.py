"""The ways in beside Parquet: each is published by itself, and one that fails stops no other.

Belongs here: which ways are configured, and what each came to.
Does not belong here: how one works (`delta`, `duckdb_views`, `postgresql`, `object_store`, `feed`,
`pipelines.publish.site`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from pipelines.config.publish import PublishOptions
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class PublishContext:
    """What every way in is made from; `site` is the folder of the pages."""

    snapshot: Snapshot
    lake: Lake
    options: PublishOptions
    company: str
    at: datetime
    site: Path


@dataclass(frozen=True)
class PublishOutcome:
    """What publishing one way came to: where it is, and why it failed (without any secret), or None."""

    target: str
    location: str
    problem: str | None = None


class TargetNotReady(Exception):
    """A way in is configured but something it needs is not there; the message says what to do."""


def configured_targets(options: PublishOptions) -> tuple[str, ...]:
    """The names of the configured ways, in the order in which they are published."""
    wanted = {
        "delta": options.delta,
        "duckdb": options.duckdb,
        "postgresql": options.postgresql is not None,
        "object_store": options.object_store is not None,
        "feed": options.feed,
        "webhook": options.feed and options.webhook is not None,
        "site": options.site,
    }
    return tuple(target for target, is_wanted in wanted.items() if is_wanted)


def publish_target(target: str, publication: PublishContext) -> PublishOutcome:
    """Publish one way; whatever it raises becomes its problem."""
    try:
        return PublishOutcome(target, _WAYS[target](publication))
    except Exception as failure:  # another system's trouble must not cost the night: it is told and tried again
        lines = str(failure).strip().splitlines() or ["no reason given"]
        return PublishOutcome(target, "", f"{type(failure).__name__}: {redact_secrets(lines[0])}")


def postgresql_uri(options: PublishOptions, environment: Mapping[str, str] = os.environ) -> str:
    """The server's URI. Raises WayNotReady where its variable is not set."""
    assert options.postgresql is not None
    return require_secret(options.postgresql.uri_variable, "the URI of the PostgreSQL server", environment)


def require_secret(variable: str, what: str, environment: Mapping[str, str] = os.environ) -> str:
    """The value of a variable that holds a secret. Raises WayNotReady where it is not set."""
    if not environment.get(variable):
        raise TargetNotReady(f"set {variable} to {what}")
    return environment[variable]


def redact_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text without the value of any variable that holds a secret."""
    for name, value in environment.items():
        if len(value) > 3 and any(word in name for word in ("URI", "SECRET", "KEY", "PASSWORD", "TOKEN")):
            text = text.replace(value, f"${name}")
    return text


def _delta(publication: PublishContext) -> str:
    from pipelines.publish.delta import publish_delta

    publish_delta(publication.snapshot, publication.options.retention_days)
    return str(publication.snapshot.folder / "tables")


def _duckdb(publication: PublishContext) -> str:
    from pipelines.publish.duckdb_views import publish_duckdb

    return str(publish_duckdb(publication.snapshot))


def _postgresql(publication: PublishContext) -> str:
    from pipelines.publish.postgresql import drop_expired_postgresql, publish_postgresql

    options, snapshot = publication.options, publication.snapshot
    assert options.postgresql is not None
    uri, schema = postgresql_uri(options), options.postgresql.schema_name
    publish_postgresql(snapshot, uri, schema)
    drop_expired_postgresql([one.snapshot_id for one in list_snapshots(snapshot.folder)], uri, schema)
    return f"schema {schema}"


def _object_store(publication: PublishContext) -> str:
    from pipelines.publish.object_store import push_lake, push_publication

    options = publication.options.object_store
    assert options is not None
    push_publication(publication.snapshot, options)
    if options.lake:
        push_lake(publication.lake.root, options)
    return f"{options.url}/published"


def _feed(publication: PublishContext) -> str:
    from pipelines.publish.feed import FEED_FOLDER, publish_feed

    publish_feed(publication.snapshot, feed_source(publication.company), publication.at)
    return str(publication.snapshot.folder / FEED_FOLDER)


def feed_source(company: str) -> str:
    """The `source` of the feed's events: a reference that is safe in any URI."""
    return f"/footsteps/{quote(company, safe='')}"


def _webhook(publication: PublishContext) -> str:
    from pipelines.publish.webhook import deliver_events

    webhook = publication.options.webhook
    assert webhook is not None
    key = require_secret(webhook.secret_variable, "the key that deliveries are signed with")
    deliver_events(publication.snapshot.folder, webhook, key, publication.at)
    return webhook.url


def _site(publication: PublishContext) -> str:
    from pipelines.publish.site.build import build_site

    return str(build_site(publication.snapshot, publication.lake, publication.company, publication.site))


_WAYS: dict[str, Callable[[PublishContext], str]] = {
    "delta": _delta,
    "duckdb": _duckdb,
    "postgresql": _postgresql,
    "object_store": _object_store,
    "feed": _feed,
    "webhook": _webhook,
    "site": _site,
}
