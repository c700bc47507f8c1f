"""The rows of a file with one JSON record per line, read by DuckDB: members of records, and lines that are no records.

Belongs here: the queries, and the frames that stream their rows.
Does not belong here: turning a document into lines (`json_lines`), paths to members (`json_paths`, `json_columns`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from pipelines.sources.readers.files import CHUNK_BYTES
from pipelines.sources.readers.json_columns import member_columns_query
from pipelines.sources.readers.json_paths import duckdb_path, is_plain, quoted, text_query, text_unless_object
from pipelines.sources.readers.text_table import MALFORMED_SCHEMA, ROW_NUMBER

BATCH_ROWS = 65_536
# A record beyond this size is taken for damage.
MAX_RECORD_BYTES = 32 << 20
_LIST_OF_ONE = r'^\[\s*(?:"([^"\\]*)"|([^\s"\[\]{},]+))\s*\]$'


@dataclass
class LineCheck:
    """What the scans of a file have found out about its lines.

    Attributes:
        is_regular: Whether no scan has met a line that is not one record: then some row numbers are not those of their
            lines, and only `scan_records` reads the file.
        is_sound: Whether a scan has read the file to its end, and every line is a record.
    """

    is_regular: bool = True
    is_sound: bool = False


def scan_members(lines_path: Path, member_paths: Sequence[str], line_check: LineCheck) -> pl.LazyFrame:
    """Scan members of the records fast.

    Args:
        lines_path: A file with one record per line.
        member_paths: The members, in the forms of `json_paths`.
        line_check: Takes what the scan finds out about the lines.

    Returns:
        The rows of `scan_records`.
    """
    query = member_columns_query(lines_path, member_paths, MAX_RECORD_BYTES)
    return (
        scan_records(lines_path, member_paths)
        if query is None
        else _scan_members(query, member_paths, lines_path, line_check)
    )


def _lines_query(lines_path: Path, line_limit: int | None = None) -> str:
    """Return a query of the lines, or the first ones. Without delimiter and quote, the CSV reader reads lines."""
    return (
        f"SELECT line FROM read_csv({quoted(str(lines_path))}, columns={{'line': 'VARCHAR'}}, delim='', "
        "quote='', escape='', header=false, auto_detect=false, "
        f"max_line_size={MAX_RECORD_BYTES}, buffer_size={2 * MAX_RECORD_BYTES})"
        + (f" LIMIT {line_limit}" if line_limit is not None else "")
    )


def scan_records(lines_path: Path, member_paths: Sequence[str], line_limit: int | None = None) -> pl.LazyFrame:
    """Scan members of the records line by line.

    Args:
        lines_path: A file with one record per line.
        member_paths: The members, in the forms of `json_paths`.
        line_limit: Number of lines that are read; None for all.

    Returns:
        One row per line that is a JSON object: `row_number`, and one column of text per path.
    """
    plain_paths = [member_path for member_path in member_paths if is_plain(member_path)]
    # Members of which own members are read too (`user`, `user.id`): they are texts only if they are not objects.
    parent_paths = [
        member_path
        for member_path in plain_paths
        if any(inner_path.startswith(f"{member_path}.") for inner_path in member_paths)
    ]
    text_only_paths = [member_path for member_path in plain_paths if member_path not in parent_paths]
    query_by_path = {
        member_path: text_unless_object(member_path) if member_path in parent_paths else text_query(member_path)
        for member_path in member_paths
        if member_path not in text_only_paths
    }
    path_list = ", ".join(quoted(duckdb_path(member_path)) for member_path in text_only_paths)
    select_expressions = ["TRY(json_type(line)) = 'OBJECT' AS is_object"]
    select_expressions += [f"TRY(json_extract_string(line, [{path_list}])) AS plain_texts"] if text_only_paths else []
    select_expressions += [
        f"{member_query} AS text_{position}" for position, member_query in enumerate(query_by_path.values())
    ]
    member_expressions = [
        _unwrap_list_of_one(pl.col("plain_texts").list.get(position, null_on_oob=True)).alias(member_path)
        for position, member_path in enumerate(text_only_paths)
    ]
    member_expressions += [
        _unwrap_list_of_one(pl.col(f"text_{position}")).alias(member_path)
        for position, member_path in enumerate(query_by_path)
    ]
    return _scan_query(
        f"SELECT {', '.join(select_expressions)} FROM ({_lines_query(lines_path, line_limit)})",
        lambda batch_rows: batch_rows.filter(pl.col("is_object")).select(ROW_NUMBER, *member_expressions),
        {ROW_NUMBER: pl.Int64(), **dict.fromkeys((*text_only_paths, *query_by_path), pl.String())},
    )


def _unwrap_list_of_one(text: pl.Expr) -> pl.Expr:
    """Return the text with a list of one text or number replaced by its element: both say the same."""
    # the pattern is tried on lists alone, as few columns hold any
    return pl.when(text.str.starts_with("[")).then(text.str.replace(_LIST_OF_ONE, "${1}${2}")).otherwise(text)


def _scan_members(query: str, member_paths: Sequence[str], lines_path: Path, line_check: LineCheck) -> pl.LazyFrame:
    """Return the rows of `scan_records`, from a query of `member_columns_query`.

    The file is irregular if a line is not one record, or DuckDB refuses it.
    """
    has_empty_rows = False
    # of many batches, the first that needs them reads the lines
    find_nonobject_lines, count_lines = (
        cache(partial(_find_nonobject_lines, lines_path)),
        cache(partial(_count_lines, lines_path)),
    )

    def finish_batch(batch_rows: pl.DataFrame) -> pl.DataFrame:
        nonlocal has_empty_rows
        # null in every column is a record without any of the members, or no JSON object
        has_no_member = batch_rows.select(pl.all_horizontal(pl.exclude(ROW_NUMBER).is_null())).to_series()
        if has_no_member.any():
            has_empty_rows = True
            batch_rows = batch_rows.filter(~pl.col(ROW_NUMBER).is_in(find_nonobject_lines().implode()))
        return batch_rows.select(
            ROW_NUMBER,
            *(
                _unwrap_list_of_one(pl.col(f"c{position}")).alias(member_path)
                for position, member_path in enumerate(member_paths)
            ),
        )

    def note_end(row_count: int | None) -> None:
        if row_count is None or row_count != count_lines():
            line_check.is_regular = False
        elif not has_empty_rows:
            line_check.is_sound = True

    return _scan_query(
        query, finish_batch, {ROW_NUMBER: pl.Int64(), **dict.fromkeys(member_paths, pl.String())}, note_end
    )


def _find_nonobject_lines(lines_path: Path) -> pl.Series:
    """Return the numbers of the lines that are no JSON object."""
    is_no_object = pl.col("kind").ne_missing("OBJECT")
    return pl.concat(
        batch_rows.filter(is_no_object)[ROW_NUMBER] for batch_rows in read_batches(_kinds_query(lines_path))
    )


def _count_lines(lines_path: Path) -> int:
    """Return the number of lines; -1 if a form feed or a vertical tab may stand between two records."""
    newline_count, last_byte = 0, b"\n"
    with lines_path.open("rb") as handle:
        while block := handle.read(CHUNK_BYTES):
            if b"\f" in block or b"\v" in block:
                return -1
            newline_count, last_byte = newline_count + block.count(b"\n"), block[-1:]
    return newline_count + (last_byte != b"\n")


def scan_malformed(lines_path: Path, line_check: LineCheck) -> pl.LazyFrame:
    """Scan the lines that are no JSON object.

    Args:
        lines_path: A file with one record per line.
        line_check: What scans of the file have found out; if every line is a record, the file is not read again.

    Returns:
        One row per such line, with its text and the reason; blank lines are left out.
    """
    reason = pl.when(pl.col("kind").is_null()).then(pl.lit("no JSON")).otherwise(pl.lit("no JSON object"))
    is_malformed = pl.col("kind").ne_missing("OBJECT") & (pl.col("row_text").fill_null("").str.strip_chars() != "")
    return _scan_query(
        _kinds_query(lines_path),
        lambda batch_rows: batch_rows.filter(is_malformed).select(ROW_NUMBER, "row_text", reason.alias("reason")),
        dict(MALFORMED_SCHEMA),
        is_needed=lambda: not line_check.is_sound,
    )


def _kinds_query(lines_path: Path) -> str:
    """Return a query of the kind of JSON of every line, null if it is none; and of its text if it is no object."""
    kinds_subquery = f"SELECT line, TRY(json_type(line)) AS kind FROM ({_lines_query(lines_path)})"
    return f"SELECT CASE WHEN kind = 'OBJECT' THEN NULL ELSE line END AS row_text, kind FROM ({kinds_subquery})"


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return an empty database that stays open: to open one takes longer than to read a small file."""
    database = duckdb.connect(config={"threads": 2})
    database.execute("SET enable_progress_bar = false")
    return database


