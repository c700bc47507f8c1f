"""The package as an operator has it: built as a wheel, installed into an empty environment, run from another folder.

Dependencies come from the environment of the tests, because they take minutes to install. `make wheel` sets
FOOTSTEPS_TEST_LOCK, and they are installed from the lock instead.
"""

import grp
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from wheel_building import ROOT, build_wheel, clean_environment, list_checkout_files, run_pip

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Installation:
    """An installed package.

    Attributes:
        scripts: Folder of its commands.
        packages: Folder of its modules.
        folder: The folder that commands are called from; it is no checkout.
    """

    scripts: Path
    packages: Path
    folder: Path

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Call a command of the environment from the folder, without a variable that leads to the checkout.

        The umask lets everybody read and write new files, so that only the package itself keeps them private.
        """
        program, *arguments = command
        return subprocess.run(
            [self.scripts / program, *arguments],
            cwd=self.folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            umask=0o000,
        )

    @property
    def data_root(self) -> Path:
        """The data root of the demo, where commands put it by default."""
        return self.folder / ".footsteps" / "demo"

    def succeed(self, *arguments: str) -> str:
        """Call `footsteps` and return its standard output."""
        completed = self.call("footsteps", *arguments)
        assert completed.returncode == 0, completed.stderr[-2000:]
        return completed.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel in an environment of its own, with a demo company."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    interpreter = str(environment / "bin" / "python")
    if lock := os.environ.get("FOOTSTEPS_TEST_LOCK"):
        run_pip("--python", interpreter, "install", "--require-hashes", "-r", str(ROOT / lock))
    else:
        # the path file adds the folder only: path files in it, such as that of an editable install, are not read
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run_pip("--python", interpreter, "install", "--no-deps", "--no-index", str(build_wheel(folder)))
    (folder / "elsewhere").mkdir()
    installation = Installation(environment / "bin", packages, folder / "elsewhere")
    installation.succeed("demo", "--people", "60", "--end", "2026-06-30")
    return installation


@pytest.fixture(scope="module")
def installed_run(installed: Installation) -> Installation:
    """The installed package after a run."""
    installed.succeed("run", "--as-of", "2026-06-30")
    return installed


def read_modes(root: Path) -> dict[str, str]:
    """The mode of a folder and of everything in it, as `ls -l` prints it, by path."""
    paths = [path for path in (root, *root.rglob("*")) if path.exists()]  # a database removes its journal at any time
    return {str(path.relative_to(root)): stat.filemode(path.stat().st_mode) for path in paths}


@contextmanager
def serve(installation: Installation) -> Iterator[str]:
    """`footsteps up`, and the address that it prints once the UI answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [installation.scripts / "footsteps", "up", "--port", str(port)],
        cwd=installation.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        umask=0o000,
    ) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("package", ["assets", "ml", "pipelines"])
def test_the_tested_package_is_that_of_the_wheel(installed: Installation, package: str) -> None:
    program = f"import {package}; print({package}.__file__)"
    assert installed.call("python", "-c", program).stdout.strip() == str(installed.packages / package / "__init__.py")


def test_the_wheel_has_every_file_of_the_packages(installed: Installation) -> None:
    names = [name for name in list_checkout_files() if name.startswith(("assets/", "ml/", "pipelines/"))]
    assert names
    assert [name for name in names if not (installed.packages / name).is_file()] == []


def test_the_package_has_the_dagster_yaml_of_the_checkout() -> None:
    assert (ROOT / "assets" / "dagster.yaml").read_bytes() == (ROOT / "dagster.yaml").read_bytes()


def test_an_installed_package_runs_the_demo(installed_run: Installation) -> None:
    locations = json.loads(installed_run.succeed("tables", "--json"))
    assert "out__next_skill" in {table["name"] for table in locations}
    assert "Holds " in installed_run.succeed("show", "--sample", "1")


def test_an_installed_package_serves_the_ui_and_every_file_of_the_data_root_is_private(
    installed_run: Installation,
) -> None:
    query = json.dumps({"query": "{ assetNodes { assetKey { path } } }"}).encode()
    with serve(installed_run) as url:
        with urllib.request.urlopen(f"{url}/asset-groups", timeout=60) as page:
            assert page.status == 200
        request = urllib.request.Request(f"{url}/graphql", query, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert {"assetKey": {"path": ["out__next_skill"]}} in json.load(answer)["data"]["assetNodes"]
        modes = read_modes(installed_run.data_root)
    written = (
        "footsteps.yaml",
        "up.log",
        "landing/**/*.csv",
        "truth/*.parquet",
        "lake/*/*.parquet",
        "models/**/*.skops",
        "data_docs/index.html",
        "dagster_home/dagster.yaml",
        "dagster_home/**/*.db",
        "dagster_home/**/compute_logs/*",
        "published/tables/*/*.parquet",
        "published/tables/*/_delta_log/*.json",
        "published/footsteps.duckdb",
        "published/site/*/people/*/index.html",
    )
    for pattern in written:
        assert list(installed_run.data_root.glob(pattern)), f"nothing wrote {pattern}"
    assert {path: mode for path, mode in modes.items() if mode not in ("drwx------", "-rw-------")} == {}


def test_a_declared_group_reads_what_is_published_and_nothing_else(installed_run: Installation) -> None:
    root = installed_run.data_root
    group = grp.getgrgid(os.getgid()).gr_name
    with (root / "footsteps.yaml").open("a") as config:
        config.write(f"\npublish: {{group: {json.dumps(group)}}}\n")
    installed_run.succeed("run", "--as-of", "2026-06-30")
    installed_run.succeed("site", "--again")
    published, private = {}, {}
    for path, mode in read_modes(root).items():
        (published if path.startswith("published") else private)[path] = mode
    assert {path: mode for path, mode in published.items() if mode not in ("drwxr-s---", "-rw-r-----")} == {}
    assert private.pop(".") == "drwx--x---"
    assert {path: mode for path, mode in private.items() if mode not in ("drwx------", "-rw-------")} == {}


@pytest.mark.parametrize("arguments", [[], ["sources"], ["validate", "--people", "60"]], ids=" ".join)
def test_the_benchmarks_say_that_they_need_a_checkout(installed: Installation, arguments: list[str]) -> None:
    completed = installed.call("footsteps", "bench", *arguments)
    assert completed.returncode == 1
    assert completed.stderr.strip().splitlines() == [
        "footsteps: the benchmarks are not part of the installed package: run `footsteps bench` from a checkout"
    ]


def test_contracts_are_released_in_a_checkout_only(installed: Installation) -> None:
    completed = installed.call("footsteps", "contracts", "--write")
    assert completed.returncode == 1
    assert completed.stderr.strip().splitlines() == [
        "footsteps: the contracts are released in a checkout: run `footsteps contracts --write` there"
    ]
    assert not (installed.packages / "docs").exists()
