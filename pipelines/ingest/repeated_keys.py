"""Several rows of one key in one export: which of them is kept, and its raw table and quarantine without the others.

Belongs here: the choice by content, and the rewriting of the two files, whose rules are not evaluated again.
Does not belong here: how the files are written first (`raw_tables`), superseded deliveries (`landing`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, CanonicalSchema, quarantine_table
from pipelines.contracts.table import Rule, Table
from pipelines.sources.readers.text_table import ROW_NUMBER
from pipelines.storage.atomic_write import replacing
from pipelines.storage.parquet_files import COMPRESSION_LEVEL
from pipelines.validation.landed_rows import IS_KEPT, IS_REDUCED, TEXT_PREFIX, text_of_row

# The hash of a row's key, its place in the file of the raw table, and how many-th row of its key it is.
KEY_HASH = "hash:"
_FILE_INDEX, _REPETITION_NUMBER = "index:", "repetition:"
# The place of a row in the quarantine's file.
_QUARANTINE_INDEX = "place:"


@dataclass(frozen=True)
class LandedFiles:
    """The files of one canonical schema of a delivery, as the first reading wrote them.

    Attributes:
        good_path: The raw table's file.
        bad_path: The quarantine's file.
        tested_rows: One row per row of the export, in its order: `ROW_NUMBER`, `KEY_HASH`, `IS_KEPT` and `IS_REDUCED`.
            The rows with `IS_KEPT` are those of the file at `good_path`, in its order.
        read_again: Returns the rows that come from the records with these row numbers, in the order of `tested_rows`:
            every column of the schema, its text, and the provenance.
    """

    good_path: Path
    bad_path: Path
    tested_rows: pl.DataFrame
    read_again: Callable[[pl.Series], pl.LazyFrame]


def has_repeated_keys(landed_files: LandedFiles) -> bool:
    """Whether two rows of the raw table's file have the same key."""
    key_hashes = landed_files.tested_rows.filter(IS_KEPT)[KEY_HASH].sort()
    return bool((key_hashes[1:] == key_hashes[:-1]).any())


def number_repeated_rows(schema: CanonicalSchema, landed_files: LandedFiles) -> None:
    """Number the further rows of each key, from 2 on, behind their key: each is a record of its own.

    Args:
        schema: The canonical schema, whose key is the hash of the row.
        landed_files: The files; that of the raw table is rewritten.
    """
    further_rows = _rank_repeated_rows(schema, landed_files)
    numbered_code = pl.concat_str(pl.col("record_code"), pl.lit("-"), pl.col(_REPETITION_NUMBER))
    good_rows = _scan_with_index(landed_files.good_path).join(
        further_rows.select(_FILE_INDEX, _REPETITION_NUMBER).lazy(), on=_FILE_INDEX, how="left", maintain_order="left"
    )
    stored_columns = pl.scan_parquet(landed_files.good_path).collect_schema().names()
    _rewrite_file(
        landed_files.good_path,
        good_rows.with_columns(record_code=pl.coalesce(numbered_code, "record_code")).select(stored_columns),
    )


