"""What stands beside an export: which of an archive's members it is, and whether its manifest calls it whole.

Belongs here: members of an archive, and manifests that say of each file whether it is bulk, delta or absent.
Does not belong here: unpacking (`files`), what follows for the rows that count (`pipelines.ingest.landing`).
"""

import csv
import io
import zipfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Literal, get_args

from pipelines.sources.declaration import ExportRefused

ManifestMode = Literal["bulk", "delta", "absent"]
# A manifest has some twenty short lines; what is longer is none.
MAX_MANIFEST_BYTES = 1 << 20


def archive_members(archive: zipfile.ZipFile, pattern: str | None) -> list[str]:
    """The members that are files and whose path or name matches the pattern, case ignored."""
    names = [one.filename for one in archive.infolist() if not one.is_dir() and "__MACOSX" not in one.filename]
    if pattern is None:
        return names
    wanted = pattern.lower()
    return [one for one in names if fnmatch(one.lower(), wanted) or fnmatch(_name(one).lower(), wanted)]


def read_manifest_mode(path: Path, manifest: str, member: str | None) -> ManifestMode | None:
    """What the manifest beside the file, or in its archive, says of it; None where there is none or it says nothing.

    Raises ExportRefused where the manifest says what it cannot say.
    """
    try:
        if member is not None and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found = archive_members(archive, manifest)
                text = _begin(archive.open(found[0])) if found else b""
            stem = PurePosixPath(member.lower()).stem
        else:
            beside = path.with_name(manifest)
            text = _begin(beside.open("rb")) if beside.is_file() else b""
            stem = path.name.lower().split(".")[0]
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError):
        return None  # the file itself is then refused with its reason
    rows = csv.reader(io.StringIO(text.decode("utf-8-sig", "replace").replace("\x00", "")))
    said = {row[0].strip().lower(): row[1].strip().lower() for row in rows if len(row) > 1}
    extent = said.get(f"file.{stem}")
    if not extent:
        return None
    if extent not in get_args(ManifestMode):
        raise ExportRefused(f"{path.name}: {manifest} says {extent[:20]} of {stem}; allowed: bulk, delta, absent")
    return extent  # type: ignore[return-value]


def _begin(handle: IO[bytes]) -> bytes:
    with handle:
        return handle.read(MAX_MANIFEST_BYTES)


def _name(member: str) -> str:
    return PurePosixPath(member.replace("\\", "/")).name
