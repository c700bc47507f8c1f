"""The state of an asset survives a round trip, and the files of earlier versions stay readable."""

import json
from pathlib import Path

import pytest

from pipelines.storage.run_state import AssetState, read_asset_state, write_asset_state

STATE = AssetState("mastery", {"core": "abc", "as_of": None}, {"feat": "def"}, {"feat": {"rows": 3.0}}, True)


def test_a_state_is_stored_under_the_keys_of_earlier_versions(tmp_path: Path) -> None:
    write_asset_state(tmp_path, STATE)
    assert json.loads((tmp_path / ".made_of" / "mastery.json").read_text()) == {
        "step": "mastery",
        "inputs": {"core": "abc", "as_of": None},
        "outputs": {"feat": "def"},
        "said": {"feat": {"rows": 3.0}},
        "for_some": True,
    }
    assert read_asset_state(tmp_path, "mastery") == STATE


@pytest.mark.parametrize("text", ["{", "[]", '{"step": "mastery"}'])
def test_a_damaged_or_unknown_file_has_no_state(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".made_of" / "mastery.json"
    path.parent.mkdir()
    path.write_text(text)
    assert read_asset_state(tmp_path, "mastery") is None
    assert read_asset_state(tmp_path, "never_run") is None
