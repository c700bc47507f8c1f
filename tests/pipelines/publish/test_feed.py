"""The change feed tells of everyone whose list changed, once and in order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from publishing import DAY, UNTIL, make_next_skill_rows, publish

from pipelines.contracts.documents.feed_event import build_feed_event_schema
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.feed import list_outbox_files, publish_feed, read_feed
from pipelines.snapshots.reader import current_snapshot
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots

AT = datetime(2025, 6, 30, 2, tzinfo=UTC)


def told(folder: Path, after: int = 0) -> list[tuple[str, str]]:
    return [(event["data"]["person_id"], event["data"]["change"]) for event in read_feed(folder, after)]


def feed(folder: Path, snapshot_id: str, people: int, skill: str = "sql") -> int:
    return publish_feed(publish(folder, snapshot_id, people, skill), "/footsteps/acme", AT)


def test_only_people_whose_list_changed_are_told_of(tmp_path: Path) -> None:
    assert feed(tmp_path, "s0", people=2) == 2
    rows = make_next_skill_rows("s1", people=3)
    changed = rows.with_columns(
        skill_id=pl.when((pl.col("person_id") == "p0001") & (pl.col("rank") == 2))
        .then(pl.lit("go"))
        .otherwise("skill_id"),
        probability=pl.col("probability") / 2,
    ).filter(pl.col("person_id") != "p0000")
    snapshot = publish_snapshot(tmp_path, {NEXT_SKILL: changed}, "s1", DAY, UNTIL)
    assert publish_feed(snapshot, "/footsteps/acme", AT) == 3
    assert told(tmp_path, after=2) == [("p0000", "left"), ("p0001", "changed"), ("p0002", "came")]


def test_every_event_is_a_cloud_event_of_the_published_schema(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 2)
    feed(tmp_path, "s1", 3, "go")
    events = list(read_feed(tmp_path))
    validator = jsonschema.Draft202012Validator(build_feed_event_schema(), format_checker=jsonschema.FormatChecker())
    for event in events:
        validator.validate(event)
    assert len({event["id"] for event in events}) == len(events)
    assert [int(event["sequence"]) for event in events] == [1, 2, 3, 4, 5]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**events[0], "specversion": "0.3"})


def test_a_cursor_goes_on_where_it_stood(tmp_path: Path) -> None:
    for number in range(3):
        feed(tmp_path, f"s{number}", 4, f"skill{number}_")
    cursor, seen = 0, []
    while batch := list(read_feed(tmp_path, after_sequence=cursor, limit=5)):
        cursor = int(batch[-1]["sequence"])
        seen += [event["id"] for event in batch]
    assert seen == [f"s{number}/p{person:04d}" for number in range(3) for person in range(4)]


def test_feeding_a_snapshot_again_says_nothing_twice_and_a_missed_one_is_made_up_for(tmp_path: Path) -> None:
    feed(tmp_path, "s0", 2)
    assert feed(tmp_path, "s0", 2) == 0
    publish(tmp_path, "s1", 2, "go")  # published, but nobody was told
    assert feed(tmp_path, "s2", 2, "go") == 2
    assert feed(tmp_path, "s3", 2, "go") == 0
    assert [outbox_file.snapshot_id for outbox_file in list_outbox_files(tmp_path)] == ["s0", "s2", "s3"]
    assert feed(tmp_path, "s4", 2, "rust") == 2
    assert [int(event["sequence"]) for event in read_feed(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_where_the_last_fed_snapshot_is_gone_everybody_is_told(tmp_path: Path) -> None:
    for number in range(2):
        frames = {NEXT_SKILL: make_next_skill_rows(f"s{number}")}
        snapshot = publish_snapshot(tmp_path, frames, f"s{number}", DAY, UNTIL, AT + timedelta(days=number))
        if not number:
            publish_feed(snapshot, "/footsteps/acme", AT)
    remove_expired_snapshots(tmp_path, 1, AT + timedelta(days=9))
    assert publish_feed(current_snapshot(tmp_path), "/footsteps/acme", AT) == 3
