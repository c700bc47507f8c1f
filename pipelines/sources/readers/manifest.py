"""The manifest that some systems deliver with their exports: whether each file is complete.

Belongs here: reading from a manifest whether a file is bulk, delta or absent.
Does not belong here: unpacking (`files`), what the mode means for the current rows (`pipelines.ingest.landing`).
"""

import csv
import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Literal, get_args

from pipelines.sources.readers.files import ARCHIVE_ERRORS, ExportRefused, archive_members

ManifestMode = Literal["bulk", "delta", "absent"]
# A manifest has about twenty short lines; nothing beyond this size is read.
MAX_MANIFEST_BYTES = 1 << 20


def read_manifest_mode(path: Path, manifest_name: str, member_pattern: str | None) -> ManifestMode | None:
    """Read from the manifest how complete a file is.

    Args:
        path: The delivered file. Its manifest lies in the same folder, or inside the archive if there is a
            `member_pattern`.
        manifest_name: Name of the manifest file.
        member_pattern: Pattern of the file to take from an archive.

    Returns:
        `bulk` (all records), `delta` (changed records) or `absent`; None if there is no manifest, the manifest does
        not name the file, or the file is damaged. Reading a damaged file raises the error that explains it.

    Raises:
        ExportRefused: If the manifest gives another word for the file.
    """
    try:
        if member_pattern is not None and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                member_names = archive_members(archive, manifest_name)
                manifest_bytes = _read_start(archive.open(member_names[0])) if member_names else b""
            export_name = PurePosixPath(member_pattern.lower()).stem
        else:
            manifest_path = path.with_name(manifest_name)
            manifest_bytes = _read_start(manifest_path.open("rb")) if manifest_path.is_file() else b""
            export_name = path.name.lower().split(".")[0]
    except ARCHIVE_ERRORS:
        return None
    manifest_rows = csv.reader(io.StringIO(manifest_bytes.decode("utf-8-sig", "replace").replace("\x00", "")))
    value_by_property = {
        cells[0].strip().lower(): cells[1].strip().lower() for cells in manifest_rows if len(cells) > 1
    }
    mode = value_by_property.get(f"file.{export_name}")
    if mode and mode not in get_args(ManifestMode):
        raise ExportRefused(
            f"{path.name}: {manifest_name} gives {mode[:20]} for {export_name}; allowed: bulk, delta, absent"
        )
    return mode or None  # type: ignore[return-value]


def _read_start(handle: IO[bytes]) -> bytes:
    with handle:
        return handle.read(MAX_MANIFEST_BYTES)
