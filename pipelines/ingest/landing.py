"""Landing: each export file read once, split by its contract, kept with a row in the ledger.

Belongs here: fingerprints, the ledger, the refusal of empty, broken or shrunken files, and which rows are current.
Does not belong here: how a file is read (`pipelines.sources`), what its rows mean (`pipelines.core.conform`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, quarantine_table, raw_table
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.contracts.table import Table
from pipelines.ingest.raw_tables import process_export, write_raw_table
from pipelines.sources.adapter import Export, get_adapter
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.manifest import read_manifest_mode
from pipelines.storage.lake import Lake, replace_file

Progress = Callable[[str], None]
# A file of the same name and this ending says that the file beside it is whole.
DONE_SUFFIX = ".done"


@dataclass(frozen=True)
class LandedFile:
    """What became of one file: landed, already landed, or refused with the reason."""

    source_name: str
    file_name: str
    file_sha256: str
    status: str
    reason: str | None = None
    good_count: int = 0
    bad_count: int = 0
    columns_left_out: tuple[str, ...] = ()
    is_whole: bool | None = None


@dataclass(frozen=True)
class LandingContext:
    """Where and when files are landed: the lake, the landing folder, the day, the clock's time, and permissions."""

    lake: Lake
    folder: Path
    day: date
    at: datetime
    allow_row_count_drop: bool = False
    progress: Progress = field(default=lambda _: None)


def source_tables(source: SourceConfig) -> dict[CanonicalSchemaName, Table]:
    """The raw tables that a source feeds, by shape."""
    names = (
        (source.shape,)
        if source.shape
        else tuple(dict.fromkeys(one.shape for one in get_adapter(source.system).shapes))
    )
    return {name: raw_table(source.system, CANONICAL_SCHEMAS[name]) for name in names}


def land_source(
    landing: LandingContext, source: SourceConfig, only: Callable[[Path], bool] = lambda _: True
) -> list[LandedFile]:
    """Land every new file of a source, in the order of their names; one delivery per file that lies there."""
    manifest = get_adapter(source.system).manifest
    paths = [path for path in list_landing_files(landing.folder, source.path) if path.name != manifest and only(path)]
    return [delivery for path in paths if (delivery := _land_file(landing, source, path))]


def current_deliveries(lake: Lake, source: SourceConfig) -> pl.DataFrame:
    """The landed deliveries whose rows count now, in the order they came.

    One per file content, as the mapping of today reads it; of a source that delivers in full, only the last that came.
    Where a manifest said what each file is, all since the last whole one of the same name.
    """
    known = read_ledger(lake).filter(pl.col("source_name") == source.name, pl.col("delivery_status") != "refused")
    number, is_first = pl.col("delivery_number"), pl.col("file_sha256").is_first_distinct()
    # reading a file anew under a changed mapping does not make its content any newer; sending it anew does
    came = pl.when(is_first | (pl.col("delivery_status") == "already_landed")).then(number)
    landed = (
        known.sort("delivery_number")
        .with_columns(came.max().over("file_sha256").alias("came"))
        .filter(pl.col("delivery_status") == "landed")
        # of several readings the one under the mapping of today, or else the last
        .sort(pl.col("mapping_code") == source.mapping_code, "delivery_number")
        .unique("file_sha256", keep="last", maintain_order=True)
        .sort("came")
        .drop("came")
    )
    is_whole = pl.col("is_whole").fill_null(source.delivery == "full")
    # without a manifest the name of a file says nothing: it may hold the day
    group = pl.when(pl.col("is_whole").is_not_null() & pl.lit(source.member is None)).then("file_name")
    since = is_whole.cast(pl.Int64).cum_sum()
    return landed.with_columns(group.alias("group")).filter((since == since.max()).over("group")).drop("group")


def scan_current_rows(
    lake: Lake,
    table: Table,
    shape: CanonicalSchemaName,
    sources: Sequence[SourceConfig],
    only: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None,
) -> pl.LazyFrame:
    """The rows of a raw table that count now: of each record the one last changed, or else last delivered.

    `only` may leave out whole records before that is decided.
    """
    deliveries = [current_deliveries(lake, source) for source in sources]
    frames = [scan_deliveries(lake, table, one) for one in deliveries]
    rows = pl.concat(frames or [pl.LazyFrame(schema=table.schema)])
    rows = only(rows) if only is not None else rows
    if all(one.height <= 1 for one in deliveries):
        return rows  # within one file the contract has left one row a record
    place = ("delivery_number", "row_number")
    key = ("source_name", *CANONICAL_SCHEMAS[shape].key)
    # most records came once: of the others alone it is asked which row is the last. Rows whose keys have the same hash
    # by accident are asked about too, which changes nothing
    asked = rows.select(list(dict.fromkeys((*key, "changed_at", *place))))
    several = asked.filter(pl.struct(key).hash().is_duplicated()).sort("changed_at", *place, nulls_last=False)
    superseded = several.filter(~pl.struct(key).is_last_distinct()).select(*place, *key)
    return rows.join(superseded, on=(*place, *key), how="anti", nulls_equal=True, maintain_order="left")


