"""The risks of a model, on rows worked out by hand; groups below the minimum are in no line."""

from datetime import date

import polars as pl

from assets.pack.audit_figures import NO_AUDIT, read_newest_audit, render_audit
from ml.registry.model_risk import ModelRisk, render_model_risk
from pipelines.contracts.feature_tables import DRIFT, EVALUATION


def make_risk(drift: pl.DataFrame, evaluation: pl.DataFrame) -> ModelRisk:
    lineage = pl.DataFrame(
        [("worklogs", "tempo", 2, 1, date(2026, 6, 1), date(2026, 6, 30))],
        schema=["source_name", "system_name", "landed_files", "refused_files", "first_day", "last_day"],
        orient="row",
    )
    return ModelRisk(
        lineage, ["a"], drift, evaluation, 5, date(2026, 6, 1), "it is ahead", ["one file"], [], ["by pausing"]
    )


def test_drift_is_summarised_and_the_weakest_segment_is_first() -> None:
    drift = pl.DataFrame(
        [
            (date(2026, 6, day), "steps_held", "input", index, 0.01, index > 0.25, "m1")
            for day, index in ((1, 0.0), (2, 0.4), (3, 0.1))
        ],
        schema=DRIFT.schema,
        orient="row",
    )
    evaluation = pl.DataFrame(
        [
            ("footsteps", segment, people, 0.5, ndcg, ndcg - 0.1, ndcg + 0.1, 0.4)
            for segment, people, ndcg in (("all", 60, 0.5), ("long", 40, 0.6), ("short", 16, 0.3), ("cold", 4, 0.1))
        ],
        schema=EVALUATION.schema,
        orient="row",
    )
    page = render_model_risk(make_risk(drift, evaluation))
    assert "| steps_held | input | 0.100 | 0.400 | 2026-06-02 | 1 of 3 |" in page
    rows = [line for line in page.splitlines() if "0.600" in line or "0.300" in line]
    assert rows[0].startswith("| short | people who hold two to five steps | 16 | 0.300 | 0.200 to 0.400 | -0.200 |")
    assert rows[1].startswith("| long |")
    assert "cold" not in page
    assert "| worklogs | tempo | 2 | 1 | 2026-06-01 | 2026-06-30 |" in page
    assert "In use since 2026-06-01. Newest training: it is ahead" in page
    assert "- None is recorded." in page


def test_without_runs_the_page_says_so() -> None:
    page = render_model_risk(make_risk(pl.DataFrame(schema=DRIFT.schema), pl.DataFrame(schema=EVALUATION.schema)))
    assert "No run has measured drift yet." in page
    assert "Not measured: no segment has 5 people" in page


def test_the_newest_audit_is_shown_without_small_groups(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert render_audit(read_newest_audit(tmp_path), 5) == NO_AUDIT
    rows = [
        (date(2026, 5, 1), "selection_rate", "site", "north", 0.9, 1.0, 0.8, 1.0, 50),
        (date(2026, 6, 1), "selection_rate", "site", "north", 0.5, 1.0, 0.4, 0.6, 50),
        (date(2026, 6, 1), "selection_rate", "site", "south", 0.3, 0.6, None, None, 4),
    ]
    columns = ["audited_at", "measure", "attribute", "group", "rate", "ratio", "low", "high", "cases"]
    (tmp_path / "audit").mkdir()
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(tmp_path / "audit" / "history.parquet")
    table = render_audit(read_newest_audit(tmp_path), 5)
    assert "Newest audit: 2026-06-01." in table
    assert "| selection_rate | site | north | 0.500 | 1.000 | 0.400 to 0.600 | 50 |" in table
    assert "south" not in table
    assert "0.900" not in table
