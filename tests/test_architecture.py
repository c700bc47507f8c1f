"""The house keeps its shape: small files, small functions, captions, and no drawer for odds and ends."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "ml", "assets", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
TOP_LEVEL = {
    *PACKAGES, "tests", "dagster.yaml", "dagster.production.yaml", "pyproject.toml", "README.md", "Makefile", ".ci",
    "docs", "CHANGELOG.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", ".editorconfig", ".gitignore",
    "requirements.txt",
    "requirements-dev.txt", "Dockerfile", ".dockerignore", "compose.yaml", "examples", "benchmarks", "findings",
}  # fmt: skip


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_source_file_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_function_has_at_most_60_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno + 1 <= 60, f"{node.name} is too long"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_begins_with_a_one_line_caption(path: Path) -> None:
    caption = ast.get_docstring(ast.parse(path.read_text()))
    assert caption
    first, *rest = caption.splitlines()
    assert first.endswith(".")
    assert not rest or rest[0] == ""


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_module_is_a_drawer_for_odds_and_ends(path: Path) -> None:
    assert not FORBIDDEN_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[len(ROOT.parts)] != "assets"], ids=relative)
def test_nothing_below_assets_reads_the_clock(path: Path) -> None:
    """Time is an argument: a result as of a date may depend on that date alone."""
    clocks = {"now", "utcnow", "today", "time_ns"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in clocks, f"line {node.lineno} reads the clock"


def test_the_top_level_is_fixed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL
