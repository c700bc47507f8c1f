"""One exported file, opened: unpacked, decoded to UTF-8, within limits.

Belongs here: gzip, zstd and zip, encodings, byte order marks, the limits against hostile archives, files that are no
text, and the error for a file that cannot be read.
Does not belong here: rows and columns (`delimited`, `json_lines`).
"""

import codecs
import gzip
import shutil
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa

from pipelines.sources.readers.encodings import find_non_ascii_lines, guess_encoding

CHUNK_BYTES = 1 << 20
# A text export shrinks 5 to 30 times, a repetitive one 200 times; archive bombs start at 1,000.
MAX_UNPACKED_RATIO = 500
MAX_UNPACKED_BYTES = 64 << 30
# The ratio is not checked below this size: a few kilobytes of equal rows shrink beyond any ratio.
MIN_RATIO_CHECK_BYTES = 16 << 20
# What the unpacking libraries raise on a damaged, encrypted or unknown archive.
ARCHIVE_ERRORS = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    OSError,
    pa.ArrowException,
    RuntimeError,
    NotImplementedError,
    ValueError,
    struct.error,
)
ENCODINGS = ("utf-8", "utf-16", "windows-1252")
# How a file that is not a text export begins (in lower case, without blanks in front), and what to do about it.
FOREIGN_FORMATS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"<!doctype html", b"<html"), "a web page, often a sign-in page saved in place of the export: export it again"),
    ((b"<?xml", b"<wd:"), "XML: choose CSV or JSON in the exporting system"),
    ((b"%pdf-",), "a PDF: choose CSV or JSON in the exporting system"),
    ((b"\xd0\xcf\x11\xe0",), "an old Excel workbook: save the sheet as CSV (UTF-8)"),
)


class ExportRefused(Exception):
    """A file cannot be read.

    The message is one sentence that says what to do about it. It never quotes a cell, so it holds no personal data.
    """


class ScratchFolder:
    """A folder for unpacked copies. It is removed when nothing refers to this object any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="footsteps-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class OpenedFile:
    """A plain UTF-8 file.

    Attributes:
        path: The file itself, or its unpacked and decoded copy.
        encoding: Encoding in which the exporting system wrote the text.
        text_start: Position of the first byte of the text: 3 after a byte order mark, else 0.
        folder: Keeps the unpacked copy alive as long as anything reads it; None if the file is read in place.
    """

    path: Path
    encoding: str
    text_start: int = 0
    folder: ScratchFolder | None = None

    def open(self) -> BufferedReader:
        """Open the file for reading at the first byte of its text."""
        handle = self.path.open("rb")
        handle.seek(self.text_start)
        return handle

    def chunks(self) -> Iterator[bytes]:
        """Return the text in blocks of `CHUNK_BYTES`."""
        with self.open() as handle:
            yield from read_chunks(handle)


def open_file(path: Path, declared_encoding: str | None = None, member_pattern: str | None = None) -> OpenedFile:
    """Unpack and decode a file.

    Args:
        path: The file as it was delivered.
        declared_encoding: Encoding that the source declares; None to detect it.
        member_pattern: Pattern of the file to take from an archive; None if the archive holds one file.

    Returns:
        The file in UTF-8; in place if it is plain UTF-8 already.

    Raises:
        ExportRefused: If the file is empty, no text, damaged, or unpacks beyond the limits.
    """
    if path.stat().st_size == 0:
        raise ExportRefused(f"{path.name} is empty (0 bytes): export it again")
    plain_path, scratch_folder = _unpack(path, member_pattern)
    with plain_path.open("rb") as handle:
        first_block = handle.read(CHUNK_BYTES)
    if not first_block.strip():
        raise ExportRefused(f"{path.name} holds no text (nothing, or only blanks): export it again")
    first_bytes = first_block.lstrip(codecs.BOM_UTF8 + b" \r\n\t")[:64].lower()
    for format_prefixes, advice in FOREIGN_FORMATS:
        if first_bytes.startswith(format_prefixes):
            raise ExportRefused(f"{path.name} is {advice}")
    actual_encoding = _find_encoding(plain_path, first_block, path.name, declared_encoding)
    if actual_encoding == "utf-8":
        return OpenedFile(
            plain_path, actual_encoding, 3 if first_block.startswith(codecs.BOM_UTF8) else 0, scratch_folder
        )
    scratch_folder = scratch_folder or ScratchFolder()
    return OpenedFile(
        _transcode(plain_path, scratch_folder.path / "text", actual_encoding, path.name),
        actual_encoding,
        0,
        scratch_folder,
    )


def read_chunks(handle: IO[bytes]) -> Iterator[bytes]:
    """Return the rest of the open file in blocks of `CHUNK_BYTES`."""
    return iter(partial(handle.read, CHUNK_BYTES), b"")


def archive_members(archive: zipfile.ZipFile, member_pattern: str | None) -> list[str]:
    """Return the members that are files and whose path or name matches the pattern, ignoring case."""
    member_names = [
        member_name
        for member_name in archive.namelist()
        if not member_name.endswith("/") and "__MACOSX" not in member_name
    ]
    if member_pattern is None:
        return member_names
    return [
        member_name
        for member_name in member_names
        if any(
            fnmatch(path_or_name.lower(), member_pattern.lower())
            for path_or_name in (member_name, PurePosixPath(member_name.replace("\\", "/")).name)
        )
    ]


def check_unpacked_size(path: Path) -> None:
    """Unpack all members of a zip archive without storing them.

    Raises:
        ExportRefused: If the archive is damaged or unpacks beyond the limits.
    """

    def read_member_chunks() -> Iterator[bytes]:
        with zipfile.ZipFile(path) as archive:
            for member_info in archive.infolist():
                with archive.open(member_info) as handle:
                    yield from read_chunks(handle)

    for _ in _check_unpacking_limits(read_member_chunks(), path):
        pass


def _unpack(path: Path, member_pattern: str | None) -> tuple[Path, ScratchFolder | None]:
    with path.open("rb") as handle:
        first_bytes = handle.read(4)
    open_archive = next(
        (opener for signature, opener in _ARCHIVE_OPENERS.items() if first_bytes.startswith(signature)), None
    )
    if open_archive is None:
        return path, None

    def read_member_chunks() -> Iterator[bytes]:
        with open_archive(path, member_pattern) as handle:
            yield from read_chunks(handle)

    scratch_folder = ScratchFolder()
    unpacked_path = scratch_folder.path / "unpacked"
    with unpacked_path.open("wb") as unpacked_file:
        unpacked_file.writelines(_check_unpacking_limits(read_member_chunks(), path))
    return unpacked_path, scratch_folder


def _check_unpacking_limits(chunks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Yield the unpacked chunks of an archive; refuse it beyond the limits, or if it is damaged."""
    packed_byte_count, unpacked_byte_count = path.stat().st_size, 0
    try:
        for chunk in chunks:
            unpacked_byte_count += len(chunk)
            if unpacked_byte_count > MAX_UNPACKED_BYTES or unpacked_byte_count > max(
                MIN_RATIO_CHECK_BYTES, MAX_UNPACKED_RATIO * packed_byte_count
            ):
                raise ExportRefused(
                    f"{path.name} unpacks from {packed_byte_count} to more than {unpacked_byte_count} bytes, and the "
                    f"limit is {MAX_UNPACKED_RATIO} times as much: unpack it yourself if you trust it"
                )
            yield chunk
    except ARCHIVE_ERRORS as error:
        raise ExportRefused(
            f"{path.name} is cut off or damaged: it unpacks to {unpacked_byte_count} bytes and then ends "
            f"({type(error).__name__}); copy it again"
        ) from None


