"""The change feed: an outbox of JSON lines, one event for each person whose recommendations changed.

Belongs here: what counts as a change, the outbox, reading it from a cursor on.
Does not belong here: the event's form (`pipelines.contracts.feed_event`), delivery over HTTP (`delivery`).

At least once and in order: the newest file names the snapshot it ends with, and the next file is the difference
from there, whatever was published and not fed in between. A file is written whole or not at all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import polars as pl

from pipelines.contracts.feed_event import FeedChange, FeedEvent
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.snapshots.release_checks import fingerprint_lists
from pipelines.storage.lake import replace_file

FEED_FOLDER = "feed"


@dataclass(frozen=True)
class OutboxFile:
    """One file of the outbox; its name says which events it holds and which snapshot it ends with."""

    path: Path
    number: int
    first: int
    last: int
    snapshot_id: str


def publish_feed(snapshot: Snapshot, source: str, at: datetime) -> int:
    """Write the events from the last fed snapshot to this one; how many: none where it was fed already.

    Where the last fed snapshot is kept no more, everybody is told to look again. Files of snapshots that are no longer
    kept are removed; the newest stays.
    """
    folder = snapshot.folder / FEED_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = list_outbox_files(snapshot.folder)
    last = files[-1] if files else OutboxFile(folder, 0, 0, 0, "")
    if last.snapshot_id == snapshot.snapshot_id:
        return 0
    kept = {one.snapshot_id: one for one in list_snapshots(snapshot.folder)}
    changes = changed_people(kept.get(last.snapshot_id), snapshot)
    events = (
        FeedEvent(
            last.last + place, person, change, snapshot.snapshot_id, last.snapshot_id or None, source, at.isoformat()
        )
        for place, (person, change) in enumerate(changes.iter_rows(), start=1)
    )
    unfinished = folder / ".unfinished"
    with unfinished.open("w") as sink:
        sink.writelines(json.dumps(event.to_cloud_event(), ensure_ascii=False) + "\n" for event in events)
    ends = f"{last.last + 1:020d}-{last.last + changes.height:020d}"
    replace_file(unfinished, folder / f"{last.number + 1:08d}-{ends}-{snapshot.snapshot_id}.jsonl")
    for one in files[:-1]:
        if one.snapshot_id not in kept:
            one.path.unlink()
    return changes.height


def list_outbox_files(published: Path) -> list[OutboxFile]:
    """The files of the outbox, in order."""
    found = []
    for path in sorted((published / FEED_FOLDER).glob("*.jsonl")):
        number, first, last, snapshot_id = path.stem.split("-", 3)
        found.append(OutboxFile(path, int(number), int(first), int(last), snapshot_id))
    return found


def read_feed(published: Path, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The events behind a cursor in their order. The next cursor is the `sequence` of the last one read."""
    given = 0
    for file in list_outbox_files(published):
        if file.last <= after:
            continue
        with file.path.open() as lines:
            for place, line in enumerate(lines):
                if file.first + place <= after:
                    continue
                if limit is not None and given >= limit:
                    return
                given += 1
                yield json.loads(line)


def changed_people(before: Snapshot | None, after: Snapshot) -> pl.DataFrame:
    """One row per person whose list differs: person_id, change. Everybody where there is nothing before."""
    came, changed, left = get_args(FeedChange)
    new = fingerprint_lists(after.scan(NEXT_SKILL.name))
    if before is None:
        return new.select("person_id", pl.lit(came).alias("change")).collect().sort("person_id")
    joined = new.join(
        fingerprint_lists(before.scan(NEXT_SKILL.name)), on="person_id", how="full", coalesce=True, suffix="_before"
    )
    change = (
        pl.when(pl.col("list_before").is_null())
        .then(pl.lit(came))
        .when(pl.col("list").is_null())
        .then(pl.lit(left))
        .when(pl.col("list") != pl.col("list_before"))
        .then(pl.lit(changed))
    )
    return joined.select("person_id", change.alias("change")).drop_nulls("change").collect().sort("person_id")
