"""A folder of this machine as an origin, such as a mounted network share.

Belongs here: listing and reading the files of a folder.
Does not belong here: the landing folder (`pipelines.ingest.landing`).
"""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.config.fetch import FetchOptions
from pipelines.ingest.origins.origin import (
    CHUNK_BYTES,
    FileUnreadable,
    OriginUnreadable,
    RemoteFile,
    check_file_count,
    make_remote_file,
)


@dataclass(frozen=True)
class FolderOrigin:
    """The files below a folder. A linked folder is not entered, and a link that leads out of the folder not read."""

    folder: Path

    def list_files(self, depth: int) -> list[RemoteFile]:
        """See `Origin`."""
        remote_files: list[RemoteFile] = []
        try:
            self._collect_files(self.folder, "", depth, remote_files)
        except OSError as error:
            raise OriginUnreadable(f"the folder cannot be listed: {error.strerror}") from None
        return remote_files

    def describe(self, remote_name: str) -> RemoteFile | None:
        """See `Origin`."""
        try:
            file_status = (self.folder / remote_name).stat()
        except OSError:
            return None
        return (
            make_remote_file(remote_name, file_status.st_size, file_status.st_mtime)
            if stat.S_ISREG(file_status.st_mode)
            else None
        )

    def read(self, remote_name: str) -> Generator[bytes]:
        """See `Origin`."""
        path = self.folder / remote_name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise FileUnreadable("it is a link that leads out of its folder")
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise FileUnreadable(f"it cannot be read: {error.strerror}") from None

    def _collect_files(self, folder: Path, name_prefix: str, depth: int, remote_files: list[RemoteFile]) -> None:
        with os.scandir(folder) as folder_entries:
            for entry in folder_entries:
                if entry.is_dir(follow_symlinks=False):
                    if depth > 1 and not entry.name.startswith("."):
                        self._collect_files(Path(entry.path), f"{name_prefix}{entry.name}/", depth - 1, remote_files)
                elif (remote_file := self.describe(name_prefix + entry.name)) is not None:
                    remote_files.append(remote_file)
                    check_file_count(len(remote_files))


@contextmanager
def open_folder(options: FetchOptions) -> Iterator[FolderOrigin]:
    """The folder of a `fetch` section."""
    yield FolderOrigin(Path(options.url))
