"""The small company that people are erased from."""

from pathlib import Path

import pytest
from erasable_company import build_company

from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import KEY_VARIABLE


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    """The company before any erasure; p0001 gives and receives feedback and is a companion of p0000."""
    monkeypatch.setenv(KEY_VARIABLE, "a secret of the company")
    monkeypatch.setattr("pipelines.privacy.erasure.GRACE_SECONDS", 0.0)
    return build_company(tmp_path / "root")
