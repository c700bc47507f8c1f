"""Parquet as a table of text: every column cast to text, dates in ISO form.

Belongs here: reading files that already have types.
Does not belong here: text formats (`delimited`, `json_lines`).
"""

from pathlib import Path

import polars as pl

from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import NO_MALFORMED_ROWS, ROW_NUMBER, TextTable, normalize_header


def is_parquet(path: Path) -> bool:
    """Return whether the file begins with the mark of a Parquet file."""
    with path.open("rb") as handle:
        return handle.read(4) == b"PAR1"


def read_parquet(path: Path) -> TextTable:
    """Read a Parquet file as text.

    Args:
        path: The file.

    Returns:
        One row per record. A list is joined by |; nested and binary values are null, as no mapping could use them.

    Raises:
        ExportRefused: If the file is cut off or damaged.
    """
    try:
        parquet_rows = pl.scan_parquet(path, glob=False)
        schema = parquet_rows.collect_schema()
        row_count = parquet_rows.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ExportRefused(
            f"{path.name} is cut off or damaged: its {path.stat().st_size} bytes are not a complete Parquet file "
            f"({type(error).__name__}); copy it again"
        ) from None
    text_columns = [
        _as_text(column_name, dtype).alias(f"c{position}")
        for position, (column_name, dtype) in enumerate(schema.items())
    ]
    text_rows = parquet_rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_NUMBER), *text_columns)
    columns_by_header = {normalize_header(header): (f"c{position}",) for position, header in enumerate(schema)}
    return TextTable(tuple(schema), columns_by_header, lambda _: text_rows, NO_MALFORMED_ROWS, row_count=row_count)


def _as_text(column_name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col(column_name).dt.to_string("iso:strict")
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested():
        return pl.col(column_name).cast(pl.List(pl.String)).list.join("|")
    if dtype.is_nested() or dtype == pl.Binary:
        return pl.lit(None, pl.String)
    return pl.col(column_name).cast(pl.String)
