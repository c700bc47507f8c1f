"""Files of a form that is not read, or not wholly: the message says what the file is and the way out."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.adapter import Export, get_adapter, read_export
from pipelines.sources.detect import rank_systems
from pipelines.sources.readers.files import ExportRefused


def write_json(folder: Path, *records: Any) -> Path:
    path = folder / "a.json"
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def read(path: Path, system: str) -> Export:
    return read_export(path, get_adapter(system))


def refusals(path: Path, system: str) -> set[str]:
    """Return why the file is refused, as a file of the system and as a file of any system."""
    messages = set()
    for open_as in (lambda: read(path, system), lambda: rank_systems(path)):
        with pytest.raises(ExportRefused) as caught:
            open_as()
        messages.add(str(caught.value))
    return messages


ASSERTION_0_5 = {
    "recipient": "sha256$c7ef",
    "salt": "deadsea",
    "issued_on": "2012-05-01",
    "badge": {"version": "0.5.0", "name": "SQL", "criteria": "https://b.example/c", "issuer": {"name": "Acme"}},
}
ASSERTION = {
    "uid": "1",
    "recipient": {"type": "email", "hashed": False, "identity": "anna@example.com"},
    "issuedOn": 1767225600,
    "badge": "https://b.example/sql.json",
}
HASHED = {"type": "email", "hashed": True, "salt": "deadsea", "identity": "sha256$c7ef"}


def test_an_assertion_of_open_badges_0_5_is_refused_by_its_version(tmp_path: Path) -> None:
    (message,) = refusals(write_json(tmp_path, ASSERTION_0_5), "open_badges")
    assert message.startswith("a.json is an assertion of Open Badges 0.5, ")
    assert message.endswith(
        "ask the issuer for assertions of Open Badges 2.0 or credentials of Open Badges 3.0, as JSON"
    )


def test_a_file_with_records_that_are_read_is_not_refused_for_others(tmp_path: Path) -> None:
    records = read(write_json(tmp_path, ASSERTION_0_5, ASSERTION), "open_badges").shapes["learning_record"].collect()
    assert records["record_code"].to_list() == [None, "1"]


@pytest.mark.parametrize(
    ("member", "version"), [("verify", "1"), ("verification", "2.0"), ("evidence", "1 or 2.0"), (None, None)]
)
def test_recipients_hashed_with_a_salt_are_noted_with_the_version(
    tmp_path: Path, member: str | None, version: str | None
) -> None:
    assertion = {**ASSERTION, "recipient": HASHED, member: {"type": "hosted"}} if member else ASSERTION
    notes = read(write_json(tmp_path, assertion), "open_badges").notes
    assert len(notes) == (version is not None)
    assert all(
        note.startswith(f"it holds Open Badges {version} assertions whose recipients are hashed") for note in notes
    )