def scan_quarantine(lake: Lake, table: Table, sources: Sequence[SourceConfig]) -> pl.LazyFrame:
    """The quarantined rows of a raw table, of the deliveries that count now."""
    quarantine = quarantine_table(table.name)
    frames = [scan_deliveries(lake, quarantine, current_deliveries(lake, source)) for source in sources]
    return pl.concat(frames or [pl.LazyFrame(schema=quarantine.schema)])


def count_quarantined_rows(lake: Lake, sources: Sequence[SourceConfig]) -> int:
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


@dataclass(frozen=True)
class LandedRowCounts:
    """Rows of a source: as the ledger says they were read, and as they lie in raw tables and quarantines."""

    rows_read: int
    rows_stored: int


def count_landed_rows(lake: Lake, sources: Sequence[SourceConfig]) -> dict[str, LandedRowCounts]:
    """What each source's landed deliveries hold, by its name; both numbers are the same unless something was lost.

    Files without a row in the ledger do not count: a landing that was killed leaves them, and nobody reads them. A kept
    row of which a value was left out stands in both tables and counts once.
    """
    ledger = read_ledger(lake).filter(pl.col("delivery_status") == "landed")
    found = {}
    for source in sources:
        mine = ledger.filter(pl.col("source_name") == source.name)
        said = int(mine.select((pl.col("good_count") + pl.col("bad_count")).sum()).item())
        kept = 0
        for table in source_tables(source).values():
            aside = scan_deliveries(lake, quarantine_table(table.name), mine).filter(
                ~pl.col("is_row_kept").fill_null(False)
            )
            for rows in (scan_deliveries(lake, table, mine), aside):
                kept += int(rows.select(pl.len()).collect().item())
        found[source.name] = LandedRowCounts(said, kept)
    return found


def find_new_columns(lake: Lake, source: SourceConfig) -> list[str]:
    """Columns left out of the source's last landed file that its file before did not have; none for a first file."""
    landed = read_ledger(lake).filter(pl.col("source_name") == source.name, pl.col("delivery_status") == "landed")
    last = landed.sort("delivery_number").tail(2)["columns_left_out"].to_list()
    return sorted(set(last[1]) - set(last[0])) if len(last) > 1 else []


