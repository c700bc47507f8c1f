"""Everything Dagster sees, assembled by one function from one configuration.

Belongs here: the assembly.
Does not belong here: any definition itself.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import Definitions, in_process_executor

from assets.alerts import Trouble, alert_sensor
from assets.automation import carry_on_sensor, night_job, night_schedule
from assets.capability import capability_assets
from assets.checks import contract_checks
from assets.commands.doctor import find_troubles
from assets.companions import companion_assets
from assets.core import core_assets
from assets.gate import gate_checks
from assets.io import LakeIOManager
from assets.loop import loop_assets
from assets.model import model_assets
from assets.news import Selection, select_by_day
from assets.out import out_assets
from assets.publication import publication_assets
from assets.raw import landing_assets
from assets.resources import Night
from assets.sensors import files_sensor
from assets.snapshot import snapshot_assets
from assets.watching import loggers
from pipelines.config import Config, read_config
from pipelines.settings import Settings


def build_definitions(settings: Settings) -> Definitions:
    """The definitions of one company. Steps run in one process: a process for each costs more than most steps do.

    Raises ConfigRefused where footsteps.yaml is missing or wrong.
    """
    config = read_config(settings.config_path)
    assets = [
        *landing_assets(config), *core_assets(config), *capability_assets(), *model_assets(), *out_assets(),
        *companion_assets(), *snapshot_assets(), *publication_assets(config), *loop_assets(),
    ]  # fmt: skip
    checks = contract_checks(config)
    given = resources(settings, config)
    night = given["night"]
    assert isinstance(night, Night)

    def select(names: Sequence[str]) -> Selection:
        return select_by_day(assets, checks, [config.source(name) for name in names])

    def examine() -> list[Trouble]:
        found = find_troubles(settings, config, datetime.now(UTC))
        return [Trouble(sentence.split(" ")[0] + sentence[:40], sentence) for sentence in found]

    return Definitions(
        assets=assets,
        asset_checks=[*checks, *gate_checks(config)],
        jobs=[night_job],
        schedules=[night_schedule(config.time_zone)],
        sensors=[
            files_sensor(night, select),
            alert_sensor(config.alerts, config.company, examine),
            carry_on_sensor(),
        ],
        resources=given,
        executor=in_process_executor,
        loggers=loggers(),
    )


def resources(settings: Settings, config: Config) -> dict[str, object]:
    """The night and the IO manager of one data root."""
    landing = settings.landing or settings.config_path.parent / config.landing
    night = Night(
        data_root=str(settings.root),
        config_path=str(settings.config_path),
        landing_path=str(landing.expanduser().resolve()),
    )
    return {"night": night, "io_manager": LakeIOManager(lake_path=str(settings.lake_path))}


def _definitions() -> Definitions:
    settings = Settings()
    if not settings.config_path.exists():
        # An empty code location loads and says so; an import error would only show a stack trace in the UI.
        return Definitions(metadata={"footsteps": f"no configuration at {settings.config_path}: run `footsteps demo`"})
    return build_definitions(settings)


defs = _definitions()
