"""The verdict of `make audit`, and the locks of the tools that audit and list the dependencies."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


SOUND = {"name": "polars", "version": "2.1.0", "vulns": []}
SKIPPED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)"}
VULNERABLE = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "PYSEC-2"}, {"id": "GHSA-1"}]}


@pytest.mark.parametrize(
    ("report", "sentence", "exit_code"),
    [
        (write_report(SOUND), "no known vulnerability in 1 packages.", 0),
        (
            write_report(SOUND, SKIPPED, VULNERABLE),
            "1 of 3 packages are vulnerable: jinja2 3.1.0 (GHSA-1, PYSEC-2).",
            1,
        ),
        (write_report(SOUND, SKIPPED), "1 of 2 packages were not audited: numpy …", 1),
        (
            write_report(SKIPPED),
            "the vulnerability service is out of reach or knows no package: nothing was audited.",
            1,
        ),
        ("", "the vulnerability service is out of reach: nothing was audited.", 1),
    ],
)
def test_an_audit_passes_only_if_every_package_was_audited(
    audit: ModuleType, report: str, sentence: str, exit_code: int
) -> None:
    assert audit.judge(report) == (sentence, exit_code)


@pytest.mark.parametrize(("lock", "tool"), [("sbom.txt", "cyclonedx-bom"), ("audit.txt", "pip-audit")])
def test_each_tool_is_pinned_with_hashes_and_names_no_host(lock: str, tool: str) -> None:
    text = (ROOT / ".ci" / lock).read_text()
    packages = re.findall(r"^([\w.\-\[\]]+)==\S+ .*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert tool in packages
    assert len(packages) == len(re.findall(r"^\w", text, re.MULTILINE))
    assert "://" not in text
