"""A replaced file is whole or the old one."""

from pathlib import Path

import pytest

from pipelines.storage.atomic_write import file_sha256, replacing, write_text_atomically


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file.txt"
    write_text_atomically(file, "old\r\n")
    with replacing(file) as unfinished:
        unfinished.write_text("new")
        assert file.read_bytes() == b"old\r\n"
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_stays_if_the_block_raises(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("old")

    def fail() -> None:
        with replacing(file) as unfinished:
            unfinished.write_text("half")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert file_sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