@contextmanager
def _open_zip_member(path: Path, member_pattern: str | None) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        member_names = archive_members(archive, member_pattern)
        if "xl/workbook.xml" in member_names:
            raise ExportRefused(f"{path.name} is an Excel workbook, and this system reads none: export it as JSON")
        if len(member_names) != 1:
            member_phrase = f"{len(member_names)} files" + (f" that fit {member_pattern}" if member_pattern else "")
            raise ExportRefused(
                f"{path.name} holds {member_phrase} where 1 is expected: set `member` of this source to a pattern "
                "that fits one"
            )
        # The member is copied to a file name of our own, so a path inside the archive cannot lead anywhere.
        with archive.open(member_names[0]) as handle:
            yield handle


_ARCHIVE_OPENERS: dict[bytes, Callable[[Path, str | None], AbstractContextManager[Any]]] = {
    b"\x1f\x8b": lambda path, _: gzip.open(path, "rb"),  # noqa: SIM115 (the caller closes it)
    b"\x28\xb5\x2f\xfd": lambda path, _: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"),
    b"PK\x03\x04": _open_zip_member,
}


def _find_encoding(path: Path, first_block: bytes, file_name: str, declared_encoding: str | None) -> str:
    if declared_encoding:
        encoding = codecs.lookup(declared_encoding).name
        encoding = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(encoding, encoding)
        if encoding == "utf-8" and not _is_decodable(path, encoding):
            raise ExportRefused(
                f"{file_name} is not utf-8 as set: set `encoding` of this source to one of {', '.join(ENCODINGS)}"
            )
        return encoding
    if first_block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even_zero_count, odd_zero_count = first_block[:40:2].count(0), first_block[1:40:2].count(0)
    if max(even_zero_count, odd_zero_count) > 12 and not min(even_zero_count, odd_zero_count):
        return "utf-16-le" if odd_zero_count else "utf-16-be"
    if first_block.count(0) > len(first_block) // 100:
        raise ExportRefused(
            f"{file_name} is not text ({first_block.count(0)} zero bytes in its first {len(first_block)}): export it "
            "as CSV or JSON"
        )
    if _is_decodable(path, "utf-8"):
        return "utf-8"
    with path.open("rb") as handle:
        guessed_encoding = guess_encoding(find_non_ascii_lines(read_chunks(handle)))
    if guessed_encoding is None or not _is_decodable(path, guessed_encoding):
        raise ExportRefused(
            f"{file_name} is none of {', '.join(ENCODINGS)}, and its letters do not tell which encoding it has: "
            "set `encoding` of this source to the one it was written in"
        )
    return guessed_encoding


def _decode_chunks(path: Path, encoding: str) -> Iterator[str]:
    return codecs.iterdecode(OpenedFile(path, encoding).chunks(), encoding)


def _is_decodable(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in OpenedFile(path, encoding).chunks():
            undecoded_bytes = decoder.getstate()[0]  # the block before ends inside a letter
            # most blocks are plain ASCII, which takes less time to see than to decode
            if encoding != "utf-8" or undecoded_bytes or not chunk.isascii():
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _transcode(source_path: Path, target_path: Path, encoding: str, file_name: str) -> Path:
    try:
        with target_path.open("wb") as target_file:
            target_file.writelines(
                text_chunk.encode("utf-8", "replace") for text_chunk in _decode_chunks(source_path, encoding)
            )
    except UnicodeDecodeError:
        raise ExportRefused(
            f"{file_name} is not {encoding} (at least one byte cannot be decoded in it): set `encoding` of this "
            f"source to one of {', '.join(ENCODINGS)}"
        ) from None
    return target_path
