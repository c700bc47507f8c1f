"""docs/operate.md followed from its first command to its last one, as far as a machine without Docker and systemd can.

Commands run as they stand there. `PLACES` lists the folders that are replaced, `SKIPPED` what does not run, and why.
"""

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from wheel_building import ROOT, build_wheel, clean_environment

from pipelines.config.company import read_config

MANUAL = (ROOT / "docs" / "operate.md").read_text()
# Folders of the machine, which become folders of the test.
PLACES = ("/opt/footsteps", "/srv/footsteps", "/etc/footsteps", "/var/backups/footsteps")
# The first words of commands that do not run here.
SKIPPED = {
    "useradd": "would add a user to this machine",
    "systemctl": "needs systemd as process 1",
    "docker": "needs a Docker daemon: the files of the container are checked by test_container",
}


@dataclass(frozen=True)
class Machine:
    """A folder in the place of the machine's root, and the one that holds the wheel and the lock."""

    root: Path

    def place(self, text: str) -> str:
        """The text with the folders of the test. The owner of files stays who runs the test."""
        for folder in PLACES:
            text = re.sub(rf"(?<![\w./]){folder}", f"{self.root}{folder}", text)
        return re.sub(r" -o footsteps -g footsteps", "", text)

    def run(self, command: str, *exit_codes: int) -> str:
        """Run a command of the manual in the folder with the wheel; return its standard output."""
        environment = clean_environment() | {"PATH": f"{self.root}/opt/footsteps/.venv/bin:{os.environ['PATH']}"}
        completed = subprocess.run(
            ["bash", "-euc", self.place(command)],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode in (exit_codes or (0,)), (
            f"{command}\n{completed.stdout}\n{completed.stderr[-2000:]}"
        )
        return completed.stdout


def read_blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in the order of the manual."""
    return re.findall(rf"^```{language}\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE)


def read_commands(title: str) -> list[str]:
    """The shell commands below a headline of the manual that run here."""
    section = MANUAL.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [
        line
        for block in re.findall(r"^```bash\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    commands = [line for line in lines if not re.match(r"[A-Z_]+=\S+ *(#|$)", line)]  # without the content of `.env`
    assert commands, title
    return [command for command in commands if shlex.split(command)[0] not in SKIPPED]


def read_unit() -> configparser.SectionProxy:
    """The section `Service` of the systemd unit."""
    (unit,) = read_blocks("ini")
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(unit)
    return parser["Service"]


def install(machine: Machine) -> None:
    shutil.copy(ROOT / "requirements.txt", machine.root)
    wheel_folder = machine.root / "build"
    wheel_folder.mkdir()
    shutil.copy(build_wheel(wheel_folder), machine.root)
    for command in read_commands("Install"):
        if "--require-hashes" in command and "FOOTSTEPS_TEST_LOCK" not in os.environ:
            # the packages take minutes: those of the tests stand in for them
            environment = str(machine.root / "opt" / "footsteps" / ".venv")
            packages = Path(sysconfig.get_path("purelib", vars={"base": environment}))
            (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        else:
            machine.run(re.sub(r"^python3 ", f"{sys.executable} ", command))


def start_and_end_the_service(machine: Machine) -> None:
    """Start what the unit starts, with its environment, on a free port; end it as systemd does."""
    service = read_unit()
    variable, data_root = machine.place(service["Environment"]).split("=")
    assert Path(machine.place(service["EnvironmentFile"])).read_text() == ""
    assert machine.place(service["ReadWritePaths"]) == data_root
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [port if word == "3000" else word for word in shlex.split(machine.place(service["ExecStart"]))]
    assert port in command
    environment = clean_environment() | {variable: data_root}
    with subprocess.Popen(command, cwd="/", env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
            assert (Path(data_root) / "up.log").is_file()
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode == 0


@pytest.mark.long
def test_every_command_of_the_manual_works(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    data_root = tmp_path / "srv" / "footsteps"
    install(machine)
    for command in read_commands("One machine"):
        machine.run(command)
    machine.run("footsteps demo --people 60 --end 2026-06-30 --data-root /srv/footsteps")
    published = machine.run("footsteps run --as-of 2026-06-30 --data-root /srv/footsteps --json")
    assert published
    # after the run: a sensor of the service would start one of today for files that have not landed
    start_and_end_the_service(machine)
    # the demo ends in the past: its snapshot is no longer valid
    for text in ("Notices:", "The schedule nightly_schedule is off"):
        assert text in machine.run("footsteps doctor --data-root /srv/footsteps", 1)
    machine.run(*read_commands("Upgrade"))
    for command in read_commands("Backup and restore"):
        if command.startswith("rm "):
            (data_root / "lake" / "left-over").mkdir()  # a restored folder is the copy, not a mixture
        machine.run(command)
    assert not (data_root / "lake" / "left-over").exists()
    assert (data_root / "published" / "CURRENT").is_file()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (unit,) = read_blocks("ini")
    machine = Machine(tmp_path)
    program = Path(machine.place(read_unit()["ExecStart"].split()[0]))
    program.parent.mkdir(parents=True)
    program.symlink_to("/bin/true")
    (tmp_path / "footsteps.service").write_text(machine.place(unit))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "footsteps.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    # other units of this machine are none of ours
    assert [line for line in verified.stderr.splitlines() if "footsteps" in line] == []
    assert verified.returncode == 0


def test_compose_accepts_its_file(tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("docker compose is not installed")
    (variables,) = [block for block in read_blocks("bash") if "POSTGRES_PASSWORD=" in block]
    (tmp_path / ".env").write_text(variables)
    (tmp_path / "ui_users").touch()
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    subprocess.run(["docker", "compose", "config", "--quiet"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("block", read_blocks("yaml"), ids=lambda block: block.split(":")[0])
def test_every_section_of_the_configuration_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    for variable in re.findall(r"\$\{([A-Z_]+)\}", block):
        monkeypatch.setenv(variable, "text")
    source = "sources: [{name: people, system: bamboohr, path: 'people/*.csv'}]\n"
    (tmp_path / "footsteps.yaml").write_text(source + block)
    assert read_config(tmp_path / "footsteps.yaml").sources[0].name == "people"


def test_the_proxy_of_the_manual_leads_to_the_port_of_the_unit() -> None:
    (proxy,) = read_blocks("nginx")
    assert proxy.count("{") == proxy.count("}")
    assert f"proxy_pass http://127.0.0.1:{read_unit()['ExecStart'].split()[-1]};" in proxy


def test_what_is_skipped_is_still_in_the_manual() -> None:
    first_words = {line.split()[0] for block in read_blocks("bash") for line in block.splitlines()}
    assert set(SKIPPED) <= first_words
