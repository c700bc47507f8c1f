"""A file as it lies there, opened: unpacked, decoded to UTF-8, with limits.

Belongs here: gzip, zstd and zip, encodings, byte order marks, the limits against hostile archives, what a file is not.
Does not belong here: rows and columns (`delimited`, `jsonlines`).
"""

import codecs
import gzip
import shutil
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from pipelines.sources.declaration import ExportRefused
from pipelines.sources.readers.manifest import archive_members

CHUNK_BYTES = 1 << 20
# A text export shrinks 5 to 30 times, repetitive ones 200 times; bombs start at 1,000.
MAX_UNPACKED_RATIO = 500
MAX_UNPACKED_BYTES = 64 << 30
# Below this size no ratio is checked: a few kilobytes of equal rows shrink beyond any ratio.
SMALL = 16 << 20
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


class ScratchFolder:
    """A folder for unpacked copies that is removed when nothing holds it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="footsteps-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class OpenedFile:
    """A plain UTF-8 file without a byte order mark in front of its text, which starts at `start`.

    `folder` keeps the unpacked copy alive as long as anything reads it; it is None where the file is read in place.
    """

    path: Path
    encoding: str
    start: int = 0
    folder: ScratchFolder | None = None


def open_file(path: Path, encoding: str | None = None, member: str | None = None) -> OpenedFile:
    """The file, unpacked and decoded; in place where it is plain UTF-8. Raises ExportRefused where it is not text.

    `member` is the pattern of the one file that counts of an archive.
    """
    if path.stat().st_size == 0:
        raise ExportRefused(f"{path.name} is empty (0 bytes): export it again")
    with path.open("rb") as handle:
        head = handle.read(4)
    plain, folder = _unpack(path, head, member)
    with plain.open("rb") as handle:
        head = handle.read(CHUNK_BYTES)
    if not head.strip():
        raise ExportRefused(f"{path.name} holds no text (only blanks): export it again")
    _refuse_what_is_no_text(path.name, head)
    found = _encoding_of(plain, head, path.name, encoding)
    if found == "utf-8":
        start = 3 if head.startswith(codecs.BOM_UTF8) else 0
        return OpenedFile(plain, found, start, folder)
    folder = folder or ScratchFolder()
    return OpenedFile(_transcode(plain, folder.path / "text", found, path.name), found, 0, folder)


def _unpack(path: Path, head: bytes, member: str | None) -> tuple[Path, ScratchFolder | None]:
    if head[:2] == b"\x1f\x8b":
        pieces = _gzip_pieces(path)
    elif head == b"\x28\xb5\x2f\xfd":
        pieces = _zstd_pieces(path)
    elif head == b"PK\x03\x04":
        pieces = _zip_pieces(path, member)
    else:
        return path, None
    folder = ScratchFolder()
    target = folder.path / "unpacked"
    with target.open("wb") as out:
        for piece in _within_limits(pieces, path):
            out.write(piece)
    if not target.stat().st_size:
        raise ExportRefused(f"{path.name} unpacks to 0 bytes: export it again")
    return target, folder


def unpacked_size(path: Path) -> int:
    """Bytes of all members of a zip archive. Raises ExportRefused beyond the limits and where it is damaged."""

    def members() -> Iterator[bytes]:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as handle:
                    yield from _pieces(handle)

    return sum(len(piece) for piece in _within_limits(members(), path))


def _within_limits(pieces: Iterator[bytes], path: Path) -> Iterator[bytes]:
    packed, written = path.stat().st_size, 0
    try:
        for piece in pieces:
            written += len(piece)
            if written > MAX_UNPACKED_BYTES or (written > SMALL and written > MAX_UNPACKED_RATIO * packed):
                raise ExportRefused(
                    f"{path.name} unpacks from {packed} to more than {written} bytes, and the limit is "
                    f"{MAX_UNPACKED_RATIO} times as much: unpack it yourself if you trust it"
                )
            yield piece
    except ARCHIVE_ERRORS as error:
        raise ExportRefused(
            f"{path.name} is cut off or damaged: it unpacks to {written} bytes and then ends "
            f"({type(error).__name__}); copy it again"
        ) from None


def _pieces(handle: IO[bytes]) -> Iterator[bytes]:
    while piece := handle.read(CHUNK_BYTES):
        yield piece


def _gzip_pieces(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as handle:
        yield from _pieces(cast(IO[bytes], handle))


def _zstd_pieces(path: Path) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as handle:
        yield from _pieces(handle)


def _zip_pieces(path: Path, member: str | None) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = archive_members(archive, member)
        if "xl/workbook.xml" in names:
            raise ExportRefused(f"{path.name} is an Excel workbook, and this system reads none: export it as JSON")
        if len(names) != 1:
            found = f"{len(names)} files that fit {member}" if member else f"{len(names)} files"
            raise ExportRefused(
                f"{path.name} holds {found} where 1 is expected: set `member` of this source to a pattern that fits one"
            )
        # The member is streamed to a name of our own, so that a name inside the archive can lead nowhere.
        with archive.open(names[0]) as handle:
            yield from _pieces(handle)


def _refuse_what_is_no_text(name: str, head: bytes) -> None:
    start = head.lstrip(codecs.BOM_UTF8 + b" \r\n\t")[:64].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise ExportRefused(f"{name} is a web page, often a sign-in page saved in place of the export: export it again")
    if start.startswith((b"<?xml", b"<wd:")):
        raise ExportRefused(f"{name} is XML: choose CSV or JSON in the exporting system")
    if start.startswith(b"%pdf-"):
        raise ExportRefused(f"{name} is a PDF: choose CSV or JSON in the exporting system")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise ExportRefused(f"{name} is an old Excel workbook: save the sheet as CSV (UTF-8)")
    if head[:4] == b"par1":
        raise ExportRefused(f"{name} is Parquet: use the system tabular")


def _encoding_of(path: Path, head: bytes, name: str, declared: str | None) -> str:
    if declared:
        found = _declared_encoding(declared, name)
        if found == "utf-8" and not _decodes(path, found):
            raise ExportRefused(
                f"{name} is not utf-8 as set: set `encoding` of this source to one of {', '.join(ENCODINGS)}"
            )
        return found
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:40:2].count(0) > 12 and 0 not in head[:40:2]:
        return "utf-16-le"
    if head[:40:2].count(0) > 12 and 0 not in head[1:40:2]:
        return "utf-16-be"
    if head.count(0) > len(head) // 100:
        raise ExportRefused(
            f"{name} is not text ({head.count(0)} zero bytes in its first {len(head)}): export it as CSV or JSON"
        )
    if _decodes(path, "utf-8"):
        return "utf-8"
    if _decodes(path, "windows-1252"):
        return "windows-1252"
    raise ExportRefused(
        f"{name} is none of {', '.join(ENCODINGS)}: set `encoding` of this source to the one it was written in"
    )


def _declared_encoding(declared: str, name: str) -> str:
    try:
        found = codecs.lookup(declared).name
    except LookupError:
        raise ExportRefused(
            f"the encoding {declared} set for {name} is unknown: set one of {', '.join(ENCODINGS)}"
        ) from None
    return {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(found, found)


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as handle:
            for piece in _pieces(handle):
                if not (encoding == "utf-8" and piece.isascii() and not decoder.getstate()[0]):
                    decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _transcode(source: Path, target: Path, encoding: str, name: str) -> Path:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with source.open("rb") as handle, target.open("wb") as out:
            for piece in _pieces(handle):
                out.write(decoder.decode(piece).encode("utf-8", "replace"))
            out.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    except UnicodeDecodeError as error:
        raise ExportRefused(
            f"{name} is not {encoding} (byte {error.start} of a block cannot be decoded): set `encoding` of this "
            f"source to one of {', '.join(ENCODINGS)}"
        ) from None
    return target
