"""A run whose exports come from a bucket, and whose lake and publication are copied to one."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun, run_pipeline

from assets.cli.terminal.console import resolve_settings
from benchmarks.incremental_runs import write_new_worklogs
from pipelines.config.publish import ObjectStoreOptions
from pipelines.contracts.catalog import EVIDENCE, FETCH, ORIGIN
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.object_store import fetch_lake, fetch_publication, open_store
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake


@pytest.mark.slow
def test_exports_come_from_a_bucket_and_another_machine_reads_the_tables_and_the_lake_there(
    demo_run: DemoRun, tmp_path: Path, s3_endpoint: str
) -> None:
    root, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    options = ObjectStoreOptions(url="s3://people-data/footsteps", endpoint=s3_endpoint, landing=True, lake=True)
    with (root / "footsteps.yaml").open("a") as declared:
        declared.write(f"\nquiet_seconds: 0\npublish:\n  object_store: {options.model_dump_json()}\n")
    before = Lake(root / "lake").scan(EVIDENCE).collect().height
    # an export that is only in the bucket
    files = set((root / "landing" / "tempo").iterdir())
    write_new_worklogs(resolve_settings(root), people=5, day=END, seed=3)
    (new,) = set((root / "landing" / "tempo").iterdir()) - files
    store, place = open_store(options)
    with store.open_output_stream(f"{place}/landing/tempo/{new.name}") as stream:
        stream.write(new.read_bytes())
    new.unlink()

    run_pipeline(root)

    assert new.exists()
    lake = Lake(root / "lake")
    assert lake.scan(FETCH).collect()["remote_name"].to_list() == [f"tempo/{new.name}"]
    assert lake.scan(EVIDENCE).collect().height > before
    here, there = current_snapshot(root / "published"), fetch_publication(elsewhere / "published", options)
    assert there.snapshot_id == here.snapshot_id
    assert there.scan(NEXT_SKILL.name).collect().equals(here.scan(NEXT_SKILL.name).collect())
    fetch_lake(elsewhere / "lake", options)
    fetched: pl.DataFrame = Lake(elsewhere / "lake").scan(EVIDENCE).collect()
    assert fetched.sort(EVIDENCE.key).equals(lake.scan(EVIDENCE).collect().sort(EVIDENCE.key))

    # nothing is new: the publication is renewed, and the bucket was looked at
    before_renewal = lake.scan(ORIGIN).collect()
    run_pipeline(root)
    (counts,) = lake.scan(ORIGIN).collect()["file_counts"].to_list()
    assert {entry["why"]: entry["count"] for entry in counts} == {
        "fetched": 0,
        "unchanged": 1,
        "waiting": 0,
        "refused": 0,
    }
    assert not lake.scan(ORIGIN).collect().equals(before_renewal)
