"""What is installed where: the locks of running and of development."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
# The packages of the wheel; `benchmarks` is no part of it.
PACKAGES = ("pipelines", "ml", "assets")


def read_lock(file: str) -> dict[str, list[str]]:
    """The hashes of each locked requirement, by requirement: a name, a version and the condition on the platform."""
    hashes: dict[str, list[str]] = {}
    for line in (ROOT / file).read_text().splitlines():
        if pinned := re.match(r"([a-z0-9].*==.*?) \\$", line):
            hashes[pinned[1]] = requirement_hashes = []
        elif locked_hash := re.search(r"--hash=(sha256:[0-9a-f]{64})", line):
            requirement_hashes.append(locked_hash[1])
    return hashes


def package_name(requirement: str) -> str:
    """The normal form of the name in a requirement such as `Moto[s3]>=5`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", requirement)[0]).lower()


def third_party_imports() -> set[str]:
    """Top-level modules that the wheel imports and that neither it nor Python holds."""
    imported: set[str] = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    return imported - set(PACKAGES) - sys.stdlib_module_names


def test_development_has_what_production_runs() -> None:
    runtime, development = read_lock("requirements.txt"), read_lock("requirements-dev.txt")
    assert runtime
    assert runtime.items() <= development.items()


def test_every_locked_requirement_has_a_hash_and_no_line_names_a_host() -> None:
    for file in LOCKS:
        assert all(read_lock(file).values())
        assert "://" not in (ROOT / file).read_text()


def test_production_installs_no_development_tool() -> None:
    tools = {"import-linter", "moto", "mypy", "playwright", "pytest", "ruff", "setuptools"}
    locked_names = {file: {package_name(requirement) for requirement in read_lock(file)} for file in LOCKS}
    assert locked_names["requirements.txt"] & tools == set()
    assert locked_names["requirements-dev.txt"] >= tools


def test_production_installs_what_the_package_imports() -> None:
    """A command says which extra it needs if its library is missing."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    runtime_names = {package_name(requirement) for requirement in (*read_lock("requirements.txt"), *extras["audit"])}
    distributions = packages_distributions()
    assert [
        module
        for module in sorted(third_party_imports())
        if not runtime_names & {package_name(name) for name in distributions[module]}
    ] == []
