"""`footsteps contracts`: the published tables' contracts, as files for readers.

Belongs here: writing the files of the Open Data Contract Standard, and releasing new versions.
Does not belong here: the content of a contract (`pipelines.contracts`).
"""

import json
from pathlib import Path

import yaml

from assets.cli.console import print_json, print_result, stdout_console
from pipelines.contracts.compatibility import contract_from_table, write_released_contract
from pipelines.contracts.feed_event import build_feed_event_schema
from pipelines.contracts.odcs import render_odcs
from pipelines.contracts.output_tables import PUBLISHED_TABLES

DOCS = Path(__file__).parents[2] / "docs" / "contracts"


def print_contracts(write: bool, as_json: bool) -> None:
    """Print the contracts, or write them to docs/contracts and release new versions."""
    documents = [render_odcs(table) for table in PUBLISHED_TABLES]
    if not write and as_json:
        print_json(documents)
    elif not write:
        stdout_console.out("---\n".join(map(render_contract, documents)), highlight=False)
    else:
        _write_and_release(as_json)


def _write_and_release(as_json: bool) -> None:
    written = write_contracts(DOCS)
    released = [path for table in PUBLISHED_TABLES if (path := write_released_contract(contract_from_table(table)))]
    print_result(
        {"written": [path.name for path in written], "released": [path.name for path in released]},
        f"{len(written)} files under {DOCS}; {len(released)} versions released",
        as_json,
    )


def write_contracts(folder: Path) -> list[Path]:
    """Write one ODCS file per published table, and the JSON Schema of the change feed.

    Args:
        folder: Folder of the files; it is created if it is missing.

    Returns:
        The written files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{table.name}.odcs.yaml": render_contract(render_odcs(table)) for table in PUBLISHED_TABLES}
    texts["feed.schema.json"] = json.dumps(build_feed_event_schema(), indent=2) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def render_contract(document: dict[str, object]) -> str:
    """Render a contract as YAML, with its keys in their order."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
