"""Reading in a scope: everybody, some people, or one bucket of people; large tables are loaded once per run."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.resources.table_reader import EVERYBODY, DeclaredLake, RunCache, Scope, TableReader
from pipelines.contracts.catalog import ALIAS, EVIDENCE
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


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    lake.write(EVIDENCE, evidence_rows(PEOPLE))
    lake.write(ALIAS, pl.DataFrame({"alias_text": ["sql"], "skill_id": ["sql"]}).select(ALIAS.column_names))
    return lake


def test_a_scope_of_some_people_has_their_rows_alone(lake: Lake) -> None:
    tables = TableReader(lake, Scope(frozenset(PEOPLE[:2])))
    assert sorted(tables.read_scoped(EVIDENCE)["person_id"]) == PEOPLE[:2]
    assert tables.read(EVIDENCE).height == len(PEOPLE)
    assert tables.read_scoped(ALIAS).height == 1  # it has no person_id
    assert tables.read_scoped(EVIDENCE, ["skill_id"]).columns == ["skill_id"]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_buckets_of_people_are_disjoint_and_complete(lake: Lake, count: int) -> None:
    buckets = [
        TableReader(lake, Scope(bucket=(index, count))).read_scoped(EVIDENCE)["person_id"] for index in range(count)
    ]
    assert sorted(person for bucket in buckets for person in bucket) == sorted(PEOPLE)
    assert sum(bucket.len() > 0 for bucket in buckets) > count / 2


def test_a_bucket_of_some_people_has_only_these(lake: Lake) -> None:
    people = frozenset(PEOPLE[:5])
    halves = [TableReader(lake, Scope(people, (index, 2))).read_scoped(EVIDENCE)["person_id"] for index in (0, 1)]
    assert sorted([*halves[0], *halves[1]]) == sorted(people)


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
