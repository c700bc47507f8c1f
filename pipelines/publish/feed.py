"""The change feed: an outbox of JSON lines with one event per person whose recommendations changed.

Belongs here: what counts as a change, the outbox, and reading it from a cursor on.
Does not belong here: the form of an event (`pipelines.contracts.documents.feed_event`), delivery over HTTP (`webhook`).

Events are delivered at least once and in order: the newest file names the snapshot it ends with, and the next file is
the difference from that snapshot, whatever was published in between without a feed. A file appears whole or not at all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import polars as pl

from pipelines.contracts.documents.feed_event import FeedChange, FeedEvent
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.snapshots.release_checks import fingerprint_lists
from pipelines.storage.atomic_write import replacing

FEED_FOLDER = "feed"


@dataclass(frozen=True)
class OutboxFile:
    """One file of the outbox.

    Attributes:
        path: The file; its name holds the other attributes.
        file_number: Position in the outbox, from 1.
        first_sequence: Sequence of its first event.
        last_sequence: Sequence of its last event.
        snapshot_id: The snapshot that its events lead to.
    """

    path: Path
    file_number: int
    first_sequence: int
    last_sequence: int
    snapshot_id: str


def publish_feed(snapshot: Snapshot, event_source: str, published_at: datetime) -> int:
    """Write the events that lead from the last snapshot in the feed to this one.

    If the last snapshot in the feed is no longer kept, the feed names every person. Files of snapshots that are no
    longer kept are removed, except the newest one.

    Args:
        snapshot: The snapshot to publish.
        event_source: The `source` of the events, a URI reference.
        published_at: The `time` of the events.

    Returns:
        Number of events; 0 if the snapshot is in the feed already.
    """
    outbox_files = list_outbox_files(snapshot.folder)
    last_file = outbox_files[-1] if outbox_files else OutboxFile(snapshot.folder, 0, 0, 0, "")
    if last_file.snapshot_id == snapshot.snapshot_id:
        return 0
    snapshot_by_id = {
        retained_snapshot.snapshot_id: retained_snapshot for retained_snapshot in list_snapshots(snapshot.folder)
    }
    changed_people = _find_changed_people(snapshot_by_id.get(last_file.snapshot_id), snapshot)
    previous_snapshot_id, event_time = last_file.snapshot_id or None, published_at.isoformat()
    events = (
        FeedEvent(
            sequence, person_id, change, snapshot.snapshot_id, previous_snapshot_id, event_source, event_time
        ).to_cloud_event()
        for sequence, (person_id, change) in enumerate(changed_people.iter_rows(), start=last_file.last_sequence + 1)
    )
    sequence_range = f"{last_file.last_sequence + 1:020d}-{last_file.last_sequence + changed_people.height:020d}"
    outbox_path = (
        snapshot.folder / FEED_FOLDER / f"{last_file.file_number + 1:08d}-{sequence_range}-{snapshot.snapshot_id}.jsonl"
    )
    with (
        replacing(outbox_path) as unfinished_path,
        unfinished_path.open("w", encoding="utf-8", newline="") as unfinished_file,
    ):
        unfinished_file.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
    for outbox_file in outbox_files[:-1]:
        if outbox_file.snapshot_id not in snapshot_by_id:
            outbox_file.path.unlink()
    return changed_people.height


def list_outbox_files(published_folder: Path) -> list[OutboxFile]:
    """List the files of the outbox in order.

    Args:
        published_folder: The folder of everything that is published.

    Returns:
        One entry per file.
    """
    outbox_files = []
    for outbox_path in sorted((published_folder / FEED_FOLDER).glob("*.jsonl")):
        file_number, first_sequence, last_sequence, snapshot_id = outbox_path.stem.split("-", 3)
        outbox_files.append(
            OutboxFile(outbox_path, int(file_number), int(first_sequence), int(last_sequence), snapshot_id)
        )
    return outbox_files


def read_feed(published_folder: Path, after_sequence: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Read the events behind a cursor.

    Args:
        published_folder: The folder of everything that is published.
        after_sequence: The cursor: the `sequence` of the last event that was read, 0 before the first.
        limit: Number of events at most; all if None.

    Returns:
        Events as CloudEvents, in order. The next cursor is the `sequence` of the last one.
    """
    return islice(_read_events(published_folder, after_sequence), limit)


def _read_events(published_folder: Path, after_sequence: int) -> Iterator[dict[str, Any]]:
    for outbox_file in list_outbox_files(published_folder):
        if outbox_file.last_sequence > after_sequence:
            with outbox_file.path.open(encoding="utf-8") as outbox_lines:
                # by the sequence and not by the line: events of people who were erased are gone, and the others keep
                # their sequences
                yield from (event for event in map(json.loads, outbox_lines) if int(event["sequence"]) > after_sequence)


def _find_changed_people(earlier_snapshot: Snapshot | None, new_snapshot: Snapshot) -> pl.DataFrame:
    """One row (person_id, change) per person whose list differs; everyone if there is no snapshot before."""
    appeared_text, changed_text, disappeared_text = (pl.lit(change_word) for change_word in get_args(FeedChange))
    list_fingerprints = fingerprint_lists(new_snapshot.scan(NEXT_SKILL.name))
    if earlier_snapshot is None:
        return list_fingerprints.select("person_id", change=appeared_text).collect().sort("person_id")
    paired_fingerprints = list_fingerprints.join(
        fingerprint_lists(earlier_snapshot.scan(NEXT_SKILL.name)),
        on="person_id",
        how="full",
        coalesce=True,
        suffix="_before",
    )
    change = (
        pl.when(pl.col("list_before").is_null())
        .then(appeared_text)
        .when(pl.col("list").is_null())
        .then(disappeared_text)
        .when(pl.col("list") != pl.col("list_before"))
        .then(changed_text)
    )
    return paired_fingerprints.select("person_id", change=change).drop_nulls("change").collect().sort("person_id")
