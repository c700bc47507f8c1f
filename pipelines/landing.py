"""Landing: each export file read once, split by its contract, kept with a row in the ledger.

Belongs here: fingerprints, the ledger, the refusal of empty, broken or shrunken files, and which rows are current.
Does not belong here: how a file is read (`pipelines.sources`), what its rows mean (`pipelines.conform`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from pipelines.config import Source
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.contracts.shapes import SHAPES, ShapeName, quarantine_table, raw_table
from pipelines.contracts.table import Table
from pipelines.lake import Lake, replace_file
from pipelines.quarantine import split_landed
from pipelines.sources.adapter import Export, adapter, read_export
from pipelines.sources.declaration import ExportRefused

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Delivery:
    """What became of one file: landed, already landed, or refused with the reason."""

    source_name: str
    file_name: str
    file_sha256: str
    status: str
    reason: str | None = None
    good: int = 0
    bad: int = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Landing:
    """Where and when files are landed: the lake, the landing folder, the day, the clock's time, and permissions."""

    lake: Lake
    folder: Path
    day: date
    at: datetime
    accept_shrink: bool = False
    progress: Progress = field(default=lambda _: None)


def source_tables(source: Source) -> dict[ShapeName, Table]:
    """The raw tables that a source feeds, by shape."""
    names = (
        (source.shape,) if source.shape else tuple(dict.fromkeys(one.shape for one in adapter(source.system).shapes))
    )
    return {name: raw_table(source.system, SHAPES[name]) for name in names}


def land_source(landing: Landing, source: Source) -> list[Delivery]:
    """Land every new file of a source, in the order of their names; one delivery per file that lies there."""
    return [_land_file(landing, source, path) for path in _files(landing.folder, source.path)]


def current_deliveries(lake: Lake, source: Source) -> pl.DataFrame:
    """The landed deliveries whose rows count now, in the order they came.

    One per file content, as last read; of a source that delivers in full, only the last.
    """
    landed = (
        read_ledger(lake)
        .filter(pl.col("source_name") == source.name, pl.col("delivery_status") == "landed")
        .sort("delivery_number")
        .unique("file_sha256", keep="last", maintain_order=True)
    )
    return landed.tail(1) if source.delivery == "full" else landed


def scan_current(lake: Lake, table: Table, shape: ShapeName, sources: Sequence[Source]) -> pl.LazyFrame:
    """The rows of a raw table that count now: of each record the one last changed, or else last delivered."""
    frames = [_scan_files(lake, table, current_deliveries(lake, source)) for source in sources]
    order = ("changed_at", "delivery_number", "row_number")
    return (
        pl.concat(frames or [pl.LazyFrame(schema=table.schema)])
        .sort(order, nulls_last=False, maintain_order=True)
        .unique(("source_name", *SHAPES[shape].key), keep="last", maintain_order=True)
    )


def scan_quarantine(lake: Lake, table: Table, sources: Sequence[Source]) -> pl.LazyFrame:
    """The quarantined rows of a raw table, of the deliveries that count now."""
    quarantine = quarantine_table(table.name)
    frames = [_scan_files(lake, quarantine, current_deliveries(lake, source)) for source in sources]
    return pl.concat(frames or [pl.LazyFrame(schema=quarantine.schema)])


def count_quarantined(lake: Lake, sources: Sequence[Source]) -> int:
    """Rows in quarantine now: of deliveries that count, and of core tables."""
    raw = {table.name: table for source in sources for table in source_tables(source).values()}
    landed = sum(
        scan_quarantine(lake, table, [source for source in sources if table in source_tables(source).values()])
        .select(pl.len())
        .collect()
        .item()
        for table in raw.values()
    )
    core = [table for name, table in TABLES.items() if name.startswith("core_")]
    conformed = sum(lake.scan(quarantine_table(table.name)).select(pl.len()).collect().item() for table in core)
    return int(landed + conformed)


def read_ledger(lake: Lake) -> pl.DataFrame:
    """The ledger: one row per file content, mapping and outcome."""
    return lake.scan(DELIVERY).collect()


