"""Tables that are computed in ranges of people and periods of months are those that are computed at once."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import DemoRun, run_pipeline
from polars.testing import assert_frame_equal

from assets.resources import table_reader
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY
from pipelines.contracts.output_tables import CAPABILITY, MASTERY_PROOF, NEXT_SKILL, OUT_EVIDENCE, OUT_MASTERY
from pipelines.storage import month_periods
from pipelines.storage.lake import Lake
from pipelines.storage.part_writer import PartWriter

IN_PARTS = {
    table.name
    for table in (EVIDENCE, MASTERY, CANDIDATE, NEXT_SKILL, CAPABILITY, OUT_MASTERY, MASTERY_PROOF, OUT_EVIDENCE)
}
# Products of matrices of another size may round the last digit of a score otherwise.
SCORED = {"model_ranker__assn_candidate", "out__next_skill", "out__counterfactual"}


def read_tables(root: Path) -> dict[str, pl.DataFrame]:
    lake = Lake(root / "lake")
    return {
        folder.name: pl.concat([pl.read_parquet(path) for path in sorted(folder.rglob("*.parquet"))])
        for folder in sorted(lake.root.iterdir())
        if folder.name.startswith(("core_", "feat_", "model_", "out__", "quarantine__core", "quarantine__out"))
    }


@pytest.mark.slow
def test_ranges_and_periods_leave_every_table_as_it_is(
    demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(demo_run.settings.root, tmp_path / "root")
    expected = read_tables(tmp_path / "root")
    shutil.rmtree(tmp_path / "root" / "lake" / ".made_of")  # everything is computed again, but for the model
    for module in (table_reader, month_periods):
        monkeypatch.setattr(module, "ROWS_PER_PART", expected[EVIDENCE.name].height // 4)
    part_counts: dict[str, int] = {}
    add = PartWriter.add

    def count_part(writer: PartWriter, rows: pl.DataFrame) -> pl.DataFrame:
        part_counts[writer.table.name] = part_counts.get(writer.table.name, 0) + 1
        return add(writer, rows)

    monkeypatch.setattr(PartWriter, "add", count_part)
    run_pipeline(tmp_path / "root")
    assert {name for name, count in part_counts.items() if count >= 4} >= IN_PARTS
    tables = read_tables(tmp_path / "root")
    assert tables.keys() == expected.keys()
    for name, rows in tables.items():
        assert_frame_equal(rows, expected[name], check_exact=name not in SCORED, abs_tol=1e-9)
