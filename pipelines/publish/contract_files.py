"""The contracts of a snapshot: one file of the Open Data Contract Standard per table, with the servers that hold it.

Belongs here: the files, and the servers of a table: Parquet, and the targets that footsteps.yaml declares.
Does not belong here: the form of a contract (`pipelines.contracts.documents.odcs`) and its terms (`terms` beside it).
"""

import os
from pathlib import Path
from typing import Any

import yaml

from pipelines.config.publish import ObjectStoreOptions, PublishOptions
from pipelines.contracts.documents.odcs import render_odcs
from pipelines.contracts.documents.terms import ContractTerms
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.snapshots.reader import SNAPSHOTS, PublishedTable, Snapshot
from pipelines.storage.atomic_write import write_text_atomically

_POSTGRESQL_FALLBACKS = {"host": "localhost", "port": "5432"}


def contract_folder(snapshot: Snapshot) -> Path:
    """Return the folder of a snapshot's contracts, beside its manifest; it is removed with the snapshot."""
    return snapshot.folder / SNAPSHOTS / snapshot.snapshot_id / "contracts"


def publish_contracts(snapshot: Snapshot, publish_options: PublishOptions, terms: ContractTerms) -> Path:
    """Write the contract of each table of a snapshot.

    Args:
        snapshot: The snapshot that the contracts describe.
        publish_options: The section `publish` of footsteps.yaml: the targets that become servers.
        terms: Owner, support and terms of use.

    Returns:
        The folder of the contracts: one file `<table>.odcs.yaml` per table.
    """
    contracts_folder = contract_folder(snapshot)
    contracts_folder.mkdir(parents=True, exist_ok=True)
    declared_table_by_name = {table.name: table for table in PUBLISHED_TABLES}
    for published_table in snapshot.tables:
        servers = list_servers(published_table, publish_options)
        contract_document = render_odcs(declared_table_by_name[published_table.name], terms, servers)
        write_text_atomically(
            contracts_folder / f"{published_table.name}.odcs.yaml", render_contract(contract_document)
        )
    return contracts_folder


def render_contract(contract_document: dict[str, Any]) -> str:
    """Render a contract as YAML, with its keys in their order."""
    return yaml.safe_dump(contract_document, sort_keys=False, allow_unicode=True, width=120)


def list_servers(table: PublishedTable, publish_options: PublishOptions) -> list[dict[str, Any]]:
    """List where the rows of a table can be read, as servers of the standard; none contains a user or a password.

    Args:
        table: A table of a snapshot.
        publish_options: The section `publish` of footsteps.yaml.

    Returns:
        One server for the Parquet file, and one per configured target that the standard can describe. PostgreSQL is
        missing if the variable with its URI is not set.
    """
    servers: list[dict[str, Any]] = [
        {
            "server": "parquet",
            "type": "local",
            "description": "The file of this snapshot; the path is relative to the folder `published`.",
            "path": table.path,
            "format": "parquet",
        }
    ]
    if publish_options.postgresql is not None and (uri := os.environ.get(publish_options.postgresql.uri_variable)):
        servers.append(_describe_postgresql_server(uri, publish_options.postgresql.schema_name))
    if publish_options.object_store is not None:
        servers.append(_describe_object_store_server(table, publish_options.object_store))
    return servers


def _describe_postgresql_server(uri: str, schema_name: str) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict

    uri_parts = conninfo_to_dict(uri)
    # a URI may name several hosts, of which the first is tried first, and leaves out what libpq has a default for
    host, port = (
        str(uri_parts.get(uri_key) or "").split(",")[0] or fallback_value
        for uri_key, fallback_value in _POSTGRESQL_FALLBACKS.items()
    )
    return {
        "server": "postgresql",
        "type": "postgresql",
        "description": "Views on the current snapshot; columns of logical type array or object are JSON.",
        "host": host,
        "port": int(port),
        "database": uri_parts.get("dbname") or uri_parts.get("user") or "postgres",
        "schema": schema_name,
    }


def _describe_object_store_server(table: PublishedTable, store_options: ObjectStoreOptions) -> dict[str, Any]:
    return {
        "server": "object_store",
        "type": "s3",
        "description": "A copy of the file of this snapshot.",
        "location": f"{store_options.url}/published/{table.path}",
        **({"endpointUrl": store_options.endpoint} if store_options.endpoint else {}),
        "format": "parquet",
    }
