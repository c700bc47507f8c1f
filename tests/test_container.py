"""The files of the container without a Docker daemon: what is copied exists, and what runs is there."""

import json
import re
import shlex
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.cli.app import app

ROOT = Path(__file__).parents[1]


def read_stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, with their arguments."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    instructions = [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and line[0] not in "# "]
    stages: list[list[tuple[str, str]]] = []
    for name, arguments in instructions:
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, arguments))
    return stages


def arguments_of(name: str, stage: list[tuple[str, str]]) -> list[str]:
    return [arguments for instruction, arguments in stage if instruction == name]


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path from the builder: the last pattern that matches it or its folder decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        tried_paths = [str(folder) for folder in (PurePosixPath(path), *PurePosixPath(path).parents)][:-1]
        anywhere = pattern.removeprefix("**/")
        if any(
            fnmatchcase(tried, pattern) or (anywhere != pattern and fnmatchcase(PurePosixPath(tried).name, anywhere))
            for tried in tried_paths
        ):
            ignored = not line.startswith("!")
    return ignored


def read_compose() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(content, dict)
    return content


def test_the_image_copies_files_that_exist_and_are_not_ignored() -> None:
    sources = [
        source
        for stage in read_stages()
        for arguments in arguments_of("COPY", stage)
        if not arguments.startswith("--from=")
        for source in arguments.split()[:-1]
    ]
    assert {"assets", "ml", "pipelines", "pyproject.toml", "requirements.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source
    assert not is_ignored("assets/dagster.yaml")


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".footsteps/demo/landing/hr/people.csv",
        "data/landing/people.csv",
        "footsteps.yaml",
        ".env",
        "tests/conftest.py",
        "assets/__pycache__/definitions.cpython-311.pyc",
        "pipelines/core/__pycache__/conform.cpython-311.pyc",
    ],
)
def test_no_data_secret_history_or_environment_reaches_the_builder(path: str) -> None:
    assert is_ignored(path)


def test_the_image_holds_the_runtime_lock_alone() -> None:
    build, image = read_stages()
    installs = [line for line in arguments_of("RUN", build) if "/opt/footsteps/bin/pip install" in line]
    assert "--require-hashes -r requirements.txt" in installs[0]
    assert all("requirements-dev.txt" not in line for line in installs)
    assert arguments_of("COPY", image) == ["--from=build /opt/footsteps /opt/footsteps"]


def test_the_wheel_is_built_with_the_locked_tool(tmp_path: Path) -> None:
    build, _ = read_stages()
    (selection,) = [line.split("&&")[0] for line in arguments_of("RUN", build) if "requirements-dev.txt" in line]
    (tmp_path / "requirements-dev.txt").write_bytes((ROOT / "requirements-dev.txt").read_bytes())
    subprocess.run(["sh", "-c", selection], cwd=tmp_path, check=True)
    lines = (tmp_path / "build.txt").read_text().splitlines()
    assert lines[0].startswith("setuptools==")
    assert all(line.startswith(("    --hash=sha256:", "    #")) for line in lines[1:])
    assert len(lines) > 1


def test_the_container_runs_the_ui_without_root_and_checks_its_health() -> None:
    _, image = read_stages()
    assert arguments_of("USER", image) == ["footsteps"]
    command = json.loads(arguments_of("CMD", image)[0])
    assert command[0] == "footsteps"
    assert CliRunner().invoke(app, [*command[1:], "--help"]).exit_code == 0
    port = command[command.index("--port") + 1]
    options, _, probe = arguments_of("HEALTHCHECK", image)[0].partition(" CMD ")
    assert "--start-period" in options
    assert f"http://127.0.0.1:{port}/server_info" in json.loads(probe)[-1]


def test_the_proxy_asks_for_a_password_and_is_the_only_way_in() -> None:
    services, configs = read_compose()["services"], read_compose()["configs"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"footsteps": ["80:80", "443:443"]}  # the proxy's: the UI listens on the loopback interface
    assert services["proxy"]["network_mode"] == "service:footsteps"
    site = configs["caddyfile"]["content"]
    assert site.index("basic_auth") < site.index("reverse_proxy 127.0.0.1:3000")


def test_runs_are_in_postgresql_and_no_password_is_in_the_file() -> None:
    services = read_compose()["services"]
    environment = services["footsteps"]["environment"]
    assert "`dagster: {profile: production}`" in (ROOT / "compose.yaml").read_text()
    assert environment["FOOTSTEPS_DAGSTER_POSTGRES"].startswith("postgresql+psycopg2://footsteps:${POSTGRES_PASSWORD:?")
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_every_variable_of_the_compose_file_is_explained() -> None:
    text, manual = (ROOT / "compose.yaml").read_text(), (ROOT / "docs" / "operate.md").read_text()
    variables = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    assert "POSTGRES_PASSWORD" in variables
    assert [name for name in sorted(variables) if f"{name}=" not in manual] == []


def test_every_command_of_the_manual_exists() -> None:
    manual = (ROOT / "docs" / "operate.md").read_text()
    calls = [shlex.split(line) for line in re.findall(r"^(?:ExecStart=/\S+/)?(footsteps .*)$", manual, re.MULTILINE)]
    assert calls
    for _, *arguments in calls:
        assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0
