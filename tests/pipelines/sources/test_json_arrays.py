"""A sound array gives the lines that our own splitting gives, and any other array is left to the splitting."""

from pathlib import Path

import pytest

from pipelines.sources.readers import json_arrays
from pipelines.sources.readers.files import open_file
from pipelines.sources.readers.json_arrays import write_elements

PATHS = ("statements", "items")
SOUND = {
    "compact": '[{"a":1},{"a":"b\\nc"}]',
    "on several lines": '[\r\n  {\r\n    "a": 1.0,\n "b": {"c": [1, {"d": "]"}]}\n  },\n {}\n]\n',
    "special": '[{"a":NaN,"a":2},{"a":"é €","b":"{[\\"","c":null}]',
    "empty": "[]",
    "inside an object": '{"more": "", "count": 2, "statements": [{"a":1}, {"a":[2]}], "next": null}',
    "at the end of an object": '{"items":[{"a":1}]}',
}
LEFT_TO_SPLITTING = {
    "a broken record": '[{"a":1},{"a":x},{"a":3}]',
    "no comma": '[{"a":1} {"a":2}]',
    "an element that is no object": '[1,{"a":1},[2]]',
    "text behind": '[{"a":1}] [2]',
    "another list behind": '{"items":[{"a":1}],"other":[{"b":1}]}',
    "an object in front": '{"page":{"number":1},"items":[{"a":1}]}',
}


@pytest.mark.parametrize("document", [*SOUND.values(), *LEFT_TO_SPLITTING.values()], ids=[*SOUND, *LEFT_TO_SPLITTING])
def test_an_array_gives_the_lines_of_our_own_splitting(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_path, fast_path, split_path = (tmp_path / name for name in ("document.json", "fast", "split"))
    document_path.write_text(document, encoding="utf-8", newline="")
    list_paths = PATHS if document[0] == "{" else ()
    write_elements(open_file(document_path), "document.json", list_paths, fast_path)
    monkeypatch.setattr(json_arrays, "_write_sound_array", lambda *_: False)
    write_elements(open_file(document_path), "document.json", list_paths, split_path)
    assert fast_path.read_bytes() == split_path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"document.json", "fast", "split"}  # no copy of the array


@pytest.mark.parametrize("document", SOUND.values(), ids=SOUND)
def test_a_sound_array_is_not_split_by_our_own_code(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "document.json").write_text(document, encoding="utf-8", newline="")
    monkeypatch.setattr(json_arrays, "_split_array", lambda *_: pytest.fail("split"))
    list_paths = PATHS if document[0] == "{" else ()
    write_elements(open_file(tmp_path / "document.json"), "document.json", list_paths, tmp_path / "lines")