def read_ledger(lake: Lake) -> pl.DataFrame:
    """The ledger: one row per file content, mapping and outcome."""
    return lake.scan(DELIVERY).collect()


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_landing_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a source in the landing folder, in the order they are landed; hidden ones and markers are none."""
    inside = folder.resolve()
    found = (path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
    found = (path for path in found if path.suffix != DONE_SUFFIX)
    return sorted(path for path in found if path.resolve().is_relative_to(inside))


def _land_file(landing: LandingContext, source: SourceConfig, path: Path) -> LandedFile | None:
    """The delivery; None for a file that its manifest calls absent."""
    manifest, is_whole, refused = get_adapter(source.system).manifest, None, None
    try:
        extent = read_manifest_mode(path, manifest, source.member) if manifest else None
        is_whole = None if extent is None else extent == "bulk"
        if extent == "absent":
            landing.progress(f"{source.name}: {path.name} is absent by its manifest")
            return None
    except ExportRefused as refusal:
        refused = refusal
    sha256 = file_sha256(path)
    known = read_ledger(landing.lake).filter(
        pl.col("source_name") == source.name,
        pl.col("file_sha256") == sha256,
        pl.col("mapping_code") == source.mapping_code,
    )
    landed = known.filter(pl.col("delivery_status") == "landed")
    if landed.height:
        good_count, bad_count = landed.select("good_count", "bad_count").row(0)
        delivery = LandedFile(
            source.name, path.name, sha256, "already_landed", None, good_count, bad_count, (), is_whole
        )
        if _came_again(landing.lake, source, delivery):
            _record(landing, source, delivery)
        return delivery
    landing.progress(f"{source.name}: {path.name}")
    try:
        if refused:
            raise refused
        delivery = _read_and_keep(landing, source, path, sha256, is_whole)
    except ExportRefused as refusal:
        said = str(refusal) if path.name in str(refusal) else f"{path.name}: {refusal}"
        delivery = LandedFile(source.name, path.name, sha256, "refused", said)
    except pl.exceptions.ComputeError as problem:
        # its own words may quote a cell: only the kind is told
        said = f"{path.name} cannot be read to its end ({type(problem).__name__}): copy or export it again"
        delivery = LandedFile(source.name, path.name, sha256, "refused", said)
    if delivery.status == "landed" or delivery.reason not in known["delivery_reason"].to_list():
        _record(landing, source, delivery)
    return delivery


def _came_again(lake: Lake, source: SourceConfig, delivery: LandedFile) -> bool:
    """Whether a full export went back to an earlier content: the last file of this name held another."""
    if not _is_whole(source, delivery.is_whole):
        return False
    named = read_ledger(lake).filter(
        pl.col("source_name") == source.name,
        pl.col("file_name") == delivery.file_name,
        pl.col("delivery_status") != "refused",
    )
    return named["file_sha256"].to_list()[-1:] not in ([], [delivery.file_sha256])


def _is_whole(source: SourceConfig, said: bool | None) -> bool:
    return source.delivery == "full" if said is None else said


def _read_and_keep(
    landing: LandingContext, source: SourceConfig, path: Path, sha256: str, is_whole: bool | None
) -> LandedFile:
    return process_export(
        path, source.system, source.options(), lambda export: _keep(landing, source, path, sha256, is_whole, export)
    )


def _keep(
    landing: LandingContext, source: SourceConfig, path: Path, sha256: str, is_whole: bool | None, export: Export
) -> LandedFile:
    earlier = _landed_before(landing.lake, source, sha256)
    number = earlier["delivery_number"][0] if earlier.height else _next_number(landing.lake)
    files = {
        shape: [_file(landing.lake, one, source.name, sha256, source.mapping_code) for one in _pair(table)]
        for shape, table in source_tables(source).items()
    }
    origin = (
        pl.lit(source.name).alias("source_name"),
        pl.lit(sha256).alias("file_sha256"),
        pl.lit(landing.day).alias("delivered_date"),
        pl.lit(number, pl.Int64).alias("delivery_number"),
    )
    good_count = bad_count = 0
    try:
        for shape, (table_file, aside) in files.items():
            table_file.parent.mkdir(parents=True, exist_ok=True)
            aside.parent.mkdir(parents=True, exist_ok=True)
            places = (_unfinished(table_file), _unfinished(aside))
            kept = write_raw_table(export, shape, source.system, origin, places)
            good_count, bad_count = good_count + kept.good_count, bad_count + kept.bad_count
        if good_count + bad_count == 0 and export.row_count == 0:
            raise ExportRefused("it holds a header and no row: export it again, or remove the file")
        if _is_whole(source, is_whole):
            named = path.name if is_whole is not None and source.member is None else None
            _refuse_shrunken(landing, source, good_count, earlier, named)
        if not export.is_regular():
            raise ExportRefused("its rows are not all as wide as its header")  # it is then read with care
        for file in (file for pair in files.values() for file in pair):
            replace_file(_unfinished(file), file)
    finally:
        for file in (file for pair in files.values() for file in pair):
            _unfinished(file).unlink(missing_ok=True)
    denied = tuple(f"{column} (never read: {kind})" for column, kind in export.sensitive_column_classes)
    columns_left_out = (*export.columns_left_out, *denied)
    return LandedFile(source.name, path.name, sha256, "landed", None, good_count, bad_count, columns_left_out, is_whole)


def _refuse_shrunken(
    landing: LandingContext, source: SourceConfig, good_count: int, earlier: pl.DataFrame, named: str | None
) -> None:
    """Against the same content as it was read before, or else against the last whole export (of that name)."""
    last = earlier
    if not earlier.height:
        last = current_deliveries(landing.lake, source).filter(pl.col("is_whole").fill_null(source.delivery == "full"))
        last = last if named is None else last.filter(pl.col("file_name") == named)
    if landing.allow_row_count_drop or not last.height:
        return
    before = int(last["good_count"][-1])
    if good_count < source.floor_share * before:
        raise ExportRefused(
            f"{good_count:,} good rows; the last good export had {before:,}; the floor is {source.floor_share:.0%}: "
            "check the export, or land it with --accept-shrink"
        )


def _record(landing: LandingContext, source: SourceConfig, delivery: LandedFile) -> None:
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
            "good_count": [delivery.good_count],
            "bad_count": [delivery.bad_count],
            "columns_left_out": [list(delivery.columns_left_out)],
            "is_whole": [delivery.is_whole],
        },
        schema=DELIVERY.schema,
    )
    landing.lake.write(DELIVERY, pl.concat([read_ledger(landing.lake), row]))


def _landed_before(lake: Lake, source: SourceConfig, sha256: str) -> pl.DataFrame:
    return read_ledger(lake).filter(
        pl.col("source_name") == source.name,
        pl.col("file_sha256") == sha256,
        pl.col("delivery_status") == "landed",
    )


def _next_number(lake: Lake) -> int:
    last = read_ledger(lake)["delivery_number"].max()
    return 1 + (last if isinstance(last, int) else 0)


def scan_deliveries(lake: Lake, table: Table, deliveries: pl.DataFrame) -> pl.LazyFrame:
    """The rows of some deliveries (source_name, file_sha256, mapping_code), whether they count or not."""
    columns = ("source_name", "file_sha256", "mapping_code")
    files = [_file(lake, table, *row) for row in deliveries.select(columns).iter_rows()]
    present = [file for file in files if file.exists()]
    if not present:
        return pl.LazyFrame(schema=table.schema)
    return pl.scan_parquet(present, schema=table.schema, missing_columns="insert", extra_columns="ignore")


def _pair(table: Table) -> tuple[Table, Table]:
    return table, quarantine_table(table.name)


def _file(lake: Lake, table: Table, source: str, sha256: str, code: str) -> Path:
    # no day: a landing that was killed before its ledger row is written over by the next
    return lake.folder(table) / source / f"{sha256[:16]}-{code}.parquet"


def _unfinished(file: Path) -> Path:
    return file.with_name(f".{file.name}.unfinished")
