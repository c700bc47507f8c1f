"""While a run lasts, its event log is written cheaply; before and after, Dagster's storage is unchanged."""

from pathlib import Path

from dagster import DagsterInstance
from sqlalchemy import text

from assets.resources.locking import keep_connections_open, remove_unfinished

NORMAL, FULL = 1, 2


def synchronous(instance: DagsterInstance) -> int:
    """How hard SQLite waits for the disk in a connection that the event log is written through."""
    with instance.event_log_storage._connect("index") as connection:  # type: ignore[attr-defined]
        return int(connection.execute(text("PRAGMA synchronous")).scalar_one())


def test_events_of_a_run_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert synchronous(instance) == FULL
        with keep_connections_open(instance):
            assert synchronous(instance) == NORMAL
            assert instance.event_log_storage.supports_asset_checks
            with keep_connections_open(instance):  # of the run itself, within those of the command that starts it
                assert synchronous(instance) == NORMAL
            assert synchronous(instance) == NORMAL
        assert synchronous(instance) == FULL
        assert "has_table" not in vars(instance.event_log_storage)


def test_unfinished_files_and_folders_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    place, pages = tmp_path / "lake" / "out__mastery", tmp_path / "published" / "site"
    unfinished, complete = place / ".data.parquet.7.1.unfinished", place / "data.parquet"
    old_pages, new_pages = (
        pages / ".20260701-0a.7.unfinished" / "people" / "1.html",
        pages / "20260630-0b" / "people" / "1.html",
    )
    for file in (unfinished, complete, old_pages, new_pages):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    remove_unfinished(tmp_path)
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == sorted([complete, new_pages])
    assert list(pages.iterdir()) == [pages / "20260630-0b"]
