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


def list_written_forms(text: str) -> set[str]:
    """A text as files write it: as it is, in lower case, and escaped in JSON or HTML."""
    return {
        form
        for written_text in (text, text.lower())
        for form in (written_text, json.dumps(written_text)[1:-1], html.escape(written_text))
    }


def find_files_with(folder: Path, texts: Sequence[str], skipped_folders: Iterable[Path] = ()) -> list[Path]:
    """The files below a folder that hold one of the texts as a word, in their content or in their name.

    Args:
        folder: The folder.
        texts: The texts, in the case in which they are written.
        skipped_folders: Folders that are not searched.

    Returns:
        The files, sorted.
    """
    skipped = tuple(skipped_folders)
    paths = (path for path in sorted(folder.rglob("*")) if not any(path.is_relative_to(skip) for skip in skipped))
    return select_files_with((path for path in paths if path.is_file() and not path.is_symlink()), texts)


def select_files_with(paths: Iterable[Path], texts: Sequence[str]) -> list[Path]:
    """Those of some files that hold one of the texts as a word, in their content or in their name.

    Args:
        paths: The files.
        texts: The texts, in the case in which they are written.
    """
    if not texts:
        return []
    search = compile_search(texts)
    files_found: list[Path] = []
    outcome_by_file: dict[tuple[int, int], bool] = {}
    for path in paths:
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        if key not in outcome_by_file:
            outcome_by_file[key] = any(search(part) for part in _read_parts(path))
        if outcome_by_file[key] or search(path.name.encode()):
            files_found.append(path)
    return files_found


def compile_search(texts: Iterable[str]) -> Callable[[bytes], bool]:
    """A test whether bytes hold one of the texts, and not as a part of a longer word.

    Args:
        texts: The texts, in the case in which they are written.
    """
    forms = {form for text in texts for form in list_written_forms(text)}
    patterns = {form.encode(encoding) for form in forms for encoding in _ENCODINGS if _is_encodable(form, encoding)}
    if not patterns:
        return lambda content: False
    alternatives = b"|".join(re.escape(pattern) for pattern in sorted(patterns, key=len, reverse=True))
    expression = re.compile(_WORD_START.encode() + rb"(?:" + alternatives + rb")" + _WORD_END.encode())
    # finding bytes is far faster than the expression, which then decides whether they are a word
    return lambda content: any(pattern in content for pattern in patterns) and expression.search(content) is not None


def compile_replacement(texts: Iterable[str]) -> Callable[[str], str]:
    """Replace each of the texts by `(erased)`, and not as a part of a longer word, such as another person's number.

    Args:
        texts: The texts, in the case in which they are written.
    """
    forms = sorted({form for text in texts for form in list_written_forms(text)}, key=len, reverse=True)
    if not forms:
        return lambda content: content
    expression = re.compile(f"{_WORD_START}(?:{'|'.join(map(re.escape, forms))}){_WORD_END}")
    return lambda content: expression.sub(_ERASED, content) if any(form in content for form in forms) else content


def _is_encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _read_parts(path: Path) -> Iterator[bytes]:
    """The content of a file in pieces that hold whole values."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1":
        yield from _read_parquet(path)
    elif start[:2] == b"PK" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    elif start[:2] == b"\x1f\x8b":
        yield gzip.decompress(path.read_bytes())
    else:
        yield path.read_bytes()


def _read_parquet(path: Path) -> Iterator[bytes]:
    for column, dtype in pl.read_parquet_schema(path).items():
        values = pl.scan_parquet(path).select(column).unique().collect().to_series()
        if dtype.is_nested():
            values = pl.DataFrame({"v": values}).select(pl.struct("v").struct.json_encode()).to_series()
        if dtype == pl.String or dtype.is_nested():
            yield "\n".join(values.drop_nulls().to_list()).encode()
