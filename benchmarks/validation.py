"""The cost of validation: the bare rules, Great Expectations on Polars, and Great Expectations on pandas.

Belongs here: a seeded table of realistic size and rules, and the measurement.
Does not belong here: printing the figures (`benchmarks.tables`).
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import polars as pl

from benchmarks.published.processes import peak_megabytes, run_in_child
from pipelines.contracts.columns import FEEDBACK_KINDS, LEARNING_VERBS, TIMESTAMP
from pipelines.contracts.table import Column, Reference, RowRule, Table

Method = Literal["bare rules", "GX on Polars", "GX on pandas"]
SEED = 20261121
# One value in this many is bad, in every column: enough that no rule can be evaluated from statistics alone.
ROWS_PER_BAD_VALUE = 1_000
PEOPLE = 50_000

_EARLIEST, _LATEST = datetime(1950, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TABLE = Table(
    name="raw_bench__event_learning_record",
    description="One row each time a person did something with a learning item.",
    columns=(
        Column("record_code", pl.Int64, "Id of the record.", minimum=0),
        Column("system_name", pl.String, "System.", allowed=("hr", "projects", "learning")),
        Column("person_id", pl.String, "Person."),
        Column("work_email", pl.String, "Address.", pattern=r"^[^@\s]+@[^@\s]+$"),
        Column("learning_verb", pl.String, "What was done.", allowed=LEARNING_VERBS),
        Column("feedback_kind", pl.String, "Who judged.", allowed=FEEDBACK_KINDS),
        Column("score_share", pl.Float64, "Score.", minimum=0, maximum=1),
        Column("learning_hours", pl.Float64, "Hours.", minimum=0, maximum=10_000),
        Column("started_at", TIMESTAMP, "Begin."),
        Column("ended_at", TIMESTAMP, "End."),
    ),
    key=("system_name", "record_code"),
    required=("person_id", "learning_verb", "started_at"),
    references=(Reference("person_id", "core_people__entity_person", "person_id"),),
    row_rules=(
        RowRule(
            "in_order", ("started_at", "ended_at"), pl.col("ended_at") >= pl.col("started_at"), "ends after it began"
        ),
        RowRule("is_plausible", ("started_at",), pl.col("started_at").is_between(_EARLIEST, _LATEST), "is plausible"),
        RowRule(
            "says_how_long",
            ("learning_hours", "ended_at"),
            pl.col("learning_hours").is_not_null() | pl.col("ended_at").is_not_null(),
            "hours or an end are given",
        ),
    ),
)  # 17 rules: five not_null, one unique, three in_set, three between, one matches, one references, three row


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """One method at one size: median wall seconds, peak memory of its process, ratio of seconds to the bare rules."""

    rows: int
    method: Method
    seconds: float
    peak_megabytes: float
    ratio: float


def benchmark_validation(
    rows: Sequence[int] = (1_000_000, 10_000_000),
    repeats: int = 3,
    progress: Callable[[str], None] = lambda _: None,
) -> list[BenchmarkRow]:
    """Measure each method at each size, every time in a new process; the methods take turns.

    Args:
        rows: Numbers of rows.
        repeats: Measurements per method and size.
        progress: Called with one line per measurement.

    Returns:
        One row per size and method. Seconds are of the validation alone, without imports and reading, after one
        validation of a few rows.
    """
    benchmark_rows: list[BenchmarkRow] = []
    for count in rows:
        measured: dict[Method, list[tuple[float, float]]] = {method: [] for method in get_args(Method)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "frame.parquet"
            run_in_child(_write_frame, count, path)
            for turn in range(repeats):
                for method, measurements in measured.items():
                    measurements.append(run_in_child(_measure, method, path))
                    seconds, _ = measurements[-1]
                    progress(f"{count:,} rows, {method}, {turn + 1} of {repeats}: {seconds:.2f} s")
        benchmark_rows.extend(_summarise(count, measured))
    return benchmark_rows


def _summarise(count: int, measured: Mapping[Method, list[tuple[float, float]]]) -> Iterator[BenchmarkRow]:
    medians = {
        method: [statistics.median(values) for values in zip(*measurements, strict=True)]
        for method, measurements in measured.items()
    }
    for method, (seconds, megabytes) in medians.items():
        yield BenchmarkRow(count, method, seconds, megabytes, seconds / medians["bare rules"][0])


def build_reference_values() -> dict[str, pl.Series]:
    """The values that the references of the table may take."""
    return {"core_people__entity_person.person_id": pl.select(_person(pl.int_range(PEOPLE))).to_series()}


def build_frame(count: int) -> pl.DataFrame:
    """The rows of the benchmark's table, the same for the same count; about one value in 1,000 breaks a rule."""

    def drawn(salt: int, below: int) -> pl.Expr:
        return (pl.int_range(count, dtype=pl.UInt64).hash(SEED + salt) % below).cast(pl.Int64)

    def spoil(good: pl.Expr, salt: int, bad: object) -> pl.Expr:
        return pl.when(drawn(salt, ROWS_PER_BAD_VALUE) == 0).then(pl.lit(bad)).otherwise(good)

    started = pl.lit(datetime(2020, 1, 1, tzinfo=UTC)).cast(TIMESTAMP) + pl.duration(minutes=drawn(8, 3_000_000))
    person = drawn(3, PEOPLE)
    return pl.select(
        record_code=spoil(pl.int_range(count), 1, 7),
        system_name=spoil(pl.lit(pl.Series(["hr", "projects", "learning"])).gather(drawn(2, 3)), 11, "crm"),
        person_id=spoil(_person(person), 12, "nobody"),
        work_email=spoil(pl.format("someone.{}@example.org", person), 13, "no address"),
        learning_verb=spoil(pl.lit(pl.Series(LEARNING_VERBS)).gather(drawn(5, len(LEARNING_VERBS))), 14, None),
        feedback_kind=spoil(pl.lit(pl.Series(FEEDBACK_KINDS)).gather(drawn(6, len(FEEDBACK_KINDS))), 15, "rumour"),
        score_share=spoil(drawn(7, 1_001) / 1_000, 16, 1.5),
        learning_hours=spoil(drawn(9, 400) / 10, 17, None),
        started_at=spoil(started, 18, None),
        ended_at=started + pl.duration(minutes=drawn(10, 5_000) - 5),
    )


