"""JSON as a table of text: lines, arrays and wrapped arrays, one row per record, members by dotted path.

Belongs here: cutting a document into records as a stream, reading members of records, and records that are no JSON.
Does not belong here: opening and decoding (`files`), what the members mean (the adapters).
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipelines.sources.declaration import ExportRefused
from pipelines.sources.readers.files import CHUNK_BYTES, OpenedFile, ScratchFolder
from pipelines.sources.readers.text_table import (
    MALFORMED_SCHEMA,
    ROW_NUMBER,
    TextTable,
    keep_folder_alive,
    normalize_header,
)

# Records looked at for the names of their members.
SAMPLE = 1000
BATCH = 65_536
# One record beyond this is taken for damage.
MAX_RECORD_BYTES = 32 << 20
# The reader of lines takes a zero byte for a separator; another control character is no JSON either.
# Between the members of a record a line end is a blank; inside a string it is no JSON in any case.
_ONE_LINE = bytes.maketrans(b"\r\n\0", b"  \x01")
_NO_RETURNS = bytes.maketrans(b"\r\0", b" \x01")
# A bracket, or a string; the group is empty where the string is still open at the end of the block.
_MARK = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*+(")?', re.DOTALL)


def read_json(opened: OpenedFile, name: str, records_path: tuple[str, ...] = ()) -> TextTable:
    """The file as a table of text. Raises ExportRefused where it is no JSON or is cut off."""
    lines, folder = _as_lines(opened, name, records_path)
    _refuse_a_cut_off_end(lines, name)
    headers = _members_seen(lines)
    if not headers:
        raise ExportRefused(
            f"{name} holds no JSON object in its first {SAMPLE} records: export it as lines or an array of objects"
        )

    def scan(paths: Sequence[str]) -> pl.LazyFrame:
        return keep_folder_alive(_records(lines, tuple(paths)), folder or opened.folder)

    return TextTable(
        headers,
        {normalize_header(header): (header,) for header in headers},
        scan,
        keep_folder_alive(_broken(lines), folder or opened.folder),
        encoding=opened.encoding,
        is_open=True,
    )


def _as_lines(opened: OpenedFile, name: str, records_path: tuple[str, ...]) -> tuple[Path, ScratchFolder | None]:
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        head = handle.read(1 << 16).lstrip()
    if head[:1] == b"{" and not _is_wrapped(head, records_path):
        if opened.start == 0 and _reads_as_lines(opened.path):
            return opened.path, None
    elif head[:1] not in (b"{", b"["):
        raise ExportRefused(f"{name} is no JSON: it must begin with an object or an array")
    folder = ScratchFolder()
    target = folder.path / "records.jsonl"
    with opened.path.open("rb") as handle, target.open("wb") as out:
        handle.seek(opened.start)
        if head[:1] == b"{" and not _is_wrapped(head, records_path):
            while piece := handle.read(CHUNK_BYTES):
                out.write(piece.translate(_NO_RETURNS))
        else:
            for record in _elements(handle, name, records_path if head[:1] == b"{" else ()):
                out.write(record.translate(_ONE_LINE) + b"\n")
    return target, folder


def _reads_as_lines(path: Path) -> bool:
    """Whether the reader of lines can take the file as it is: no zero bytes, and line ends of one kind only."""
    returns, line_ends, both, last = 0, 0, 0, b""
    with path.open("rb") as handle:
        while piece := handle.read(CHUNK_BYTES):
            if b"\0" in piece:
                return False
            if b"\r" in piece or last == b"\r":
                returns += piece.count(b"\r")
                both += piece.count(b"\r\n") + (last == b"\r" and piece[:1] == b"\n")
            line_ends += piece.count(b"\n")
            last = piece[-1:]
    return returns == 0 or returns == both == line_ends


def _is_wrapped(head: bytes, records_path: tuple[str, ...]) -> bool:
    """Whether the document is one object around an array of records, and not the first of many lines."""
    if not any(f'"{member}"'.encode() in head for member in records_path):
        return False
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return True
    return any(isinstance(first.get(member), list) for member in records_path)


def _elements(handle: Any, name: str, wrapper: tuple[str, ...]) -> Iterator[bytes]:
    """The elements of the top array, or of the first array under a member of the wrapper's name, one by one."""
    base = 2 if wrapper else 1
    depth, is_inside, last_text, rest, size = 0, False, b"", b"", 0
    while piece := handle.read(CHUNK_BYTES):
        size += len(piece)
        rest += piece
        start, done = None, len(rest)
        for mark in _MARK.finditer(rest):
            sign = mark.group()
            if sign[:1] == b'"':
                if mark.group(1) is None:
                    done = mark.start()
                    break
                last_text = sign
            elif sign in b"{[":
                depth += 1
                if not is_inside:
                    is_inside = (
                        sign == b"["
                        and depth == base
                        and (not wrapper or last_text[1:-1].decode("utf-8", "replace") in wrapper)
                    )
                elif depth == base + 1:
                    start = mark.start()
            else:
                depth -= 1
                if is_inside and depth == base and start is not None:
                    yield rest[start : mark.end()]
                    start = None
                elif is_inside and depth < base:
                    return
        if start is not None:
            # The record goes on in the next block, where its marks are read again.
            done, depth = start, base
        rest = rest[done:]
        if len(rest) > MAX_RECORD_BYTES:
            raise ExportRefused(
                f"{name} has a record of more than {MAX_RECORD_BYTES} bytes: it is damaged, export it again"
            )
    raise ExportRefused(f"{name} is cut off: the array it holds is not closed after {size} bytes; export it again")


