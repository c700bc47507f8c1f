"""The export files of a folder: every file below it, and every file of an archive that holds several.

Belongs here: which files are inspected, and how a file is named in messages.
Does not belong here: what a file is (`recognition`), which files a source reads (`pipelines.ingest.landing`).
"""

import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from pipelines.ingest.landing import DONE_SUFFIX, list_landing_files
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import archive_members
from pipelines.sources.readers.workbook import is_workbook

# Folders and files that a run writes below a data root; none of them is an export.
_DATA_ROOT_FOLDERS = ("lake", "published")
_CONFIG_FILE_NAMES = ("footsteps.yaml", "footsteps.yml")
# Of files that differ in their dates alone, so many are read: a year of daily files says no more than these.
MAX_SERIES_FILES = 12


@dataclass(frozen=True, order=True, slots=True)
class ExportFile:
    """One table of the folder: a file, or a file of an archive that holds several.

    Attributes:
        path: Path of the file relative to the folder, with slashes.
        member: Pattern of the file in the archive, as `member` of a source takes it; None for a plain file.
    """

    path: str
    member: str | None = None

    @property
    def label(self) -> str:
        """The file in words; a sign that is no text is replaced."""
        label = self.path if self.member is None else f"{self.path} ({self.member})"
        return label.encode("utf-8", "replace").decode()

    @property
    def has_usable_name(self) -> bool:
        """Whether the name of the file can be written into footsteps.yaml."""
        return self.path.isprintable()

    @property
    def stem(self) -> str:
        """Name of the file without folder and suffixes."""
        return PurePosixPath(self.member or self.path).name.split(".")[0]

    @property
    def options(self) -> SourceOptions:
        """The options with which a reader opens the file."""
        return SourceOptions(member=self.member)


def list_export_files(folder: Path) -> list[ExportFile]:
    """List the files of a folder and of its subfolders.

    Args:
        folder: The folder. Hidden files and folders, `.done` markers, configurations and files that a link leads to
            outside of it are left out.

    Returns:
        The files in the order of their names.
    """
    export_files: list[ExportFile] = []
    for file_path in list_landing_files(folder, "**/*"):
        relative_path = file_path.relative_to(folder)
        is_hidden = any(path_part.startswith(".") for path_part in relative_path.parts)
        if not is_hidden and file_path.suffix != DONE_SUFFIX and file_path.name not in _CONFIG_FILE_NAMES:
            export_files += [
                ExportFile(relative_path.as_posix(), member_pattern)
                for member_pattern in _list_member_patterns(file_path)
            ]
    return sorted(export_files, key=lambda export_file: (export_file.path, export_file.member or ""))


def choose_inspected(series_files: Sequence[ExportFile]) -> list[ExportFile]:
    """Choose the files of a series that are read: all of a short one, of a long one some from its whole length."""
    if len(series_files) <= MAX_SERIES_FILES:
        return list(series_files)
    last_index = len(series_files) - 1
    return [
        series_files[round(choice_number * last_index / (MAX_SERIES_FILES - 1))]
        for choice_number in range(MAX_SERIES_FILES)
    ]


def is_data_root(folder: Path) -> bool:
    """Whether the folder is a data root, whose tables are no exports."""
    return all((folder / folder_name).is_dir() for folder_name in _DATA_ROOT_FOLDERS)


def _list_member_patterns(file_path: Path) -> list[str | None]:
    """Return the pattern of each file of an archive that holds several; [None] for any other file."""
    if not zipfile.is_zipfile(file_path) or is_workbook(file_path):
        return [None]
    try:
        with zipfile.ZipFile(file_path) as archive:
            member_paths = archive_members(archive, None)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # reading the file names the damage
        return [None]
    if len(member_paths) < 2:
        return [None]
    count_by_file_name = Counter(PurePosixPath(member_path).name.lower() for member_path in member_paths)
    return [
        escape(file_name if count_by_file_name[file_name.lower()] == 1 else member_path)
        for member_path in member_paths
        for file_name in (PurePosixPath(member_path).name,)
        if not file_name.startswith(".")
    ]
