"""What several tests share: one demo night, run once."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from assets.commands.night import Night, execute
from assets.commands.saying import settings_of
from pipelines.config import read_config
from pipelines.demo.build import build_demo
from pipelines.settings import Settings

END = date(2026, 6, 30)


@dataclass(frozen=True)
class DemoNight:
    """A demo company after its first night."""

    settings: Settings
    night: Night


def run_night(root: Path, *, accept_shrink: bool = False) -> Night:
    """A night on the data root, as of the demo's end."""
    settings = settings_of(root)
    return execute(settings, read_config(settings.config_path), END, accept_shrink)


@pytest.fixture(scope="session")
def demo_night(tmp_path_factory: pytest.TempPathFactory) -> DemoNight:
    """A company of 60 people and its first night; shared, so tests that change files copy it first."""
    root = tmp_path_factory.mktemp("demo")
    build_demo(root, people=60, seed=7, end=END)
    return DemoNight(settings_of(root), run_night(root))
