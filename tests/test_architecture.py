"""The house keeps its shape: small files, small functions, captions, and no drawer for odds and ends."""

import ast
import subprocess
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


FOLDERS = sorted({path.parent for path in SOURCES})
# Names that say nothing of what a variable holds.
EMPTY_NAMES = {"one", "found", "said", "told", "kept", "known"}


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_has_at_most_20_modules(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 20


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_says_what_belongs_in_it(folder: Path) -> None:
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


def test_ml_has_at_most_nine_folders() -> None:
    assert len([folder for folder in FOLDERS if folder.is_relative_to(ROOT / "ml")]) - 1 <= 9


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_the_formatter_decides_the_layout(path: Path) -> None:
    assert "fmt: skip" not in path.read_text()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_variable_is_named_by_its_content(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.arg for node in nodes if isinstance(node, ast.arg)
    }
    assert not names & EMPTY_NAMES


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
    for node in ast.walk(ast.parse(path.read_text())):
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