def fingerprint(path: Path) -> str:
    """SHA-256 of the file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path, pattern: str) -> list[Path]:
    inside = folder.resolve()
    found = (path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in found if path.resolve().is_relative_to(inside))


def _land_file(landing: Landing, source: Source, path: Path) -> Delivery:
    sha256 = fingerprint(path)
    known = read_ledger(landing.lake).filter(
        pl.col("source_name") == source.name,
        pl.col("file_sha256") == sha256,
        pl.col("mapping_code") == source.mapping_code,
    )
    landed = known.filter(pl.col("delivery_status") == "landed")
    if landed.height:
        good, bad = landed.select("good_count", "bad_count").row(0)
        return Delivery(source.name, path.name, sha256, "already_landed", None, good, bad)
    landing.progress(f"{source.name}: {path.name}")
    try:
        delivery = _read_and_keep(landing, source, path, sha256)
    except ExportRefused as refusal:
        delivery = Delivery(source.name, path.name, sha256, "refused", f"{path.name}: {refusal}")
    if delivery.status == "landed" or delivery.reason not in known["delivery_reason"].to_list():
        _record(landing, source, delivery)
    return delivery


def _read_and_keep(landing: Landing, source: Source, path: Path, sha256: str) -> Delivery:
    export = read_export(path, adapter(source.system), source.options())
    number = _next_number(landing.lake)
    finished: list[tuple[Path, Path]] = []
    good = bad = 0
    try:
        for shape, table in source_tables(source).items():
            pair = _sink(landing, source, export, shape, table, sha256, number)
            finished += [(unfinished, file) for unfinished, file, _ in pair]
            good += pair[0][2]
            bad += pair[1][2]
        if good + bad == 0:
            raise ExportRefused("no rows: export it again, or remove the file")
        _refuse_shrunken(landing, source, good)
        for unfinished, file in finished:
            replace_file(unfinished, file)
    finally:
        for unfinished, _ in finished:
            unfinished.unlink(missing_ok=True)
    return Delivery(source.name, path.name, sha256, "landed", None, good, bad, export.columns_left_out)


def _sink(
    landing: Landing, source: Source, export: Export, shape: ShapeName, table: Table, sha256: str, number: int
) -> list[tuple[Path, Path, int]]:
    """Good and bad rows of one shape, sunk in one pass: (unfinished file, its final place, rows) of each."""
    origin = (
        pl.lit(source.name).alias("source_name"),
        pl.lit(sha256).alias("file_sha256"),
        pl.lit(landing.day).alias("delivered_date"),
        pl.lit(number, pl.Int64).alias("delivery_number"),
    )
    split = split_landed(export.shapes[shape].with_columns(origin), table, source.system)
    bad = split.bad
    rows = export.shapes[shape].select(pl.len())
    if shape == next(iter(export.shapes)):
        malformed = _malformed_rows(export.malformed, source.system).with_columns(origin)
        bad = pl.concat([bad, malformed.select(quarantine_table(table.name).column_names)])
        rows = pl.concat([rows, export.malformed.select(pl.len())]).sum()
    places = []
    for kept in (table, quarantine_table(table.name)):
        file = _file(landing.lake, kept, source.name, landing.day, sha256, source.mapping_code)
        file.parent.mkdir(parents=True, exist_ok=True)
        places.append((file.with_name(f".{file.name}.unfinished"), file))
    sinks = [
        frame.sink_parquet(unfinished, lazy=True)
        for frame, (unfinished, _) in zip((split.good, bad), places, strict=True)
    ]
    read = pl.collect_all([rows, *sinks], engine="streaming")[0].item()
    kept_rows = [(unfinished, file, _count(unfinished)) for unfinished, file in places]
    if read != sum(count for _, _, count in kept_rows):
        raise RuntimeError(
            f"{table.name}: {read} rows read, but {kept_rows[0][2]} kept and {kept_rows[1][2]} set aside"
        )
    return kept_rows


def _malformed_rows(malformed: pl.LazyFrame, system: str) -> pl.LazyFrame:
    rule = pl.concat_str(pl.lit("row|"), pl.col("reason"))
    return malformed.select(
        "row_number", "row_text", pl.concat_list(rule).alias("failed_rules"), pl.lit(system).alias("system_name")
    )


def _refuse_shrunken(landing: Landing, source: Source, good: int) -> None:
    if source.delivery != "full" or landing.accept_shrink:
        return
    last = current_deliveries(landing.lake, source)
    if not last.height:
        return
    before = int(last["good_count"][0])
    if good < source.floor_share * before:
        raise ExportRefused(
            f"{good:,} good rows; the last good export had {before:,}; the floor is {source.floor_share:.0%}: "
            "check the export, or land it with --accept-shrink"
        )


def _record(landing: Landing, source: Source, delivery: Delivery) -> None:
    row = pl.DataFrame(
        {
            "delivery_number": [_next_number(landing.lake)],
            "source_name": [source.name],
            "system_name": [source.system],
            "file_name": [delivery.file_name],
            "file_sha256": [delivery.file_sha256],
            "mapping_code": [source.mapping_code],
            "delivered_date": [landing.day],
            "landed_at": [landing.at],
            "delivery_status": [delivery.status],
            "delivery_reason": [delivery.reason],
            "good_count": [delivery.good],
            "bad_count": [delivery.bad],
            "columns_left_out": [list(delivery.left_out)],
        },
        schema=DELIVERY.schema,
    )
    landing.lake.write(DELIVERY, pl.concat([read_ledger(landing.lake), row]))


def _next_number(lake: Lake) -> int:
    last = read_ledger(lake)["delivery_number"].max()
    return 1 + (last if isinstance(last, int) else 0)


def _scan_files(lake: Lake, table: Table, deliveries: pl.DataFrame) -> pl.LazyFrame:
    columns = ("source_name", "delivered_date", "file_sha256", "mapping_code")
    files = [_file(lake, table, name, day, sha, code) for name, day, sha, code in deliveries.select(columns).rows()]
    present = [file for file in files if file.exists()]
    if not present:
        return pl.LazyFrame(schema=table.schema)
    return pl.scan_parquet(present, schema=table.schema, missing_columns="insert", extra_columns="ignore")


def _file(lake: Lake, table: Table, source: str, day: date, sha256: str, code: str) -> Path:
    return lake.folder(table) / source / day.isoformat() / f"{sha256[:16]}-{code}.parquet"


def _count(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
