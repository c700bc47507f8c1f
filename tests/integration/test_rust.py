"""The example on real people's history: an open-source organisation's role changes and commits."""

import os
from pathlib import Path

import polars as pl
import pytest

from assets.commands.night import execute
from pipelines.config import read_config
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.published import NEXT_SKILL
from pipelines.lake import Lake
from pipelines.settings import Settings

FOLDER = os.environ.get("FOOTSTEPS_TEST_RUST", "")
EXAMPLE = Path(__file__).parents[2] / "examples" / "rust" / "footsteps.yaml"


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="FOOTSTEPS_TEST_RUST does not name the folder of the rust data")
def test_a_night_on_the_rust_data_has_a_row_for_everyone_with_evidence(tmp_path: Path) -> None:
    settings = Settings(data_root=tmp_path, config=EXAMPLE, landing=Path(FOLDER))
    night = execute(settings, read_config(EXAMPLE), None, accept_shrink=False)
    evidence = Lake(settings.lake_path).scan(EVIDENCE).select("person_id").unique().collect()["person_id"]
    rows = night.snapshot.scan(NEXT_SKILL.name).collect()
    assert evidence.len() == 6175
    assert set(evidence) <= set(rows["person_id"])
    assert night.quarantined == 0
    assert {source["name"]: source["rows"] for source in night.sources} == {"role_changes": 4663, "commits": 194_398}
    assert rows.filter(pl.col("skill_id").is_not_null())["person_id"].n_unique() > 6000
