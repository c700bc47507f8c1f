"""Size of the product code: statements per folder, and variables whose names say nothing of their content.

Run it from a checkout: `python -m benchmarks.code_size [CHECKOUT]`.

Belongs here: counting over the syntax tree.
Does not belong here: limits on single files and functions (`tests/test_architecture.py`).
"""

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGES = ("pipelines", "ml", "assets")
EMPTY_NAMES = frozenset({"one", "found", "said", "told", "kept", "known"})
_WITH_DOCSTRING = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def count_statements(tree: ast.Module) -> int:
    """Number of `ast.stmt` nodes of a module, docstrings not counted."""
    nodes = list(ast.walk(tree))
    docstrings = sum(isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node) is not None for node in nodes)
    return sum(isinstance(node, ast.stmt) for node in nodes) - docstrings


def count_empty_names(tree: ast.Module) -> int:
    """Number of uses of variables and arguments that are named `one`, `found`, `said`, `told`, `kept` or `known`."""
    names = (
        node.id if isinstance(node, ast.Name) else node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.arg)
    )
    return sum(name in EMPTY_NAMES for name in names)


def main(checkout: Path) -> None:
    """Print one line per folder, and the totals of `pipelines`, `ml` and `assets`."""
    statements: Counter[str] = Counter()
    empty_names: Counter[str] = Counter()
    for path in (path for package in PACKAGES for path in (checkout / package).rglob("*.py")):
        folder, tree = str(path.parent.relative_to(checkout)), ast.parse(path.read_text(encoding="utf-8"))
        statements[folder] += count_statements(tree)
        empty_names[folder] += count_empty_names(tree)
    for folder in sorted(statements):
        print(f"{folder:32}{statements[folder]:8,}{empty_names[folder]:6,}")
    print(f"{'total':32}{statements.total():8,}{empty_names.total():6,}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
