"""The input of the demo company's people: consents, replies and preferences of employed people."""

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
    world, exports = generate_world(200, seed=5, export_day=END), ExportFolder(folder)
    write_company_exports(world, exports)
    for history in generate_histories(world):
        write_history_exports(world, history, exports)
    return folder


def read(landing: Path, pattern: str) -> pl.DataFrame:
    (file,) = landing.glob(pattern)
    return pl.read_csv(file, infer_schema=False)


def test_consents_are_general_or_specific_and_some_are_withdrawn(landing: Path) -> None:
    rows = read(landing, "consents/*.csv")
    assert set(rows["decision"]) == set(CONSENT_STATUSES)
    assert set(rows["shown_as"]) == {*RELATIONS, "all"}
    granted = rows.filter(pl.col("decision") == "granted")
    assert granted["valid_until"].null_count() == 0
    assert (granted["valid_until"] < str(END)).any()
    assert 0.2 < granted.filter(pl.col("skill") == "all").height / 200 < 0.45


def test_replies_have_the_columns_of_their_kind(landing: Path) -> None:
    rows = read(landing, "replies/*.csv")
    assert set(rows["answer"]) <= set(REPLY_KINDS)
    assert set(rows["answer"]) >= {"dismiss", "snooze", "dispute", "hide"}
    assert rows.filter(pl.col("answer") == "snooze")["until"].null_count() == 0
    assert set(rows.filter(pl.col("answer") == "dispute")["stage"]) <= set(STAGES)


def test_people_who_left_give_no_input_and_some_opt_out(landing: Path) -> None:
    people = read(landing, "bamboohr/*.csv")
    employed = people.filter(pl.col("Termination Date").is_null())["Employee #"]
    preferences = read(landing, "preferences/*.csv")
    assert "no" in preferences["wants_steps"].to_list()
    for pattern in ("consents/*.csv", "replies/*.csv", "preferences/*.csv"):
        rows = read(landing, pattern).filter(pl.col("employee_number") != "999999999")
        assert set(rows["employee_number"]) <= set(employed), pattern
