"""The counts of a table are recorded with its rows, follow merges exactly, and are read without reading a row."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import ASPIRATION, PERSON
from pipelines.contracts.rule_counts import RuleCount
from pipelines.contracts.table import Table
from pipelines.storage import lake as lake_module
from pipelines.storage.lake import Lake
from pipelines.validation.rule_evaluation import ContractViolation, validate_rows

BAD = quarantine_table(ASPIRATION.name)


def wishes(*rows: tuple[str, str | None, float | None]) -> pl.DataFrame:
    """Rows by record_code, person_id and wish_weight; the weight may be at most 1."""
    codes, people, weights = zip(*rows, strict=True) if rows else ((), (), ())
    values: dict[str, Any] = {
        "source_name": ["w"] * len(rows),
        "record_code": codes,
        "person_id": people,
        "wish_weight": weights,
        "stated_at": [f"2026-0{1 + len(code) % 3}-01T00:00:00Z" for code in codes],
    }
    columns = [
        pl.Series(name, values.get(name, [None] * len(rows)), pl.String if name == "stated_at" else None)
        for name in ASPIRATION.column_names
    ]
    frame = pl.DataFrame(columns).with_columns(pl.col("stated_at").str.to_datetime(time_zone="UTC", time_unit="us"))
    return frame.cast(dict(ASPIRATION.schema))  # type: ignore[arg-type]


def write_people(lake: Lake, *people: str) -> None:
    rows = [{"person_id": person, "employment_status": "active"} for person in people]
    lake.write(PERSON, pl.DataFrame(rows, schema=PERSON.schema))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    write_people(lake, "ann", "ben")
    return lake


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("rows are read")


def test_a_row_that_breaks_a_rule_is_set_aside_and_the_others_are_written(lake: Lake) -> None:
    written = lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 7.0), ("c", "eve", 0.5), ("d", None, 0.5)))
    assert lake.scan(ASPIRATION).collect()["record_code"].to_list() == ["a"]
    failed = lake.scan(BAD).collect()["failed_rules"].to_list()
    assert sorted(failed) == [["person_id|not_null"], ["person_id|references"], ["wish_weight|between"]]
    assert written.quarantine is not None
    assert (written.rows, written.quarantine.rows) == (1, 3)
    assert (written.counts.kept_by_source, written.counts.set_aside_by_source) == ({"w": 1}, {"w": 3})
    assert written.counts.rules["wish_weight|between"] == RuleCount(4, 1)
    assert written.counts.rules["person_id|references"] == RuleCount(3, 1)


def test_an_unchanged_table_has_its_counts_without_a_row_being_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 7.0)))
    monkeypatch.setattr(lake_module, "count_rules", refuse)
    assert lake.rule_counts(ASPIRATION) == written.counts


def test_a_table_without_recorded_counts_is_counted_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    written = lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", None)))
    (lake.root / ".rule_counts" / f"{ASPIRATION.name}.json").unlink()
    assert lake.rule_counts(ASPIRATION) == written.counts
    monkeypatch.setattr(lake_module, "count_rules", refuse)
    assert lake.rule_counts(ASPIRATION) == written.counts


def test_content_that_another_process_wrote_is_counted_again(lake: Lake, tmp_path: Path) -> None:
    lake.write(ASPIRATION, wishes(("a", "ann", 0.5)))
    other = Lake(tmp_path / "other")
    other.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 0.5)))
    for path in other.files(ASPIRATION):
        (lake.folder(ASPIRATION) / path.name).write_bytes(path.read_bytes())
    assert lake.rule_counts(ASPIRATION).kept_by_source == {"w": 2}


def test_rows_whose_reference_vanished_since_they_were_written_break_the_rule(lake: Lake) -> None:
    lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 0.5)))
    write_people(lake, "ann")
    assert lake.rule_counts(ASPIRATION).rules["person_id|references"] == RuleCount(2, 1, stored=1)


def test_a_merge_replaces_the_quarantined_rows_of_its_records(lake: Lake) -> None:
    lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 7.0), ("c", "ben", 8.0)))
    records = pl.DataFrame({"source_name": ["w", "w"], "record_code": ["a", "b"]})
    merged = lake.merge(ASPIRATION, wishes(("a", "ann", 9.0), ("b", "ben", 0.1)), records)
    assert lake.scan(ASPIRATION).collect()["record_code"].to_list() == ["b"]
    assert sorted(lake.scan(BAD).collect()["row_text"].str.json_path_match("$.record_code")) == ["a", "c"]
    assert merged.counts.rules["wish_weight|between"] == RuleCount(3, 2)


def test_a_merged_row_whose_key_remains_is_set_aside(lake: Lake) -> None:
    lake.write(ASPIRATION, wishes(("a", "ann", 0.5), ("b", "ben", 0.5)))
    merged = lake.merge(ASPIRATION, wishes(("b", "ann", 0.1)), pl.DataFrame({"record_code": ["a"]}))
    assert lake.scan(ASPIRATION).collect().select("record_code", "person_id").rows() == [("b", "ben")]
    assert lake.scan(BAD).collect()["failed_rules"].to_list() == [["source_name+record_code|unique"]]
    assert merged.counts.rules["source_name+record_code|unique"] == RuleCount(2, 1)


def test_rows_validated_for_another_table_are_refused(lake: Lake) -> None:
    validated = validate_rows(ASPIRATION, wishes(("a", "ann", 0.5)))
    with pytest.raises(ContractViolation, match="validated as rows of core_wish__event_aspiration"):
        lake.write(PERSON, validated)


ROWS = st.dictionaries(
    st.sampled_from(["a", "bb", "ccc", "d", "ee"]),
    st.tuples(st.sampled_from(["ann", "ben", "eve", None]), st.sampled_from([0.1, 0.9, 7.0, None])),
)


def evaluated_rows(table: Table, lake: Lake) -> dict[str, tuple[int, int]]:
    return {name: (count.evaluated, count.unexpected) for name, count in lake.rule_counts(table).rules.items()}


@settings(deadline=None, max_examples=50)
@given(before=ROWS, changed=ROWS)
def test_merged_rows_have_the_counts_of_rows_written_at_once(
    before: dict[str, Any], changed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    merged, written = (Lake(tmp_path_factory.mktemp(name)) for name in ("merged", "written"))
    for lake in (merged, written):
        write_people(lake, "ann", "ben")
    merged.write(ASPIRATION, wishes(*((code, *row) for code, row in before.items())))
    records = pl.DataFrame({"record_code": list(changed)}, schema={"record_code": pl.String})
    merged.merge(ASPIRATION, wishes(*((code, *row) for code, row in changed.items())), records)
    written.write(ASPIRATION, wishes(*((code, *row) for code, row in (before | changed).items())))
    for table in (ASPIRATION, BAD):
        assert merged.scan(table).collect().equals(written.scan(table).collect())
    counts, expected = merged.rule_counts(ASPIRATION), written.rule_counts(ASPIRATION)
    assert (counts.kept_by_source, counts.set_aside_by_source) == (
        expected.kept_by_source,
        expected.set_aside_by_source,
    )
    for name, count in counts.rules.items():
        assert count.unexpected == expected.rules[name].unexpected, name
        # of a row set aside earlier only the broken rules are known
        assert 0 <= count.evaluated - expected.rules[name].evaluated <= counts.set_aside_count, name
    (merged.root / ".rule_counts" / f"{ASPIRATION.name}.json").unlink()
    assert merged.rule_counts(ASPIRATION).kept_by_source == counts.kept_by_source
