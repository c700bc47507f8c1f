"""A refusal is reported until a good file follows, the file is gone, or somebody acknowledges it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.config.company import SourceConfig
from pipelines.ingest.deliveries import current_deliveries, read_ledger
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.ingest.refusals import acknowledge_refusals, find_open_refusals
from pipelines.storage.lake import Lake

SOURCE = SourceConfig.model_validate(
    {
        "name": "marks",
        "system": "tabular",
        "shape": "feedback",
        "path": "*.csv",
        "mapping": {"record_code": "id", "employee_number": "who", "skill_text": "skill", "occurred_at": "day"},
    }
)
GOOD = "id,who,skill,day\n{},7,sql,2025-02-13\n"
FIRST = datetime(2025, 7, 1, 3, tzinfo=UTC)


def land(root: Path, day: int) -> None:
    now = FIRST + timedelta(days=day)
    land_source(LandingContext(Lake(root / "lake"), root / "in", now.date(), now), SOURCE)


def open_refusals(root: Path) -> list[str]:
    return find_open_refusals(read_ledger(Lake(root / "lake")), SOURCE, root / "in")["file_name"].to_list()


def refuse(root: Path) -> Path:
    """Land one good and one bad file."""
    (root / "in").mkdir()
    (root / "in" / "good.csv").write_text(GOOD.format(1))
    bad_file = root / "in" / "bad.csv"
    bad_file.write_text("nr,wer\n1,2\n")
    land(root, 0)
    return bad_file


def test_a_refusal_is_open_beside_a_good_file_of_the_same_landing_and_stays_so(tmp_path: Path) -> None:
    refuse(tmp_path)
    assert open_refusals(tmp_path) == ["bad.csv"]
    land(tmp_path, 1)
    assert open_refusals(tmp_path) == ["bad.csv"]


def test_a_refusal_ends_when_a_later_landing_brings_a_good_file(tmp_path: Path) -> None:
    refuse(tmp_path)
    (tmp_path / "in" / "next.csv").write_text(GOOD.format(2))
    land(tmp_path, 1)
    assert open_refusals(tmp_path) == []


def test_a_refusal_ends_when_the_file_is_gone_or_replaced(tmp_path: Path) -> None:
    bad_file = refuse(tmp_path)
    bad_file.unlink()
    assert open_refusals(tmp_path) == []
    bad_file.write_text("another,form\n1,2\n")
    assert open_refusals(tmp_path) == [], "content that no run has read is not refused"
    land(tmp_path, 1)
    assert open_refusals(tmp_path) == ["bad.csv"]


def test_no_refusal_ends_because_the_landing_folder_is_out_of_reach(tmp_path: Path) -> None:
    refuse(tmp_path)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    assert open_refusals(tmp_path) == ["bad.csv"]


def test_an_acknowledged_refusal_ends_for_good_and_changes_no_current_row(tmp_path: Path) -> None:
    refuse(tmp_path)
    lake, now = Lake(tmp_path / "lake"), FIRST + timedelta(hours=1)
    before = current_deliveries(lake, SOURCE)
    assert acknowledge_refusals(lake, SOURCE, tmp_path / "in", ["other.csv"], now) == []
    assert open_refusals(tmp_path) == ["bad.csv"]
    assert acknowledge_refusals(lake, SOURCE, tmp_path / "in", ["bad.csv"], now) == ["bad.csv"]
    land(tmp_path, 1)  # the file is still there, and is refused again
    assert open_refusals(tmp_path) == []
    assert current_deliveries(lake, SOURCE).equals(before)
    (tmp_path / "in" / "bad.csv").write_text("yet,another\n1,2\n")
    land(tmp_path, 2)
    assert open_refusals(tmp_path) == ["bad.csv"]
