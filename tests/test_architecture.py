"""The house keeps its shape: small files, small functions, captions, and no drawer for odds and ends."""

import ast
import subprocess
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "ml", "assets", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "dagster.yaml",
    "pyproject.toml",
    "README.md",
    "Makefile",
    ".ci",
    "docs",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    ".pre-commit-config.yaml",
    ".editorconfig",
    ".gitignore",
    "requirements.txt",
    "requirements-dev.txt",
    "Dockerfile",
    ".dockerignore",
    "compose.yaml",
    "examples",
    "benchmarks",
    "findings",
}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache  # a tree of every file takes seconds, and many tests read it
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def test_a_source_file_has_at_most_400_lines() -> None:
    assert [relative(path) for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_a_function_has_at_most_60_lines() -> None:
    functions = [
        (path, node)
        for path in SOURCES
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > len(SOURCES)
    too_long = [
        f"{relative(path)}: {node.name}" for path, node in functions if (node.end_lineno or 0) - node.lineno + 1 > 60
    ]
    assert too_long == []


def test_a_module_begins_with_a_one_line_caption() -> None:
    captions = {relative(path): ast.get_docstring(ast.parse(path.read_text())) for path in SOURCES}
    assert [name for name, caption in captions.items() if not is_one_line(caption)] == []


def is_one_line(caption: str | None) -> bool:
    first, *rest = (caption or "").splitlines() or [""]
    return first.endswith(".") and (not rest or rest[0] == "")


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    names = {relative(path): {*path.relative_to(ROOT).with_suffix("").parts} for path in SOURCES}
    assert [name for name, parts in names.items() if FORBIDDEN_NAMES & parts] == []


def test_nothing_below_assets_reads_the_clock() -> None:
    """Time is an argument: a result as of a date may depend on that date alone."""
    clocks = {"now", "utcnow", "today", "time_ns"}
    readings = [
        f"{relative(path)}, line {node.lineno}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] != "assets"
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in clocks
    ]
    assert readings == []


def test_the_top_level_is_fixed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL


FOLDERS = sorted({path.parent for path in SOURCES})
# Names that say nothing of what a variable holds.
EMPTY_NAMES = {"one", "found", "said", "told", "kept", "known"}


def test_a_folder_has_at_most_20_modules() -> None:
    modules = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    assert [relative(folder) for folder, count in modules.items() if count > 20] == []


def test_a_folder_says_what_belongs_in_it() -> None:
    captions = {folder: ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) for folder in FOLDERS}
    assert [relative(folder) for folder, caption in captions.items() if not caption] == []


def test_ml_has_at_most_nine_folders() -> None:
    assert len([folder for folder in FOLDERS if folder.is_relative_to(ROOT / "ml")]) - 1 <= 9


def test_the_formatter_decides_the_layout() -> None:
    assert [relative(path) for path in SOURCES if "fmt: skip" in path.read_text()] == []


def test_a_variable_is_named_by_its_content() -> None:
    names = {
        relative(path): {node.id for node in nodes_of(path) if isinstance(node, ast.Name)}
        | {node.arg for node in nodes_of(path) if isinstance(node, ast.arg)}
        for path in SOURCES
    }
    assert {name: used & EMPTY_NAMES for name, used in names.items() if used & EMPTY_NAMES} == {}


def test_no_import_cycle_between_files() -> None:
    assert not find_cycle({module: import_targets(path) for module, path in MODULES.items()})


def test_no_import_cycle_between_folders() -> None:
    """A folder and its subfolders are different folders here."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        targets = graph.setdefault(folder_of(module), set())
        targets |= {folder_of(target) for target in import_targets(path)} - {folder_of(module)}
    assert not find_cycle(graph)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in SOURCES}


def folder_of(module: str) -> str:
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def import_targets(path: Path) -> set[str]:
    """Modules of the project that a module imports, also inside functions."""
    targets: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            targets |= {name if name in MODULES else node.module for name in names}
    return targets & MODULES.keys()


def find_cycle(graph: dict[str, set[str]]) -> tuple[str, ...] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        return tuple(cycle.args[1])
    return None
