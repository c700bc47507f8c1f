"""What validation costs: the bare rules, Great Expectations on Polars and on pandas, side by side.

Belongs here: a seeded table of realistic size and rules, and the measuring.
Does not belong here: printing the figures (the command line does).
"""

import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Literal, TypeVar, get_args

import polars as pl

from pipelines.contracts.columns import FEEDBACK_KINDS, LEARNING_VERBS, TIMESTAMP
from pipelines.contracts.table import Column, Personal, Reference, RowRule, Table

T = TypeVar("T")
Method = Literal["bare rules", "GX on Polars", "GX on pandas"]
SEED = 20261121
# One bad value in so many, in every column: enough that no rule can be answered from statistics alone.
BAD_ONE_IN = 1_000
PEOPLE = 50_000

_EARLIEST, _LATEST = datetime(1950, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TABLE = Table(
    name="raw_bench__event_learning_record",
    description="One row each time a person did something with a learning item.",
    columns=(
        Column("record_code", pl.Int64, "Id of the record.", minimum=0),
        Column("system_name", pl.String, "System.", allowed=("hr", "projects", "learning")),
        Column("person_id", pl.String, "Person.", personal=Personal.PSEUDONYM),
        Column("work_email", pl.String, "Address.", pattern=r"^[^@\s]+@[^@\s]+$", personal=Personal.DIRECT),
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
    """One way at one size: median wall seconds, peak memory of its process, ratio of seconds to the bare rules."""

    rows: int
    method: Method
    seconds: float
    peak_megabytes: float
    ratio: float


def benchmark_validation(
    rows: Sequence[int] = (1_000_000, 10_000_000),
    repeats: int = 3,
    progress: Callable[[str], None] | None = None,
) -> list[BenchmarkRow]:
    """One row per size and way. Every measurement has a process of its own, and the ways take turns.

    Seconds are of the validation alone: imports, reading the file and one run on a few rows come first.
    `progress` is told each measurement in a line.
    """
    say = progress or (lambda _: None)
    found: list[BenchmarkRow] = []
    for count in rows:
        taken: dict[Method, list[tuple[float, float]]] = {method: [] for method in get_args(Method)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "frame.parquet"
            _in_a_child(_write_frame, count, path)
            for turn in range(repeats):
                for method, measured in taken.items():
                    measured.append(_in_a_child(_measure, method, path))
                    say(f"{count:,} rows, {method}, {turn + 1} of {repeats}: {measured[-1][0]:.2f} s")
        found.extend(_summarise(count, taken))
    return found


def _summarise(count: int, taken: Mapping[Method, list[tuple[float, float]]]) -> Iterator[BenchmarkRow]:
    medians = {
        method: [statistics.median(values) for values in zip(*rows, strict=True)] for method, rows in taken.items()
    }
    floor = medians["bare rules"][0]
    for method, (seconds, megabytes) in medians.items():
        yield BenchmarkRow(count, method, seconds, megabytes, seconds / floor)


def build_reference_values() -> dict[str, pl.Series]:
    """The values that the table's references may take."""
    return {"core_people__entity_person.person_id": pl.select(_person(pl.int_range(PEOPLE))).to_series()}


def build_frame(count: int) -> pl.DataFrame:
    """`count` rows of the benchmark's table, the same for the same count; about one value in 1,000 breaks a rule."""

    def drawn(salt: int, below: int) -> pl.Expr:
        return (pl.int_range(count, dtype=pl.UInt64).hash(SEED + salt) % below).cast(pl.Int64)

    def spoilt(good: pl.Expr, salt: int, bad: object) -> pl.Expr:
        return pl.when(drawn(salt, BAD_ONE_IN) == 0).then(pl.lit(bad)).otherwise(good)

    started = pl.lit(datetime(2020, 1, 1, tzinfo=UTC)).cast(TIMESTAMP) + pl.duration(minutes=drawn(8, 3_000_000))
    person = drawn(3, PEOPLE)
    return pl.select(
        record_code=spoilt(pl.int_range(count), 1, 7),
        system_name=spoilt(pl.lit(pl.Series(["hr", "projects", "learning"])).gather(drawn(2, 3)), 11, "crm"),
        person_id=spoilt(_person(person), 12, "nobody"),
        work_email=spoilt(pl.format("someone.{}@example.org", person), 13, "no address"),
        learning_verb=spoilt(pl.lit(pl.Series(LEARNING_VERBS)).gather(drawn(5, len(LEARNING_VERBS))), 14, None),
        feedback_kind=spoilt(pl.lit(pl.Series(FEEDBACK_KINDS)).gather(drawn(6, len(FEEDBACK_KINDS))), 15, "rumour"),
        score_share=spoilt(drawn(7, 1_001) / 1_000, 16, 1.5),
        learning_hours=spoilt(drawn(9, 400) / 10, 17, None),
        started_at=spoilt(started, 18, None),
        ended_at=started + pl.duration(minutes=drawn(10, 5_000) - 5),
    )


def _person(number: pl.Expr) -> pl.Expr:
    return pl.format("p{}", number + 1_000_000)


def _write_frame(count: int, path: Path) -> None:
    build_frame(count).write_parquet(path)


def _measure(method: Method, path: Path) -> tuple[float, float]:
    """Wall seconds of one validation of the file, and the peak memory of this process in megabytes."""
    run = _RUNNERS[method]
    run(path, 100)()
    validation = run(path, None)
    begin = perf_counter()
    validation()
    return perf_counter() - begin, _peak_megabytes()


def _run_bare(path: Path, rows: int | None) -> Callable[[], object]:
    frame, reference_values = pl.read_parquet(path, n_rows=rows), build_reference_values()
    return lambda: frame.select(rule.expression(reference_values).not_().sum().alias(rule.name) for rule in TABLE.rules)


def _run_on_polars(path: Path, rows: int | None) -> Callable[[], object]:
    from pipelines.validation.expectations import validate

    frame, reference_values = pl.read_parquet(path, n_rows=rows), build_reference_values()
    return lambda: validate(TABLE, frame, reference_values=reference_values)


def _run_on_pandas(path: Path, rows: int | None) -> Callable[[], object]:
    from pipelines.validation.expectations import judge
    from pipelines.validation.pandas_engine import RulePandasEngine

    frame, reference_values = pl.read_parquet(path, n_rows=rows).to_pandas(), build_reference_values()
    return lambda: judge(TABLE, RulePandasEngine(frame, TABLE.rules, reference_values))


_RUNNERS: dict[Method, Callable[[Path, int | None], Callable[[], object]]] = {
    "bare rules": _run_bare,
    "GX on Polars": _run_on_polars,
    "GX on pandas": _run_on_pandas,
}


def _in_a_child(work: Callable[..., T], *arguments: object) -> T:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _peak_megabytes() -> float:
    """Peak resident memory of this process so far.

    On Linux from VmHWM: getrusage would count the parent's memory too, which a child takes over until it loads its own.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    import resource

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
