"""One Parquet file: how it is written, and the hash of its content.

Belongs here: row groups, compression, atomic writing, the content hash.
Does not belong here: which rows a file of a table holds (`file_layout`), the tables (`lake`).
"""

import hashlib
import io
from pathlib import Path

import polars as pl

from pipelines.storage.atomic_write import replacing

# With row groups of this size one person is read within milliseconds, and ten million rows still compress well.
ROW_GROUP_SIZE = 100_000
# Of zstd: its files are as small as those of the default level, and written in less time.
COMPRESSION_LEVEL = 1


def content_sha256(rows: pl.DataFrame) -> str:
    """SHA-256 of the schema and the rows in their order, independent of the frame's layout in memory."""
    content_digest = hashlib.sha256(repr(list(rows.schema.items())).encode())
    # The rows are hashed as Parquet, which holds present values alone: Arrow leaves the bytes of nulls and of padding
    # undefined. Blocks of a fixed size need little memory, and their pages do not depend on the chunks of the frame.
    nested_columns = [column for column, dtype in rows.schema.items() if dtype.is_nested()]
    for first_row in range(0, max(rows.height, 1), ROW_GROUP_SIZE):
        parquet_buffer, block = io.BytesIO(), rows.slice(first_row, ROW_GROUP_SIZE).rechunk()
        # Polars 2.1 splits lists into pages by the number of their elements, and a slice still holds those of all rows:
        # gathering leaves those of the block alone
        block = block.with_columns(pl.col(nested_columns).gather(pl.int_range(pl.len())))
        block.write_parquet(parquet_buffer, compression="uncompressed", statistics=False)
        content_digest.update(parquet_buffer.getbuffer())
    return content_digest.hexdigest()


def write_parquet(
    rows: pl.DataFrame | pl.LazyFrame,
    path: Path,
    file_metadata: dict[str, str],
    row_group_size: int = ROW_GROUP_SIZE,
) -> None:
    """Write a Parquet file atomically.

    Args:
        rows: The rows; a lazy frame is written while its rows are read, in their order.
        path: The file, created or replaced.
        file_metadata: Key-value metadata of the file.
        row_group_size: Rows per row group.
    """
    write_file = rows.write_parquet if isinstance(rows, pl.DataFrame) else rows.sink_parquet
    with replacing(path) as unfinished_path:
        write_file(
            unfinished_path, row_group_size=row_group_size, compression_level=COMPRESSION_LEVEL, metadata=file_metadata
        )
