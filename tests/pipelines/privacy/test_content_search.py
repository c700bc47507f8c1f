"""A text is found in every format that a data root has, and not as a part of a longer word."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.privacy.content_search import compile_replacement, find_contents_with, find_files_with


def test_a_text_is_found_in_every_format(tmp_path: Path) -> None:
    name = "Zoë Müller"
    (tmp_path / "plain.csv").write_text(f"a,{name}\n", encoding="utf-8")
    (tmp_path / "windows.csv").write_bytes(f"a,{name}\n".encode("latin-1"))
    (tmp_path / "utf16.csv").write_bytes(f"a,{name}\n".encode("utf-16"))
    (tmp_path / "escaped.json").write_text('{"n": "Zo\\u00eb M\\u00fcller"}')
    (tmp_path / "lower.txt").write_text(name.lower())
    (tmp_path / "packed.gz").write_bytes(gzip.compress(name.encode()))
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sheet.xml", name)
        np.save(tmp_path / "names.npy", np.array([name]))
    pl.DataFrame({"n": [name] * 100, "l": [[name]] * 100}).write_parquet(tmp_path / "rows.parquet")
    pl.DataFrame({"s": [{"k": [name]}]}).write_parquet(tmp_path / "nested.parquet")
    for path, content in {"other.csv": "Zoë Müllerin", "number.csv": "9100073", "word.csv": "x100073"}.items():
        (tmp_path / path).write_text(content)
    assert {path.name for path in find_files_with(tmp_path, [name])} == {
        "plain.csv",
        "windows.csv",
        "utf16.csv",
        "escaped.json",
        "lower.txt",
        "packed.gz",
        "model.skops",
        "names.npy",
        "rows.parquet",
        "nested.parquet",
    }
    assert find_files_with(tmp_path, ["100073"]) == []
    assert find_files_with(tmp_path, []) == []


def test_a_text_is_found_and_replaced_after_an_escaped_line_end_but_not_within_the_number_of_another_person(
    tmp_path: Path,
) -> None:
    (tmp_path / "event.json").write_text(r'{"error": "read\n10007"}')
    assert find_files_with(tmp_path, ["10007"]) == [tmp_path / "event.json"]
    replace_texts = compile_replacement(["10007", "ben@x.example"])
    assert replace_texts(r"read\n10007, 210007, Ben@x.example, reuben@x.example") == (
        r"read\n(erased), 210007, Ben@x.example, reuben@x.example"
    )
    assert replace_texts("10007 ben@x.example") == "(erased) (erased)"
    assert compile_replacement([])("10007") == "10007"


def test_many_texts_are_found_in_many_small_and_large_contents() -> None:
    texts = [f"person{number:05}@x.example" for number in range(500)]
    filler = b"somebody@x.example, person99999@x.example; " * 2_000
    contents = [(number, filler + f"<{texts[number]}>".encode() + filler) for number in range(0, 500, 50)]
    contents += [(-1, filler), (-2, b"xperson00001@x.example"), (-3, b"person00001@x.examples"), (-4, b"\xff\xfe\x00")]
    assert find_contents_with(contents, texts) == set(range(0, 500, 50))


def test_a_short_text_within_a_longer_one_is_found_beside_it() -> None:
    assert find_contents_with([("a", b"10007-10007x"), ("b", b"10007x")], ["10007", "10007x-1"]) == {"a"}
    assert find_contents_with([("a", b"ann archer")], ["ann archery", "archer"]) == {"a"}
