"""`footsteps run`: one run in this process, visible in Dagster's UI like any other run.

Belongs here: starting the run, and printing its summary.
Does not belong here: the assets, and which of them a run needs (`assets.automation.run_selection`).
"""

import os
import shlex
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from assets.checks.exit_codes import ExitCode, choose_exit_code
from assets.checks.health import find_fetch_issues
from assets.checks.monitoring_health import find_monitoring_issues
from assets.checks.source_states import describe_sources
from assets.checks.target_health import TargetState, read_target_states
from assets.cli.run_progress import show_progress
from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_note,
    print_table,
    resolve_settings,
    stdout_console,
)
from assets.cli.terminal.dagster_home import prepare_dagster_home
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from assets.resources.loggers import LOGGER_CONFIG
from assets.resources.memory import pause_garbage_collection
from pipelines.config.company import Config
from pipelines.config.secrets import describe_failure
from pipelines.config.settings import Settings
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.pauses import describe_pause
from pipelines.ingest.deliveries import count_quarantined_rows
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot
from pipelines.storage.lake import Lake

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions, ExecuteInProcessResult, JobDefinition

    from assets.automation.run_selection import Selection
    from assets.resources.pipeline import PipelineResource


@dataclass(frozen=True)
class RunSummary:
    """The result of a run.

    Attributes:
        snapshot: The published snapshot.
        source_states: One entry per source: status, counts of files and rows, refused files.
        quarantined_row_count: Number of rows in quarantine.
        vanished_sentences: What the exports or the taxonomy no longer have, in one sentence per kind.
        target_states: The state of each further target.
    """

    snapshot: Snapshot
    source_states: list[dict[str, Any]]
    quarantined_row_count: int
    vanished_sentences: tuple[str, ...] = ()
    target_states: tuple[TargetState, ...] = ()
    pause_sentence: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What `footsteps run` ends with."""
        return choose_exit_code(self.source_states, self.target_states)


def run_pipeline(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    as_of: date | None,
    allow_row_count_drop: bool,
    as_json: bool,
    incremental: bool = False,
) -> None:
    """Run the pipeline and print its tables.

    Raises:
        CommandFailed: If nothing was published.
        typer.Exit: With the code of the summary, if a file was refused or a target failed.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    company_config = load_config(settings)
    if settings.landing is not None and not settings.landing.is_dir():
        raise CommandFailed(
            f"the landing folder {settings.landing} does not exist: give the folder with the exports",
            ExitCode.CONFIGURATION,
        )
    run_summary = execute_run(settings, company_config, as_of, allow_row_count_drop, incremental=incremental)
    if as_json:
        print_json(_to_document(run_summary))
    else:
        _print_summary(run_summary, _format_next_commands(settings))
    if run_summary.exit_code is not ExitCode.SUCCESS:
        raise typer.Exit(run_summary.exit_code)


def execute_run(
    settings: Settings,
    config: Config,
    as_of: date | None,
    allow_row_count_drop: bool,
    *,
    incremental: bool = False,
    run_day: date | None = None,
) -> RunSummary:
    """Run the pipeline in this process.

    Args:
        settings: The settings of the run.
        config: The configuration of the company.
        as_of: Nothing after this day is used; today if None.
        allow_row_count_drop: Land full exports even if they have far fewer rows than the last ones.
        incremental: Recompute only the people that new files are about.
        run_day: The day for which the run is scheduled; today if None.

    Returns:
        The summary of the run.

    Raises:
        CommandFailed: If the run failed or published nothing, with the first failure in one sentence.
    """
    prepare_dagster_home(settings, config.dagster.profile)
    with pause_garbage_collection():  # imported here because they take seconds
        import scipy.special  # noqa: F401  # first: skops searches modules for its functions, in order of import
        from dagster import DagsterInstance

        from assets.automation.schedules import NIGHTLY_JOB, today_utc
        from assets.cli.due_deletions import delete_before_run
        from assets.definitions import build_definitions, build_pipeline
        from assets.resources.locking import keep_connections_open

    delete_before_run(settings, config, as_of)
    definitions = build_definitions(settings)
    selection = None if allow_row_count_drop else _select_assets(definitions, as_of, run_day, incremental)
    selected_job = _select_job(definitions.resolve_job_def(NIGHTLY_JOB), selection)
    is_incremental = incremental and selection is not None and selection.has_landing
    run_tags = _build_tags(as_of, run_day, allow_row_count_drop, is_incremental)
    # connections stay open from the start: before its first step, the run records hundreds of planned checks
    with (
        DagsterInstance.get() as instance,
        keep_connections_open(instance),
        show_progress(len(selected_job.graph.node_defs)),
    ):
        run_result = selected_job.execute_in_process(
            run_config=LOGGER_CONFIG,
            instance=instance,
            tags=run_tags,
            raise_on_error=False,
            partition_key=today_utc().isoformat() if selection is None or selection.has_landing else None,
        )
        failure_sentence = None if run_result.success else _explain_failure(run_result)
        _write_metrics(build_pipeline(settings, config), instance)
    for monitoring_issue in find_monitoring_issues(settings, config):
        print_note(f"[yellow]monitoring:[/yellow] {escape(monitoring_issue.sentence)}")
    return _summarize_run(settings, config, failure_sentence, _list_vanished_sentences(run_result))


