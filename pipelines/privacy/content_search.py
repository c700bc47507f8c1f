"""The search by content: which files of a folder hold one of some texts, whatever their format.

Belongs here: text in any encoding, Parquet, and what is compressed: workbooks, archives, model bundles; the words that
are replaced in a text.
Does not belong here: what is done with the files that are found.
"""

import gzip
import html
import json
import re
import zipfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le", "latin-1")  # numpy stores texts as UTF-32
# What is not part of a longer word; in JSON the letter of an escaped line end or tab is no letter of the word.
_WORD_START, _WORD_END = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))", r"(?![A-Za-z0-9])"
_STARTS_WORD, _ENDS_WORD = re.compile(_WORD_START.encode()), re.compile(_WORD_END.encode())
_ERASED = "(erased)"
# Bytes that are searched together.
_BATCH_BYTES = 64 * 1024**2

K = TypeVar("K", bound=Hashable)


def list_written_forms(searched_text: str) -> set[str]:
    """A text as files write it: as it is, in lower case, and escaped in JSON or HTML."""
    return {
        written_form
        for cased_text in (searched_text, searched_text.lower())
        for written_form in (cased_text, json.dumps(cased_text)[1:-1], html.escape(cased_text))
    }


def find_files_with(folder: Path, searched_texts: Sequence[str], skipped_folders: Iterable[Path] = ()) -> list[Path]:
    """The files below a folder that hold one of the texts as a word, in their content or in their name.

    Args:
        folder: The folder.
        searched_texts: The texts, in the case in which they are written.
        skipped_folders: Folders that are not searched.

    Returns:
        The files, sorted.
    """
    skipped_paths = tuple(skipped_folders)
    searched_paths = (
        path
        for path in sorted(folder.rglob("*"))
        if not any(path.is_relative_to(skipped_path) for skipped_path in skipped_paths)
    )
    return select_files_with(
        (path for path in searched_paths if path.is_file() and not path.is_symlink()), searched_texts
    )


def select_files_with(paths: Iterable[Path], searched_texts: Sequence[str]) -> list[Path]:
    """Those of some files that hold one of the texts as a word, in their content or in their name.

    Args:
        paths: The files.
        searched_texts: The texts, in the case in which they are written.
    """
    if not searched_texts:
        return []
    inode_by_path = {path: (path.stat().st_dev, path.stat().st_ino) for path in paths}
    path_by_inode = {inode_key: path for path, inode_key in inode_by_path.items()}  # each content is read once
    file_parts = ((inode_key, part) for inode_key, path in path_by_inode.items() for part in _read_parts(path))
    inodes_with_text = find_contents_with(file_parts, searched_texts)
    paths_with_text = find_contents_with(((path, path.name.encode()) for path in inode_by_path), searched_texts)
    return [
        path for path, inode_key in inode_by_path.items() if inode_key in inodes_with_text or path in paths_with_text
    ]


def find_contents_with(contents: Iterable[tuple[K, bytes]], searched_texts: Iterable[str]) -> set[K]:
    """Find the contents that hold one of the texts, and not as a part of a longer word.

    Args:
        contents: Pairs of a key and bytes; several pairs may have the same key.
        searched_texts: The texts, in the case in which they are written.

    Returns:
        The key of each content with a text.
    """
    # as Latin-1 each byte is one character, so that any bytes are a text
    patterns = [byte_pattern.decode("latin-1") for byte_pattern in _list_byte_patterns(searched_texts)]
    keys_with_text: set[K] = set()
    for batch in _make_batches(contents) if patterns else ():
        texts = pl.DataFrame({"text": [content.decode("latin-1") for _, content in batch]}).with_row_index()
        has_pattern = pl.col("text").str.contains_any(patterns)
        found_patterns = (
            texts.lazy()
            .filter(has_pattern)
            .with_columns(
                start=pl.col("text").str.find_many(patterns, overlapping=True),
                pattern=pl.col("text").str.extract_many(patterns, overlapping=True),
            )
        )
        for index, text, starts, found_texts in found_patterns.collect().iter_rows():
            if _has_word(text.encode(), zip(starts, found_texts, strict=True)):
                keys_with_text.add(batch[index][0])
    return keys_with_text


def _list_byte_patterns(searched_texts: Iterable[str]) -> list[bytes]:
    """The bytes of every written form of the texts, in every encoding."""
    written_forms = {
        written_form for searched_text in searched_texts for written_form in list_written_forms(searched_text)
    }
    return sorted(
        {
            written_form.encode(encoding)
            for written_form in written_forms
            for encoding in _ENCODINGS
            if _is_encodable(written_form, encoding)
        }
    )


def _make_batches(contents: Iterable[tuple[K, bytes]]) -> Iterator[list[tuple[K, bytes]]]:
    """Contents that are searched together: building the search takes longer than searching one small file."""
    batch, batch_bytes = [], 0
    for key, content in contents:
        batch.append((key, content))
        batch_bytes += len(content)
        if batch_bytes >= _BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch


def _has_word(text: bytes, found_patterns: Iterable[tuple[int, str]]) -> bool:
    """Whether one of the patterns that were found at these places of a text is no part of a longer word."""
    return any(
        _STARTS_WORD.match(text, start) and _ENDS_WORD.match(text, start + len(pattern.encode()))
        for start, pattern in found_patterns
    )


def compile_replacement(replaced_texts: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces each of the texts by `(erased)` where it is a whole word.

    A text inside a longer word, such as another person's number, stays.

    Args:
        replaced_texts: The texts, in the case in which they are written.
    """
    written_forms = sorted(
        {written_form for replaced_text in replaced_texts for written_form in list_written_forms(replaced_text)},
        key=len,
        reverse=True,
    )
    if not written_forms:
        return lambda original_text: original_text
    word_expression = re.compile(f"{_WORD_START}(?:{'|'.join(map(re.escape, written_forms))}){_WORD_END}")
    return lambda original_text: (
        word_expression.sub(_ERASED, original_text)
        if any(written_form in original_text for written_form in written_forms)
        else original_text
    )


def _is_encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _read_parts(path: Path) -> Iterator[bytes]:
    """The content of a file in pieces that hold whole values."""
    with path.open("rb") as opened_file:
        first_bytes = opened_file.read(4)
    if first_bytes == b"PAR1":
        yield from _read_parquet(path)
    elif first_bytes[:2] == b"PK" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member_name in archive.namelist():
                yield archive.read(member_name)
    elif first_bytes[:2] == b"\x1f\x8b":
        yield gzip.decompress(path.read_bytes())
    else:
        yield path.read_bytes()


def _read_parquet(path: Path) -> Iterator[bytes]:
    """The texts of a Parquet file, column by column; a small file is read at once, a large one in parts."""
    text_columns = [
        column_name
        for column_name, dtype in pl.read_parquet_schema(path).items()
        if dtype == pl.String or dtype.is_nested()
    ]
    is_small = path.stat().st_size < _BATCH_BYTES
    for column_names in [text_columns] if is_small and text_columns else [[name] for name in text_columns]:
        for cell_values in pl.read_parquet(path, columns=column_names).iter_columns():
            yield "\n".join(_write_texts(cell_values.unique())).encode()


def _write_texts(cell_values: pl.Series) -> list[str]:
    if cell_values.dtype.is_nested():
        cell_values = pl.DataFrame({"v": cell_values}).select(pl.struct("v").struct.json_encode()).to_series()
    return cell_values.drop_nulls().to_list()
