"""The cost of reading: exports landed as a run lands them, and a bare Polars scan and sink of the same file.

Belongs here: seeded exports of any size, and the measurement of both methods.
Does not belong here: printing the figures (`benchmarks.tables`).
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import polars as pl

from benchmarks.published.processes import peak_megabytes, run_in_child
from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.ingest.raw_tables import DeliveryFiles, process_export, provenance_columns, write_raw_table
from pipelines.sources.declaration import SourceOptions

Method = Literal["bare scan and sink", "read, split, sink"]
Kind = Literal["tempo CSV", "xAPI JSON lines"]
SEED = 20261121
BLOCK = 250_000  # rows written at once: the files may be larger than memory
PEOPLE = 50_000
# One date or verb in this many is bad, so that the quarantine has something to do.
ROWS_PER_BAD_VALUE = 1_000


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One method on one file: median wall seconds, highest peak memory of its process, ratio to the bare scan."""

    file: Kind
    rows: int
    megabytes: float
    method: Method
    seconds: float
    peak_megabytes: float
    ratio: float


def benchmark_sources(
    rows: int = 5_000_000, repeats: int = 3, progress: Callable[[str], None] = lambda _: None
) -> list[ReadingRow]:
    """Measure each method on each kind of file, every time in a new process; the methods take turns.

    Args:
        rows: Rows of each file.
        repeats: Measurements per file and method.
        progress: Called with one line per file and measurement.

    Returns:
        One row per file and method. Seconds are from opening the file to the finished Parquet files, without imports,
        after one reading of a small file.
    """
    reading_rows: list[ReadingRow] = []
    for kind in get_args(Kind):
        measured: dict[Method, list[tuple[float, float]]] = {method: [] for method in get_args(Method)}
        with tempfile.TemporaryDirectory(prefix="footsteps-bench-") as name:
            folder = Path(name)
            path = folder / "export"
            run_in_child(write_export, kind, rows, path)
            run_in_child(write_export, kind, 1_000, folder / "small")
            size = path.stat().st_size / 1e6
            progress(f"{kind}: {rows:,} rows, {size:,.0f} MB")
            for turn in range(repeats):
                for method, measurements in measured.items():
                    measurements.append(run_in_child(_measure, kind, method, folder))
                    seconds, peak = measurements[-1]
                    progress(f"{kind}, {method}, {turn + 1} of {repeats}: {seconds:.2f} s, {peak:,.0f} MB")
        reading_rows.extend(_summarise(kind, rows, size, measured))
    return reading_rows


def _summarise(
    kind: Kind, rows: int, size: float, measured: Mapping[Method, list[tuple[float, float]]]
) -> Iterator[ReadingRow]:
    medians = {method: statistics.median(seconds for seconds, _ in pairs) for method, pairs in measured.items()}
    for method, pairs in measured.items():
        peak = max(megabytes for _, megabytes in pairs)
        ratio = medians[method] / medians["bare scan and sink"]
        yield ReadingRow(kind, rows, size, method, medians[method], peak, ratio)


def write_export(kind: Kind, rows: int, path: Path) -> None:
    """Write an export in the form of its system, the same for the same number of rows."""
    with path.open("wb") as out:
        for first in range(0, rows, BLOCK):
            frame = pl.select(number=pl.int_range(first, min(first + BLOCK, rows)))
            if kind == "tempo CSV":
                frame.select(_worklog()).write_csv(out, include_header=first == 0, line_terminator="\r\n")
            else:
                frame.select(_statement()).write_csv(out, include_header=False, quote_style="never", separator="\x1f")


def _drawn(salt: int, below: int) -> pl.Expr:
    return (pl.col("number").cast(pl.UInt64).hash(SEED + salt) % below).cast(pl.Int64)


