"""`footsteps tables` and `footsteps dictionary`: where the tables are, how to read them, and what they contain.

Belongs here: printing it.
Does not belong here: the tables.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from assets.cli.console import print_json, print_table, resolve_settings, stdout_console
from assets.cli.inputs import load_config, load_current_snapshot
from pipelines.config.publish import PublishOptions
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.dictionary import render_dictionary
from pipelines.publish.queries import list_publish_targets


def print_tables(data_root: Path | None, as_json: bool) -> None:
    """Print where each published table is in each target, with queries to copy."""
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    options = load_config(settings).publish if settings.config_path.is_file() else PublishOptions()
    targets = list_publish_targets(snapshot, options)
    if as_json:
        print_json([asdict(target) for target in targets])
        return
    stale = " (stale: no run has succeeded since)" if snapshot.is_stale(datetime.now(UTC).date()) else ""
    print_table(
        f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of}, valid until {snapshot.valid_until}{stale}",
        {"table": "left", "format": "left", "rows": "right", "location": "left"},
        [[target.name, target.format, f"{target.rows:,}", target.location] for target in targets],
    )
    for target in targets[: len({target.format for target in targets})]:
        stdout_console.print(f"\n[bold]{target.name}[/bold] by {target.format}", soft_wrap=True)
        for language, query in asdict(target.query).items():
            stdout_console.print(f"  {language:<7} {escape(query)}", soft_wrap=True)
    stdout_console.print("\nQueries of the other tables: footsteps tables --json", soft_wrap=True)


def print_dictionary(as_json: bool) -> None:
    """Print the data dictionary as Markdown, or its tables and columns as JSON."""
    if not as_json:
        stdout_console.out(render_dictionary(), highlight=False)
        return
    tables = [
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
                    "personal": str(column.personal),
                }
                for column in table.columns
            ],
        }
        for table in TABLES.values()
    ]
    print_json(tables)
