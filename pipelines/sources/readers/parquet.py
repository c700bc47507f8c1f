"""Parquet as a table of text: every column cast to its text, dates in ISO form.

Belongs here: reading files that already have types.
Does not belong here: text formats (`delimited`, `jsonlines`).
"""

from pathlib import Path

import polars as pl

from pipelines.sources.declaration import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, empty_malformed_rows, normalize_header


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    with path.open("rb") as handle:
        return handle.read(4) == b"PAR1"


def read_parquet(path: Path) -> TextTable:
    """The file as a table of text; lists are joined by |. Raises ExportRefused where it is cut off or damaged."""
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
        count = frame.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ExportRefused(
            f"{path.name} is cut off or damaged: its {path.stat().st_size} bytes are no whole Parquet file "
            f"({type(error).__name__}); copy it again"
        ) from None
    columns = [_as_text(name, dtype).alias(f"c{i}") for i, (name, dtype) in enumerate(schema.items())]
    text = frame.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_NUMBER), *columns)
    headers = tuple(schema.names())
    by_name = {normalize_header(header): (f"c{i}",) for i, header in enumerate(headers)}
    return TextTable(headers, by_name, lambda _: text, empty_malformed_rows(), row_count=count)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("iso:strict")
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join("|")
    if dtype.is_nested() or dtype == pl.Binary:
        # A nested value has no text of its own that a mapping could use.
        return pl.lit(None, pl.String)
    return column.cast(pl.String)
