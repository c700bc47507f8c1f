"""Restoring a data root from a bucket."""

import json
from pathlib import Path

from publishing import make_mastery_rows, publish
from typer.testing import CliRunner, Result

from assets.checks.exit_codes import ExitCode
from assets.cli.app import app
from pipelines.config.publish import ObjectStoreOptions
from pipelines.contracts.output_tables import OUT_MASTERY
from pipelines.publish.object_store import push_lake, push_publication
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

SOURCES = "sources:\n  - {name: moodle, system: moodle, path: '*.csv'}\n"


def restore(root: Path, section: str = "") -> Result:
    root.mkdir()
    (root / "footsteps.yaml").write_text(SOURCES + section)
    return CliRunner().invoke(app, ["restore", "--json", "--data-root", str(root)])


def publish_section(url: str, endpoint: str) -> str:
    return f"publish: {{object_store: {{url: '{url}', endpoint: '{endpoint}'}}}}\n"


def test_lake_and_publication_are_copied_from_the_bucket(tmp_path: Path, s3_endpoint: str) -> None:
    options = ObjectStoreOptions(url="s3://people-data/restore", endpoint=s3_endpoint)
    lake = Lake(tmp_path / "lake")
    lake.write(OUT_MASTERY, make_mastery_rows("s0"))
    push_lake(lake.root, options)
    push_publication(publish(tmp_path / "published", "s0"), options)
    result = restore(tmp_path / "other", publish_section(options.url, s3_endpoint))
    assert json.loads(result.stdout) == {"snapshot_id": "s0", "lake_files": 2}  # the table and its quarantine
    assert current_snapshot(tmp_path / "other" / "published").snapshot_id == "s0"
    restored = Lake(tmp_path / "other" / "lake").scan(OUT_MASTERY).collect()
    assert restored.equals(lake.scan(OUT_MASTERY).collect())


def test_a_bucket_without_a_publication_is_a_failure(tmp_path: Path, s3_endpoint: str) -> None:
    result = restore(tmp_path / "other", publish_section("s3://people-data/empty", s3_endpoint))
    assert result.exit_code == 1
    assert "s3://people-data/empty cannot be restored" in result.stderr


def test_without_a_bucket_the_missing_configuration_is_named(tmp_path: Path) -> None:
    result = restore(tmp_path / "other")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "footsteps.yaml names no bucket" in result.stderr
