"""Tests of a checkout, to which statements are linked; an installed package has none.

Belongs here: finding the source of a test by its node id.
Does not belong here: other places (`places`).
"""

import ast
from functools import cache
from pathlib import Path

import assets

_TESTS = "tests"


def find_checkout() -> Path | None:
    """The folder of the checkout; None if the package is installed without its tests."""
    folder = Path(str(assets.__file__)).resolve().parents[1]
    return folder if (folder / _TESTS / "conftest.py").is_file() and (folder / "pyproject.toml").is_file() else None


def read_test(node_id: str) -> str | None:
    """Read the source of a test, with white space made equal.

    Args:
        node_id: `tests/…/test_file.py::test_name`.

    Returns:
        The source; None without a checkout.

    Raises:
        KeyError: The checkout has no such test.
    """
    checkout = find_checkout()
    if checkout is None:
        return None
    file_name, _, test_name = node_id.partition("::")
    return _read_functions(checkout / file_name)[test_name]


@cache
def _read_functions(test_path: Path) -> dict[str, str]:
    if not test_path.is_file():
        raise KeyError(test_path.name)
    source = test_path.read_text(encoding="utf-8")
    return {
        node.name: " ".join((ast.get_source_segment(source, node) or "").split())
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
