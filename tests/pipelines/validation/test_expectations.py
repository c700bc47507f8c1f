"""Validation results hold counts and no values, and Great Expectations prints nothing."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from benchmarks.validation import ROWS_PER_BAD_VALUE, build_frame
from benchmarks.validation import TABLE as BENCHMARK_TABLE
from pipelines.contracts.table import Column, Reference, RowRule, Severity, Table
from pipelines.validation.expectations import build_suite, validate
from pipelines.validation.validation_result import redact_values

ROOT = Path(__file__).parents[3]
TABLE = Table(
    name="core_people__entity_person",
    description="One row per person.",
    columns=(
        Column("person_id", pl.String, "Person."),
        Column("work_email", pl.String, "Address.", pattern="^[^@]+@[^@]+$"),
        Column("weekly_hours", pl.Float64, "Hours.", minimum=0, maximum=80),
        Column("unit_id", pl.String, "Unit."),
    ),
    key=("person_id",),
    references=(Reference("unit_id", "core_units__entity_unit", "unit_id"),),
    row_rules=(RowRule("has_hours", ("unit_id", "weekly_hours"), pl.col("weekly_hours") > 0, "costs nothing $x <b>"),),
    warnings=("work_email|matches",),
)
REFERENCE_VALUES = {"core_units__entity_unit.unit_id": pl.Series(["u1"])}
GOOD = pl.DataFrame(
    {"person_id": ["p1", "p2"], "work_email": ["a@b", None], "weekly_hours": [40.0, None], "unit_id": ["u1", None]},
    schema=TABLE.schema,
)
SECRETS = ("Anna-Secret", "p-4711", "u-unknown")
BAD = pl.DataFrame(
    {
        "person_id": ["p-4711", "p-4711", None, "p3"],
        "work_email": ["Anna-Secret", "a@b", "a@b", "Anna-Secret"],
        "weekly_hours": [40.0, 90.0, 10.0, 0.0],
        "unit_id": ["u-unknown", "u1", "u1", "u1"],
    },
    schema=TABLE.schema,
)


def test_a_table_in_its_contract_passes() -> None:
    validation = validate(TABLE, GOOD, reference_values=REFERENCE_VALUES)
    assert validation.passed
    assert (validation.row_count, validation.failed, validation.errors) == (2, (), ())
    assert [result.name for result in validation.results] == [rule.name for rule in TABLE.rules]


def test_counts_and_shares_equal_those_computed_by_hand() -> None:
    validation = validate(TABLE, BAD, reference_values=REFERENCE_VALUES)
    counts = {r.name: (r.evaluated_count, r.unexpected_count, r.unexpected_share) for r in validation.results}
    assert counts == {
        "person_id|not_null": (4, 1, 1 / 4),
        "person_id|unique": (3, 1, 1 / 3),
        "work_email|matches": (4, 2, 1 / 2),
        "weekly_hours|between": (4, 1, 1 / 4),
        "unit_id|references": (4, 1, 1 / 4),
        "unit_id+weekly_hours|has_hours": (4, 1, 1 / 4),
    }
    assert not validation.passed


def test_a_failed_rule_that_warns_is_not_blocking() -> None:
    frame = GOOD.with_columns(work_email=pl.lit("no address"))
    validation = validate(TABLE, frame, reference_values=REFERENCE_VALUES)
    assert validation.passed
    assert [(result.name, result.severity) for result in validation.failed] == [("work_email|matches", Severity.WARN)]


def test_the_suite_holds_the_severity_and_name_of_each_rule() -> None:
    severities = {e.meta["rule"]: str(e.severity.value) for e in build_suite(TABLE).expectations}
    assert list(severities) == [rule.name for rule in TABLE.rules]
    assert severities.pop("work_email|matches") == "warning"
    assert set(severities.values()) == {"critical"}


def test_the_result_of_a_lazy_frame_is_the_same() -> None:
    assert validate(TABLE, BAD.lazy(), reference_values=REFERENCE_VALUES) == validate(
        TABLE, BAD, reference_values=REFERENCE_VALUES
    )


def test_a_missing_column_is_an_error_of_its_rules_and_the_others_are_evaluated() -> None:
    validation = validate(TABLE, BAD.drop("work_email"), reference_values=REFERENCE_VALUES)
    (error,) = validation.errors
    assert (error.name, error.passed, error.unexpected_count) == ("work_email|matches", False, 0)
    assert error.error is not None
    assert "work_email" in error.error
    assert len(validation.failed) == 5
    assert error.is_blocking  # although the rule only warns: it is not known whether rows break it


def test_a_wrong_type_is_an_error_of_its_rules() -> None:
    validation = validate(
        TABLE, GOOD.with_columns(weekly_hours=pl.lit("Anna-Secret")), reference_values=REFERENCE_VALUES
    )
    assert [result.name for result in validation.errors] == ["weekly_hours|between", "unit_id+weekly_hours|has_hours"]
    assert not validation.failed


def test_references_without_reference_values_are_an_error_that_names_the_missing_values() -> None:
    (error,) = validate(TABLE, GOOD).errors
    assert error.error == "unit_id|references: the values of core_units__entity_unit.unit_id are missing"


def test_an_error_in_the_data_names_the_rule_and_not_the_value() -> None:
    row = RowRule("is_number", ("work_email",), pl.col("work_email").cast(pl.Int64) > 0)
    table = replace(TABLE, row_rules=(row,))
    validation = validate(table, BAD, reference_values=REFERENCE_VALUES)
    (error,) = validation.errors
    assert error.name == "work_email|is_number"
    assert error.error is not None
    assert "conversion" in error.error
    assert not any(secret in error.error + validation.document for secret in SECRETS)
    assert len(validation.failed) == 5


def test_a_broken_pattern_is_an_error() -> None:
    table = replace(TABLE, columns=(*TABLE.columns[:1], replace(TABLE.columns[1], pattern="("), *TABLE.columns[2:]))
    assert [result.name for result in validate(table, BAD, reference_values=REFERENCE_VALUES).errors] == [
        "work_email|matches"
    ]


def test_a_table_without_rules_passes_and_counts_its_rows() -> None:
    table = Table("core_x__entity_x", "One row per x.", (Column("x", pl.Int64, ""),), key=())
    validation = validate(table, pl.DataFrame({"x": [1, 2, 3]}))
    assert (validation.passed, validation.row_count, validation.results) == (True, 3, ())


def test_no_value_of_any_row_is_in_either_result_document() -> None:
    validation = validate(TABLE, BAD, reference_values=REFERENCE_VALUES)
    for document in (validation.document, validation.to_json(), repr(validation)):
        assert not any(secret in document for secret in SECRETS)
    ours = json.loads(validation.to_json())
    assert ours["rules"][2]["unexpected_count"] == 2
    assert ours["passed"] is False


def test_the_same_rows_give_the_same_result() -> None:
    assert validate(TABLE, BAD, reference_values=REFERENCE_VALUES) == validate(
        TABLE, BAD, reference_values=REFERENCE_VALUES
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "conversion from `str` to `i64` failed in column 'x' for 1 out of 1 values: [\"Anna\"]\n\nhint",
            "conversion from `str` to '…' failed in column 'x' for 1 out of 1 values",
        ),
        ('could not parse "Anna" as a date', "could not parse '…' as a date"),
        ('unable to find column "y"; valid columns: ["x"]', "unable to find column '…'"),
    ],
)
def test_messages_keep_allowed_words_and_hide_other_quoted_text(message: str, expected: str) -> None:
    assert redact_values(message, {"x", "str"}) == expected


def test_the_table_of_the_benchmark_is_deterministic_and_mostly_good() -> None:
    frame = build_frame(5_000)
    assert frame.equals(build_frame(5_000))
    assert dict(frame.schema) == dict(BENCHMARK_TABLE.schema)
    (emails,) = (result for result in validate(BENCHMARK_TABLE, frame).results if result.kind == "matches")
    assert 0 < emails.unexpected_share < 10 / ROWS_PER_BAD_VALUE


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "TQDM_DISABLE": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_importing_the_package_does_not_import_great_expectations(tmp_path: Path) -> None:
    code = (
        "import sys, pipelines.validation, pipelines.validation.validation_result, benchmarks.validation\n"
        "print('great_expectations' in sys.modules, 'pandas' in sys.modules)"
    )
    assert run_python(code, tmp_path).stdout.split() == ["False", "False"]


def test_a_validation_prints_and_writes_nothing_and_keeps_warnings(tmp_path: Path) -> None:
    code = (
        "import os, logging, warnings, polars as pl\n"
        "shown = warnings.showwarning\n"
        "from pipelines.contracts.table import Column, Table\n"
        "from pipelines.validation.expectations import validate\n"
        "table = Table('core_x__entity_x', '', (Column('x', pl.Int64, '', minimum=0),), key=('x',))\n"
        "validate(table, pl.DataFrame({'x': [1, -2]}))\n"
        "validate(table, pl.DataFrame({'y': [1, -2]}))\n"
        "assert warnings.showwarning is shown\n"
        "assert logging.getLogger('great_expectations').level == logging.NOTSET\n"
        "assert os.environ['GX_ANALYTICS_ENABLED'] == 'false'\n"
    )
    done = run_python(code, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_other_warnings_are_shown_after_a_validation() -> None:
    validate(TABLE, GOOD, reference_values=REFERENCE_VALUES)
    with pytest.warns(UserWarning, match="still here"):
        warnings.warn("still here", UserWarning, stacklevel=1)
