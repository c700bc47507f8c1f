"""`footsteps exposure` and `footsteps outcome`: what a reader showed, and what came of it, for the next run.

Belongs here: the rows, and that a repeated record is not written.
Does not belong here: the acceptance computed from them (`assets.tables.feedback`), a person's reply (`reply`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from assets.answers.landing_rows import append_row, format_time, read_csv_rows
from assets.cli.feedback.exports import open_export, print_written, report_refusals
from assets.cli.terminal.console import CommandFailed
from assets.cli.terminal.inputs import load_current_snapshot
from pipelines.config.settings import Settings
from pipelines.contracts.columns import COLUMNS, STAGES
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.ingest.answer_files import lock_answers
from pipelines.snapshots.reader import Snapshot, list_snapshots

_STEP_COLUMNS = ("snapshot_id", "skill_id", "to_stage")
_TIME_COLUMN_BY_KIND = {"exposure": "shown_at", "outcome": "outcome_at"}
_SOURCE_DECLARATION = """declare the exports of readers in footsteps.yaml under `sources`:
  - {name: exposures, system: tabular, shape: exposure, path: "reader/exposures_*.csv", delivery: incremental,
     mapping: {record_code: exposure_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, shown_rank: rank, shown_at: shown_at}}
  - {name: outcomes, system: tabular, shape: outcome, path: "reader/outcomes_*.csv", delivery: incremental,
     mapping: {record_code: outcome_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, outcome_kind: outcome, outcome_at: happened_at}}"""


@dataclass(frozen=True)
class ShownStep:
    """A recommended step that a reader showed to a person.

    Attributes:
        person_id: The person.
        skill_id: The micro-skill of the step.
        to_stage: The stage that the step leads to.
        snapshot_id: The snapshot that recommended it; the current one if None.
        happened_at: Time of the exposure or outcome; now if None.
    """

    person_id: str
    skill_id: str
    to_stage: str
    snapshot_id: str | None = None
    happened_at: datetime | None = None


@report_refusals()
def write_record(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    record_kind: Literal["exposure", "outcome"],
    shown_step: ShownStep,
    kind_specific_values: dict[str, str],
    as_json: bool,
) -> None:
    """Append that a reader showed a step, or what came of it, unless the export holds the record already.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        record_kind: Whether the record is an exposure or an outcome.
        shown_step: The step.
        kind_specific_values: shown_rank of an exposure, outcome_kind of an outcome.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: If a value is not allowed, or the export, the step or the person is unknown.
    """
    outcome_kinds = COLUMNS["outcome_kind"].allowed or ()
    if record_kind == "outcome" and kind_specific_values["outcome_kind"] not in outcome_kinds:
        raise CommandFailed(
            f"the outcome {kind_specific_values['outcome_kind']!r} is none of {', '.join(outcome_kinds)}"
        )
    time_column = _TIME_COLUMN_BY_KIND[record_kind]
    required_columns = ("record_code", *_STEP_COLUMNS, *kind_specific_values, time_column)
    export_file = open_export(
        data_root, config_file, landing_folder, record_kind, required_columns, _SOURCE_DECLARATION
    )
    snapshot = _find_snapshot(export_file.settings, shown_step.snapshot_id)
    _require_recommended(snapshot, shown_step)
    step_values = {
        "snapshot_id": snapshot.snapshot_id,
        "skill_id": shown_step.skill_id,
        "to_stage": shown_step.to_stage,
    }
    export_record = {
        **export_file.find_person_key(shown_step.person_id),
        **export_file.to_exported_values({**step_values, **kind_specific_values}),
    }
    with lock_answers(export_file.settings.root):
        is_written = append_record(
            export_file.path,
            export_record,
            export_file.header_by_column,
            time_column,
            shown_step.happened_at,
            datetime.now(UTC),
        )
    print_written({"person_id": shown_step.person_id, **step_values}, export_file.path, is_written, as_json)


def append_record(
    csv_file: Path,
    new_record: dict[str, str],
    header_by_column: dict[str, str],
    time_column: str,
    happened_at: datetime | None,
    now: datetime,
) -> bool:
    """Add a record to the CSV file, unless the file holds an equal one of the same time.

    If the record has no time, an equal one of any time counts.

    Args:
        csv_file: The export; it may be missing.
        new_record: The record by canonical column, without time and record code.
        header_by_column: Header by canonical column.
        time_column: The canonical column of the time.
        happened_at: Time of the record; `now` if None.
        now: The current time.

    Returns:
        Whether the record was added.
    """
    existing_records = read_csv_rows(csv_file)
    compared_values = new_record if happened_at is None else {**new_record, time_column: format_time(happened_at)}
    if any(
        all(
            existing_record.get(header_by_column[canonical_column], "") == cell
            for canonical_column, cell in compared_values.items()
        )
        for existing_record in existing_records
    ):
        return False
    append_row(csv_file, existing_records, new_record, header_by_column, time_column, happened_at or now)
    return True


def _find_snapshot(settings: Settings, snapshot_id: str | None) -> Snapshot:
    if snapshot_id is None:
        return load_current_snapshot(settings)
    for snapshot in list_snapshots(settings.published_path):
        if snapshot.snapshot_id == snapshot_id:
            return snapshot
    raise CommandFailed(f"no snapshot {snapshot_id!r} is kept: `footsteps tables` prints the current one")


def _require_recommended(snapshot: Snapshot, shown_step: ShownStep) -> None:
    """Refuse a step that the snapshot does not recommend to the person: later it would join with nothing."""
    if shown_step.to_stage not in STAGES:
        raise CommandFailed(f"the stage {shown_step.to_stage!r} is none of {', '.join(STAGES)}")
    matching_steps = snapshot.scan(NEXT_SKILL.name).filter(
        person_id=shown_step.person_id, skill_id=shown_step.skill_id, to_stage=shown_step.to_stage
    )
    if matching_steps.collect().is_empty():
        raise CommandFailed(
            f"{snapshot.snapshot_id} does not recommend {shown_step.skill_id} as {shown_step.to_stage} "
            f"to {shown_step.person_id}: `footsteps show {shown_step.person_id} --json` prints what it recommends"
        )
