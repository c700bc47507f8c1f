"""Reading in a scope: everybody, some people, or one range of people; large tables are loaded once per run."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.resources import table_reader
from assets.resources.table_reader import (
    EVERYBODY,
    DeclaredLake,
    PeopleRange,
    RunCache,
    Scope,
    TableReader,
    list_people_ranges,
)
from pipelines.contracts.catalog import ALIAS, EVIDENCE, PERSON
from pipelines.storage.lake import Lake

PEOPLE = [f"person-{number}" for number in range(20)]


def evidence_rows(people: list[str]) -> pl.DataFrame:
    """One row of evidence per person."""
    values = {
        "evidence_id": [f"{number:032x}" for number in range(len(people))],
        "person_id": people,
        "skill_id": "sql",
        "mode": "repetition",
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "amount": 1.0,
        "amount_unit": "hours",
        "source_name": "tempo",
        "record_code": people,
        "table_name": "core_project__event_worklog",
        "source_column": "worked_hours",
        "file_sha256": "0" * 64,
        "row_number": 1,
    }
    rows = pl.DataFrame({"person_id": people}).with_columns(
        pl.Series(name, value) if isinstance(value, list) else pl.lit(value).alias(name)
        for name, value in values.items()
        if name in EVIDENCE.column_names
    )
    return rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in EVIDENCE.schema.items()
    )


def person_rows(people: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"person_id": people, "employment_status": "active"}).select(
        pl.col(name) if name in ("person_id", "employment_status") else pl.lit(None, dtype).alias(name)
        for name, dtype in PERSON.schema.items()
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    (tmp_path / PERSON.name).mkdir()
    person_rows(PEOPLE).write_parquet(tmp_path / PERSON.name / "data.parquet")
    lake.write(EVIDENCE, evidence_rows(PEOPLE))
    lake.write(ALIAS, pl.DataFrame({"alias_text": ["sql"], "skill_id": ["sql"]}).select(ALIAS.column_names))
    return lake


def test_a_scope_of_some_people_has_their_rows_alone(lake: Lake) -> None:
    tables = TableReader(lake, Scope(frozenset(PEOPLE[:2])))
    assert sorted(tables.read_scoped(EVIDENCE)["person_id"]) == PEOPLE[:2]
    assert tables.read(EVIDENCE).height == len(PEOPLE)
    assert tables.read_scoped(ALIAS).height == 1  # it has no person_id
    assert tables.read_scoped(EVIDENCE, ["skill_id"]).columns == ["skill_id"]


def test_ranges_of_people_are_disjoint_and_complete(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reader, "ROWS_PER_PART", 3)
    ranges = list_people_ranges(lake)
    assert len(ranges) == -(-len(PEOPLE) // 3)
    people = [TableReader(lake, Scope(people_range=part)).read_scoped(EVIDENCE)["person_id"] for part in ranges]
    assert sorted(person for part in people for person in part) == sorted(PEOPLE)
    assert min(part.len() for part in people) >= 2
    assert [max(part) for part in people[:-1]] < [min(part) for part in people[1:]]


def test_a_range_holds_people_whom_no_export_of_people_names(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reader, "ROWS_PER_PART", 3)
    strangers = ["", "zzz", "\U0010ffff"]
    evidence_rows([*PEOPLE, *strangers]).write_parquet(lake.files(EVIDENCE)[0])
    people = [
        person
        for part in list_people_ranges(lake)
        for person in TableReader(lake, Scope(people_range=part)).read_scoped(EVIDENCE)["person_id"]
    ]
    assert sorted(people) == sorted([*PEOPLE, *strangers])


def test_a_range_of_some_people_has_only_these(lake: Lake) -> None:
    some, middle = frozenset(PEOPLE[:5]), sorted(PEOPLE)[2]
    halves = [
        TableReader(lake, Scope(some, part)).read_scoped(EVIDENCE)["person_id"]
        for part in (PeopleRange("", middle), PeopleRange(middle, None))
    ]
    assert sorted([*halves[0], *halves[1]]) == sorted(some)


def test_evidence_of_several_ranges_is_not_kept_in_memory(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reader, "ROWS_PER_PART", 3)
    cache = RunCache()
    declared = DeclaredLake(lake.root, "any", frozenset({EVIDENCE.name}), EVERYBODY, cache)
    assert TableReader(declared).read(EVIDENCE).height == len(PEOPLE)
    assert cache.find((EVIDENCE.name, EVERYBODY), lake.content_hash(EVIDENCE)) is None


def test_evidence_is_loaded_once_for_all_assets_of_a_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    scans, scan = [], Lake.scan
    monkeypatch.setattr(Lake, "scan", lambda self, table: scans.append(table.name) or scan(self, table))
    cache = RunCache()
    for asset in ("first", "second"):
        tables = TableReader(DeclaredLake(lake.root, asset, frozenset({EVIDENCE.name}), EVERYBODY, cache))
        assert tables.read(EVIDENCE, ["person_id"]).height == len(PEOPLE)
        assert tables.scan(EVIDENCE).select(pl.len()).collect().item() == len(PEOPLE)
        assert tables.read_scoped(EVIDENCE).height == len(PEOPLE)
    assert scans == [EVIDENCE.name]
    # some people are taken from the rows that are in memory
    some = DeclaredLake(lake.root, "third", frozenset({EVIDENCE.name}), Scope(frozenset(PEOPLE[:1])), cache)
    assert TableReader(some, some.scope).read_scoped(EVIDENCE)["person_id"].to_list() == PEOPLE[:1]
    assert scans == [EVIDENCE.name]


def test_changed_evidence_is_loaded_again(lake: Lake) -> None:
    cache = RunCache()
    declared = DeclaredLake(lake.root, "any", frozenset({EVIDENCE.name}), EVERYBODY, cache)
    assert TableReader(declared).read(EVIDENCE).height == len(PEOPLE)
    lake.write(EVIDENCE, evidence_rows(PEOPLE[:3]))
    assert TableReader(declared).read(EVIDENCE).height == 3
    cache.clear()
    assert cache.find((EVIDENCE.name, EVERYBODY), lake.content_hash(EVIDENCE)) is None


def test_a_scope_of_nobody_has_no_rows(lake: Lake) -> None:
    assert TableReader(lake, Scope(frozenset())).read_scoped(EVIDENCE).height == 0
