"""`footsteps contracts`: the published tables' contracts, as files for readers.

Belongs here: writing the Open Data Contract Standard files and releasing new versions.
Does not belong here: what a contract says (`pipelines.contracts`).
"""

import json
from pathlib import Path

import yaml

from assets.cli.console import print_json, print_note, stdout_console
from pipelines.contracts.compatibility import contract_from_table, write_released_contract
from pipelines.contracts.feed_event import build_feed_event_schema
from pipelines.contracts.odcs import render_odcs
from pipelines.contracts.output_tables import PUBLISHED_TABLES

DOCS = Path(__file__).parents[2] / "docs" / "contracts"


def print_contracts(write: bool, as_json: bool) -> None:
    """Print the contracts, or write them under docs/contracts and release the versions that are new."""
    if not write:
        documents = [render_odcs(table) for table in PUBLISHED_TABLES]
        if as_json:
            print_json(documents)
            return
        stdout_console.out("---\n".join(render_contract(document) for document in documents), highlight=False)
        return
    written = write_contracts(DOCS)
    released = [
        str(path.name) for table in PUBLISHED_TABLES if (path := write_released_contract(contract_from_table(table)))
    ]
    if as_json:
        print_json({"written": [path.name for path in written], "released": released})
        return
    print_note(f"{len(written)} files under {DOCS}; {len(released)} versions released")


def write_contracts(folder: Path) -> list[Path]:
    """One ODCS file a published table, and the JSON Schema of the feed."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in PUBLISHED_TABLES:
        path = folder / f"{table.name}.odcs.yaml"
        path.write_text(render_contract(render_odcs(table)))
        written.append(path)
    feed = folder / "feed.schema.json"
    feed.write_text(json.dumps(build_feed_event_schema(), indent=2) + "\n")
    return [*written, feed]


def render_contract(document: dict[str, object]) -> str:
    """A contract as YAML, in the order in which it was made."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
