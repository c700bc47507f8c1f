"""People are erased from servers too: every stored snapshot in PostgreSQL, and every object of a bucket."""

from pathlib import Path

import pytest
from publishing import publish
from pyarrow import fs

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.person_deletions import build_person_deletion
from pipelines.privacy.published_rows import delete_from_snapshots, remove_unnamed_files
from pipelines.privacy.published_targets import plan_postgresql, replace_in_bucket
from pipelines.publish.object_store import fetch_publication, open_store, push_publication
from pipelines.publish.postgresql import publish_postgresql
from pipelines.snapshots.reader import current_snapshot

TRACES = PersonTraces(person_ids=("p0001",))


def test_every_snapshot_in_postgresql_loses_the_rows(
    tmp_path: Path, postgresql_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import adbc_driver_postgresql.dbapi as adbc

    for number in range(2):
        publish_postgresql(publish(tmp_path, f"e{number}"), postgresql_uri, "erasing")
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", postgresql_uri)
    count, delete = plan_postgresql(PostgresqlOptions(schema_name="erasing"), TRACES)
    delete()
    # two rows of next steps and one of mastery, in two snapshots
    assert count == 6
    assert plan_postgresql(PostgresqlOptions(schema_name="erasing"), TRACES)[0] == 0
    with adbc.connect(postgresql_uri) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT DISTINCT person_id FROM erasing."{NEXT_SKILL.name}" ORDER BY 1')
        assert cursor.fetchall() == [("p0000",), ("p0002",)]
        cursor.execute(f'SELECT count(*) FROM erasing_data."{NEXT_SKILL.name}"')
        assert cursor.fetchall() == [(8,)]


def count_objects_with(text: bytes, options: ObjectStoreOptions) -> int:
    store, folder = open_store(options)
    count = 0
    for info in store.get_file_info(fs.FileSelector(folder, recursive=True)):
        if info.type == fs.FileType.File:
            with store.open_input_stream(info.path) as stream:
                count += text in stream.read()
    return count


def test_no_object_of_a_bucket_has_the_rows_and_its_pointer_stays(tmp_path: Path, s3_endpoint: str) -> None:
    options = ObjectStoreOptions(url="s3://people-data/erasing", endpoint=s3_endpoint)
    for number in range(2):
        push_publication(publish(tmp_path / "here", f"s{number}"), options)
    assert count_objects_with(b"p0001", options) == 4
    delete_from_snapshots(tmp_path / "here", lambda table: build_person_deletion(table, TRACES))
    replace_in_bucket(tmp_path / "here", tmp_path / "lake", options)
    remove_unnamed_files(tmp_path / "here")
    assert count_objects_with(b"p0001", options) == 0
    here, there = current_snapshot(tmp_path / "here"), fetch_publication(tmp_path / "there", options)
    assert there.snapshot_id == here.snapshot_id == "s1"
    assert there.scan(NEXT_SKILL.name).collect().equals(here.scan(NEXT_SKILL.name).collect())
    assert there.scan(NEXT_SKILL.name).collect()["person_id"].unique().sort().to_list() == ["p0000", "p0002"]
