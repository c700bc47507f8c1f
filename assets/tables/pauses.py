"""Pauses of recommendations, as a run sees them.

Belongs here: the table of all pauses, which every published table reads.
Does not belong here: the record of the command (`pipelines.core.pauses`), what a pause withholds
(`pipelines.core.objections`).
"""

from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.pauses import describe_pause, fingerprint_pauses, list_pauses


def pause_assets() -> list[AssetsDefinition]:
    """The pauses of recommendations."""
    return [pauses]


@incremental_asset(
    name="list_pauses",
    tables=[PAUSE],
    reads=[],
    depends_on_date=False,
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: fingerprint_pauses(run.settings.root, run.config.pause, run.context.today),
)
def pauses(run: AssetRun) -> Results:
    """List the pauses of the command and of footsteps.yaml; one without an end holds in this run."""
    pause_rows = list_pauses(run.settings.root, run.config.pause, run.tables.read(PAUSE), run.context.today)
    if pause_sentence := describe_pause(pause_rows):
        run.log.warning(pause_sentence)
    yield run.materialize(PAUSE, pause_rows, {"is_paused": pause_sentence is not None})
