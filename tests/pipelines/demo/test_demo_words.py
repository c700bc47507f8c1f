"""What the demo company's people say for themselves: consents, replies, preferences, by people who work there."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.columns import CONSENT_STATUSES, RELATIONS, REPLY_KINDS, STAGES
from pipelines.demo.exports.company import write_company_exports, write_history_exports
from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.simulation.world import generate_histories, generate_world

END = date(2026, 6, 30)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    world, exports = generate_world(200, seed=5, end=END), ExportFolder(folder)
    write_company_exports(world, exports)
    for history in generate_histories(world):
        write_history_exports(world, history, exports)
    return folder


def read(landing: Path, pattern: str) -> pl.DataFrame:
    (file,) = landing.glob(pattern)
    return pl.read_csv(file, infer_schema=False)


def test_some_consent_to_everything_some_to_a_little_and_some_take_it_back(landing: Path) -> None:
    rows = read(landing, "consents/*.csv")
    assert set(rows["decision"]) == set(CONSENT_STATUSES)
    assert set(rows["shown_as"]) == {*RELATIONS, "all"}
    granted = rows.filter(pl.col("decision") == "granted")
    assert granted["valid_until"].null_count() == 0
    assert (granted["valid_until"] < str(END)).any()
    assert 0.2 < granted.filter(pl.col("skill") == "all").height / 200 < 0.45


def test_replies_say_what_their_kind_needs(landing: Path) -> None:
    rows = read(landing, "replies/*.csv")
    assert set(rows["answer"]) <= set(REPLY_KINDS)
    assert set(rows["answer"]) >= {"dismiss", "snooze", "dispute", "hide"}
    assert rows.filter(pl.col("answer") == "snooze")["until"].null_count() == 0
    assert set(rows.filter(pl.col("answer") == "dispute")["stage"]) <= set(STAGES)


def test_nobody_who_left_says_anything_and_some_want_no_steps(landing: Path) -> None:
    people = read(landing, "bamboohr/*.csv")
    here = people.filter(pl.col("Termination Date").is_null())["Employee #"]
    preferences = read(landing, "preferences/*.csv")
    assert "no" in preferences["wants_steps"].to_list()
    for pattern in ("consents/*.csv", "replies/*.csv", "preferences/*.csv"):
        known = read(landing, pattern).filter(pl.col("employee_number") != "999999999")
        assert set(known["employee_number"]) <= set(here), pattern