def _select_job(job: "JobDefinition", selection: "Selection | None") -> "JobDefinition":
    """The job with the selected assets and checks alone; the whole job without a selection."""
    if selection is None:
        return job
    return job.get_subset(
        asset_selection=frozenset(selection.assets), asset_check_selection=frozenset(selection.checks)
    )


def _write_metrics(pipeline: "PipelineResource", instance: "DagsterInstance") -> None:
    """Write the metrics that footsteps.yaml asks for. A failure to write them does not stop the run."""
    from assets.automation.metrics import write_configured_metrics

    try:
        write_configured_metrics(pipeline, instance, datetime.now(UTC))
    except OSError as failure:
        print_note(f"[yellow]monitoring:[/yellow] metrics: {escape(describe_failure(failure))}")


def _build_tags(
    as_of: date | None, run_day: date | None, allow_row_count_drop: bool, is_incremental: bool
) -> dict[str, str]:
    """The tags of a run."""
    from assets.resources import run_context

    text_by_tag_name = {
        run_context.AS_OF_TAG: as_of and as_of.isoformat(),
        run_context.SCHEDULED_DAY_TAG: run_day and run_day.isoformat(),
        run_context.ALLOW_ROW_COUNT_DROP_TAG: allow_row_count_drop and "true",
        run_context.INCREMENTAL_TAG: is_incremental and "true",
        run_context.CAUSE_TAG: "the command line",
    }
    return {tag_name: tag_text for tag_name, tag_text in text_by_tag_name.items() if tag_text}


def _list_vanished_sentences(run_result: "ExecuteInProcessResult") -> tuple[str, ...]:
    """What the tables that the run wrote no longer have, in the sentences of their materializations."""
    from assets.resources.metadata import VANISHED

    vanished_texts = [
        run_event.materialization.metadata[VANISHED].value
        for run_event in run_result.all_events
        if run_event.event_type_value == "ASSET_MATERIALIZATION" and VANISHED in run_event.materialization.metadata
    ]
    return tuple(
        vanished_sentence for vanished_text in vanished_texts for vanished_sentence in str(vanished_text).splitlines()
    )


def _summarize_run(
    settings: Settings, config: Config, failure_sentence: str | None, vanished_sentences: tuple[str, ...]
) -> RunSummary:
    """Print the refused and unfetched files, then raise the failure or return the summary."""
    lake = Lake(settings.lake_path)
    source_states = describe_sources(lake, config, resolve_landing_folder(settings, config))
    for fetch_issue in find_fetch_issues(lake, config):
        print_note(f"[yellow]fetch:[/yellow] {escape(fetch_issue.sentence)}")
    for source_state in source_states:
        for refused_file in source_state["refused"]:
            print_note(f"[yellow]refused:[/yellow] {source_state['name']}: {escape(refused_file['reason'])}")
    for vanished_sentence in vanished_sentences:
        print_note(f"[yellow]vanished:[/yellow] {escape(vanished_sentence)}")
    if failure_sentence:
        raise CommandFailed(f"{failure_sentence} The last publication remains.")
    try:
        snapshot = current_snapshot(settings.published_path)
    except NothingPublished as error:
        raise CommandFailed(f"the run published nothing: {error}") from error
    target_states = tuple(read_target_states(lake, config, snapshot.snapshot_id))
    for target_state in target_states:
        if target_state.problem:
            print_note(f"[yellow]target:[/yellow] {target_state.target}: {escape(target_state.problem)}")
    pause_sentence = describe_pause(lake.scan(PAUSE).collect())
    if pause_sentence:
        print_note(f"[yellow]paused:[/yellow] {escape(pause_sentence)}")
    return RunSummary(
        snapshot,
        source_states,
        count_quarantined_rows(lake, config.sources),
        vanished_sentences,
        target_states,
        pause_sentence,
    )


