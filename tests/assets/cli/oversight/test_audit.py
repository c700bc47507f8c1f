"""`footsteps audit`: what it refuses, what it stores, and that attributes leave no trace."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import DemoRun
from typer.testing import CliRunner, Result

from assets.checks.audit_checks import evaluate_audit
from assets.cli.app import app
from assets.reporting.audit_history import read_audits, summarise_audits
from pipelines.config.company import read_config
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.oversight_tables import AUDIT
from pipelines.privacy.content_search import find_files_with
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

# Words that no export and no code has.
COLUMNS, GROUPS = ("zqgender", "zqorigin"), ("zqfemale", "zqmale", "zqnorth", "zqsouth", "zqrare")


def write_attributes(path: Path, root: Path) -> pl.DataFrame:
    """Attributes of everybody with a list, in alternation; one of two groups gets an answer that it shares with few."""
    people = current_snapshot(root / "published").scan(NEXT_SKILL.name).select(pl.col("person_id").unique().sort())
    attributes = (
        people.collect()
        .with_row_index("number")
        .select(
            "person_id",
            pl.when(pl.col("number") % 2 == 0).then(pl.lit("zqfemale")).otherwise(pl.lit("zqmale")).alias("zqgender"),
            pl.when(pl.col("number") % 20 == 0)
            .then(pl.lit("zqrare"))
            .when(pl.col("number") % 4 < 2)
            .then(pl.lit("zqnorth"))
            .otherwise(pl.lit("zqsouth"))
            .alias("zqorigin"),
        )
    )
    attributes.write_csv(path)
    return attributes


def run_audit(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


@pytest.fixture(scope="module")
def audited(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A data root after an audit, the folder of its report, and the JSON that it printed."""
    folder = tmp_path_factory.mktemp("audited")
    root, attributes_path = folder / "root", folder / "zqattributes.csv"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    with (root / "footsteps.yaml").open("a") as declared:
        declared.write("\naudit: {minimum_people: 15}\n")
    write_attributes(attributes_path, root)
    result = run_audit(str(attributes_path), "--data-root", str(root), "--report", str(folder / "report"), "--json")
    assert result.exit_code == 0, result.output
    return root, folder / "report", json.loads(result.stdout)


def test_attributes_leave_no_trace_under_the_data_root(
    audited: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, report_folder, _ = audited
    assert find_files_with(root, [*COLUMNS, *GROUPS, "zqattributes.csv", "zqattributes"]) == []
    # the search would find them: in a page, in the history, and in what Dagster stores of the audit
    assert find_files_with(report_folder, ["zqfemale"]) == [report_folder / "index.html"]
    rows_with_names = (
        Lake(root / "lake").scan(AUDIT).with_columns(pl.format("zqfemale {}", "audit_group").alias("audit_group"))
    )
    Lake(tmp_path).write(AUDIT, rows_with_names.collect())
    assert find_files_with(tmp_path, ["zqfemale"]) == [tmp_path / AUDIT.name / "data.parquet"]
    assert find_files_with(root / "dagster_home", [AUDIT.name]) != []


def test_the_report_says_what_was_compared_found_and_left_out(audited: tuple[Path, Path, dict[str, Any]]) -> None:
    root, report_folder, document = audited
    page = (report_folder / "index.html").read_text()
    assert page.count('<tr class="finding">') == len(document["findings"])
    for text in ("gets a higher stage", "is shown as an example", "no stored snapshot is", "Audits so far", "zqrare"):
        assert (text in page) == (text != "zqrare"), text
    (summary,) = summarise_audits(read_audits(Lake(root / "lake"))).to_dicts()
    assert summary["compared"] == len(document["measures"])
    assert f"of {summary['compared']} comparisons" in page
    assert "`" not in page.split("</style>")[1]


def test_the_history_holds_numbers_for_groups_of_sufficient_size(
    audited: tuple[Path, Path, dict[str, Any]],
) -> None:
    root, _, document = audited
    rows = Lake(root / "lake").scan(AUDIT).collect()
    assert set(rows["audit_section"]) == {"rate", "feature"}  # one snapshot: no outcome is known yet
    assert set(rows["audit_attribute"]) == {"attribute_1", "attribute_2"}
    assert rows["audited_count"].min() >= 15  # type: ignore[operator]
    assert document["stored_names"] == {
        "attribute_1": "zqgender",
        "attribute_1 group_1": "zqfemale",
        "attribute_1 group_2": "zqmale",
        "attribute_2": "zqorigin",
        "attribute_2 group_1": "zqnorth",
        "attribute_2 group_3": "zqsouth",
    }
    assert "zqorigin: 1 group of fewer than 15 people left out (fewer than 5 people)." in document["left_out"]
    assert not any("zqrare" in str(row) for row in document["measures"])
    assert len(document["measures"]) == rows.height


def test_the_check_warns_of_a_finding_and_of_an_audit_that_is_due(
    audited: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, _, _ = audited
    rows, config, lake = Lake(root / "lake").scan(AUDIT).collect(), read_config(root / "footsteps.yaml"), Lake(tmp_path)
    day = rows["audited_date"][0]
    lake.write(AUDIT, rows.with_columns(is_finding=pl.lit(False)))
    assert evaluate_audit(lake, config, day).passed
    due = config.model_copy(update={"audit": config.audit.model_copy(update={"every_days": 30})})
    assert "an audit is due" in str(evaluate_audit(lake, due, day.replace(year=day.year + 1)).description)
    lake.write(AUDIT, rows.with_columns(is_finding=pl.col("audit_measure") == "next_stage"))
    found = evaluate_audit(lake, config, day)
    assert not found.passed
    assert "next_stage" in str(found.description)


def test_what_would_be_stored_or_cannot_be_used_is_refused(
    demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, path = demo_run.settings.root, tmp_path / "attributes.csv"
    options = ["--data-root", str(root)]
    assert "elsewhere" in run_audit(str(root / "landing" / "attributes.csv"), *options).output
    assert "does not exist" in run_audit(str(path), *options).output
    path.write_bytes(b'person_id,gender\n1,"zqsecret\n\xff\xfe\x00')
    broken = run_audit(str(path), *options)
    assert broken.exit_code == 1
    assert "zqsecret" not in broken.output
    path.write_text("employee,gender\n1,f\n")
    assert "has no column person_id" in run_audit(str(path), *options).output
    path.write_text("person_id,gender\n1,f\n")
    assert "elsewhere" in run_audit(str(path), "--report", str(root / "report"), *options).output
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "fairlearn" else find_spec(name))
    missing = run_audit(str(path), *options)
    assert missing.exit_code == 1
    assert "pip install 'footsteps[audit]'" in missing.output
