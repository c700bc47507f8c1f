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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le", "latin-1")  # numpy stores texts as UTF-32
# What is not part of a longer word; in JSON the letter of an escaped line end or tab is no letter of the word.
_WORD_START, _WORD_END = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))", r"(?![A-Za-z0-9])"
_ERASED = "(erased)"


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
    has_text = compile_search(searched_texts)
    found_paths: list[Path] = []
    has_text_by_inode: dict[tuple[int, int], bool] = {}
    for path in paths:
        file_status = path.stat()
        inode_key = (file_status.st_dev, file_status.st_ino)
        if inode_key not in has_text_by_inode:
            has_text_by_inode[inode_key] = any(has_text(content_part) for content_part in _read_parts(path))
        if has_text_by_inode[inode_key] or has_text(path.name.encode()):
            found_paths.append(path)
    return found_paths


def compile_search(searched_texts: Iterable[str]) -> Callable[[bytes], bool]:
    """A test whether bytes hold one of the texts, and not as a part of a longer word.

    Args:
        searched_texts: The texts, in the case in which they are written.
    """
    written_forms = {
        written_form for searched_text in searched_texts for written_form in list_written_forms(searched_text)
    }
    byte_patterns = {
        written_form.encode(encoding)
        for written_form in written_forms
        for encoding in _ENCODINGS
        if _is_encodable(written_form, encoding)
    }
    if not byte_patterns:
        return lambda searched_bytes: False
    joined_patterns = b"|".join(
        re.escape(byte_pattern) for byte_pattern in sorted(byte_patterns, key=len, reverse=True)
    )
    word_expression = re.compile(_WORD_START.encode() + rb"(?:" + joined_patterns + rb")" + _WORD_END.encode())
    # finding bytes is far faster than the expression, which then decides whether they are a word
    return lambda searched_bytes: (
        any(byte_pattern in searched_bytes for byte_pattern in byte_patterns)
        and word_expression.search(searched_bytes) is not None
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
    for column_name, dtype in pl.read_parquet_schema(path).items():
        cell_values = pl.scan_parquet(path).select(column_name).unique().collect().to_series()
        if dtype.is_nested():
            cell_values = pl.DataFrame({"v": cell_values}).select(pl.struct("v").struct.json_encode()).to_series()
        if dtype == pl.String or dtype.is_nested():
            yield "\n".join(cell_values.drop_nulls().to_list()).encode()
