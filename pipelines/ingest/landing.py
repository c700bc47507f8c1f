"""Landing: each export file is read once, split by its contract, and recorded in the ledger.

Belongs here: which files are read, the refusal of empty, broken or shrunken ones, and the rows of the ledger.
Does not belong here: how a file is read (`pipelines.sources`), which deliveries are current (`deliveries`).
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import current_deliveries, is_full_delivery, list_raw_tables
from pipelines.ingest.empty_columns import find_empty_columns
from pipelines.ingest.ledger_writer import LedgerWriter
from pipelines.ingest.raw_tables import (
    describe_broken_end,
    is_column_empty,
    process_export,
    provenance_columns,
    replacing_delivery,
    write_raw_tables,
)
from pipelines.ingest.read_contents import find_read_contents
from pipelines.sources.adapter import SMALL_FILE_BYTES, Export, get_adapter
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.manifest import read_manifest_mode
from pipelines.sources.unknown_words import UnknownWord, list_unknown_words
from pipelines.storage.atomic_write import file_sha256
from pipelines.storage.lake import Lake

# An empty file with the name of an export and this suffix marks the export as completely written.
DONE_SUFFIX = ".done"
# Small files of one source that are read at once: reading one keeps one core busy.
READING_THREADS = 2


@dataclass(frozen=True)
class LandedFile:
    """The outcome of landing one file.

    Attributes:
        status: `landed`, `already_landed` or `refused`.
        reason: Why the file was refused; None if it was not.
        good_count: Rows in the raw tables.
        bad_count: Rows in the quarantines that are in no raw table.
        read_count: Rows of the file: kept, set aside and passed over.
        passed_over: Rows that the adapter does not read, by reason.
        unknown_words: Words that no table declares.
        file_notes: What a reader of the file must know.
        empty_measures: Columns that the file should fill and that are null in every row of the raw tables.
        columns_left_out: Columns that were not read.
        is_full: Whether the manifest calls the file a full export (or an incremental one); None without a manifest.
    """

    source_name: str
    file_name: str
    file_sha256: str
    status: str
    reason: str | None = None
    good_count: int = 0
    bad_count: int = 0
    columns_left_out: tuple[str, ...] = ()
    is_full: bool | None = None
    read_count: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)
    unknown_words: tuple[UnknownWord, ...] = ()
    file_notes: tuple[str, ...] = ()
    empty_measures: tuple[str, ...] = ()


@dataclass(frozen=True)
class LandingContext:
    """What a landing needs to know of its run.

    Attributes:
        lake: Where the raw tables and the ledger are.
        landing_folder: The landing folder, which holds the exports.
        delivery_day: The day of the delivery.
        landed_at: The time that the ledger records, in UTC.
        allow_row_count_drop: Whether a full export with far fewer rows than the last one is accepted.
        progress: Called with one line per file that is read.
        suppress: From an export of a source to the export without records that must not be landed.
    """

    lake: Lake
    landing_folder: Path
    delivery_day: date
    landed_at: datetime
    allow_row_count_drop: bool = False
    progress: Callable[[str], None] = lambda _: None
    suppress: Callable[[SourceConfig, Export], Export] = lambda _, export: export


def land_source(
    landing: LandingContext, source: SourceConfig, includes_file: Callable[[Path], bool] = lambda _: True
) -> list[LandedFile]:
    """Land every new file of a source, in the order of the file names.

    Args:
        landing: Where and when the files are landed.
        source: The source of footsteps.yaml.
        includes_file: Whether a file of the landing folder is landed.

    Returns:
        One outcome per file of the source, except files that their manifest calls absent.
    """
    manifest_name = get_adapter(source.system).manifest
    export_paths = [
        path for path in list_landing_files(landing.landing_folder, source.path) if path.name != manifest_name
    ]
    landed_files: list[LandedFile] = []
    files_being_read: deque[tuple[_NewFile, Future[LandedFile]]] = deque()

    def conclude_first() -> None:
        new_file, landed_file_future = files_being_read.popleft()
        landed_files.append(_conclude_file(landing, source, ledger, new_file, landed_file_future.result()))

    with (
        _writing_ledger(landing.lake) as ledger,
        ThreadPoolExecutor(READING_THREADS, thread_name_prefix="landing") as reading_pool,
    ):
        for path in filter(includes_file, export_paths):
            sha256 = file_sha256(path)
            while files_being_read and not _may_read_ahead(
                source, path, sha256, [new_file for new_file, _ in files_being_read]
            ):
                conclude_first()
            examined_file = _examine_file(landing, source, ledger, path, sha256)
            if isinstance(examined_file, _NewFile):
                files_being_read.append(
                    (examined_file, reading_pool.submit(_read_file, landing, source, examined_file))
                )
                continue
            while files_being_read:
                conclude_first()
            landed_files += [] if examined_file is None else [examined_file]
        while files_being_read:
            conclude_first()
    return landed_files


@contextmanager
def _writing_ledger(lake: Lake) -> Iterator[LedgerWriter]:
    """Yield the ledger, and write its rows at the end, also if a file cannot be landed for an unforeseen reason."""
    ledger = LedgerWriter(lake)
    try:
        yield ledger
    finally:
        ledger.write()


def list_landing_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a source in the landing folder, in landing order; without hidden files and `.done` markers.

    Args:
        folder: The landing folder. Files that a link leads to outside of it are left out.
        pattern: The `path` of the source in footsteps.yaml.
    """
    resolved_folder = folder.resolve()
    found_files = (path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
    return sorted(
        found_file
        for found_file in found_files
        if found_file.suffix != DONE_SUFFIX and found_file.resolve().is_relative_to(resolved_folder)
    )


@dataclass(frozen=True)
class _NewFile:
    """A file that is read, and what the ledger says before.

    Attributes:
        path: The file.
        landed_file: Its outcome if it can be read.
        refusal: Why it is refused without being read; None to read it.
        same_mapping_deliveries: The rows of the ledger with this content under this mapping.
        same_content_landings: The rows of the ledger with this content that were landed, under any mapping.
        delivery_number: The delivery number of its row in the ledger.
    """

    path: Path
    landed_file: LandedFile
    refusal: ExportRefused | None
    same_mapping_deliveries: pl.DataFrame
    same_content_landings: pl.DataFrame
    delivery_number: int


def _may_read_ahead(source: SourceConfig, path: Path, sha256: str, files_being_read: Sequence[_NewFile]) -> bool:
    """Whether a file may be read while others are: it is small, and what they hold decides nothing about it."""
    file_sizes = [
        candidate_path.stat().st_size for candidate_path in (path, *(new_file.path for new_file in files_being_read))
    ]
    is_new = all(new_file.landed_file.file_sha256 != sha256 for new_file in files_being_read)
    is_small = max(file_sizes) <= SMALL_FILE_BYTES
    return _is_independent(source) and is_new and is_small and len(files_being_read) < READING_THREADS


def _is_independent(source: SourceConfig) -> bool:
    """Whether what one file of the source holds decides nothing about another."""
    return source.delivery == "incremental" and get_adapter(source.system).manifest is None


def _examine_file(
    landing: LandingContext, source: SourceConfig, ledger: LedgerWriter, path: Path, sha256: str
) -> LandedFile | _NewFile | None:
    """The outcome of a file that is not read, or what is known before it is read; None if its manifest calls it absent.

    A full export that has come back after another content is recorded as a new delivery.

    Args:
        landing: Where and when the file is landed.
        source: Its source.
        ledger: The ledger.
        path: The file.
        sha256: SHA-256 of its content.
    """
    manifest_name, manifest_mode, refusal = get_adapter(source.system).manifest, None, None
    try:
        manifest_mode = read_manifest_mode(path, manifest_name, source.member) if manifest_name else None
    except ExportRefused as manifest_refusal:
        refusal = manifest_refusal
    if manifest_mode == "absent":
        landing.progress(f"{source.name}: {path.name} is absent by its manifest")
        return None
    is_full = None if manifest_mode is None else manifest_mode == "bulk"
    content_deliveries = ledger.rows.filter(source_name=source.name, file_sha256=sha256)
    same_mapping_deliveries = content_deliveries.filter(pl.col("mapping_code") == source.mapping_code)
    landed_row_counts = same_mapping_deliveries.filter(pl.col("delivery_status") == "landed").select(
        "good_count", "bad_count"
    )
    if landed_row_counts.height:
        row_counts = landed_row_counts.row(0, named=True)
        landed_file = LandedFile(source.name, path.name, sha256, "already_landed", is_full=is_full, **row_counts)
        # only a full export can come back; the search takes long for a source with thousands of incremental files
        if _is_full_export(source, landed_file) and find_read_contents(ledger.rows, source).has_returned(
            path.name, sha256
        ):
            _record_delivery(landing, source, ledger, landed_file, ledger.take_number())
        return landed_file
    landing.progress(f"{source.name}: {path.name}")
    expected_outcome = LandedFile(source.name, path.name, sha256, "landed", is_full=is_full)
    same_content_landings = content_deliveries.filter(pl.col("delivery_status") == "landed")
    return _NewFile(
        path, expected_outcome, refusal, same_mapping_deliveries, same_content_landings, ledger.take_number()
    )


def _read_file(landing: LandingContext, source: SourceConfig, new_file: _NewFile) -> LandedFile:
    """The outcome of a file that is read; its rows are stored."""
    path = new_file.path
    refused_file = replace(new_file.landed_file, status="refused", is_full=None)
    try:
        if new_file.refusal:
            raise new_file.refusal
        return process_export(path, source.system, source.options(), partial(_store_export, landing, source, new_file))
    except ExportRefused as refusal:
        file_name_prefix = "" if path.name in str(refusal) else f"{path.name}: "
        return replace(refused_file, reason=f"{file_name_prefix}{refusal}")
    except pl.exceptions.ComputeError as error:
        return replace(refused_file, reason=f"{path.name} {describe_broken_end(error)}")


def _conclude_file(
    landing: LandingContext, source: SourceConfig, ledger: LedgerWriter, new_file: _NewFile, landed_file: LandedFile
) -> LandedFile:
    """Record the outcome of a file that was read; a refusal only if the ledger does not hold it yet."""
    if (
        landed_file.status == "landed"
        or landed_file.reason not in new_file.same_mapping_deliveries["delivery_reason"].to_list()
    ):
        _record_delivery(landing, source, ledger, landed_file, new_file.delivery_number)
    return landed_file


def _store_export(landing: LandingContext, source: SourceConfig, new_file: _NewFile, export: Export) -> LandedFile:
    """Write the raw tables and quarantines of an export; its files replace others only after every check passed."""
    export = landing.suppress(source, export)
    landed_file, same_content_landings = new_file.landed_file, new_file.same_content_landings
    # content that is read again under another mapping keeps its number
    delivery_number = (
        same_content_landings["delivery_number"][0] if same_content_landings.height else new_file.delivery_number
    )
    provenance_expressions = provenance_columns(
        source.name, landed_file.file_sha256, landing.delivery_day, delivery_number
    )
    delivery_key = (source.name, landed_file.file_sha256, source.mapping_code)
    with replacing_delivery(landing.lake, list_raw_tables(source), *delivery_key) as files_by_shape:
        row_counts = write_raw_tables(export, source.system, source.name, provenance_expressions, files_by_shape)
        _check_row_count(landing, source, landed_file, row_counts.good_count, same_content_landings)
        if not export.is_regular():
            raise ExportRefused("its rows are not all as wide as its header")  # the slower reader then reads it
        empty_measures = find_empty_columns(
            source.system,
            source.mapping if source.shape else None,
            files_by_shape,
            lambda shape, column: is_column_empty(files_by_shape[shape].good_path, column),
        )
    denied_column_notes = tuple(
        f"{denied_column} (never read: {sensitive_class_name})"
        for denied_column, sensitive_class_name in export.sensitive_column_classes
    )
    return replace(
        landed_file,
        good_count=row_counts.good_count,
        bad_count=row_counts.bad_count,
        read_count=row_counts.read_count,
        passed_over=row_counts.passed_over_counts,
        unknown_words=list_unknown_words([row_counts.word_counts], source.options()),
        columns_left_out=(*export.columns_left_out, *denied_column_notes),
        file_notes=export.notes,
        empty_measures=empty_measures,
    )


def _check_row_count(
    landing: LandingContext,
    source: SourceConfig,
    landed_file: LandedFile,
    good_count: int,
    same_content_landings: pl.DataFrame,
) -> None:
    """Refuse a full export with far fewer good rows than an earlier one.

    The earlier one is the last landing of the same file content or, if the content is new, the last full export.
    """
    if landing.allow_row_count_drop or not _is_full_export(source, landed_file):
        return
    compared_deliveries = same_content_landings
    if not compared_deliveries.height:
        compared_deliveries = current_deliveries(landing.lake, source).filter(is_full_delivery(source))
        if landed_file.is_full is not None and source.member is None:
            compared_deliveries = compared_deliveries.filter(pl.col("file_name") == landed_file.file_name)
    last_good_count = int(compared_deliveries["good_count"][-1]) if compared_deliveries.height else 0
    if good_count < source.floor_share * last_good_count:
        raise ExportRefused(
            f"{good_count:,} good rows; the last good export had {last_good_count:,}; the floor is "
            f"{source.floor_share:.0%}: check the export, or land it with --allow-row-count-drop"
        )


def _record_delivery(
    landing: LandingContext, source: SourceConfig, ledger: LedgerWriter, landed_file: LandedFile, delivery_number: int
) -> None:
    """Append a row to the ledger; it is written at once if later files of the source depend on it."""
    ledger_row = pl.DataFrame(
        {
            "delivery_number": [delivery_number],
            "source_name": [source.name],
            "system_name": [source.system],
            "file_name": [landed_file.file_name],
            "file_sha256": [landed_file.file_sha256],
            "mapping_code": [source.mapping_code],
            "delivered_date": [landing.delivery_day],
            "landed_at": [landing.landed_at],
            "delivery_status": [landed_file.status],
            "delivery_reason": [landed_file.reason],
            "good_count": [landed_file.good_count],
            "bad_count": [landed_file.bad_count],
            "columns_left_out": [list(landed_file.columns_left_out)],
            "is_whole": [landed_file.is_full],
            "read_count": [landed_file.read_count],
            "passed_over": [[{"why": reason, "count": count} for reason, count in landed_file.passed_over.items()]],
            "unknown_words": [
                [
                    {"why": unknown_word.sentence, "count": unknown_word.count}
                    for unknown_word in landed_file.unknown_words
                ]
            ],
            "file_notes": [list(landed_file.file_notes)],
            "empty_measures": [list(landed_file.empty_measures)],
        },
        schema=DELIVERY.schema,
    )
    ledger.append(ledger_row)
    if not _is_independent(source):
        ledger.write()


def _is_full_export(source: SourceConfig, landed_file: LandedFile) -> bool:
    return source.delivery == "full" if landed_file.is_full is None else landed_file.is_full
