"""Files are private, unless a group is declared for the folder that they are in."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.file_access import UnknownGroup, readable_by, restrict_data_root


@pytest.fixture(autouse=True)
def permissive_umask() -> Iterator[None]:
    umask_before = os.umask(0o000)
    yield
    os.umask(umask_before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def other_group() -> int:
    """A group that the process may give files to and that new files do not have by themselves."""
    if os.getuid() == 0:
        return 12345
    others = set(os.getgroups()) - {os.getgid()}
    if not others:
        pytest.skip("the user of this process is in one group only")
    return min(others)


def test_a_replaced_file_is_private_whatever_the_umask_is(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("open")
    write_text_atomically(tmp_path / "file.txt", "private")
    assert mode_of(tmp_path / "file.txt") == 0o600


def test_a_group_reads_what_is_written_for_it_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    with readable_by(other_group(), folder):
        (folder / "tables").mkdir()
        (folder / "tables" / "log.json").write_text("{}")
        write_text_atomically(folder / "CURRENT", "s0")
    write_text_atomically(tmp_path / "private", "")
    assert mode_of(folder) == mode_of(folder / "tables") == 0o2750
    assert mode_of(folder / "tables" / "log.json") == mode_of(folder / "CURRENT") == 0o640
    assert {path.stat().st_gid for path in (folder, *folder.rglob("*"))} == {other_group()}
    assert mode_of(tmp_path / "private") == 0o600


def test_files_that_exist_are_opened_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "published" / "tables").mkdir(parents=True, mode=0o700)
    (tmp_path / "published" / "tables" / "old.parquet").touch(0o600)
    restrict_data_root(tmp_path, tmp_path / "published", os.getgid())
    assert mode_of(tmp_path / "published" / "tables" / "old.parquet") == 0o640
    assert mode_of(tmp_path / "published" / "tables") == 0o2750


def test_the_folders_of_an_earlier_version_are_closed_and_the_landing_folder_is_left_to_its_senders(
    tmp_path: Path,
) -> None:
    for name in ("lake", "models", "data_docs", "dagster_home", "published", "landing"):
        (tmp_path / name).mkdir()
    restrict_data_root(tmp_path, tmp_path / "published", None)
    modes = {path.name: mode_of(path) for path in tmp_path.iterdir()}
    assert modes.pop("landing") == 0o777
    assert set(modes.values()) == {0o700}


def test_a_group_passes_through_a_private_root_and_an_open_root_is_left_as_it_is(tmp_path: Path) -> None:
    private, opened = tmp_path / "private", tmp_path / "opened"
    private.mkdir(mode=0o700)
    opened.mkdir(mode=0o770)
    for root in (private, opened):
        restrict_data_root(root, root / "published", other_group())
    assert mode_of(private) == 0o710
    assert private.stat().st_gid == other_group()
    assert mode_of(opened) == 0o770
    assert opened.stat().st_gid != other_group()


def test_a_group_that_is_no_longer_declared_reads_nothing(tmp_path: Path) -> None:
    restrict_data_root(tmp_path, tmp_path / "published", os.getgid())
    restrict_data_root(tmp_path, tmp_path / "published", None)
    assert mode_of(tmp_path / "published") == 0o700


def test_an_unknown_group_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownGroup, match="no group 'no-such-readers': create it, or name another"):
        restrict_data_root(tmp_path, tmp_path / "published", "no-such-readers")
    assert not (tmp_path / "published").exists()
