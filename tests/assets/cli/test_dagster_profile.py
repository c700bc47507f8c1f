"""Which settings Dagster's home holds: those of the declared profile, and otherwise those that are there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.checks.exit_codes import ExitCode
from assets.cli.app import app
from assets.cli.terminal.console import CommandFailed
from assets.cli.terminal.dagster_home import prepare_dagster_home
from pipelines.config.company import ConfigError, read_config
from pipelines.config.settings import Settings

SOURCES = "sources:\n  - {name: moodle, system: moodle, path: '*.csv'}\n"
VARIABLE, DATABASE = "FOOTSTEPS_DAGSTER_PROFILE", "FOOTSTEPS_DAGSTER_POSTGRES"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # restored after the test
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(DATABASE, "postgresql+psycopg2://footsteps@127.0.0.1:1/none")


def settings_text(root: Path) -> str:
    return (root / "dagster_home" / "dagster.yaml").read_text()


def is_production(root: Path) -> bool:
    return DATABASE in settings_text(root)


def test_the_profile_of_footsteps_yaml_is_written_and_a_typo_refused_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "footsteps.yaml"
    config.write_text(f"{SOURCES}dagster: {{profile: production}}\n")
    prepare_dagster_home(Settings(data_root=tmp_path), read_config(config).dagster.profile)
    assert is_production(tmp_path)
    assert "production" not in read_config(config).model_dump_json()  # no table is computed again for it
    config.write_text(f"{SOURCES}dagster:\n  profile: prodution\n")
    with pytest.raises(ConfigError, match=r"line 4: dagster\.profile: .*'local' or 'production'"):
        read_config(config)


def test_a_command_without_a_declared_profile_leaves_the_settings_as_they_are(tmp_path: Path) -> None:
    settings = Settings(data_root=tmp_path)
    prepare_dagster_home(settings)
    assert not is_production(tmp_path)
    prepare_dagster_home(settings, "production")
    assert is_production(tmp_path)
    changed_text = settings_text(tmp_path).replace("max_retries: 1", "max_retries: 3")
    (tmp_path / "dagster_home" / "dagster.yaml").write_text(changed_text)
    prepare_dagster_home(settings)
    prepare_dagster_home(settings, "production")
    assert settings_text(tmp_path) == changed_text


def test_the_settings_of_another_profile_are_replaced_and_kept_beside(tmp_path: Path) -> None:
    settings = Settings(data_root=tmp_path)
    prepare_dagster_home(settings)
    local_text = settings_text(tmp_path)
    prepare_dagster_home(settings, "production")
    assert (tmp_path / "dagster_home" / "dagster.yaml.local").read_text() == local_text


def test_the_variable_is_honoured_with_a_warning_unless_footsteps_yaml_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "production")
    prepare_dagster_home(Settings(data_root=tmp_path / "a"))
    assert is_production(tmp_path / "a")
    assert "write `dagster: {profile: production}` into footsteps.yaml" in capsys.readouterr().err.replace("\n", " ")
    prepare_dagster_home(Settings(data_root=tmp_path / "b"), "local")
    assert not is_production(tmp_path / "b")
    monkeypatch.setenv(VARIABLE, "prodution")
    with pytest.raises(CommandFailed, match="'prodution'; allowed: local, production") as failure:
        prepare_dagster_home(Settings(data_root=tmp_path / "c"))
    assert failure.value.exit_code is ExitCode.CONFIGURATION


def test_a_missing_address_of_the_database_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATABASE)
    (tmp_path / "footsteps.yaml").write_text(f"{SOURCES}dagster: {{profile: production}}\n")
    command = CliRunner().invoke(app, ["run", "--data-root", str(tmp_path)])
    assert command.exit_code == ExitCode.CONFIGURATION
    assert f"the environment variable {DATABASE} is not set" in command.stderr
    assert "Traceback" not in command.stderr
    report = CliRunner().invoke(app, ["doctor", "--data-root", str(tmp_path)])
    assert report.exit_code == ExitCode.FAILED
    assert f"the environment variable {DATABASE} is not set" in report.stdout