def read_batches(query: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of a query batch by batch, numbered from 1.

    Raises:
        pl.exceptions.ComputeError: If the query fails, at its start or in the middle of its rows.
    """
    yielded_row_count = 0
    try:
        with _database().cursor() as connection:
            for arrow_batch in connection.sql(query).to_arrow_reader(BATCH_ROWS):
                batch_rows = pl.DataFrame(pl.from_arrow(arrow_batch)).with_row_index(ROW_NUMBER, yielded_row_count + 1)
                yielded_row_count += batch_rows.height
                yield batch_rows.with_columns(pl.col(ROW_NUMBER).cast(pl.Int64))
    # what fails behind the first rows comes from Arrow, which raises OSError too
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        # its message may quote a value, and landing refuses the file for an error of Polars
        raise pl.exceptions.ComputeError(f"DuckDB: {type(error).__name__}") from None


def _scan_query(
    query: str,
    finish_batch: Callable[[pl.DataFrame], pl.DataFrame],
    schema: dict[str, pl.DataType],
    note_end: Callable[[int | None], None] = lambda _: None,
    is_needed: Callable[[], bool] = lambda: True,
) -> pl.LazyFrame:
    """Return the rows of a DuckDB query, numbered from 1 and then passed batch by batch through `finish_batch`.

    Args:
        query: The query.
        finish_batch: Returns the rows of a batch in the schema.
        schema: The schema of the frame.
        note_end: Called after the last row with the number of rows of the query; with None if the query fails.
        is_needed: Whether the query has rows at all; asked when they are read.
    """

    def read_query_rows(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        read_row_count, yielded_row_count = 0, 0
        if not is_needed():
            yield pl.DataFrame(schema=schema).select(pl.all() if columns is None else columns)
            return
        try:
            for batch in read_batches(query):
                read_row_count += batch.height
                batch_rows = (
                    finish_batch(batch)
                    .filter(pl.lit(True) if predicate is None else predicate)
                    .select(pl.all() if columns is None else columns)
                )
                yield batch_rows.slice(0, None if n_rows is None else n_rows - yielded_row_count)
                yielded_row_count += batch_rows.height
                if n_rows is not None and yielded_row_count >= n_rows:
                    return
        except pl.exceptions.ComputeError:
            note_end(None)
            raise
        note_end(read_row_count)

    return pl.io.plugins.register_io_source(read_query_rows, schema=schema)