def _select_assets(
    definitions: "Definitions", as_of: date | None, run_day: date | None, incremental: bool
) -> "Selection | None":
    """The assets that a run needs, None for all; if there is nothing new, the publication is only renewed."""
    from assets.automation.run_selection import (
        find_new_files,
        find_new_remote_files,
        select_fetch,
        select_incremental,
        select_renewal,
    )
    from assets.resources.pipeline import PipelineResource

    pipeline: Any = (definitions.resources or {})["pipeline"]
    assert isinstance(pipeline, PipelineResource)
    all_assets: Any = definitions.assets
    complete_runs = pipeline.complete_runs
    last_as_of = complete_runs.last_as_of()
    if last_as_of is None:
        return None
    changed_source_names = {new_file.source.name for new_file in find_new_files(pipeline)}
    if changed_source_names and not incremental:
        return None  # everything is computed, whatever the origins hold
    new_remote_files, _ = find_new_remote_files(pipeline)  # the fetch of the run reports what cannot be listed
    changed_source_names |= {source_name for new_file in new_remote_files for source_name in new_file.source_names}
    if not changed_source_names and not new_remote_files:
        is_same_day = as_of in (None, last_as_of) and complete_runs.keeps_as_of(as_of, run_day)
        is_renewal = is_same_day and complete_runs.has_no_new_input()
        return select_renewal(all_assets).join(select_fetch(all_assets)) if is_renewal else None
    if not incremental:
        return None
    changed_sources = [source for source in pipeline.config.sources if source.name in changed_source_names]
    return select_incremental(all_assets, changed_sources).join(select_fetch(all_assets))


def _to_document(run_summary: RunSummary) -> dict[str, Any]:
    """The stable JSON of a run."""
    return {
        "snapshot_id": run_summary.snapshot.snapshot_id,
        "as_of": run_summary.snapshot.as_of.isoformat(),
        "valid_until": run_summary.snapshot.valid_until.isoformat(),
        "tables": [
            {
                "name": published_table.name,
                "path": str(run_summary.snapshot.path(published_table.name)),
                "format": "parquet",
                "rows": published_table.rows,
                "content_sha256": published_table.content_sha256,
            }
            for published_table in run_summary.snapshot.tables
        ],
        "sources": run_summary.source_states,
        "quarantined": run_summary.quarantined_row_count,
        "vanished": list(run_summary.vanished_sentences),
        "paused": run_summary.pause_sentence,
        "targets": [asdict(target_state) for target_state in run_summary.target_states],
    }


def _format_next_commands(settings: Settings) -> str:
    """The commands that read this run, with the options by which they find its data root and its configuration."""
    is_default_root = settings.root == resolve_settings(None).root
    root_options = [] if is_default_root else ["--data-root", os.path.relpath(settings.root)]
    has_config_elsewhere = settings.config_path.parent != settings.root
    config_options = ["--config", os.path.relpath(settings.config_path)] if has_config_elsewhere else []
    argument_lists = (
        ["show", "--sample", "3", *root_options],
        ["tables", *root_options],
        ["up", *root_options, *config_options],
    )
    return ", ".join(shlex.join(["footsteps", *arguments]) for arguments in argument_lists)


def _print_summary(run_summary: RunSummary, next_commands: str) -> None:
    snapshot = run_summary.snapshot
    print_table(
        f"Snapshot {snapshot.snapshot_id}, as of {snapshot.as_of}",
        {"table": "left", "rows": "right", "path": "left"},
        [
            [published_table.name, f"{published_table.rows:,}", str(snapshot.path(published_table.name))]
            for published_table in snapshot.tables
        ],
    )
    text_state_keys, count_state_keys = ("name", "system", "status"), ("files", "rows", "quarantined")
    print_table(
        "Sources",
        {"source": "left", "system": "left", "status": "left", **dict.fromkeys(count_state_keys, "right")},
        [
            [
                *(source_state[state_key] for state_key in text_state_keys),
                *(f"{source_state[state_key]:,}" for state_key in count_state_keys),
            ]
            for source_state in run_summary.source_states
        ],
    )
    for source_state in run_summary.source_states:
        for notice in source_state["notices"]:
            stdout_console.print(f"• {notice}", soft_wrap=True, markup=False)
    stdout_console.print(
        f"{run_summary.quarantined_row_count:,} rows in quarantine. Next: {next_commands}",
        soft_wrap=True,
    )


def _explain_failure(run_result: "ExecuteInProcessResult") -> str:
    """The first failure in one sentence: a violated rule, or the error of an op without its stack."""
    for run_event in run_result.all_events:
        # the check that found a violated rule says more than the op that it stops
        if run_event.event_type_value == "ASSET_CHECK_EVALUATION":
            check_evaluation: Any = run_event.event_specific_data
            if not check_evaluation.passed and check_evaluation.blocking and check_evaluation.severity.value == "ERROR":
                table_name = check_evaluation.asset_key.to_user_string()
                return f"{table_name} breaks {check_evaluation.check_name}: {check_evaluation.description}."
        if run_event.is_step_failure:
            return f"the step {run_event.step_key} failed: {_read_first_line(run_event.step_failure_data.error)}."
        if run_event.is_job_failure:  # before any op, for example because the lock could not be acquired
            return f"the run broke off: {_read_first_line(run_event.job_failure_data.error)}."
    return "the run did not finish."


def _read_first_line(error: Any) -> str:
    error_cause = error.cause if error and error.cause else error
    return str(error_cause.message.strip().splitlines()[0]) if error_cause else "it gave no reason"
