"""`footsteps feed`: the change feed behind a cursor.

Belongs here: printing it.
Does not belong here: what counts as a change (`pipelines.publish.feed`).
"""

import json
import sys
from pathlib import Path

from assets.cli.console import print_json, resolve_settings
from assets.cli.inputs import load_current_snapshot
from pipelines.publish.feed import read_feed


def print_feed(data_root: Path | None, after: int, limit: int, as_json: bool) -> None:
    """Print one CloudEvent per line, or one JSON document with the next cursor."""
    events = list(read_feed(load_current_snapshot(resolve_settings(data_root)).folder, after, limit))
    if as_json:
        print_json({"cursor": int(events[-1]["sequence"]) if events else after, "events": events})
        return
    sys.stdout.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
