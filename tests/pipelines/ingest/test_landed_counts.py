"""The counts of a delivery are recorded when it is landed, and equal those of its files; rules are evaluated once."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.rule_counts import RuleCount, RuleCounts
from pipelines.contracts.table import Rule
from pipelines.ingest import landed_counts
from pipelines.ingest.landed_counts import count_landed_rules
from pipelines.ingest.landing import LandedFile, LandingContext, land_source
from pipelines.storage.lake import Lake

MAPPING = {
    "record_code": "id",
    "employee_number": "who",
    "worked_at": "day",
    "worked_hours": "hours",
    "changed_at": "changed",
}
HEADER = "id,who,day,hours,changed"
WITH_ID = SourceConfig.model_validate(
    {"name": "time", "system": "tabular", "shape": "worklog", "path": "*.csv", "mapping": MAPPING}
)
WITHOUT_ID = SourceConfig.model_validate(
    {**WITH_ID.model_dump(), "mapping": {key: header for key, header in MAPPING.items() if key != "record_code"}}
)
PEOPLE = SourceConfig(name="people", system="bamboohr", path="*.csv")
PEOPLE_HEADER = "Employee #,Work Email,Status,Hire Date"


def land(root: Path, source: SourceConfig, *files: list[str], header: str = HEADER) -> list[LandedFile]:
    (root / "in").mkdir(parents=True)
    for number, lines in enumerate(files):
        (root / "in" / f"{number}.csv").write_text("\n".join([header, *lines]) + "\n")
    day = datetime(2025, 7, 1, tzinfo=UTC)
    return land_source(LandingContext(Lake(root / "lake"), root / "in", date(2025, 7, 1), day), source)


def counts_of(root: Path, source: SourceConfig, shape: CanonicalSchemaName = "worklog") -> RuleCounts:
    return count_landed_rules(Lake(root / "lake"), raw_table(source.system, CANONICAL_SCHEMAS[shape]), [source])


def forget_counts(root: Path) -> None:
    """Leave the files of a delivery as an earlier version wrote them."""
    (recorded,) = (root / "lake").rglob("*.counts.json")
    recorded.unlink()


def test_the_counts_of_a_file_equal_those_counted_by_hand(tmp_path: Path) -> None:
    lines = [
        "1,a@x.org,Active,2024-02-30",
        "2,at home,Active,2024-02-13",
        "3,,Vanished,2024-02-13",
        "3,,Active,1024-02-13",
    ]
    land(tmp_path, PEOPLE, [*lines, "4,,Active,2024-01-01", "4,,Active,2024-01-02"], header=PEOPLE_HEADER)
    counts = counts_of(tmp_path, PEOPLE, "person")
    assert (counts.kept_by_source, counts.set_aside_by_source) == ({"people": 4}, {"people": 2})
    assert counts.other_reasons == {"hired_date|parses": 1}
    assert counts.rules["employment_status|in_set"] == RuleCount(6, 1)
    assert counts.rules["work_email|matches"] == RuleCount(2, 1)
    assert counts.rules["hired_date|is_plausible"] == RuleCount(5, 1)
    assert counts.rules["account_code|unique"] == RuleCount(6, 2)
    assert counts.rules["account_code|not_null"] == RuleCount(6, 0)
    assert counts.rules["hired_date+left_date|in_order"] == RuleCount(0, 0)


def test_the_counts_of_a_table_are_the_sum_of_its_current_deliveries(tmp_path: Path) -> None:
    incremental = WITH_ID.model_copy(update={"delivery": "incremental"})
    land(tmp_path, incremental, ["a,7,2025-02-13,1,"], ["b,7,2025-02-30,1,", "c,7,2025-02-13,999,"])
    counts = counts_of(tmp_path, incremental)
    assert (counts.kept_by_source, counts.set_aside_by_source) == ({"time": 2}, {"time": 1})
    assert counts.rules["worked_hours|between"] == RuleCount(3, 1)
    assert counts.other_reasons == {"worked_at|parses": 1}


def test_a_table_without_a_delivery_has_a_count_for_every_rule(tmp_path: Path) -> None:
    table = raw_table(WITH_ID.system, CANONICAL_SCHEMAS["worklog"])
    counts = counts_of(tmp_path, WITH_ID)
    assert counts.rules == {rule.name: RuleCount() for rule in table.rules}


def test_records_with_too_many_cells_are_counted_by_their_reason(tmp_path: Path) -> None:
    land(tmp_path, WITH_ID, ["a,7,2025-02-13,1,", "b,7,2025-02-13,1,,more,and more"])
    counts = counts_of(tmp_path, WITH_ID)
    assert counts.set_aside_by_source == {"time": 1}
    ((reason, count),) = counts.other_reasons.items()
    assert (reason.split("|")[0], count) == ("row", 1)


LINES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["7", ""]),
        st.sampled_from(["2025-02-13", "2025-02-30", ""]),
        st.sampled_from(["1", "999", "many", ""]),
        st.sampled_from(["", "2025-03-01", "yesterday"]),
    ).map(",".join),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(lines=LINES)
@pytest.mark.parametrize("source", [WITH_ID, WITHOUT_ID], ids=["with an id", "without"])
def test_recorded_counts_are_those_of_the_files(
    lines: list[str], source: SourceConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("landed")
    land(root, source, lines)
    recorded = counts_of(root, source)
    forget_counts(root)
    counted = counts_of(root, source)
    assert (counted.kept_by_source, counted.set_aside_by_source) == (
        recorded.kept_by_source,
        recorded.set_aside_by_source,
    )
    assert counted.other_reasons == recorded.other_reasons
    for name, count in recorded.rules.items():
        assert (counted.rules[name].unexpected, counted.rules[name].stored) == (count.unexpected, 0), name
        # of a row set aside only the broken rules are known
        assert 0 <= counted.rules[name].evaluated - count.evaluated <= recorded.set_aside_count, name


def test_a_delivery_of_an_earlier_version_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    land(tmp_path, WITH_ID, ["a,7,2025-02-13,1,"])
    recorded = counts_of(tmp_path, WITH_ID)
    forget_counts(tmp_path)
    assert counts_of(tmp_path, WITH_ID) == recorded
    table = raw_table(WITH_ID.system, CANONICAL_SCHEMAS["worklog"])
    monkeypatch.setattr(landed_counts, "scan_deliveries", None)
    assert count_landed_rules(Lake(tmp_path / "lake"), table, [WITH_ID]) == recorded


@pytest.mark.parametrize("source", [WITH_ID, WITHOUT_ID], ids=["set aside", "numbered"])
def test_a_file_with_repeated_keys_is_evaluated_once(
    source: SourceConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    original = Rule.condition

    def count(values: pl.Series) -> pl.Series:
        seen.append(len(values))
        return values.is_not_null()

    def condition(rule: Rule, *arguments: object) -> pl.Expr:
        if rule.name == "worked_at|not_null":
            return pl.col("worked_at").map_batches(count, return_dtype=pl.Boolean, is_elementwise=True)
        return original(rule, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Rule, "condition", condition)
    lines = ["a,7,2025-02-13,1,", "a,7,2025-02-13,1,", "b,8,2025-02-14,2,soon", "b,8,2025-02-14,2,soon"]
    (delivery,) = land(tmp_path, source, lines, header=HEADER)
    assert delivery.good_count + delivery.bad_count == 4
    assert sum(seen) == 4


def test_a_repeated_row_that_lost_a_value_is_set_aside_once_with_both_reasons(tmp_path: Path) -> None:
    land(tmp_path, WITH_ID, ["b,8,2025-02-14,2,soon", "a,7,2025-02-13,1,", "b,8,2025-02-14,2,soon"])
    table = raw_table(WITH_ID.system, CANONICAL_SCHEMAS["worklog"])
    lake = Lake(tmp_path / "lake")
    (bad,) = (lake.root / f"quarantine__{table.name}").rglob("*.parquet")
    rows = pl.read_parquet(bad).select("failed_rules", "is_row_kept").rows()
    assert sorted(rows) == [(["changed_at|parses"], True), (["changed_at|parses", "record_code|unique"], False)]
    counts = counts_of(tmp_path, WITH_ID)
    assert (counts.kept_by_source, counts.set_aside_by_source) == ({"time": 2}, {"time": 1})
    assert counts.other_reasons == {"changed_at|parses": 2}


def test_of_equal_rows_the_last_one_is_kept(tmp_path: Path) -> None:
    copies, records = 40, 50
    land(tmp_path, WITH_ID, [f"r{record},7,2025-02-13,1," for record in range(records)] * copies)
    table = raw_table(WITH_ID.system, CANONICAL_SCHEMAS["worklog"])
    kept_rows = Lake(tmp_path / "lake").scan(table).collect().sort("row_number")
    assert kept_rows["row_number"].to_list() == list(range((copies - 1) * records + 1, copies * records + 1))
