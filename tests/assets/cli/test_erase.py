"""`footsteps erase` and `footsteps restore` say what they lack, and do nothing without the list of erased people."""

from pathlib import Path

import pytest
from erasable_company import PEOPLE_EXPORT
from typer.testing import CliRunner

from assets.checks.exit_codes import ExitCode
from assets.cli.app import app
from pipelines.contracts.catalog import PERSON
from pipelines.privacy.erased_people import KEY_VARIABLE
from pipelines.storage.lake import Lake

CONFIG = """company: C
sources: [{name: people, system: bamboohr, path: "people*.csv", delivery: full}]
"""


def run_command(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, list(arguments))
    return outcome.exit_code, " ".join(outcome.output.split())


def declare(folder: Path, section: str) -> Path:
    root = folder / "root"
    (root / "landing").mkdir(parents=True, exist_ok=True)
    (root / "landing" / "people.csv").write_text("\n".join(PEOPLE_EXPORT) + "\n")
    (root / "footsteps.yaml").write_text(CONFIG + section)
    Lake(root / "lake").write(PERSON, Lake(root / "lake").scan(PERSON).collect())
    return root


def test_an_erasure_needs_a_declared_list_a_key_and_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    root = declare(tmp_path, "")
    code, text = run_command("erase", "p0001", "--data-root", str(root))
    assert (code, "declare `privacy: {erased_people: PATH}`" in text) == (ExitCode.CONFIGURATION, True)
    declare(tmp_path, "privacy: {erased_people: kept.jsonl}\n")
    code, text = run_command("erase", "p0001", "--data-root", str(root))
    assert (code, "declare a path outside" in text) == (ExitCode.CONFIGURATION, True)
    declare(tmp_path, "privacy: {erased_people: ../kept.jsonl}\n")
    code, text = run_command("erase", "p0001", "--data-root", str(root))
    assert (code, f"set {KEY_VARIABLE}" in text) == (ExitCode.CONFIGURATION, True)
    monkeypatch.setenv(KEY_VARIABLE, "a secret of the company")
    # a run would bring back whom nobody can name without the list
    for command in (["erase", "p0001"], ["run"]):
        code, text = run_command(*command, "--data-root", str(root))
        assert (code, "kept.jsonl is missing" in text) == (ExitCode.CONFIGURATION, True), text
    assert run_command("erase", "--new-list", "--data-root", str(root))[0] == ExitCode.SUCCESS
    code, text = run_command("erase", "p0001", "--data-root", str(root))
    assert (code, "nobody was erased" in text) == (ExitCode.FAILED, True)


def test_nothing_is_restored_without_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a secret of the company")
    bucket = "publish: {object_store: {url: s3://b/f, endpoint: http://127.0.0.1:9}}\n"
    root = declare(tmp_path, f"privacy: {{erased_people: ../kept.jsonl}}\n{bucket}")
    code, text = run_command("restore", "--data-root", str(root))
    assert (code, "put it back before anything is restored" in text) == (ExitCode.CONFIGURATION, True)
