"""`footsteps reply`: a person's word about a step, written where the next night reads it.

Belongs here: the reply as a row, never twice the same.
Does not belong here: the export it is added to (`appending`), what a reply does (`pipelines.core.replies`).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from assets.cli.console import CommandFailed, print_json, resolve_settings, stdout_console
from assets.cli.landing_rows import (
    PERSON_KEYS,
    append_row,
    find_headers,
    find_person_key,
    find_source,
    landing_file,
    read_rows,
    to_exported_values,
)
from assets.cli.run import load_config
from pipelines.config.company import SourceConfig
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, SKILL
from pipelines.contracts.columns import REPLY_KINDS, STAGES, STEP_GOALS
from pipelines.core.taxonomy import Taxonomy, match_skills
from pipelines.storage.lake import Lake

_NEEDED = ("record_code", "skill_text", "step_goal", "reply_kind", "until_date", "stated_stage", "replied_at")
_BLOCK = """declare where replies lie, in footsteps.yaml under `sources`:
  - {name: replies, system: tabular, shape: reply, path: "replies/replies_*.csv", mapping: {record_code: reply_id,
     employee_number: employee_number, skill_text: skill, step_goal: goal, reply_kind: answer, until_date: until,
     stated_stage: stage, replied_at: answered_at}}"""


@dataclass(frozen=True)
class Reply:
    """What is replied: the kind, about which micro-skill and step, until when or which stage."""

    kind: str
    skill: str
    goal: str | None = None
    until: date | None = None
    stage: str | None = None


def reply(
    data_root: Path | None,
    config: Path | None,
    landing: Path | None,
    person: str,
    word: Reply,
    on: datetime | None,
    as_json: bool,
) -> None:
    """Append the reply to the landing file, unless the person's last word there is the same."""
    _check(word)
    settings = resolve_settings(data_root, config, landing)
    declared = load_config(settings)
    source = find_source(declared, "reply", _BLOCK)
    headers = find_headers(source, "reply", _NEEDED)
    skill_id = _known_skill(settings, word.skill)
    file = landing_file(settings, declared, source)
    row = _row(settings, source, headers, person, Reply(word.kind, skill_id, word.goal, word.until, word.stage))
    written = append_reply(file, row, headers, on or datetime.now(UTC))
    if as_json:
        print_json({"file": str(file), "person_id": person, "skill_id": skill_id, "written": written})
        return
    said = "Written to" if written else "Nothing to do: it is already the last word in"
    stdout_console.print(f"{said} {file}\nNext: footsteps run", soft_wrap=True)


def append_reply(file: Path, row: dict[str, str], headers: dict[str, str], moment: datetime) -> bool:
    """Add a row to the CSV file, whole or not at all; False where the last one about the same person, micro-skill and
    step says the same. `row` and `headers` are by canonical column."""
    known = read_rows(file)
    written = {headers[name]: value for name, value in row.items()}
    about = [headers[name] for name in (*PERSON_KEYS, "skill_text", "step_goal") if name in headers]
    earlier = [one for one in known if all(one.get(name, "") == written.get(name, "") for name in about)]
    if earlier and all(earlier[-1].get(name, "") == value for name, value in written.items()):
        return False
    at = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    code = hashlib.blake2b("\t".join([at, *row.values()]).encode(), digest_size=8).hexdigest()
    written |= {headers["replied_at"]: at, headers["record_code"]: f"footsteps-{code}"}
    append_row(file, known, written, headers)
    return True


def _check(word: Reply) -> None:
    for value, allowed, option in (
        (word.kind, REPLY_KINDS, "the reply"),
        (word.goal, STEP_GOALS, "--goal"),
        (word.stage, STAGES, "--stage"),
    ):
        if value is not None and value not in allowed:
            raise CommandFailed(f"{option} {value!r} is none of {', '.join(allowed)}")
    if word.kind == "snooze" and word.until is None:
        raise CommandFailed("snooze says until when: add --until 2026-09-01")
    if word.kind == "dispute" and word.stage is None:
        raise CommandFailed("dispute says which stage you hold: add --stage journeyman")


def _row(settings: Settings, source: SourceConfig, headers: dict[str, str], person: str, word: Reply) -> dict[str, str]:
    """The reply by canonical column, the person by the key that the source knows them by."""
    said = {
        "skill_text": word.skill,
        "step_goal": word.goal or "",
        "reply_kind": word.kind,
        "until_date": word.until.isoformat() if word.until else "",
        "stated_stage": word.stage or "",
    }
    return {**find_person_key(settings, source, headers, person), **to_exported_values(source, said)}


def _known_skill(settings: Settings, text: str) -> str:
    """The one micro-skill that a text names. Raises Failed for none or several."""
    lake = Lake(settings.lake_path)
    known = Taxonomy(*(lake.scan(table).collect() for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
    found = match_skills(pl.DataFrame({"skill_text": [text]}), known)["skill_id"].drop_nulls().unique().sort()
    if found.len() != 1:
        several = (
            f"names {found.len()} micro-skills ({', '.join(found.head(5))})" if found.len() else "names no micro-skill"
        )
        raise CommandFailed(f"{text!r} {several}: give a skill_id, as `footsteps show PERSON --json` prints it")
    return str(found[0])
