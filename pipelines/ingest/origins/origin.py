"""An origin: a place where exports are placed, whose files can be listed and read and are never changed.

Belongs here: what every kind of origin offers, its failures, and which names of files are taken.
Does not belong here: one kind of origin (`folder`, `object_store`, `sftp`), which files are fetched
(`pipelines.ingest.fetching`).
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Protocol

from pipelines.config.fetch import FetchOptions
from pipelines.config.secrets import describe_failure

# An origin with more files is refused: listing it would take too long in every run.
MAX_FILES = 100_000
# Folders below the url that a pattern with ** reaches.
MAX_DEPTH = 20
CHUNK_BYTES = 1 << 20
# The temporary name of a file adds about 40 bytes; file systems take names of 255.
_MAX_NAME_BYTES = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799


class OriginUnreadable(Exception):
    """An origin cannot be read. The message says why and what to do, and holds no secret."""


class FileUnreadable(Exception):
    """One file of an origin cannot be read; others may. The message says why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at an origin: its name below the url, with `/`, its bytes and the time of its last change (UTC)."""

    name: str
    size_bytes: int
    modified_at: datetime

    def is_same_version(self, relisted_file: "RemoteFile | None") -> bool:
        """Whether another look at the file found the same size and second of change.

        Some stores state fractions of a second only in listings.
        """
        if relisted_file is None:
            return False
        change_times = (file.modified_at.replace(microsecond=0) for file in (self, relisted_file))
        return self.size_bytes == relisted_file.size_bytes and len(set(change_times)) == 1


class Origin(Protocol):
    """A connection to an origin. Every method may raise `OriginUnreadable`."""

    def list_files(self, depth: int) -> list[RemoteFile]:
        """The files of the origin, at most `depth` folders below the url; 1 for those directly below it."""
        ...

    def describe(self, remote_name: str) -> RemoteFile | None:
        """A file as it is now; None if it is gone."""
        ...

    def read(self, remote_name: str) -> Generator[bytes]:
        """The content of a file, in parts. Raises `FileUnreadable`."""
        ...


@contextmanager
def failing_as(
    failure_type: type[OriginUnreadable] | type[FileUnreadable], failure_sentence: str, options: FetchOptions
) -> Iterator[None]:
    """Turn any error of a library into a failure without secrets.

    The libraries raise what servers and clouds tell, in no common class, and may quote a signed address.

    Args:
        failure_type: The failure to raise.
        failure_sentence: What could not be done.
        options: The `fetch` section, whose credentials the message must not hold.
    """
    try:
        yield
    except (OriginUnreadable, FileUnreadable):
        raise
    except Exception as error:
        raise failure_type(f"{failure_sentence}: {describe_failure(error, options.secret_variables)}") from None


def make_remote_file(remote_name: str, size_bytes: int | None, modified_seconds: float | None) -> RemoteFile:
    """A file of a listing, by the time of its last change in seconds since 1970.

    Raises:
        OriginUnreadable: The listing has no size or no time, without which a changed file would not be noticed.
    """
    if size_bytes is None or modified_seconds is None:
        raise OriginUnreadable("it does not state size and time of its files")
    return RemoteFile(remote_name, size_bytes, convert_seconds(modified_seconds))


def convert_seconds(epoch_seconds: float) -> datetime:
    """The moment in UTC of a time in seconds since 1970; times that no calendar has become the nearest that one has."""
    return _EPOCH + timedelta(seconds=min(max(epoch_seconds, 0), _LAST_SECOND))


def matches_pattern(file_name: str, pattern: str) -> bool:
    """Whether a name is one that `Path.glob` would find.

    Args:
        file_name: Name of a file, with `/`.
        pattern: A pattern of `Path.glob`, in which `**` stands for any number of folders.
    """
    return _match_name_parts(tuple(file_name.split("/")), tuple(pattern.split("/")))


def pattern_depth(pattern: str) -> int:
    """The number of levels below the url on which a pattern finds files."""
    pattern_parts = pattern.split("/")
    return MAX_DEPTH if "**" in pattern_parts else len(pattern_parts)


def find_name_problem(remote_name: str) -> str | None:
    """Why a file of this name must not be written to the landing folder; None if it may."""
    name_parts = remote_name.split("/")
    if any(name_part in ("", ".", "..") for name_part in name_parts) or "\\" in remote_name:
        return "its name leads out of its folder"
    if not all(character.isprintable() for character in remote_name):
        return "its name has characters that cannot be printed, or is not UTF-8"
    if any(len(name_part.encode()) > _MAX_NAME_BYTES for name_part in name_parts):
        return f"its name is longer than {_MAX_NAME_BYTES} bytes"
    return None


def is_hidden(file_name: str) -> bool:
    """Whether the file or a folder above it is hidden: many programs write so what is not complete."""
    return any(name_part.startswith(".") and name_part not in (".", "..") for name_part in file_name.split("/"))


def printable_name(file_name: str) -> str:
    """A name as messages show it: what cannot be printed is escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in file_name
    )


def check_file_count(file_count: int) -> None:
    """Refuse an origin with too many files.

    Raises:
        OriginUnreadable: There are more than `MAX_FILES`.
    """
    if file_count > MAX_FILES:
        raise OriginUnreadable(f"there are more than {MAX_FILES:,} files: name a folder with fewer under `url`")


def _match_name_parts(name_parts: tuple[str, ...], pattern_parts: tuple[str, ...]) -> bool:
    """Whether the folders and the name of a file match those of a pattern, from the first on."""
    if not pattern_parts:
        return not name_parts
    if pattern_parts[0] == "**":
        return any(
            _match_name_parts(name_parts[part_index:], pattern_parts[1:]) for part_index in range(len(name_parts) + 1)
        )
    return (
        bool(name_parts)
        and fnmatchcase(name_parts[0], pattern_parts[0])
        and _match_name_parts(name_parts[1:], pattern_parts[1:])
    )
