"""The report of an evaluation: readable offline, with escaped values and pictures described in words."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from assets.cli.evaluate import EvaluationOptions, evaluate_events, read_history
from assets.cli.terminal.console import CommandFailed
from assets.reporting.evaluation_report import write_report
from ml.evaluation.reliability import Reliability, ReliabilityBin
from ml.evaluation.results import AblationResult, Evaluation, ModelResult, NdcgRatio, SegmentResult

ROW = ModelResult("footsteps", 0.5, 0.4, 0.3, 0.35, 0.45, 0.2, 3.0, 0.6, 0.8, 1.0, 0.5, 300.0)
RELIABILITY = Reliability(200, 0.2, 0.01, 0.15, 0.06, (ReliabilityBin(100, 0.1, 0.11), ReliabilityBin(100, 0.3, 0.29)))
EVALUATION = Evaluation(
    "time",
    "2026-03-01",
    90,
    500,
    100,
    120,
    50,
    200,
    3,
    (ROW, replace(ROW, model="<b>ease</b>", ndcg_at_10=0.2)),
    (
        SegmentResult("long", "footsteps", 80, 0.5, 0.4, 0.3, 0.5),
        SegmentResult("no_history", "footsteps", 0, 0.0, 0.0, 0.0, 0.0),
    ),
    NdcgRatio("<b>ease</b>", 2.0, 1.8, 2.2),
    (),
    RELIABILITY,
    "<script>alert(1)</script>",
    (AblationResult("projects", 0.3, 0.1, 0.08, 0.12), AblationResult("wishes", 0.41, -0.01, -0.02, 0.0)),
)


def test_the_page_needs_no_network_and_escapes_every_value(tmp_path: Path) -> None:
    page = write_report(EVALUATION, tmp_path / "report", "Steps at <i>Us</i> & Co")[0].read_text()
    assert "http" not in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;ease&lt;/b&gt;" in page
    assert "Steps at &lt;i&gt;Us&lt;/i&gt; &amp; Co" in page


def test_every_picture_is_next_to_the_page_and_described_in_words(tmp_path: Path) -> None:
    paths = write_report(EVALUATION, tmp_path, "Steps")
    assert [path.name for path in paths] == [
        *("index.html", "ranking.png", "variety.png", "reliability.png", "ablation.png")
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[1:])
    page = paths[0].read_text()
    assert page.count("<img ") == page.count('alt="') == 4
    assert "10.00% predicted, 11.00% came true" in page
    assert "projects +0.1000, wishes -0.0100" in page


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report(EVALUATION, tmp_path / name, "Steps") for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_without_probability_and_ablation_the_page_has_neither(tmp_path: Path) -> None:
    paths = write_report(replace(EVALUATION, reliability=None, ablation=()), tmp_path, "Steps")
    assert [path.name for path in paths] == ["index.html", "ranking.png", "variety.png"]


def test_an_order_column_replaces_dates(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    pl.DataFrame({"person_id": ["a", "a"], "skill_id": ["x", "y"], "order": [1, 2]}).write_csv(path)
    assert read_history(path)["ts"].to_list() == [1, 2]


def test_attributes_without_a_person_or_a_column_are_refused(tmp_path: Path) -> None:
    events, attributes = tmp_path / "events.csv", tmp_path / "people.csv"
    pl.DataFrame({"person_id": ["a"], "skill_id": ["x"], "ts": ["2026-01-01"]}).write_csv(events)
    pl.DataFrame({"person_id": ["a"]}).write_csv(attributes)
    options = EvaluationOptions("time", "90d", "ease", 0, None, attributes, None, None, False)
    with pytest.raises(CommandFailed, match="attributes need person_id and a column each"):
        evaluate_events(events, None, options)


def test_attributes_names_and_further_uses_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = [f"p{number}" for number in range(12)]
    rows = [(person, f"s{k}", f"2026-0{1 + k}-{1 + int(person[1:]):02d}") for person in people for k in range(4)]
    pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row").write_csv(tmp_path / "events.csv")
    pl.DataFrame({"person_id": people, "role": ["cook"] * 12}).write_csv(tmp_path / "people.csv")
    pl.DataFrame({"skill_id": ["s0"], "name": ["frying"]}).write_csv(tmp_path / "names.csv")
    pl.DataFrame({"person_id": ["p0"], "skill_id": ["s0"], "ts": ["2026-03-20"]}).write_csv(tmp_path / "again.csv")
    options = EvaluationOptions(
        "time",
        "30d",
        "popularity,footsteps",
        0,
        tmp_path / "names.csv",
        tmp_path / "people.csv",
        tmp_path / "again.csv",
        tmp_path / "report",
        False,
    )
    evaluate_events(tmp_path / "events.csv", None, options)
    output = capsys.readouterr().out
    assert "footsteps" in output
    assert "fell back" in output
    assert (tmp_path / "report" / "index.html").exists()
