"""`footsteps tables` and `footsteps dictionary`: where the tables are, how to read them, what is in them.

Belongs here: the answers.
Does not belong here: the tables.
"""

from pathlib import Path

from assets.commands.saying import answers, print_json, print_table, settings_of
from assets.commands.show import published
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.dictionary import render_dictionary


def print_tables(data_root: Path | None, as_json: bool) -> None:
    """Print each published table with its path, rows and queries to copy."""
    settings = settings_of(data_root)
    snapshot = published(settings)
    rows = [
        {
            "name": table.name,
            "format": "parquet",
            "location": str(snapshot.path(table.name)),
            "rows": table.rows,
            "query": {
                "sql": f"SELECT * FROM read_parquet('{snapshot.path(table.name)}') LIMIT 10",
                "python": "from pipelines.publish.snapshot import current_snapshot; from pathlib import Path; "
                f"current_snapshot(Path('{settings.published_path}')).scan('{table.name}').head(10).collect()",
                "pandas": f"pandas.read_parquet('{snapshot.path(table.name)}').head(10)",
            },
        }
        for table in snapshot.tables
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of}, valid until {snapshot.valid_until}",
        {"table": "left", "format": "left", "rows": "right"},
        [[str(row["name"]), str(row["format"]), f"{row['rows']:,}"] for row in rows],
    )
    for table in snapshot.tables:
        answers.print(f"\n[bold]{table.name}[/bold]  {TABLES[table.name].description}", soft_wrap=True)
        answers.print(f"  DuckDB  SELECT * FROM '{snapshot.path(table.name)}' LIMIT 10;", soft_wrap=True)
        answers.print(f"  polars  pl.read_parquet('{snapshot.path(table.name)}')", soft_wrap=True)


def print_dictionary(as_json: bool) -> None:
    """Print the data dictionary as Markdown, or its tables and columns as JSON."""
    if not as_json:
        answers.out(render_dictionary(), highlight=False)
        return
    print_json(
        [
            {
                "name": table.name, "description": table.description, "key": list(table.key), "version": table.version,
                "owner": table.owner, "retention_days": table.retention_days, "readers": list(table.readers),
                "rules": [rule.name for rule in table.rules],
                "columns": [
                    {"name": c.name, "type": str(c.dtype), "description": c.description, "unit": c.unit,
                     "personal": str(c.personal)}
                    for c in table.columns
                ],
            }
            for table in TABLES.values()
        ]
    )  # fmt: skip
