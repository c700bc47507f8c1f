"""The publish targets in addition to the Parquet files of a snapshot: each is published on its own.

Belongs here: which targets are configured, and the outcome of publishing each of them.
Does not belong here: how a target is written (`contract_files`, `delta`, `duckdb_views`, `postgresql`, `object_store`,
`feed`, `webhook`, `site`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions, PublishOptions, WebhookOptions
from pipelines.config.secrets import describe_failure
from pipelines.contracts.documents.terms import ContractTerms
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class PublishContext:
    """The input of every target.

    Attributes:
        snapshot: The snapshot to publish.
        lake: The lake it was made from.
        options: The section `publish` of footsteps.yaml.
        company: Name of the company.
        clock: The current time (UTC).
        site_folder: Folder of the pages.
        terms: Owner, support and terms of use in the contracts.
        smallest_team: The smallest number of people that a page about a team may state.
    """

    snapshot: Snapshot
    lake: Lake
    options: PublishOptions
    company: str
    clock: Callable[[], datetime]
    site_folder: Path
    terms: ContractTerms = field(default_factory=ContractTerms)
    smallest_team: int = 5


@dataclass(frozen=True)
class PublishOutcome:
    """Where a target was published, or why it failed; `problem` contains no secret and is None on success."""

    target: str
    location: str
    problem: str | None = None


class TargetNotReady(Exception):
    """A configured target lacks something it needs; the message says what to do."""


def list_configured_targets(publish_options: PublishOptions) -> tuple[str, ...]:
    """Name the targets that footsteps.yaml asks for.

    Args:
        publish_options: The section `publish` of footsteps.yaml.

    Returns:
        Names for `publish_target`, in the order in which they are published.
    """
    return tuple(
        target_name for target_name, (get_target_options, _) in _TARGETS.items() if get_target_options(publish_options)
    )


def publish_target(target_name: str, context: PublishContext) -> PublishOutcome:
    """Publish the snapshot to one target.

    Args:
        target_name: A name from `list_configured_targets`.
        context: What to publish, and where to.

    Returns:
        The outcome. An exception of the target becomes its `problem`, so that one target never stops the others.
    """
    get_target_options, publish_function = _TARGETS[target_name]
    try:
        return PublishOutcome(target_name, publish_function(context, get_target_options(context.options)))
    except Exception as failure:  # a failure of another system must not stop the run: the next run tries again
        problem = describe_failure(failure, context.options.secret_variables, context.options.shown_addresses)
        return PublishOutcome(target_name, "", problem)


def _require_secret(variable_name: str, description: str) -> str:
    if not os.environ.get(variable_name):
        raise TargetNotReady(f"set {variable_name} to {description}")
    return os.environ[variable_name]


# Each target imports its libraries when it is published: together they take seconds.


def _publish_contracts(context: PublishContext, _: bool) -> str:
    from pipelines.publish.contract_files import publish_contracts

    return str(publish_contracts(context.snapshot, context.options, context.terms))


def _publish_delta(context: PublishContext, _: bool) -> str:
    from pipelines.publish.delta import publish_delta

    publish_delta(context.snapshot, context.options.retention_days)
    return str(context.snapshot.folder / "tables")


def _publish_duckdb(context: PublishContext, _: bool) -> str:
    from pipelines.publish.duckdb_views import publish_duckdb

    return str(publish_duckdb(context.snapshot))


def _publish_postgresql(context: PublishContext, postgresql_options: PostgresqlOptions) -> str:
    from pipelines.publish.postgresql import drop_expired_postgresql, publish_postgresql

    uri = _require_secret(postgresql_options.uri_variable, "the URI of the PostgreSQL server")
    publish_postgresql(context.snapshot, uri, postgresql_options.schema_name)
    drop_expired_postgresql(
        [snapshot.snapshot_id for snapshot in list_snapshots(context.snapshot.folder)],
        uri,
        postgresql_options.schema_name,
    )
    return f"schema {postgresql_options.schema_name}"


def _publish_object_store(context: PublishContext, store_options: ObjectStoreOptions) -> str:
    from pipelines.publish.object_store import push_lake, push_publication

    push_publication(context.snapshot, store_options)
    if store_options.lake:
        push_lake(context.lake.root, store_options)
    return f"{store_options.url}/published"


def _publish_feed(context: PublishContext, _: bool) -> str:
    from pipelines.publish.feed import FEED_FOLDER, publish_feed

    # quoted, because the `source` of an event is a URI reference
    publish_feed(context.snapshot, f"/footsteps/{quote(context.company, safe='')}", context.clock())
    return str(context.snapshot.folder / FEED_FOLDER)


def _deliver_webhook(context: PublishContext, webhook_options: WebhookOptions) -> str:
    from pipelines.publish.webhook import deliver_events

    deliver_events(
        context.snapshot.folder,
        webhook_options,
        secret=_require_secret(webhook_options.secret_variable, "the secret that deliveries are signed with"),
        clock=context.clock,
    )
    return webhook_options.shown_url


def _publish_site(context: PublishContext, _: bool) -> str:
    from pipelines.publish.site.build import build_site
    from pipelines.publish.site.language import choose_language

    index_path = build_site(
        context.snapshot,
        context.lake,
        context.company,
        context.site_folder,
        language=choose_language(context.options.pages),
        smallest_team=context.smallest_team,
    )
    return str(index_path)


# In the order of publication: the options of a target, false or None if it is not configured, and its function.
_TARGETS: dict[str, tuple[Callable[[PublishOptions], Any], Callable[[PublishContext, Any], str]]] = {
    "contracts": (lambda _: True, _publish_contracts),
    "delta": (lambda options: options.delta, _publish_delta),
    "duckdb": (lambda options: options.duckdb, _publish_duckdb),
    "postgresql": (lambda options: options.postgresql, _publish_postgresql),
    "object_store": (lambda options: options.object_store, _publish_object_store),
    "feed": (lambda options: options.feed, _publish_feed),
    "webhook": (lambda options: options.feed and options.webhook, _deliver_webhook),
    "site": (lambda options: options.site, _publish_site),
}
