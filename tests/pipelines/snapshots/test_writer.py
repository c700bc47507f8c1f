"""Readers see one complete snapshot at any moment of a publication."""

import threading
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.catalog import ALIAS, PREREQUISITE
from pipelines.snapshots.reader import POINTER, NothingPublished, Snapshot, current_snapshot
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.atomic_write import file_sha256
from pipelines.validation.rule_evaluation import ContractViolation

DAY, UNTIL = date(2025, 6, 30), date(2025, 7, 2)


def publish(folder: Path, number: int, snapshot_id: str | None = None) -> Snapshot:
    """Both tables say the number of their snapshot, so that a torn read shows."""
    aliases = pl.DataFrame({"alias_text": ["a", "b"], "skill_id": [str(number)] * 2})
    needs = pl.DataFrame({"skill_id": [str(number)], "requires_skill_id": ["x"]})
    frames = {ALIAS: aliases, PREREQUISITE: needs}
    return publish_snapshot(folder, frames, snapshot_id or f"s{number:03d}", DAY, UNTIL)


def test_reading_before_the_first_publication_raises_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="footsteps run"):
        current_snapshot(tmp_path)


def test_a_reader_resolves_the_published_snapshot(tmp_path: Path) -> None:
    published = publish(tmp_path, 7)
    snapshot = current_snapshot(tmp_path)
    assert snapshot == published
    assert (snapshot.snapshot_id, snapshot.as_of, snapshot.valid_until) == ("s007", DAY, UNTIL)
    for table in snapshot.tables:
        rows = snapshot.scan(table.name).collect()
        assert rows.height == table.rows
        assert file_sha256(snapshot.path(table.name)) == table.content_sha256
    with pytest.raises(KeyError):
        snapshot.path("out__nothing")


def test_publishing_the_same_snapshot_again_writes_no_table(tmp_path: Path) -> None:
    first = publish(tmp_path, 1)
    before = {table.name: first.path(table.name).stat().st_mtime_ns for table in first.tables}
    assert publish(tmp_path, 1) == first
    assert {table.name: first.path(table.name).stat().st_mtime_ns for table in first.tables} == before


def test_an_id_with_other_content_is_rejected_and_the_pointer_stays(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    publish(tmp_path, 2)
    with pytest.raises(ValueError, match="s001 was published with another core_taxonomy__assn_alias"):
        publish(tmp_path, 3, snapshot_id="s001")
    assert current_snapshot(tmp_path).snapshot_id == "s002"
    assert current_snapshot(tmp_path).scan(ALIAS.name).collect()["skill_id"].to_list() == ["2", "2"]


def test_the_same_rows_in_other_bytes_are_the_same_snapshot(tmp_path: Path) -> None:
    first = publish(tmp_path, 1)
    path = first.path(ALIAS.name)
    pl.read_parquet(path).write_parquet(path, compression="uncompressed")  # as another release would have written them
    before = path.read_bytes()
    again = publish(tmp_path, 1)
    assert path.read_bytes() == before
    assert [table.content_sha256 for table in again.tables if table.name == ALIAS.name] == [file_sha256(path)]


def test_a_broken_contract_leaves_the_pointer(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    broken = pl.DataFrame({"alias_text": ["a", "a"], "skill_id": ["1", "2"]})
    with pytest.raises(ContractViolation):
        publish_snapshot(tmp_path, {ALIAS: broken}, "s009", DAY, UNTIL)
    assert current_snapshot(tmp_path).snapshot_id == "s001"


def test_a_snapshot_opened_before_a_publication_stays_readable_after_it(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    opened = current_snapshot(tmp_path)
    publish(tmp_path, 2)
    assert opened.scan(ALIAS.name).collect()["skill_id"].to_list() == ["1", "1"]


def test_readers_see_one_complete_snapshot_during_fifty_publications(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    done = threading.Event()
    seen: list[set[str]] = []
    failures: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                snapshot = current_snapshot(tmp_path)
                tables = (snapshot.scan(table.name).select("skill_id").collect() for table in snapshot.tables)
                numbers = {f"s{int(value):03d}" for rows in tables for value in rows["skill_id"]}
                seen.append(numbers | {snapshot.snapshot_id})
            except Exception as failure:  # a reader must never fail: whatever it was is shown below
                failures.append(failure)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 51):
        publish(tmp_path, number)
        while len(seen) < number and not failures:  # so that the readers keep up, however slow the machine is
            time.sleep(0.001)
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert all(len(numbers) == 1 for numbers in seen)
    assert len(seen) >= 50


def test_publication_leaves_no_unfinished_files(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [POINTER, "snapshots", "tables"]
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
