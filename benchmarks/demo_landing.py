"""The cost of landing the exports of a demo company, beside two bare readers of the same columns of the same files.

Belongs here: the measurement for many small files of JSON and for large CSV files.
Does not belong here: one large file and its peak memory (`benchmarks.sources`), printing (`benchmarks.tables`).

The bare readers are floors: DuckDB and Polars read the columns that landing reads, as text, and write one Parquet file.
They check nothing and number nothing. Polars stops at a line that is no JSON, so both read copies of JSON files without
the broken lines that the demo plants.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, get_args

import duckdb
import polars as pl

from benchmarks.published.processes import run_in_child
from pipelines.config.company import SourceConfig, read_config
from pipelines.demo.build import build_demo
from pipelines.ingest.landing import LandingContext, land_source, list_landing_files
from pipelines.sources.adapter import get_adapter, open_export, read_export
from pipelines.sources.readers.json_paths import is_plain
from pipelines.storage.lake import Lake

Reader = Literal["duckdb", "polars", "landing"]
SOURCES = ("learning", "worklogs", "issues")
_LAST_DAY = date(2026, 6, 30)
_SEED = 7


@dataclass(frozen=True, slots=True)
class LandingRow:
    """One way to read the files of one source: median wall seconds, and their ratio to the faster floor."""

    source: str
    files: int
    megabytes: float
    reader: Reader
    seconds: float
    ratio: float


def benchmark_demo_landing(
    people: int = 10_000, repeats: int = 3, progress: Callable[[str], None] = lambda _: None
) -> list[LandingRow]:
    """Measure each reader on the files of each source, every time in a new process; the readers take turns.

    Args:
        people: Number of people of the demo company.
        repeats: Measurements per source and reader.
        progress: Called with one line per measurement.

    Returns:
        One row per source and reader, and one per reader for all sources together. Seconds are without imports.
    """
    with tempfile.TemporaryDirectory(prefix="footsteps-bench-") as name:
        root = Path(name)
        run_in_child(_write_exports, root, people)
        seconds: dict[tuple[str, Reader], list[float]] = {}
        for turn in range(repeats):
            for source in SOURCES:
                for reader in get_args(Reader):
                    measured = run_in_child(_measure, root, source, reader)
                    seconds.setdefault((source, reader), []).append(measured)
                    progress(f"{source}, {reader}, {turn + 1} of {repeats}: {measured:.2f} s")
        medians = {key: statistics.median(measurements) for key, measurements in seconds.items()}
        sizes = {source: [path.stat().st_size for path in _list_files(root, source)] for source in SOURCES}
    rows = [row for source in SOURCES for row in _compare(source, sizes[source], _of_source(medians, source))]
    totals = {reader: sum(medians[source, reader] for source in SOURCES) for reader in get_args(Reader)}
    floor = sum(min(medians[source, "duckdb"], medians[source, "polars"]) for source in SOURCES)
    all_sizes = [size for source in SOURCES for size in sizes[source]]
    return [*rows, *_compare("all", all_sizes, totals, floor)]


def _of_source(medians: dict[tuple[str, Reader], float], source: str) -> dict[Reader, float]:
    return {reader: medians[source, reader] for reader in get_args(Reader)}


def _compare(
    source: str, sizes: Sequence[int], seconds: dict[Reader, float], floor: float | None = None
) -> list[LandingRow]:
    fastest = floor or min(seconds["duckdb"], seconds["polars"])
    return [
        LandingRow(source, len(sizes), sum(sizes) / 1e6, reader, seconds[reader], seconds[reader] / fastest)
        for reader in get_args(Reader)
    ]


def _write_exports(root: Path, people: int) -> None:
    build_demo(root, people_count=people, seed=_SEED, export_day=_LAST_DAY)


def _source(root: Path, name: str) -> SourceConfig:
    return read_config(root / "footsteps.yaml").source(name)


def _list_files(root: Path, name: str) -> list[Path]:
    return list_landing_files(root / "landing", _source(root, name).path)


def _measure(root: Path, name: str, reader: Reader) -> float:
    """Wall seconds of reading all files of a source, without imports; the first file was read before."""
    source, files = _source(root, name), _list_files(root, name)
    headers = _read_headers(files[0], source)
    with tempfile.TemporaryDirectory(prefix="footsteps-bench-") as out:
        if reader == "landing":
            landing = LandingContext(Lake(Path(out)), root / "landing", _LAST_DAY, datetime(2026, 7, 1, tzinfo=UTC))
            begin = perf_counter()
            land_source(landing, source)
            return perf_counter() - begin
        is_json = files[0].suffix == ".jsonl"
        if is_json:
            files = [_without_broken_lines(path, Path(out) / path.name) for path in files]
        floor = _FLOORS[reader, is_json]
        begin = perf_counter()
        floor(files, headers, Path(out) / "floor.parquet")
        return perf_counter() - begin


def _read_headers(path: Path, source: SourceConfig) -> dict[str, int]:
    """The headers that landing reads, each with its position in the file."""
    adapter = get_adapter(source.system)
    table = open_export(path, adapter, source.options())
    export = read_export(path, adapter, source.options())
    unread = {*export.columns_left_out, *export.sensitive_columns}
    return {
        header: i
        for i, header in enumerate(table.headers)
        if header not in unread and (not table.has_open_schema or is_plain(header))
    }


def _without_broken_lines(path: Path, copy: Path) -> Path:
    with path.open("rb") as lines, copy.open("wb") as complete:
        complete.writelines(line for line in lines if line.endswith(b"}\n"))
    return copy


def _duckdb_csv(files: Sequence[Path], headers: dict[str, int], out: Path) -> None:
    width = len(files[0].open(encoding="utf-8").readline().split(","))
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    chosen = ", ".join(f"c{i}" for i in headers.values())
    listed = ", ".join(f"'{path}'" for path in files)
    _copy(f"SELECT {chosen} FROM read_csv([{listed}], columns={{{names}}}, header=true, ignore_errors=true)", out)


def _duckdb_json(files: Sequence[Path], headers: dict[str, int], out: Path) -> None:
    types = ", ".join(f"'{name}': '{_duckdb_type(below)}'" for name, below in _tree(headers).items())
    chosen = ", ".join(".".join(f'"{key}"' for key in header.split(".")) + f" AS c{i}" for header, i in headers.items())
    listed = ", ".join(f"'{path}'" for path in files)
    source = f"read_json([{listed}], columns={{{types}}}, format='newline_delimited', ignore_errors=true)"
    _copy(f"SELECT {chosen} FROM {source}", out)


def _copy(query: str, out: Path) -> None:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")


def _polars_csv(files: Sequence[Path], headers: dict[str, int], out: Path) -> None:
    width = len(files[0].open(encoding="utf-8").readline().split(","))
    schema = {f"c{i}": pl.String() for i in range(width)}
    rows = pl.scan_csv(list(files), has_header=False, skip_rows=1, schema=schema, truncate_ragged_lines=True)
    rows.select(f"c{i}" for i in headers.values()).sink_parquet(out, engine="streaming")


def _polars_json(files: Sequence[Path], headers: dict[str, int], out: Path) -> None:
    schema = {name: _polars_type(below) for name, below in _tree(headers).items()}
    rows = pl.scan_ndjson(list(files), schema=schema)
    chosen = []
    for header, i in headers.items():
        first, *keys = header.split(".")
        member = pl.col(first)
        for key in keys:
            member = member.struct.field(key)
        chosen.append(member.alias(f"c{i}"))
    rows.select(chosen).sink_parquet(out, engine="streaming")


def _tree(headers: dict[str, int]) -> dict[str, Any]:
    """The keys of dotted paths, each with the keys below it."""
    tree: dict[str, Any] = {}
    for header in headers:
        below = tree
        for key in header.split("."):
            below = below.setdefault(key, {})
    return tree


def _duckdb_type(below: dict[str, Any]) -> str:
    if not below:
        return "VARCHAR"
    return "STRUCT(" + ", ".join(f'"{key}" {_duckdb_type(keys)}' for key, keys in below.items()) + ")"


def _polars_type(below: dict[str, Any]) -> pl.DataType:
    return pl.Struct({key: _polars_type(keys) for key, keys in below.items()}) if below else pl.String()


# The bare readers, and whether they read JSON.
_FLOORS: dict[tuple[Reader, bool], Callable[[Sequence[Path], dict[str, int], Path], None]] = {
    ("duckdb", True): _duckdb_json,
    ("duckdb", False): _duckdb_csv,
    ("polars", True): _polars_json,
    ("polars", False): _polars_csv,
}
