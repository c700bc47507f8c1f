"""`footsteps tables`, `dictionary`, `contracts` and `feed`: where the tables are, what they contain, what changed.

Belongs here: printing it, writing the files of the Open Data Contract Standard, and releasing new versions.
Does not belong here: the tables, the content of a contract (`pipelines.contracts`), what counts as a change
(`pipelines.publish.feed`).
"""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from assets.cli.benchmarks import CHECKOUT_FOLDER, is_checkout
from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_result,
    print_table,
    resolve_settings,
    stdout_console,
)
from assets.cli.terminal.inputs import load_config, load_current_snapshot
from pipelines.config.publish import PublishOptions
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.documents.compatibility import contract_from_table, write_released_contract
from pipelines.contracts.documents.dictionary import render_dictionary
from pipelines.contracts.documents.feed_event import build_feed_event_schema
from pipelines.contracts.documents.odcs import render_odcs
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.personal_columns import classify_columns
from pipelines.publish.contract_files import render_contract
from pipelines.publish.feed import read_feed
from pipelines.publish.queries import list_publish_targets

CONTRACTS_FOLDER = CHECKOUT_FOLDER / "docs" / "contracts"


def print_tables(data_root: Path | None, as_json: bool) -> None:
    """Print where each published table is in each target, with queries to copy."""
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    publish_options = load_config(settings).publish if settings.config_path.is_file() else PublishOptions()
    table_locations = list_publish_targets(snapshot, publish_options)
    if as_json:
        print_json([asdict(table_location) for table_location in table_locations])
        return
    stale_note = " (stale: no run has succeeded since)" if snapshot.is_stale(datetime.now(UTC).date()) else ""
    print_table(
        f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of}, valid until {snapshot.valid_until}{stale_note}",
        {"table": "left", "format": "left", "rows": "right", "location": "left"},
        [
            [table_location.name, table_location.format, f"{table_location.rows:,}", table_location.location]
            for table_location in table_locations
        ],
    )
    for table_location in table_locations[: len({table_location.format for table_location in table_locations})]:
        stdout_console.print(f"\n[bold]{table_location.name}[/bold] by {table_location.format}", soft_wrap=True)
        for query_language, query_text in asdict(table_location.query).items():
            stdout_console.print(f"  {query_language:<7} {escape(query_text)}", soft_wrap=True)
    stdout_console.print("\nQueries of the other tables: footsteps tables --json", soft_wrap=True)


def print_dictionary(as_json: bool) -> None:
    """Print the data dictionary as Markdown, or its tables and columns as JSON."""
    if not as_json:
        stdout_console.out(render_dictionary(), highlight=False)
        return
    table_documents = [
        {
            "name": table.name,
            "description": table.description,
            "key": list(table.key),
            "version": table.version,
            "owner": table.owner,
            "retention_days": table.retention_days,
            "readers": list(table.readers),
            "rules": [rule.name for rule in table.rules],
            "columns": [
                {
                    "name": column.name,
                    "type": str(column.dtype),
                    "description": column.description,
                    "unit": column.unit,
                    "class": str(classify_columns(table)[column.name]),
                }
                for column in table.columns
            ],
        }
        for table in TABLES.values()
    ]
    print_json(table_documents)


def print_contracts(is_release: bool, as_json: bool) -> None:
    """Print the contracts, or write them to docs/contracts and release new versions.

    Raises:
        CommandFailed: If they are to be written and this is no checkout.
    """
    contract_documents = [render_odcs(table) for table in PUBLISHED_TABLES]
    if not is_release and as_json:
        print_json(contract_documents)
    elif not is_release:
        stdout_console.out("---\n".join(map(render_contract, contract_documents)), highlight=False)
    elif not is_checkout():
        raise CommandFailed("the contracts are released in a checkout: run `footsteps contracts --write` there")
    else:
        _release_contracts(as_json)


def _release_contracts(as_json: bool) -> None:
    written_paths = write_contracts(CONTRACTS_FOLDER)
    released_paths = [
        contract_path
        for table in PUBLISHED_TABLES
        if (contract_path := write_released_contract(contract_from_table(table)))
    ]
    print_result(
        {
            "written": [contract_path.name for contract_path in written_paths],
            "released": [contract_path.name for contract_path in released_paths],
        },
        f"{len(written_paths)} files under {CONTRACTS_FOLDER}; {len(released_paths)} versions released",
        as_json,
    )


def write_contracts(contracts_folder: Path) -> list[Path]:
    """Write one ODCS file per published table, the JSON Schema of the change feed, and the OpenAPI description.

    Args:
        contracts_folder: Folder of the files; it is created if it is missing.

    Returns:
        The written files.
    """
    from assets.web.openapi import build_openapi  # imports the web application, which other commands do not need

    contracts_folder.mkdir(parents=True, exist_ok=True)
    text_by_file_name = {f"{table.name}.odcs.yaml": render_contract(render_odcs(table)) for table in PUBLISHED_TABLES}
    text_by_file_name["feed.schema.json"] = json.dumps(build_feed_event_schema(), indent=2) + "\n"
    text_by_file_name["serve.openapi.json"] = json.dumps(build_openapi(), indent=2, ensure_ascii=False) + "\n"
    for file_name, file_text in text_by_file_name.items():
        (contracts_folder / file_name).write_text(file_text)
    return [contracts_folder / file_name for file_name in text_by_file_name]


def print_feed(data_root: Path | None, after_sequence: int, event_limit: int, as_json: bool) -> None:
    """Print one CloudEvent per line, or one JSON document with the next cursor.

    Args:
        data_root: The data root.
        after_sequence: Sequence of the last event that was read; later events are printed.
        event_limit: The largest number of events.
        as_json: Whether to print one JSON document.
    """
    events = list(read_feed(load_current_snapshot(resolve_settings(data_root)).folder, after_sequence, event_limit))
    if as_json:
        print_json({"cursor": int(events[-1]["sequence"]) if events else after_sequence, "events": events})
        return
    sys.stdout.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
