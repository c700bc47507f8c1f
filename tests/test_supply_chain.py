"""The verdict of `make audit`, and the locks of the tools that audit and list the dependencies."""

import importlib.util
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# The environment of `make audit`.
AUDIT_PYTHON = ROOT / ".footsteps" / "tools" / "audit" / "bin" / "python"
OUT_OF_REACH = "the vulnerability service is out of reach: nothing was audited."


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
        (write_report(SOUND, SKIPPED), "1 of 2 packages were not audited: numpy …", 2),
        (write_report(SKIPPED), OUT_OF_REACH, 2),
        ("", OUT_OF_REACH, 2),
    ],
)
def test_an_audit_passes_only_if_every_package_was_audited(
    audit: ModuleType, report: str, sentence: str, exit_code: int
) -> None:
    found_sentence, found_code = audit.judge(report)
    assert found_sentence.startswith(sentence)
    assert found_code == exit_code


class VulnerabilityService(BaseHTTPRequestHandler):
    """Answers as OSV does: jinja2 has a vulnerability, and no other package."""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vulnerability = {"id": "PYSEC-2", "aliases": [], "affected": [], "summary": "made up"}
        body = json.dumps({"vulns": [vulnerability]} if query["package"]["name"] == "jinja2" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("package", "is_running", "sentence", "exit_code"),
    [
        ("polars==2.1.0", True, "no known vulnerability in 1 packages.", 0),
        ("jinja2==3.1.0", True, "1 of 1 packages are vulnerable: jinja2 3.1.0 (PYSEC-2).", 1),
        ("polars==2.1.0", False, OUT_OF_REACH, 2),
    ],
)
def test_the_audit_asks_the_named_service(
    tmp_path: Path, package: str, is_running: bool, sentence: str, exit_code: int
) -> None:
    if not AUDIT_PYTHON.exists():
        pytest.skip("pip-audit is not installed: `make audit` installs it")
    (tmp_path / "lock.txt").write_text(f"{package} \\\n    --hash=sha256:{'0' * 64}\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), VulnerabilityService) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1] if is_running else 1  # nothing listens on port 1
        command = [AUDIT_PYTHON, ROOT / ".ci" / "audit.py", "lock.txt", f"http://127.0.0.1:{port}/v1/query"]
        audited = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        server.shutdown()
        thread.join()
    assert audited.stdout.startswith(f"audit of lock.txt: {sentence}"), audited.stderr
    assert audited.returncode == exit_code


@pytest.mark.parametrize(("lock", "tool"), [("sbom.txt", "cyclonedx-bom"), ("audit.txt", "pip-audit")])
def test_each_tool_is_pinned_with_hashes_and_names_no_host(lock: str, tool: str) -> None:
    text = (ROOT / ".ci" / lock).read_text()
    packages = re.findall(r"^([\w.\-\[\]]+)==\S+ .*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert tool in packages
    assert len(packages) == len(re.findall(r"^\w", text, re.MULTILINE))
    assert "://" not in text