def _person(number: pl.Expr) -> pl.Expr:
    return pl.format("p{}", number + 1_000_000)


def _write_frame(count: int, path: Path) -> None:
    build_frame(count).write_parquet(path)


def _measure(method: Method, path: Path) -> tuple[float, float]:
    """Wall seconds of one validation of the file, and the peak memory of this process in megabytes."""
    run = _METHODS[method]
    run(path, 100)()
    validation = run(path, None)
    begin = perf_counter()
    validation()
    return perf_counter() - begin, peak_megabytes()


def _run_bare(path: Path, rows: int | None) -> Callable[[], object]:
    frame, reference_values = pl.read_parquet(path, n_rows=rows), build_reference_values()
    return lambda: frame.select(rule.expression(reference_values).not_().sum().alias(rule.name) for rule in TABLE.rules)


def _run_on_polars(path: Path, rows: int | None) -> Callable[[], object]:
    from pipelines.validation.expectations import validate  # its import takes seconds

    frame, reference_values = pl.read_parquet(path, n_rows=rows), build_reference_values()
    return lambda: validate(TABLE, frame, reference_values=reference_values)


def _run_on_pandas(path: Path, rows: int | None) -> Callable[[], object]:
    from benchmarks.pandas_engine import validate_on_pandas

    frame, reference_values = pl.read_parquet(path, n_rows=rows).to_pandas(), build_reference_values()
    return lambda: validate_on_pandas(TABLE, frame, reference_values)


_METHODS: dict[Method, Callable[[Path, int | None], Callable[[], object]]] = {
    "bare rules": _run_bare,
    "GX on Polars": _run_on_polars,
    "GX on pandas": _run_on_pandas,
}
