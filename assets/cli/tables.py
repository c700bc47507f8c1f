"""`footsteps tables` and `footsteps dictionary`: where the tables are, how to read them, what is in them.

Belongs here: the answers.
Does not belong here: the tables.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from assets.cli.console import print_json, print_table, resolve_settings, stdout_console
from assets.cli.show import load_current_snapshot
from pipelines.config.company import read_config
from pipelines.config.publish import PublishOptions
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.dictionary import render_dictionary
from pipelines.publish.queries import list_publish_targets


def print_tables(data_root: Path | None, as_json: bool) -> None:
    """Print where each published table is by each way in, with queries to copy."""
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    options = read_config(settings.config_path).publish if settings.config_path.is_file() else PublishOptions()
    ways = list_publish_targets(snapshot, options)
    if as_json:
        print_json([asdict(way) for way in ways])
        return
    stale = " (stale: no night has succeeded since)" if snapshot.is_stale(datetime.now(UTC).date()) else ""
    print_table(
        f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of}, valid until {snapshot.valid_until}{stale}",
        {"table": "left", "format": "left", "rows": "right", "location": "left"},
        [[way.name, way.format, f"{way.rows:,}", way.location] for way in ways],
    )
    for way in ways[: len({one.format for one in ways})]:
        stdout_console.print(f"\n[bold]{way.name}[/bold] by {way.format}", soft_wrap=True)
        for kind, query in asdict(way.query).items():
            stdout_console.print(f"  {kind:<7} {escape(query)}", soft_wrap=True)
    stdout_console.print("\nQueries of the other tables: footsteps tables --json", soft_wrap=True)


def print_dictionary(as_json: bool) -> None:
    """Print the data dictionary as Markdown, or its tables and columns as JSON."""
    if not as_json:
        stdout_console.out(render_dictionary(), highlight=False)
        return
    print_json(
        [
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
                        "name": c.name,
                        "type": str(c.dtype),
                        "description": c.description,
                        "unit": c.unit,
                        "personal": str(c.personal),
                    }
                    for c in table.columns
                ],
            }
            for table in TABLES.values()
        ]
    )
