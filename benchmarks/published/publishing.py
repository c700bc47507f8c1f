"""The cost of publishing next to a bare write, and how fast one person is read back.

Belongs here: the measurements of `footsteps bench publish`.
Does not belong here: readers during publications (`benchmarks.published.readers`), printing (`benchmarks.tables`).
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.published.processes import ServerNotInstalled, temporary_postgresql_server
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.table import Table
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.postgresql import copy_parquet, publish_postgresql, sql_type
from pipelines.publish.queries import DUCKDB_FILE
from pipelines.snapshots.reader import Snapshot, current_delta, current_snapshot, delta_folder
from pipelines.snapshots.row_metadata import UNPUBLISHED, assign_snapshot_id
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.parquet_files import ROW_GROUP_SIZE, content_sha256

_DAY, _UNTIL = date(2026, 6, 30), date(2026, 7, 2)
# Seed and vocabulary of the made-up rows; texts of the length that real ones have.
_SEED, _SKILLS, _TEXTS = 7, 20_000, 20_000
_POSTGRESQL_ROWS = 1_000_000
_READS = 7


@dataclass(frozen=True)
class PublishingCost:
    """One measurement: `ratio` is against the bare write or copy, `most` is the limit that `holds` checks."""

    what: str
    rows: int
    seconds: float
    ratio: float | None
    most: str
    holds: bool


def benchmark_publish(
    people: int, rows_each: int, repeats: int, progress: Callable[[str], None] = lambda _: None
) -> list[PublishingCost]:
    """Measure Parquet and Delta against a bare write, reads of one person, and PostgreSQL against COPY.

    Args:
        people: Number of people.
        rows_each: Recommendations per person.
        repeats: Number of runs of which the median is taken.
        progress: Receives one line per activity.

    Returns:
        One row per measurement.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        progress(f"making {people:,} people x {rows_each} rows")
        # read back from a file, as in a run
        source = folder / "source.parquet"
        make_recommendations(people, rows_each, UNPUBLISHED).write_parquet(source, row_group_size=ROW_GROUP_SIZE)
        frame = pl.read_parquet(source).rechunk()
        costs = _writes(folder, frame, repeats, progress)
        person = frame["person_id"][frame.height // 2]
        del frame
        costs += _reads(folder / "published", str(person), people * rows_each, progress)
        costs += _postgresql(folder, people, rows_each, repeats, progress)
    return costs


def make_recommendations(people: int, rows_each: int, snapshot_id: str = "20260630-benchmark000") -> pl.DataFrame:
    """Make random rows of out__next_skill, sorted by person and rank.

    Args:
        people: Number of people.
        rows_each: Recommendations per person.
        snapshot_id: The snapshot of the rows.

    Returns:
        One row per person and recommended step, in the contract of the table.
    """
    rng, rows = np.random.default_rng(_SEED), people * rows_each
    person = pl.Series(np.arange(people)).cast(pl.String).str.zfill(8)
    skills = pl.Series([f"skill-{i:05d}" for i in range(_SKILLS)])
    why = pl.Series(
        [
            f"Take up “Skill number {i}”: people with a history like yours often go this way next; with it you cover "
            f"{i % 100} % of “Capability {i % 300}”."
            for i in range(_TEXTS)
        ]
    )
    how = pl.Series([f"Repeat it on PROJECT-{i}, which has open work that names it." for i in range(2_000)])
    codes = pl.Series(["coverage", "history", "trend", "wish"]).gather(rng.integers(0, 4, rows * 2))
    pairs = pl.DataFrame({"code": codes, "value": rng.random(rows * 2)}).to_struct("pair")
    columns = {
        "person_id": person.gather(np.repeat(np.arange(people), rows_each)),
        "rank": np.tile(np.arange(1, rows_each + 1), people),
        "skill_id": skills.gather(rng.integers(0, _SKILLS, rows)),
        "reasons": pairs.reshape((rows, 2)).arr.to_list(),
        "explanation": why.gather(rng.integers(0, _TEXTS, rows)),
        "how": how.gather(rng.integers(0, 2_000, rows)),
        **{name: rng.random(rows) for name in ("probability", "score", "mastery", "autonomy", "purpose")},
    }
    constants = {
        "from_stage": "none",
        "to_stage": "apprentice",
        "kind": "new",
        "snapshot_id": snapshot_id,
        "as_of": _DAY,
        "valid_until": _UNTIL,
        "model_version": "m",
        "policy_version": "p",
        "schema_version": NEXT_SKILL.version,
    }
    frame = pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in constants.items())
    return fill_contract_columns(NEXT_SKILL, frame)


def fill_contract_columns(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Give a frame every column of a contract, in its order and types; missing columns are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )


