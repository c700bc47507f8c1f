"""`footsteps reply`: a person's word about a step, written where the next night reads it.

Belongs here: finding the replies' export, writing one row in its own columns, never twice the same.
Does not belong here: what a reply does (`pipelines.replies`).
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from assets.commands.night import load_config
from assets.commands.saying import Failed, answers, print_json, settings_of
from pipelines.config import Config, Source
from pipelines.contracts.catalog import ALIAS, PERSON, PREREQUISITE, ROLE_PROFILE, SKILL
from pipelines.contracts.fields import REPLY_KINDS, STAGES, STEP_GOALS
from pipelines.contracts.shapes import SHAPES
from pipelines.lake import Lake, replace_file
from pipelines.settings import Settings
from pipelines.taxonomy import Taxonomy, match_skills

_WHO = ("employee_number", "work_email", "account_code")
_BLOCK = """declare where replies lie, in footsteps.yaml under `sources`:
  - {name: replies, system: tabular, shape: reply, path: "replies/replies_*.csv", mapping: {record_code: reply_id,
     employee_number: employee_number, skill_text: skill, step_goal: goal, reply_kind: answer, until_date: until,
     stated_stage: stage, replied_at: answered_at}}"""


@dataclass(frozen=True)
class Word:
    """What is replied: the kind, about which micro-skill and step, until when or which stage."""

    kind: str
    skill: str
    goal: str | None = None
    until: date | None = None
    stage: str | None = None


def reply(
    data_root: Path | None, config: Path | None, landing: Path | None, person: str, word: Word, on: datetime | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Append the reply to the landing file, unless the person's last word there is the same."""
    _check(word)
    settings = settings_of(data_root, config, landing)
    declared = load_config(settings)
    source = _source(declared)
    skill_id = _known_skill(settings, word.skill)
    file = _folder(settings, declared) / source.path.replace("*", "footsteps")
    row = _row(settings, source, person, Word(word.kind, skill_id, word.goal, word.until, word.stage))
    written = append_reply(file, row, _headers(source), on or datetime.now(UTC))
    if as_json:
        print_json({"file": str(file), "person_id": person, "skill_id": skill_id, "written": written})
        return
    said = "Written to" if written else "Nothing to do: it is already the last word in"
    answers.print(f"{said} {file}\nNext: footsteps run", soft_wrap=True)


def append_reply(file: Path, row: dict[str, str], headers: dict[str, str], moment: datetime) -> bool:
    """Add a row to the CSV file, whole or not at all; False where the last one about the same person, micro-skill and
    step says the same. `row` and `headers` are by canonical column."""
    known = _read(file)
    written = {headers[name]: value for name, value in row.items()}
    about = [headers[name] for name in (*_WHO, "skill_text", "step_goal") if name in headers]
    earlier = [one for one in known if all(one.get(name, "") == written.get(name, "") for name in about)]
    if earlier and all(earlier[-1].get(name, "") == value for name, value in written.items()):
        return False
    at = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    code = hashlib.blake2b("\t".join([at, *row.values()]).encode(), digest_size=8).hexdigest()
    written |= {headers["replied_at"]: at, headers["record_code"]: f"footsteps-{code}"}
    columns = list(known[0]) if known else list(headers.values())
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows([*known, written])
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(buffer.getvalue(), encoding="utf-8")
    replace_file(unfinished, file)
    return True


def _check(word: Word) -> None:
    for value, allowed, option in (
        (word.kind, REPLY_KINDS, "the reply"), (word.goal, STEP_GOALS, "--goal"), (word.stage, STAGES, "--stage"),
    ):  # fmt: skip
        if value is not None and value not in allowed:
            raise Failed(f"{option} {value!r} is none of {', '.join(allowed)}")
    if word.kind == "snooze" and word.until is None:
        raise Failed("snooze says until when: add --until 2026-09-01")
    if word.kind == "dispute" and word.stage is None:
        raise Failed("dispute says which stage you hold: add --stage journeyman")


def _source(declared: Config) -> Source:
    """The source of replies. Raises Failed where there is none that a row can be added to."""
    found = [one for one in declared.sources if one.shape == "reply" and one.delivery == "incremental"]
    found = [
        one for one in found if one.path.endswith(".csv") and one.encoding is None and one.delimiter in (None, ",")
    ]
    if not found:
        raise Failed(f"no source of replies is an incremental CSV: {_BLOCK}")
    return found[0]


def _headers(source: Source) -> dict[str, str]:
    """The header of each canonical column of the source. Raises Failed where one that is needed has none."""
    given = {name: mapped.column for name, mapped in source.mapping.items() if isinstance(mapped.column, str)}
    headers = {name: given[name] for name in SHAPES["reply"].columns if name in given}
    needed = ("record_code", "skill_text", "step_goal", "reply_kind", "until_date", "stated_stage", "replied_at")
    missing = [name for name in needed if name not in headers]
    if missing or not set(_WHO) & set(headers):
        missing = missing or ["employee_number"]
        raise Failed(f"the source {source.name} maps no column to {', '.join(missing)}: add it to its `mapping`")
    return headers


def _row(settings: Settings, source: Source, person: str, word: Word) -> dict[str, str]:
    """The reply by canonical column, the person by the key that the source knows them by."""
    people = Lake(settings.lake_path).scan(PERSON).filter(pl.col("person_id") == person).collect()
    if not people.height:
        raise Failed(f"nobody has the person_id {person!r}: see `footsteps show --sample 3`")
    keys = {"employee_number": people["employee_number"][0], "work_email": people["work_email"][0],
            "account_code": person}  # fmt: skip
    headers = _headers(source)
    who = next((name for name in _WHO if name in headers and keys[name]), None)
    if who is None:
        raise Failed(
            f"{person} has no {' or '.join(set(_WHO) & set(headers))}: the source {source.name} knows no other"
        )
    said = {"skill_text": word.skill, "step_goal": word.goal or "", "reply_kind": word.kind,
            "until_date": word.until.isoformat() if word.until else "", "stated_stage": word.stage or ""}  # fmt: skip
    raw = {}
    for name, value in said.items():
        # what the mapping turns into the canonical word is what has to stand in the file
        values = {canonical: text for text, canonical in (source.mapping[name].values or {}).items()}
        raw[name] = values.get(value, value)
    return {who: str(keys[who]), **raw}


def _known_skill(settings: Settings, text: str) -> str:
    """The one micro-skill that a text names. Raises Failed for none or several."""
    lake = Lake(settings.lake_path)
    known = Taxonomy(*(lake.scan(table).collect() for table in (SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE)))
    found = match_skills(pl.DataFrame({"skill_text": [text]}), known)["skill_id"].drop_nulls().unique().sort()
    if found.len() != 1:
        several = (
            f"names {found.len()} micro-skills ({', '.join(found.head(5))})" if found.len() else "names no micro-skill"
        )
        raise Failed(f"{text!r} {several}: give a skill_id, as `footsteps show PERSON --json` prints it")
    return str(found[0])


def _folder(settings: Settings, declared: Config) -> Path:
    folder = settings.landing or settings.config_path.parent / declared.landing
    return folder.expanduser().resolve()


def _read(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
