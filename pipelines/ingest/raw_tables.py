"""One shape of an export into its raw table and its quarantine: split, sunk, repeated keys settled, rows counted.

Belongs here: the two files that one shape of one delivery becomes, and which of several rows of one key counts.
Does not belong here: the rules (`pipelines.validation.quarantine`), the ledger and the names of files
(`pipelines.ingest.landing`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from pipelines.contracts.canonical_schemas import (
    CANONICAL_SCHEMAS,
    CanonicalSchema,
    CanonicalSchemaName,
    quarantine_table,
    raw_table,
)
from pipelines.contracts.table import Table
from pipelines.sources.adapter import Export, get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER
from pipelines.validation.quarantine import REPEATED, TEXT, Split, split_landed

T = TypeVar("T")
_PLACE, _NTH = "place:", "nth:"


@dataclass(frozen=True)
class Kept:
    """Rows kept, rows set aside, and values left out of kept rows (rows of the quarantine that name them)."""

    good_count: int
    bad_count: int
    spared: int


def process_export(path: Path, system: str, options: SourceOptions, work: Callable[[Export], T]) -> T:
    """What `work` makes of the export. It is done anew with a file that was wrongly trusted to be regular.

    Raises what `work` raises, and ExportRefused where the file cannot be read.
    """
    trusted: Export | None = None
    try:
        trusted = read_export(path, get_adapter(system), options, check_in_background=True)
        made = work(trusted)
    except (pl.exceptions.PolarsError, ExportRefused, RuntimeError):
        if trusted is not None and trusted.is_regular():
            raise
    else:
        if trusted.is_regular():
            return made
    return work(read_export(path, get_adapter(system), options))


def write_raw_table(
    export: Export, shape: CanonicalSchemaName, system: str, origin: Sequence[pl.Expr], files: tuple[Path, Path]
) -> Kept:
    """Write the good rows of one shape into the first file and its quarantine into the second.

    `origin` gives the columns of `PROVENANCE` that the export does not know: source, file and delivery. The file's
    malformed rows go with its first shape. Of several rows of one key the one last changed counts, and of those the
    greatest by content, so that the order of rows changes nothing; the others break `unique`. Where the key is the
    row's hash and the shape counts repeats, equal rows are numbered instead.
    Raises RuntimeError where the rows kept and those set aside are not the rows read.
    """
    of = CANONICAL_SCHEMAS[shape]
    table = raw_table(system, of)
    frame = export.shapes[shape].with_columns(origin)
    malformed = export.malformed if shape == next(iter(export.shapes)) else export.malformed.head(0)
    aside = _malformed_rows(malformed, system).with_columns(origin)
    split = split_landed(frame, table, system, of.nulled_if_invalid)
    hashes, read = _sink(split, aside, table, files)
    ordered = hashes.sort()
    if (ordered[1:] == ordered[:-1]).any():
        placed = frame.with_row_index(_PLACE)
        rows = _of_repeated_keys(split_landed(placed, table, system, of.nulled_if_invalid), of, hashes)
        settled = _settled(placed, rows, of, of.has_repeated_records and shape in export.hashed_shapes)
        hashes, read = _sink(split_landed(settled, table, system, of.nulled_if_invalid), aside, table, files)
    good = hashes.len()
    bad, spared = _count(files[1], ~pl.col("is_row_kept")), _count(files[1], pl.col("is_row_kept"))
    if good != _count(files[0], pl.lit(True)) or read != good + bad:
        raise RuntimeError(f"{table.name}: {read} rows read, but {good} kept and {bad} set aside")
    return Kept(good, bad, spared)


def _sink(split: Split, aside: pl.LazyFrame, table: Table, files: tuple[Path, Path]) -> tuple[pl.Series, int]:
    """Sink both sides in one pass: the hashes of the good rows' keys, and how many rows were read."""
    bad = pl.concat([split.bad, aside.select(quarantine_table(table.name).column_names)])
    sinks = [frame.sink_parquet(file, lazy=True) for frame, file in zip((split.good, bad), files, strict=True)]
    count = pl.concat([split.row_count, aside.select(pl.len())]).sum()
    hashes, read, *_ = pl.collect_all([split.passing.select(_hash(table.key)), count, *sinks], engine="streaming")
    return hashes.to_series(), int(read.item())


def _hash(key: tuple[str, ...]) -> pl.Expr:
    # judging whether a text is the first of its kind would hold up the stream; hashes are judged when it has passed
    return (pl.col(key[0]) if len(key) == 1 else pl.struct(key)).hash().alias("hash")


def _of_repeated_keys(split: Split, of: CanonicalSchema, hashes: pl.Series) -> pl.DataFrame:
    """The good rows whose key another good row has too, with their places; what counts most comes last of its key."""
    repeated = hashes.filter(hashes.is_duplicated()).unique()
    rows = split.passing.filter(_hash(of.key).is_in(repeated.implode()))
    content = dict.fromkeys((*of.key, *(("changed_at",) if "changed_at" in of.columns else ()), *of.columns))
    texts = (TEXT + column for column in of.columns)
    return rows.select(_PLACE, *content, *texts).collect(engine="streaming").sort(pl.exclude(_PLACE), nulls_last=False)


def _settled(placed: pl.LazyFrame, rows: pl.DataFrame, of: CanonicalSchema, are_numbered: bool) -> pl.LazyFrame:
    """The frame with `REPEATED`, or with a number behind the key of each further row where equal rows count."""
    nth = pl.int_range(pl.len(), 0, -1).over(of.key).alias(_NTH)
    further = rows.select(_PLACE, nth).filter(pl.col(_NTH) > 1)
    found = placed.join(further.lazy(), on=_PLACE, how="left", maintain_order="left")
    if not are_numbered:
        return found.with_columns(pl.col(_NTH).is_not_null().alias(REPEATED))
    numbered = pl.concat_str(pl.col("record_code"), pl.lit("-"), pl.col(_NTH))
    return found.with_columns(pl.coalesce(numbered, "record_code").alias("record_code"))


def _malformed_rows(malformed: pl.LazyFrame, system: str) -> pl.LazyFrame:
    rule = pl.concat_str(pl.lit("row|"), pl.col("reason"))
    return malformed.select(
        ROW_NUMBER,
        "row_text",
        pl.concat_list(rule).alias("failed_rules"),
        pl.lit(False).alias("is_row_kept"),
        pl.lit(system).alias("system_name"),
    )


def _count(file: Path, condition: pl.Expr) -> int:
    return int(pl.scan_parquet(file).filter(condition).select(pl.len()).collect().item())