def set_aside_repeated_rows(schema: CanonicalSchema, table: Table, system: str, landed_files: LandedFiles) -> int:
    """Move the further rows of each key to the quarantine: they break the rule `unique`.

    Args:
        schema: The canonical schema.
        table: The raw table.
        system: System of the source.
        landed_files: The files; both are rewritten.

    Returns:
        Number of rows moved.
    """
    unique_rule_name = Rule("unique", table.key).name
    further_rows = _rank_repeated_rows(schema, landed_files)
    # reduced rows are in the order in which the quarantine holds the rows that are kept without a value
    reduced_row_places = (
        pl.scan_parquet(landed_files.bad_path)
        .select(pl.col("is_row_kept").arg_true().alias(_QUARANTINE_INDEX))
        .collect()
    )
    reduced_rows = _index_kept_rows(landed_files).filter(IS_REDUCED).select(_FILE_INDEX)
    reduced_rows = reduced_rows.with_columns(reduced_row_places[_QUARANTINE_INDEX].cast(pl.UInt32)).join(
        further_rows.select(_FILE_INDEX), on=_FILE_INDEX, how="semi"
    )
    quarantined_rows = pl.scan_parquet(landed_files.bad_path).with_row_index(_QUARANTINE_INDEX)
    rules_broken_before = (
        quarantined_rows.join(reduced_rows.lazy(), on=_QUARANTINE_INDEX).select(_FILE_INDEX, "failed_rules").collect()
    )
    no_rules_literal, unique_rule_literal = (
        pl.lit(pl.Series([rule_names], dtype=pl.List(pl.String))) for rule_names in ([], [unique_rule_name])
    )
    moved_rows = (
        further_rows.join(rules_broken_before, on=_FILE_INDEX, how="left", maintain_order="left")
        .with_columns(
            text_of_row(schema.columns).alias("row_text"),
            pl.coalesce("failed_rules", no_rules_literal)
            .list.concat(unique_rule_literal)
            .list.sort()
            .alias("failed_rules"),
            pl.lit(False).alias("is_row_kept"),
            pl.lit(system).alias("system_name"),
        )
        .select(pl.col(column_name).cast(dtype) for column_name, dtype in quarantine_table(table.name).schema.items())
    )
    remaining_rows = quarantined_rows.join(
        reduced_rows.lazy(), on=_QUARANTINE_INDEX, how="anti", maintain_order="left"
    ).drop(_QUARANTINE_INDEX)
    _rewrite_file(landed_files.bad_path, pl.concat([remaining_rows, moved_rows.lazy()]))
    good_rows = _scan_with_index(landed_files.good_path).filter(
        ~pl.col(_FILE_INDEX).is_in(further_rows[_FILE_INDEX].implode())
    )
    _rewrite_file(landed_files.good_path, good_rows.drop(_FILE_INDEX))
    return further_rows.height


def _rank_repeated_rows(schema: CanonicalSchema, landed_files: LandedFiles) -> pl.DataFrame:
    """The rows of keys that repeat, all but the one to keep of each, with their number and their place in the file.

    The row that was changed last is kept, and of those the greatest by content, so that the order of rows does not
    matter. Of equal rows the last one is kept.
    """
    if not landed_files.tested_rows[ROW_NUMBER].is_sorted():
        raise RuntimeError(f"{landed_files.good_path.name}: the rows of the file are not in the order of the export")
    kept_rows = _index_kept_rows(landed_files)
    repeated_rows = kept_rows.filter(pl.col(KEY_HASH).is_duplicated())
    # a record may give several rows, of which only some repeat
    rows_of_records = landed_files.tested_rows.join(repeated_rows, on=ROW_NUMBER, how="semi", maintain_order="left")
    changed_at_column = ("changed_at",) if "changed_at" in schema.columns else ()
    content_columns = list(dict.fromkeys((*schema.key, *changed_at_column, *schema.columns)))
    content_columns += [TEXT_PREFIX + column_name for column_name in schema.columns]
    provenance_columns = [column_name for column_name in PROVENANCE_COLUMNS if column_name not in content_columns]
    rows_read_again = (
        landed_files.read_again(repeated_rows[ROW_NUMBER].unique())
        .select(*content_columns, *provenance_columns)
        .collect(engine="streaming")
    )
    if not rows_read_again[ROW_NUMBER].equals(rows_of_records[ROW_NUMBER]):
        raise RuntimeError(f"{landed_files.good_path.name}: the export holds other rows than when it was read first")
    rows_read_again = rows_read_again.filter(rows_of_records[IS_KEPT]).with_columns(
        kept_rows.join(repeated_rows, on=ROW_NUMBER, how="semi", maintain_order="left")[_FILE_INDEX]
    )
    ranked_rows = rows_read_again.join(repeated_rows, on=_FILE_INDEX, how="semi", maintain_order="left").sort(
        *content_columns, ROW_NUMBER, nulls_last=False
    )
    repetition_number = pl.int_range(pl.len(), 0, -1).over(schema.key).alias(_REPETITION_NUMBER)
    return ranked_rows.with_columns(repetition_number).filter(pl.col(_REPETITION_NUMBER) > 1)


def _index_kept_rows(landed_files: LandedFiles) -> pl.DataFrame:
    """The rows of the raw table's file, with their place in it."""
    return landed_files.tested_rows.filter(IS_KEPT).with_row_index(_FILE_INDEX)


def _scan_with_index(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path).with_row_index(_FILE_INDEX)


def _rewrite_file(path: Path, rows: pl.LazyFrame) -> None:
    with replacing(path) as unfinished_path:
        rows.sink_parquet(unfinished_path, compression_level=COMPRESSION_LEVEL)
