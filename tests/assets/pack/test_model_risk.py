"""The risks of a model, on rows worked out by hand; groups below the minimum are in no line."""

from datetime import date
from pathlib import Path

import polars as pl

from assets.pack.audit_figures import NO_AUDIT, render_newest_audit
from assets.reporting.audit_history import read_audits, summarise_audits, to_audit_rows
from ml.fairness.measures import MEASURE_SCHEMA
from ml.registry.model_risk import ModelRisk, render_model_risk
from pipelines.contracts.feature_tables import DRIFT, EVALUATION
from pipelines.contracts.oversight_tables import AUDIT
from pipelines.storage.lake import Lake


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


def test_the_newest_audit_is_shown_with_the_features_that_are_findings(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert render_newest_audit(lake) == NO_AUDIT
    measures = pl.DataFrame(
        [
            ("rate", "next_stage", "attribute_1", "group_1", 50, 0.9, 0.8, 1.0, 1.0, None, None, "at_least", False),
            ("rate", "next_stage", "attribute_1", "group_2", 50, 0.5, 0.4, 0.6, 0.56, 0.4, 0.7, "exact", True),
            ("feature", "courses", "attribute_1", "group_1", 50, 0.7, 0.6, 0.8, None, None, None, "exact", True),
            ("feature", "hours", "attribute_1", "group_1", 50, 0.5, 0.4, 0.6, None, None, None, "exact", False),
        ],
        schema=[name for name in MEASURE_SCHEMA if name not in ("case_count", "p_value")] + ["bound", "is_finding"],
        orient="row",
    )
    earlier, newest = (
        to_audit_rows(rows, date(2026, month, 1), date(2026, 4, 30), "m1")
        for rows, month in ((measures[:1], 5), (measures, 6))
    )
    lake.write(AUDIT, pl.concat([earlier, newest]))
    text = render_newest_audit(lake)
    assert "Newest audit: 2026-06-01, of the recommendations as of 2026-04-30; of 4 comparisons, findings: 2." in text
    assert (
        "| gets a higher stage | attribute_1 | group_1 | about 50 | at least 90% | 80% to 100% | 1.00 | – | no |"
        in text
    )
    assert (
        "| gets a higher stage | attribute_1 | group_2 | about 50 | 50% | 40% to 60% | 0.56 | 0.40 to 0.70 | yes |"
        in text
    )
    assert "| courses | attribute_1 | group_1 | about 50 | 0.70 | 0.60 to 0.80 | yes |" in text
    assert "hours" not in text
    assert summarise_audits(read_audits(lake)).rows() == [
        (date(2026, 6, 1), date(2026, 4, 30), 4, 1, 0, 1, 0.56, "next_stage"),
        (date(2026, 5, 1), date(2026, 4, 30), 1, 0, 0, 0, 1.0, "next_stage"),
    ]
