"""Everything Dagster sees, assembled by one function from one configuration.

Belongs here: the assembly.
Does not belong here: any definition itself.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import Definitions, in_process_executor

from assets.automation.alerts import Trouble, alert_sensor
from assets.automation.run_selection import Selection, select_by_day
from assets.automation.schedules import carry_on_sensor, night_job, night_schedule
from assets.automation.sensors import files_sensor
from assets.checks.contract_checks import contract_checks
from assets.checks.publication_checks import gate_checks
from assets.cli.doctor import find_troubles
from assets.resources.loggers import loggers
from assets.resources.metadata import LakeIOManager
from assets.resources.pipeline import Night
from assets.tables.companions import companion_assets
from assets.tables.core import core_assets
from assets.tables.feedback import loop_assets
from assets.tables.mastery import capability_assets
from assets.tables.model import model_assets
from assets.tables.publish_targets import publication_assets
from assets.tables.raw import landing_assets
from assets.tables.recommendations import out_assets
from assets.tables.snapshot import snapshot_assets
from pipelines.config.company import Config, read_config
from pipelines.config.settings import Settings


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
