"""The example on the history of real people: role changes and commits of an open-source organisation."""

import os
from pathlib import Path

import polars as pl
import pytest

from assets.cli.run import execute_run
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.storage.lake import Lake

FOLDER = os.environ.get("FOOTSTEPS_TEST_RUST", "")
EXAMPLE = Path(__file__).parents[2] / "examples" / "rust" / "footsteps.yaml"


# A run of all 6,000 people takes minutes, most of them for training and evaluation: every sixth person is enough.
SIXTH = pl.col("person_id").cast(pl.String).str.slice(-6).hash(seed=0) % 6 == 0


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="FOOTSTEPS_TEST_RUST does not name the folder of the rust data")
def test_a_run_on_the_rust_data_has_a_row_for_everyone_with_evidence(tmp_path: Path) -> None:
    commits = pl.read_parquet(Path(FOLDER) / "project_commits.parquet").filter(SIXTH)
    changes = pl.read_csv(Path(FOLDER) / "hr_role_changes.csv", infer_schema=False).filter(SIXTH)
    landing = tmp_path / "landing"
    landing.mkdir()
    commits.write_parquet(landing / "project_commits.parquet")
    changes.write_csv(landing / "hr_role_changes.csv")
    settings = Settings(data_root=tmp_path, config=EXAMPLE, landing=landing)
    summary = execute_run(settings, read_config(EXAMPLE), None, allow_row_count_drop=False)
    evidence = Lake(settings.lake_path).scan(EVIDENCE).select("person_id").unique().collect()["person_id"]
    rows = summary.snapshot.scan(NEXT_SKILL.name).collect()
    assert commits["person_id"].n_unique() > 800
    assert set(evidence) == set(commits["person_id"].cast(pl.String))
    assert set(evidence) <= set(rows["person_id"])
    assert summary.quarantined_row_count == 0
    landed = {source["name"]: source["rows"] for source in summary.source_states}
    assert landed == {"role_changes": changes.height, "commits": commits.height}
    assert rows.filter(pl.col("skill_id").is_not_null())["person_id"].n_unique() > 0.9 * evidence.len()
