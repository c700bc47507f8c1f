"""`footsteps reply`: a person's reply to a step, written to an export that the next run reads.

Belongs here: the reply as a row, and that a repeated reply is not written.
Does not belong here: the export (`assets.answers.landing_rows`), the effect of a reply (`pipelines.core.replies`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from assets.answers.landing_rows import PERSON_KEYS, append_row, read_csv_rows
from assets.cli.feedback.exports import open_export, print_written, report_refusals
from assets.cli.terminal.console import CommandFailed
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, SKILL
from pipelines.contracts.columns import REPLY_KINDS, STAGES, STEP_GOALS
from pipelines.core.taxonomy import Taxonomy, match_skills
from pipelines.ingest.answer_files import lock_answers
from pipelines.storage.lake import Lake

_REQUIRED_COLUMNS = ("record_code", "skill_text", "step_goal", "reply_kind", "until_date", "stated_stage", "replied_at")
_SOURCE_DECLARATION = """declare the export of replies in footsteps.yaml under `sources`:
  - {name: replies, system: tabular, shape: reply, path: "replies/replies_*.csv", mapping: {record_code: reply_id,
     employee_number: employee_number, skill_text: skill, step_goal: goal, reply_kind: answer, until_date: until,
     stated_stage: stage, replied_at: answered_at}}"""


@dataclass(frozen=True)
class Reply:
    """A reply to a step.

    Attributes:
        kind: One of `REPLY_KINDS`.
        skill_text: skill_id or name of the micro-skill.
        step_goal: One of `STEP_GOALS`; None for every step of the micro-skill.
        snoozed_until: Day on which a snoozed step returns.
        stated_stage: The stage that a dispute states.
    """

    kind: str
    skill_text: str
    step_goal: str | None = None
    snoozed_until: date | None = None
    stated_stage: str | None = None


@report_refusals()
def write_reply(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    person_id: str,
    reply: Reply,
    replied_at: datetime | None,
    as_json: bool,
) -> None:
    """Append a reply to the export of replies, unless it repeats the person's last reply to the step.

    Raises:
        CommandFailed: If the reply is not valid, or the export, the micro-skill or the person is unknown.
    """
    _validate_reply(reply)
    export_file = open_export(data_root, config_file, landing_folder, "reply", _REQUIRED_COLUMNS, _SOURCE_DECLARATION)
    skill_id = find_skill_id(export_file.settings, reply.skill_text)
    canonical_values = {
        "skill_text": skill_id,
        "step_goal": reply.step_goal or "",
        "reply_kind": reply.kind,
        "until_date": reply.snoozed_until.isoformat() if reply.snoozed_until else "",
        "stated_stage": reply.stated_stage or "",
    }
    reply_row = {**export_file.find_person_key(person_id), **export_file.to_exported_values(canonical_values)}
    with lock_answers(export_file.settings.root):
        is_written = append_reply(
            export_file.path, reply_row, export_file.header_by_column, replied_at or datetime.now(UTC)
        )
    print_written({"person_id": person_id, "skill_id": skill_id}, export_file.path, is_written, as_json)


def append_reply(
    csv_file: Path, new_row: dict[str, str], header_by_column: dict[str, str], replied_at: datetime
) -> bool:
    """Add a reply to the CSV file, unless the last reply to the same person, micro-skill and step is equal.

    Args:
        csv_file: The export; it may be missing.
        new_row: The reply by canonical column, without time and record code.
        header_by_column: Header by canonical column.
        replied_at: Time of the reply.

    Returns:
        Whether the reply was added.
    """
    existing_rows = read_csv_rows(csv_file)
    exported_row = {header_by_column[canonical_column]: cell for canonical_column, cell in new_row.items()}
    key_headers = [
        header_by_column[canonical_column]
        for canonical_column in (*PERSON_KEYS, "skill_text", "step_goal")
        if canonical_column in header_by_column
    ]
    earlier_replies = [
        existing_row
        for existing_row in existing_rows
        if all(existing_row.get(header, "") == exported_row.get(header, "") for header in key_headers)
    ]
    if earlier_replies and all(earlier_replies[-1].get(header, "") == cell for header, cell in exported_row.items()):
        return False
    append_row(csv_file, existing_rows, new_row, header_by_column, "replied_at", replied_at)
    return True


def _validate_reply(reply: Reply) -> None:
    for given_value, allowed_values, option_name in (
        (reply.kind, REPLY_KINDS, "the reply"),
        (reply.step_goal, STEP_GOALS, "--goal"),
        (reply.stated_stage, STAGES, "--stage"),
    ):
        if given_value is not None and given_value not in allowed_values:
            raise CommandFailed(f"{option_name} {given_value!r} is none of {', '.join(allowed_values)}")
    if reply.kind == "snooze" and reply.snoozed_until is None:
        raise CommandFailed("snooze needs the day on which the step returns: add --until 2026-09-01")
    if reply.kind == "dispute" and reply.stated_stage is None:
        raise CommandFailed("dispute needs the stage that you hold: add --stage journeyman")


def find_skill_id(settings: Settings, skill_text: str) -> str:
    """The skill_id that a text names.

    Args:
        settings: The settings of the data root.
        skill_text: skill_id or name of the micro-skill.

    Raises:
        CommandFailed: The text names no micro-skill, or several.
    """
    lake = Lake(settings.lake_path)
    taxonomy = Taxonomy(
        *(lake.scan(taxonomy_table).collect() for taxonomy_table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE))
    )
    skill_matches = match_skills(pl.DataFrame({"skill_text": [skill_text]}), taxonomy)
    skill_ids = skill_matches["skill_id"].drop_nulls().unique().sort().to_list()
    if len(skill_ids) != 1:
        ambiguity_text = f"names {len(skill_ids)} micro-skills ({', '.join(skill_ids[:5])})"
        match_problem = ambiguity_text if skill_ids else "names no micro-skill"
        raise CommandFailed(
            f"{skill_text!r} {match_problem}: give a skill_id, as `footsteps show PERSON --json` prints it"
        )
    return str(skill_ids[0])
