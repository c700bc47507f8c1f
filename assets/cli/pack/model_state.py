"""The model in use with its risks, read for the documentation pack.

Belongs here: reading card, ledger, drift, evaluation and runs.
Does not belong here: how the card and its risks are written (`ml.registry`).
"""

from collections.abc import Iterator

import polars as pl

from assets.pack.tables import NO_MODEL, PublishedState
from assets.resources.instance_settings import find_missing_variable, read_profile
from assets.tables.training_data import TRAINING_INPUTS
from ml.registry.model_bundle import BundleError, read_card
from ml.registry.model_card import ModelCard, render_model_card
from ml.registry.model_risk import ModelRisk, render_model_risk
from ml.registry.registry import RegistryRecord, read_record
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.feature_tables import DRIFT, EVALUATION
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.ingest.deliveries import read_ledger
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot
from pipelines.storage.lake import Lake

# No group below this is counted, whatever the policy says: fewer could be recognised.
_LEAST_PEOPLE = 5
STOP_WAYS = (
    "An operator, for everybody: `footsteps pause --reason …`; within one run each person gets a row without a step "
    "that says why, and `footsteps resume` ends it.",
    "An operator, the nightly run: the schedule `nightly_schedule` in the UI under *Automation*; the published rows "
    "stay until `valid_until`.",
    "Each person, for themselves: opting out, at once in `footsteps serve` and with the next run everywhere else.",
    "Each person, a single step or micro-skill: dismissing or hiding it (`footsteps reply`).",
    "The product, by itself: a new model that is not proven better does not replace the one in use, a bundle that is "
    "not the one of its card is not loaded, and a failed check stops the publication.",
)


def read_published_state(settings: Settings) -> PublishedState:
    """What is published, and the card of the model in use."""
    snapshot, record = _find_snapshot(settings), _find_record(settings)
    return PublishedState(
        snapshot.snapshot_id if snapshot else None,
        str(snapshot.as_of) if snapshot else None,
        record.model_version if record else None,
        _find_card(settings, record),
    )


def render_card_with_risks(settings: Settings, config: Config) -> str:
    """The model card with its risks, as Markdown.

    Args:
        settings: Folders of the data root.
        config: The policy, whose smallest group holds.
    """
    record, lake = _find_record(settings), Lake(settings.lake_path)
    card = _find_card(settings, record)
    least_people = max(config.policy.team_people, _LEAST_PEOPLE)
    risk = ModelRisk(
        lineage=_summarise_ledger(lake),
        trained_tables=[table.name for table in TRAINING_INPUTS],
        drift=lake.scan(DRIFT).collect(),
        evaluation=lake.scan(EVALUATION).collect(),
        least_people=least_people,
        promoted_on=record.promoted_on if record else None,
        promotion=record.verdict.reason if record else "there was none",
        refusals=[*_describe_refused_files(lake), *_describe_rows_without_step(_find_snapshot(settings), least_people)],
        incidents=[*_describe_pauses(lake), *_describe_failed_runs(settings)],
        stop_ways=STOP_WAYS,
    )
    card_page = render_model_card(card) if card else f"# Model card: the next step\n\n{NO_MODEL}\n"
    return f"{card_page}\n{render_model_risk(risk)}"


def _find_snapshot(settings: Settings) -> Snapshot | None:
    try:
        return current_snapshot(settings.published_path)
    except NothingPublished:
        return None


def _find_record(settings: Settings) -> RegistryRecord | None:
    try:
        return read_record(settings.models_path)
    except BundleError:
        return None


def _find_card(settings: Settings, record: RegistryRecord | None) -> ModelCard | None:
    try:
        return read_card(settings.models_path / record.model_version) if record else None
    except BundleError:
        return None


def _summarise_ledger(lake: Lake) -> pl.DataFrame:
    is_landed = pl.col("delivery_status") == "landed"
    return (
        read_ledger(lake)
        .group_by("source_name", "system_name")
        .agg(
            is_landed.sum().alias("landed_files"),
            (pl.col("delivery_status") == "refused").sum().alias("refused_files"),
            pl.col("delivered_date").filter(is_landed).min().alias("first_day"),
            pl.col("delivered_date").filter(is_landed).max().alias("last_day"),
        )
        .sort("source_name")
    )


def _describe_refused_files(lake: Lake) -> Iterator[str]:
    refused_count = int(_summarise_ledger(lake)["refused_files"].sum())
    yield f"Files refused, as the ledger counts them: {refused_count:,}."


def _describe_rows_without_step(snapshot: Snapshot | None, least_people: int) -> Iterator[str]:
    """Reasons for no recommendation in the newest snapshot, each of enough people."""
    if snapshot is None:
        return
    counts = (
        snapshot.scan(NEXT_SKILL.name)
        .drop_nulls("no_recommendation_reason")
        .group_by("no_recommendation_reason")
        .agg(pl.col("person_id").n_unique().alias("people_count"))
        .filter(pl.col("people_count") >= least_people)
        .sort("no_recommendation_reason")
        .collect()
    )
    for reason, people_count in counts.iter_rows():
        yield f"No recommendation in the newest snapshot, because `{reason}`: {people_count:,} people."
    yield f"Reasons that concern fewer than {least_people} people are left out."


def _describe_pauses(lake: Lake) -> Iterator[str]:
    for pause in lake.scan(PAUSE).sort("paused_at").collect().to_dicts():
        end_text = f"until {pause['resumed_at']:%Y-%m-%d}" if pause["resumed_at"] else "and still"
        yield f"Recommendations were paused from {pause['paused_at']:%Y-%m-%d} {end_text}: {pause['pause_reason']}"


def _describe_failed_runs(settings: Settings) -> Iterator[str]:
    """Runs that Dagster still knows, and how many of them failed."""
    if read_profile(settings.dagster_home) is None:
        return
    if missing_variable := find_missing_variable(settings.dagster_home):
        yield f"Runs cannot be read: {missing_variable}."
        return
    # imported here because it takes seconds, and only if there are runs
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        run_count = instance.get_runs_count()
        failed_runs = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    yield f"{len(failed_runs):,} of {run_count:,} runs failed, of those that are still kept."
    if failed_runs:
        newest_day = max(run_record.create_timestamp for run_record in failed_runs).date()
        yield f"The newest failed run began on {newest_day}; `footsteps doctor` says why."