def _refuse_a_cut_off_end(lines: Path, name: str) -> None:
    size = lines.stat().st_size
    with lines.open("rb") as handle:
        handle.seek(max(0, size - MAX_RECORD_BYTES))
        tail = handle.read()
    if tail.endswith(b"\n"):
        return
    last = tail[tail.rfind(b"\n") + 1 :]
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        raise ExportRefused(
            f"{name} is cut off: its last line of {len(last)} bytes is not whole; export it again"
        ) from None


def _members_seen(lines: Path) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    with lines.open("rb") as handle:
        for _, line in zip(range(SAMPLE), handle, strict=False):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                _name_members(record, "", seen, 0)
    return tuple(seen)


def _name_members(record: dict[str, Any], before: str, seen: dict[str, None], depth: int) -> None:
    for key, value in record.items():
        # A key with a point in it (an IRI) is not a step of a path; such members are mapped by a $ path.
        if "." in key or '"' in key:
            continue
        if isinstance(value, dict) and depth < 6:
            _name_members(value, f"{before}{key}.", seen, depth + 1)
        elif isinstance(value, list):
            seen[f"{before}{key}"] = None
            first = value[0] if value else None
            if isinstance(first, dict) and depth < 6:
                _name_members(first, f"{before}{key}[*].", seen, depth + 1)
        else:
            seen[f"{before}{key}"] = None


def _json_path(path: str) -> str:
    if path.startswith("$"):
        return path
    steps = [f'."{step.removesuffix("[*]")}"' + ("[*]" if step.endswith("[*]") else "") for step in path.split(".")]
    return "$" + "".join(steps)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lines_query(lines: Path) -> str:
    """Every line as text. An impossible separator and no quote make the CSV reader a reader of lines."""
    return (
        f"SELECT line FROM read_csv({_quoted(str(lines))}, columns={{'line': 'VARCHAR'}}, delim='', "
        "quote='', escape='', header=false, auto_detect=false, "
        f"max_line_size={MAX_RECORD_BYTES}, buffer_size={2 * MAX_RECORD_BYTES})"
    )


def _records(lines: Path, paths: tuple[str, ...]) -> pl.LazyFrame:
    """One row per line that is a JSON object: row_number and one column of text per path."""
    single = [path for path in paths if "[*]" not in path]
    several = [path for path in paths if "[*]" in path]
    listed = ", ".join(_quoted(_json_path(path)) for path in single)
    columns = [f"TRY(json_extract_string(line, [{listed}])) AS v"] if single else []
    columns += [
        f"array_to_string(TRY(json_extract_string(line, {_quoted(_json_path(path))})), '|') AS w{i}"
        for i, path in enumerate(several)
    ]
    kind = "TRY(json_type(line)) = 'OBJECT' AS ok"
    query = f"SELECT {', '.join([kind, *columns])} FROM ({_lines_query(lines)})"

    def tidy(frame: pl.DataFrame) -> pl.DataFrame:
        members = [pl.col("v").list.get(i, null_on_oob=True).alias(path) for i, path in enumerate(single)]
        members += [pl.col(f"w{i}").alias(path) for i, path in enumerate(several)]
        return frame.filter(pl.col("ok")).select(pl.col(ROW_NUMBER), *members)

    schema = {ROW_NUMBER: pl.Int64(), **dict.fromkeys((*single, *several), pl.String())}
    return _source(query, tidy, schema)


def _broken(lines: Path) -> pl.LazyFrame:
    """One row per line that is no JSON object, with its text; blank lines are no rows."""
    kind = f"SELECT line, TRY(json_type(line)) AS kind FROM ({_lines_query(lines)})"
    query = f"SELECT CASE WHEN kind = 'OBJECT' THEN NULL ELSE line END AS row_text, kind FROM ({kind})"

    def tidy(frame: pl.DataFrame) -> pl.DataFrame:
        reason = pl.when(pl.col("kind").is_null()).then(pl.lit("no JSON")).otherwise(pl.lit("no JSON object"))
        is_broken = pl.col("kind").ne_missing("OBJECT") & (pl.col("row_text").fill_null("").str.strip_chars() != "")
        return frame.filter(is_broken).select(ROW_NUMBER, "row_text", reason.alias("reason"))

    return _source(query, tidy, dict(MALFORMED_SCHEMA))


def _source(query: str, tidy: Any, schema: dict[str, Any]) -> pl.LazyFrame:
    def read(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        with duckdb.connect(config={"threads": 2}) as connection:
            connection.execute("SET enable_progress_bar = false")
            number, given = 1, 0
            for batch in connection.sql(query).to_arrow_reader(BATCH):
                frame = pl.DataFrame(pl.from_arrow(batch))
                frame = frame.with_columns(
                    pl.int_range(number, number + frame.height, dtype=pl.Int64).alias(ROW_NUMBER)
                )
                number += frame.height
                frame = tidy(frame)
                if predicate is not None:
                    frame = frame.filter(predicate)
                if columns is not None:
                    frame = frame.select(columns)
                if n_rows is not None:
                    frame = frame.head(n_rows - given)
                    given += frame.height
                yield frame
                if n_rows is not None and given >= n_rows:
                    return

    return pl.io.plugins.register_io_source(read, schema=schema)
