"""`footsteps exposure` and `footsteps outcome`: what a reader showed and what came of it, for the next night to weigh.

Belongs here: the rows, and that the same one is written once.
Does not belong here: what is made of them (`assets.tables.feedback`), a person's own word (`reply`).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assets.cli.console import CommandFailed, print_json, resolve_settings, stdout_console
from assets.cli.landing_rows import (
    append_row,
    find_headers,
    find_person_key,
    find_source,
    landing_file,
    read_rows,
    to_exported_values,
)
from assets.cli.run import load_config
from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS, STAGES
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot, list_snapshots

_STEP = ("snapshot_id", "skill_id", "to_stage")
_MOMENT = {"exposure": "shown_at", "outcome": "outcome_at"}
_BLOCK = """declare where readers' records lie, in footsteps.yaml under `sources`:
  - {name: exposures, system: tabular, shape: exposure, path: "reader/exposures_*.csv", delivery: incremental,
     mapping: {record_code: exposure_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, shown_rank: rank, shown_at: shown_at}}
  - {name: outcomes, system: tabular, shape: outcome, path: "reader/outcomes_*.csv", delivery: incremental,
     mapping: {record_code: outcome_id, employee_number: employee_number, snapshot_id: snapshot_id,
     skill_id: skill_id, to_stage: to_stage, outcome_kind: outcome, outcome_at: happened_at}}"""


@dataclass(frozen=True)
class ShownStep:
    """A recommended step of a person in a snapshot (the current one where None), and when it was (now where None)."""

    person: str
    skill_id: str
    to_stage: str
    snapshot_id: str | None = None
    at: datetime | None = None


def write_exposure(
    data_root: Path | None, config: Path | None, landing: Path | None, shown: ShownStep, rank: int, as_json: bool
) -> None:
    """Append that a reader showed the step at this place of its list."""
    _write(data_root, config, landing, "exposure", shown, {"shown_rank": str(rank)}, as_json)


def write_outcome(
    data_root: Path | None, config: Path | None, landing: Path | None, shown: ShownStep, kind: str, as_json: bool
) -> None:
    """Append what came of a step that was shown."""
    if kind not in (allowed := COLUMNS["outcome_kind"].allowed or ()):
        raise CommandFailed(f"the outcome {kind!r} is none of {', '.join(allowed)}")
    _write(data_root, config, landing, "outcome", shown, {"outcome_kind": kind}, as_json)


def _write(
    data_root: Path | None,
    config: Path | None,
    landing: Path | None,
    shape: CanonicalSchemaName,
    shown: ShownStep,
    said: dict[str, str],
    as_json: bool,
) -> None:
    settings = resolve_settings(data_root, config, landing)
    declared = load_config(settings)
    source = find_source(declared, shape, _BLOCK)
    moment = _MOMENT[shape]
    headers = find_headers(source, shape, ("record_code", *_STEP, *said, moment))
    snapshot = _snapshot(settings.published_path, shown.snapshot_id)
    _refuse_strange(snapshot, shown)
    step = {"snapshot_id": snapshot.snapshot_id, "skill_id": shown.skill_id, "to_stage": shown.to_stage}
    row = {**find_person_key(settings, source, headers, shown.person), **to_exported_values(source, {**step, **said})}
    file = landing_file(settings, declared, source)
    written = append_record(file, row, headers, moment, shown.at, datetime.now(UTC))
    if as_json:
        print_json({"file": str(file), "person_id": shown.person, **step, "written": written})
        return
    told = "Written to" if written else "Nothing to do: it stands already in"
    stdout_console.print(f"{told} {file}\nNext: footsteps run", soft_wrap=True)


def append_record(
    file: Path, row: dict[str, str], headers: dict[str, str], moment: str, at: datetime | None, now: datetime
) -> bool:
    """Add a record to the CSV file; False where it stands there already: the same step and word, of the same moment, or
    of any where the moment is not given. `row` and `headers` are by canonical column."""
    known, written = read_rows(file), {headers[name]: value for name, value in row.items()}
    same = dict(written)
    if at is not None:
        same[headers[moment]] = _said(at)
    if any(all(one.get(name, "") == value for name, value in same.items()) for one in known):
        return False
    written[headers[moment]] = _said(at or now)
    code = hashlib.blake2b("\t".join([written[headers[moment]], *row.values()]).encode(), digest_size=8).hexdigest()
    append_row(file, known, {**written, headers["record_code"]: f"footsteps-{code}"}, headers)
    return True


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _snapshot(published: Path, snapshot_id: str | None) -> Snapshot:
    try:
        if snapshot_id is None:
            return current_snapshot(published)
    except NothingPublished as nothing:
        raise CommandFailed(str(nothing)) from nothing
    found = [one for one in list_snapshots(published) if one.snapshot_id == snapshot_id]
    if not found:
        raise CommandFailed(f"no snapshot {snapshot_id!r} is kept: `footsteps tables` prints the current one")
    return found[0]


def _refuse_strange(snapshot: Snapshot, shown: ShownStep) -> None:
    """A step that the snapshot never recommended to the person joins with nothing later: it is refused here."""
    if shown.to_stage not in STAGES:
        raise CommandFailed(f"the stage {shown.to_stage!r} is none of {', '.join(STAGES)}")
    rows = snapshot.scan(NEXT_SKILL.name).filter(
        person_id=shown.person, skill_id=shown.skill_id, to_stage=shown.to_stage
    )
    if not rows.collect().height:
        raise CommandFailed(
            f"{snapshot.snapshot_id} recommends {shown.skill_id} as {shown.to_stage} to nobody called {shown.person}: "
            f"`footsteps show {shown.person} --json` prints what it does"
        )
