"""The encoding of a file is found from the lines that tell it, and asked for if they do not."""

from pathlib import Path

import pytest

from pipelines.sources.readers import files
from pipelines.sources.readers.encodings import find_non_ascii_lines
from pipelines.sources.readers.files import ExportRefused, open_file

TEXTS = {
    "windows-1250": "Łukasz Wiśniewski;Zarządzanie jakością\nJiří Dvořák;Řízení projektů\n",
    "windows-1251": "Иван Петров;Управление проектами\nМария Иванова;Анализ данных;Обучение сотрудников\n",
    "windows-1253": "Γιώργος Παπαδόπουλος;Ανάλυση δεδομένων\n",
    "windows-1254": "Ayşe Yılmaz;Müşteri ilişkileri yönetimi\n",
    "mac_roman": "Jürgen Müller;Qualitätsprüfung für Straßenbau\n",
    "cp850": "Jürgen Müller;Qualitätsprüfung für Straßenbau\n",
    "koi8_r": "Иван Петров;Управление проектами\n",
    "shift_jis": "山田太郎;データ分析\n",
    "gb18030": "张伟;财务系统实施\n",
    "big5": "陳大文;資料分析\n",
    "euc_kr": "김민수;데이터 분석\n",
    "utf-16": "Ayşe Yılmaz;山田太郎\n",
    "utf-8": "Ayşe Yılmaz;山田太郎\n",
}
WESTERN = (
    *("Jürgen Müller;geändert\n", "José Núñez;Gestión de compañías\n", "Françoise Hélène;Être à l'écoute\n"),
    *("Søren Ærø;Kvalitetsstyring på skolen\n", "João Gonçalves;Gestão de operações\n", "Novotný;sql\n", "José;sql\n"),
    *("Þóra Guðmundsdóttir;Gæðastjórnun\n", "5 € pro Stück – „Angebot“\n", "Ludvig Malmström;sätt\n"),
)
PLAIN_LINES = "1001;sql;2026-03-02;8.0;Data platform\n" * 3000


@pytest.mark.parametrize("plain_lines", ["", PLAIN_LINES])
@pytest.mark.parametrize(("encoding", "text"), [*TEXTS.items(), *(("windows-1252", text) for text in WESTERN)])
def test_a_file_is_read_in_the_encoding_it_was_written_in(
    tmp_path: Path, encoding: str, text: str, plain_lines: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((plain_lines + text + plain_lines).encode(encoding))
    with open_file(path).open() as opened:
        assert opened.read().decode() == plain_lines + text + plain_lines


def test_letters_that_make_sense_in_several_encodings_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name;skill\nMüller;sql\n".encode("cp850"))
    with pytest.raises(ExportRefused, match="set `encoding` of this source"):
        open_file(path)
    with open_file(path, "cp850").open() as opened:
        assert opened.read().decode() == "name;skill\nMüller;sql\n"


@pytest.mark.parametrize(("text", "encoding"), [("aé".encode(), "utf-8"), ("aé".encode()[:-1], None)])
def test_a_letter_on_the_border_of_two_blocks_is_decoded_whole(
    text: bytes, encoding: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 2)
    monkeypatch.setattr(files, "guess_encoding", lambda _: None)
    path = tmp_path / "export.csv"
    path.write_bytes(text)
    if encoding is None:
        with pytest.raises(ExportRefused):
            open_file(path)
    else:
        assert open_file(path).encoding == encoding


@pytest.mark.parametrize(
    "chunks", [[b"abc\xc3", b"d\nxyz\n"], [b"abc", b"\xc3d\nxyz\n"], [b"abc\xc3d", b"\nxyz", b"\n"]]
)
def test_a_line_that_lies_in_two_blocks_is_found_whole(chunks: list[bytes]) -> None:
    assert find_non_ascii_lines(chunks).rstrip(b"\n") == b"abc\xc3d"
