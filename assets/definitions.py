"""Everything Dagster sees, assembled from one configuration.

Belongs here: the assembly.
Does not belong here: any definition itself.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import Definitions, in_process_executor

from assets.automation.alerts import build_alert_sensor
from assets.automation.metrics import build_metrics_sensor
from assets.automation.remote_files import build_remote_files_sensor
from assets.automation.run_selection import Selection, select_fetch, select_incremental
from assets.automation.schedules import build_backfill_downstream_sensor, build_nightly_schedule, nightly_job
from assets.automation.sensors import build_landed_files_sensor
from assets.checks.audit_checks import audit_asset, audit_checks
from assets.checks.contract_checks import ledger_checks
from assets.checks.health import find_issues
from assets.checks.issue import Issue
from assets.checks.publication_checks import publication_checks
from assets.resources.loggers import loggers
from assets.resources.pipeline import PipelineResource
from assets.tables.companions import companion_assets
from assets.tables.core import core_assets
from assets.tables.craft import craft_assets
from assets.tables.feedback import feedback_assets
from assets.tables.fetch import fetch_assets
from assets.tables.mastery import mastery_assets
from assets.tables.model import model_assets
from assets.tables.pauses import pause_assets
from assets.tables.practice import practice_assets
from assets.tables.raw import landing_assets
from assets.tables.recommendations import recommendation_assets
from assets.tables.snapshot import snapshot_assets
from assets.tables.squads import squad_assets
from pipelines.config.company import Config, read_config
from pipelines.config.settings import Settings
from pipelines.storage.file_access import PRIVATE_UMASK, use_umask


def build_definitions(settings: Settings) -> Definitions:
    """The definitions of one data root. Ops run in one process: most take less time than a process needs to start.

    Raises:
        ConfigError: footsteps.yaml is missing or wrong.
    """
    config = read_config(settings.config_path)
    assets = [
        *fetch_assets(config),
        *landing_assets(config),
        *core_assets(config),
        *pause_assets(),
        *mastery_assets(),
        *craft_assets(),
        *model_assets(),
        *recommendation_assets(),
        *companion_assets(),
        *squad_assets(),
        *practice_assets(),
        *snapshot_assets(config),
        *feedback_assets(),
    ]
    pipeline, fetch_selection = build_pipeline(settings, config), select_fetch(assets)

    def select_for_sources(source_names: Sequence[str]) -> Selection:
        return select_incremental(assets, [config.source(source_name) for source_name in source_names])

    def find_health_issues() -> list[Issue]:
        return find_issues(settings, config, pipeline.landing_folder, datetime.now(UTC))

    return Definitions(
        assets=[*assets, audit_asset()],
        asset_checks=[ledger_checks(config), audit_checks(config), *publication_checks(config)],
        jobs=[nightly_job],
        schedules=[build_nightly_schedule(config.time_zone, config.nightly_hour)],
        sensors=[
            build_landed_files_sensor(pipeline, select_for_sources),
            *([build_remote_files_sensor(pipeline, fetch_selection)] if fetch_selection.assets else []),
            build_alert_sensor(config.alerts, config.company, find_health_issues),
            build_backfill_downstream_sensor(),
            *([build_metrics_sensor(pipeline)] if config.monitoring.metrics_file else []),
        ],
        resources={"pipeline": pipeline},
        executor=in_process_executor,
        loggers=loggers(),
    )


def build_pipeline(settings: Settings, config: Config) -> PipelineResource:
    """The pipeline resource of one data root."""
    landing_folder = settings.landing or settings.config_path.parent / config.landing
    return PipelineResource(
        data_root=str(settings.root),
        config_path=str(settings.config_path),
        landing_path=str(landing_folder.expanduser().resolve()),
    )


def _load_definitions() -> Definitions:
    use_umask(PRIVATE_UMASK)  # Dagster loads the code into processes that it starts by itself
    settings = Settings()
    if not settings.config_path.exists():
        # without definitions the UI shows this sentence; an import error would show a stack trace
        return Definitions(metadata={"footsteps": f"no configuration at {settings.config_path}: run `footsteps demo`"})
    return build_definitions(settings)


defs = _load_definitions()
