"""The wheel of the checkout, and an environment without anything of the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def clean_environment() -> dict[str, str]:
    return {
        name: text
        for name, text in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("FOOTSTEPS_", "DAGSTER_"))
    }


def list_checkout_files() -> list[str]:
    """The files of the checkout without those that git ignores, such as what is left over from a build."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def build_wheel(folder: Path) -> Path:
    """Build the wheel from the files that the Dockerfile copies."""
    for name in list_checkout_files():
        if name.startswith(("assets/", "ml/", "pipelines/", "pyproject.toml", "README.md")):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    run_pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", str(folder), str(folder / "source"))
    return next(folder.glob("*.whl"))


def run_pip(*arguments: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
