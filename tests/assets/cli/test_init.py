"""`footsteps init`: where footsteps.yaml is written, what stays as it is, and the sentences for awkward folders."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assets.cli.app import app
from pipelines.config.company import read_config

PEOPLE = "Employee #,First Name,Last Name,Job Title,Department,Work Email\n1,A,B,Engineer,Data,a.b@acme.example\n"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "employees_2026-06-30.csv").write_text(PEOPLE)
    return folder


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOOTSTEPS_DATA_ROOT", raising=False)


def test_the_file_is_written_to_the_working_directory_and_the_next_command_names_it(exports: Path) -> None:
    result = call("exports")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "Next:    footsteps run --config footsteps.yaml"
    config = read_config(Path("footsteps.yaml"))
    assert (config.landing, config.sources[0].system, config.sources[0].path) == (
        "exports",
        "bamboohr",
        "employees_*.csv",
    )


def test_with_a_data_root_the_file_is_written_there(exports: Path, tmp_path: Path) -> None:
    document = json.loads(call("exports", "--data-root", "my root", "--json").stdout)
    assert document["next"] == "footsteps run --data-root 'my root'"
    assert read_config(tmp_path / "my root" / "footsteps.yaml").landing == str(exports)


def test_an_existing_file_is_replaced_only_by_force(exports: Path) -> None:
    config = Path("footsteps.yaml")
    config.write_text("mine")
    refused = call("exports")
    assert refused.exit_code == 1
    assert "stays as it is" in refused.stderr
    assert "--force" in refused.stderr
    assert config.read_text() == "mine"
    assert call("exports", "--output", "other.yaml").exit_code == 0
    assert call("exports", "--force").exit_code == 0
    assert config.read_text() == Path("other.yaml").read_text()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no file"),
        ({".hidden.csv": PEOPLE}, "holds no file"),
        ({"notes.txt": "a line of text\nand another\n"}, "can be read as an export"),
        ({"empty.csv": "", "page.csv": "<!DOCTYPE html><html></html>"}, "can be read as an export"),
        ({"lake/a.csv": PEOPLE, "published/b.csv": PEOPLE}, "is a data root"),
    ],
    ids=["empty", "hidden", "text", "unreadable", "data root"],
)
def test_a_folder_without_exports_is_one_sentence_and_writes_nothing(
    files: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    result = call("folder")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("footsteps.yaml").exists()


def test_a_folder_that_does_not_exist_is_named() -> None:
    assert "nowhere does not exist" in call("nowhere").stderr