def _writes(folder: Path, frame: pl.DataFrame, repeats: int, progress: Callable[[str], None]) -> list[PublishingCost]:
    bare, both, delta = [], [], []
    published = folder / "published"
    content = content_sha256(frame)  # the lake records it when the rows are written
    for number in range(repeats):
        progress(f"writing, {number + 1} of {repeats}")
        (folder / "bare.parquet").unlink(missing_ok=True)
        bare.append(
            _measure_seconds(lambda: frame.write_parquet(folder / "bare.parquet", row_group_size=ROW_GROUP_SIZE))
        )
        shutil.rmtree(published, ignore_errors=True)
        start = time.perf_counter()
        rows = assign_snapshot_id({NEXT_SKILL: frame}, _DAY, 2, {NEXT_SKILL: content})
        snapshot = publish_snapshot(published, rows.rows_by_table, rows.snapshot_id, rows.as_of, rows.valid_until)
        written = time.perf_counter()
        publish_delta(snapshot, 90)
        delta.append(time.perf_counter() - written)
        both.append(time.perf_counter() - start)
        publish_duckdb(snapshot)
    (folder / "bare.parquet").unlink()
    base, total = statistics.median(bare), statistics.median(both)
    return [
        PublishingCost("bare polars write", frame.height, base, 1.0, "", True),
        PublishingCost("Parquet and Delta", frame.height, total, total / base, "2 times", total <= 2 * base),
        PublishingCost("of which Delta", frame.height, statistics.median(delta), None, "", True),
    ]


def _reads(published: Path, person: str, rows: int, progress: Callable[[str], None]) -> list[PublishingCost]:
    """Read one person's rows, each time in a new process that has not read the files; imports are not counted."""
    progress("reading one person")
    path = current_snapshot(published).path(NEXT_SKILL.name)
    table = delta_folder(published, NEXT_SKILL.name)
    version = current_delta(published).versions[NEXT_SKILL.name]
    views = published / DUCKDB_FILE
    programs = {
        "polars": (
            "import polars as pl",
            f"pl.scan_parquet({str(path)!r}).filter(pl.col('person_id') == {person!r}).collect().height",
        ),
        "DuckDB, with a running engine": (
            "import duckdb; connection = duckdb.connect()",
            f"len(connection.execute(\"SELECT * FROM '{path}' WHERE person_id = '{person}'\").fetchall())",
        ),
        "DuckDB, with the start of the engine": (
            "import duckdb",
            f"len(duckdb.connect().execute(\"SELECT * FROM '{path}' WHERE person_id = '{person}'\").fetchall())",
        ),
        "DuckDB views, with a running engine": (
            "import duckdb; connection = duckdb.connect()",
            f"len(connection.execute(\"ATTACH '{views}' AS footsteps (READ_ONLY); "
            f"SELECT * FROM footsteps.{NEXT_SKILL.name} WHERE person_id = '{person}'\").fetchall())",
        ),
        "DuckDB views, with the start of the engine": (
            "import duckdb",
            f"len(duckdb.connect({str(views)!r}, read_only=True).execute("
            f"\"SELECT * FROM {NEXT_SKILL.name} WHERE person_id = '{person}'\").fetchall())",
        ),
        "Delta by polars": (
            "import polars as pl; from deltalake import DeltaTable",
            f"pl.scan_parquet(DeltaTable({str(table)!r}, version={version}).file_uris())"
            f".filter(pl.col('person_id') == {person!r}).collect().height",
        ),
    }
    costs = []
    for name, (imports, expression) in programs.items():
        program = (
            f"import time; {imports}\nstart = time.perf_counter(); rows = {expression}\n"
            "print(time.perf_counter() - start); assert rows"
        )
        seconds = statistics.median(
            float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)
            for _ in range(_READS)
        )
        costs.append(PublishingCost(f"one person by {name}", rows, seconds, None, "50 ms", seconds < 0.05))
    return costs


def _postgresql(
    folder: Path, people: int, rows_each: int, repeats: int, progress: Callable[[str], None]
) -> list[PublishingCost]:
    import adbc_driver_postgresql.dbapi as adbc

    row_count = min(people * rows_each, _POSTGRESQL_ROWS)
    bare, swap = [], []
    try:
        with temporary_postgresql_server(durable=True) as uri, closing(adbc.connect(uri)) as connection:
            for number in range(repeats):
                progress(f"copying to PostgreSQL, {number + 1} of {repeats}")
                snapshot = _publish_small(folder / f"pg{number}", row_count // rows_each, rows_each, f"s{number}")
                path = snapshot.path(NEXT_SKILL.name)
                columns = ", ".join(f'"{n}" {sql_type(t)}' for n, t in pl.read_parquet_schema(path).items())
                with connection.cursor() as cursor:
                    cursor.execute("DROP TABLE IF EXISTS public.bare")
                    cursor.execute(f"CREATE TABLE public.bare ({columns})")
                connection.commit()
                start = time.perf_counter()
                copy_parquet(connection, path, "public", "bare")
                connection.commit()
                bare.append(time.perf_counter() - start)
                swap.append(_measure_seconds(partial(publish_postgresql, snapshot, uri)))
    except ServerNotInstalled as missing:
        progress(str(missing))
        return []
    base, total = statistics.median(bare), statistics.median(swap)
    return [
        PublishingCost("bare COPY", row_count, base, 1.0, "", True),
        PublishingCost("PostgreSQL swap", row_count, total, total / base, "2 times", total <= 2 * base),
    ]


def _publish_small(folder: Path, people: int, rows_each: int, snapshot_id: str) -> Snapshot:
    frames = {NEXT_SKILL: make_recommendations(people, rows_each, snapshot_id)}
    return publish_snapshot(folder, frames, snapshot_id, _DAY, _UNTIL)


def _measure_seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
