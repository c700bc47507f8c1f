"""Who may read the files of a data root: their owner alone, and a declared group what is published.

Belongs here: the umask of the process, and the access to the folders of a data root.
Does not belong here: which files are written; `atomic_write` gives a file the access that is decided here.
"""

import grp
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE_UMASK = 0o077
GROUP_READS_UMASK = 0o027
# What is private in any case. The root and its landing folder may have been opened to the senders of exports.
_PRIVATE_FOLDERS = ("lake", "models", "data_docs", "dagster_home")
_GROUP_FOLDER_MODE = stat.S_ISGID | 0o750  # a new file or folder in it belongs to its group
_GROUP_FILE_MODE = 0o640

# Python cannot read the umask without changing it for all threads.
_umask = PRIVATE_UMASK


class UnknownGroup(Exception):
    """The group that may read what is published cannot be used; the message says why."""


def current_umask() -> int:
    """The umask that files are written with now; `PRIVATE_UMASK` unless a group may read them."""
    return _umask


def use_umask(umask: int) -> int:
    """Write files with this umask from now on, in this process and those that it starts.

    Returns:
        The umask of the process before.
    """
    global _umask
    _umask = umask
    return os.umask(umask)


@contextmanager
def readable_by(reader_group: str | int | None, folder: Path) -> Iterator[None]:
    """Let a group read a folder, and the files that this process writes during the block.

    The umask is the process's: no other thread may write private files into a folder that others can enter meanwhile.

    Args:
        reader_group: Name or number of the group; None changes nothing.
        folder: The folder; it is created if it is missing.

    Raises:
        UnknownGroup: If there is no such group, or the user of this process is not in it.
    """
    if reader_group is None:
        yield
        return
    _open_folder(folder, _find_group_id(reader_group))
    earlier_file_umask, earlier_process_umask = current_umask(), use_umask(GROUP_READS_UMASK)
    try:
        yield
    finally:
        use_umask(earlier_file_umask)
        os.umask(earlier_process_umask)


def restrict_data_root(data_root: Path, published_folder: Path, reader_group: str | int | None) -> None:
    """Close the folders of a data root to all but its owner, and open `published_folder` to a group if one is declared.

    The group may also pass through the root, but not list it, unless the root has been opened to another group.

    Args:
        data_root: The data root.
        published_folder: The folder of everything that is published.
        reader_group: Name or number of the group that may read `published_folder`; None for nobody.

    Raises:
        UnknownGroup: If there is no such group, or the user of this process is not in it.
    """
    folders_to_close = [data_root / folder_name for folder_name in _PRIVATE_FOLDERS] + (
        [] if reader_group is not None else [published_folder]
    )
    for folder in folders_to_close:
        if folder.is_dir() and folder.stat().st_mode & PRIVATE_UMASK:
            folder.chmod(0o700)
    if reader_group is None:
        return
    group_id = _find_group_id(reader_group)
    published_folder.mkdir(parents=True, exist_ok=True)
    root_status = data_root.stat()
    if root_status.st_gid == group_id or not root_status.st_mode & stat.S_IRWXG:
        _give_to_group(data_root, group_id, stat.S_IMODE(root_status.st_mode) | stat.S_IXGRP)
    _open_folder(published_folder, group_id)


def _find_group_id(reader_group: str | int) -> int:
    if isinstance(reader_group, int):
        return reader_group
    try:
        return grp.getgrnam(reader_group).gr_gid
    except KeyError:
        raise UnknownGroup(
            f"publish.group: this machine has no group {reader_group!r}: create it, or name another"
        ) from None


def _open_folder(folder: Path, group_id: int) -> None:
    """Open a folder and everything in it to the group, unless that is done."""
    folder.mkdir(parents=True, exist_ok=True)
    folder_status = folder.stat()
    if folder_status.st_gid == group_id and stat.S_IMODE(folder_status.st_mode) == _GROUP_FOLDER_MODE:
        return
    # the folder itself last, so that a walk that was interrupted is repeated
    for contained_path in (*folder.rglob("*"), folder):
        if not contained_path.is_symlink():
            _give_to_group(
                contained_path, group_id, _GROUP_FOLDER_MODE if contained_path.is_dir() else _GROUP_FILE_MODE
            )


def _give_to_group(path: Path, group_id: int, access_mode: int) -> None:
    try:
        os.chown(path, -1, group_id)
    except PermissionError as error:
        raise UnknownGroup(
            f"publish.group: {path} cannot be given to the group {group_id}: add the user of this process to it"
        ) from error
    path.chmod(access_mode)