def _day(salt: int) -> pl.Expr:
    return pl.lit(datetime(2021, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")) + pl.duration(
        seconds=_drawn(salt, 150_000_000)
    )


def _chosen(words: tuple[str, ...], salt: int) -> pl.Expr:
    return _drawn(salt, len(words)).replace_strict(list(range(len(words))), list(words), return_dtype=pl.String())


def _worklog() -> list[pl.Expr]:
    """The columns of the report of the time add-on; some notes hold a comma or a quote."""
    project = pl.format("P{}", _drawn(1, 90) + 10)
    notes = ("Working session", "Draft and review", 'Call, "kick-off"', "Follow-up", "", "Prep", "Tests", "Pairing")
    day = (
        pl.when(_drawn(9, ROWS_PER_BAD_VALUE) == 0)
        .then(pl.lit("2025-02-30"))
        .otherwise(_day(2).dt.strftime("%Y-%m-%d"))
    )
    hours = (_drawn(3, 32) + 1) / 4
    person = _drawn(4, PEOPLE)
    return [
        pl.format("{}-{}", project, _drawn(5, 90_000)).alias("Issue Key"),
        pl.format("Make part {} of the work ready", _drawn(6, 9_000)).alias("Issue summary"),
        hours.alias("Hours"),
        day.alias("Work date"),
        pl.format("5f{}a", person + 1_000_000).alias("Username"),
        pl.format("First Last {}", person).alias("Full name"),
        _chosen(("0125", "0225", "0325"), 7).alias("Period"),
        _chosen(("Platform", "Billing", "Search"), 8).alias("Component"),
        _chosen(("Done", "In Progress"), 10).alias("Issue Status"),
        project.alias("Project Key"),
        pl.format("Project {}", project).alias("Project Name"),
        _chosen(notes, 11).alias("Work Description"),
        hours.alias("Billed Hours"),
        (pl.col("number") + 500_000).alias("Worklog Id"),
    ]


def _statement() -> pl.Expr:
    """One statement as a line of JSON; verbs, results and durations differ from line to line."""
    verbs = ("attempted", "completed", "passed", "failed", "launched", "experienced")
    verb = pl.when(_drawn(9, ROWS_PER_BAD_VALUE) == 0).then(pl.lit("voided")).otherwise(_chosen(verbs, 1))
    moment = _day(2).dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    names = ("A first course", 'A \\"quoted\\" course', "Kurs über Daten")
    score = _drawn(3, 101)
    scored = pl.concat_str(
        pl.lit(',"result":{"completion":true,"success":true,"score":{"scaled":'),
        score / 100,
        pl.lit(',"raw":'),
        score,
        pl.lit(',"min":0,"max":100},"duration":"PT'),
        _drawn(4, 90),
        pl.lit('M12S"}'),
    )
    return pl.concat_str(
        pl.lit('{"id":"'),
        pl.format("{}-0000-4000-8000-{}", _drawn(5, 89_999_999) + 10_000_000, pl.col("number") + 100_000_000_000),
        pl.lit('","actor":{"objectType":"Agent","account":{"homePage":"https://id.example.org","name":"'),
        pl.format("5f{}a", _drawn(6, PEOPLE) + 1_000_000),
        pl.lit('"}},"verb":{"id":"http://adlnet.gov/expapi/verbs/'),
        verb,
        pl.lit('","display":{"en-US":"'),
        verb,
        pl.lit('"}},"object":{"objectType":"Activity","id":"https://lms.example.org/course/'),
        _drawn(7, 4_000),
        pl.lit('","definition":{"type":"http://adlnet.gov/expapi/activities/course","name":{"en":"'),
        _chosen(names, 8),
        pl.lit('"}}}'),
        pl.when(_drawn(10, 3) > 0).then(scored).otherwise(pl.lit("")),
        pl.lit(
            ',"context":{"platform":"lms","language":"en","contextActivities":{"category":'
            '[{"id":"https://w3id.org/xapi/cmi5/context/categories/cmi5"}]}},"timestamp":"'
        ),
        moment,
        pl.lit('","stored":"'),
        moment,
        pl.lit('","version":"1.0.3"}'),
    ).alias("line")


def _measure(kind: Kind, method: Method, folder: Path) -> tuple[float, float]:
    """Wall seconds of landing one file, and the peak memory of this process in megabytes."""
    run = _METHODS[method]
    run(kind, folder / "small", folder / "out")
    begin = perf_counter()
    run(kind, folder / "export", folder / "out")
    return perf_counter() - begin, peak_megabytes()


def _run_bare(kind: Kind, path: Path, out: Path) -> None:
    frame = pl.scan_csv(path) if kind == "tempo CSV" else pl.scan_ndjson(path)
    frame.sink_parquet(out, engine="streaming")


def _run_reader(kind: Kind, path: Path, out: Path) -> None:
    """Read, split and sink as landing does."""
    system, shape = _SYSTEMS[kind]
    files = DeliveryFiles(*(out.with_suffix(f".{part}") for part in DeliveryFiles._fields))
    process_export(
        path,
        system,
        SourceOptions(),
        lambda export: write_raw_table(export, shape, system, _SOURCE, _PROVENANCE, files),
    )


_SYSTEMS: dict[Kind, tuple[str, CanonicalSchemaName]] = {
    "tempo CSV": ("tempo", "worklog"),
    "xAPI JSON lines": ("xapi", "learning_record"),
}
_SOURCE = "bench"
_PROVENANCE = provenance_columns(_SOURCE, "0" * 64, date(2026, 1, 1), 1)
_METHODS: dict[Method, Callable[[Kind, Path, Path], None]] = {
    "bare scan and sink": _run_bare,
    "read, split, sink": _run_reader,
}
