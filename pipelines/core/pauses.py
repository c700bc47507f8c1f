"""Pauses: the company publishes no recommendation to anybody for a while, and says why.

Belongs here: the durable record of the command, and which pauses there were and are.
Does not belong here: what is withheld meanwhile (`pipelines.core.objections`).

Who paused is not stored. The record has one line per pause and per resumption and is never shortened.
"""

import hashlib
import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl

from pipelines.config.pause import PauseOptions
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.storage.atomic_write import write_text_atomically

RECORD_FILE = "pauses.jsonl"
_COMMAND, _CONFIGURATION = "command", "configuration"


def record_pause(root: Path, reason: str, now: datetime) -> None:
    """Add a pause to the record.

    Args:
        root: The data root.
        reason: Why, as `check_reason` returns it.
        now: The current time (UTC).
    """
    _append(root, {"at": now.isoformat(), "is_paused": True, "reason": reason})


def record_resumption(root: Path, reason: str | None, now: datetime) -> None:
    """Add the end of a pause to the record.

    Args:
        root: The data root.
        reason: Why, as `check_reason` returns it; may be left out.
        now: The current time (UTC).
    """
    _append(root, {"at": now.isoformat(), "is_paused": False, "reason": reason})


def _append(root: Path, record: dict[str, object]) -> None:
    record_path = root / RECORD_FILE
    earlier_text = record_path.read_text(encoding="utf-8") if record_path.exists() else ""
    write_text_atomically(record_path, f"{earlier_text}{json.dumps(record, ensure_ascii=False)}\n")


def list_pauses(
    root: Path, declared_pause: PauseOptions | None, earlier_pauses: pl.DataFrame, today: date
) -> pl.DataFrame:
    """List all pauses up to a day: those of the command, and those that footsteps.yaml declares or declared.

    Args:
        root: The data root.
        declared_pause: The section `pause` of footsteps.yaml.
        earlier_pauses: Rows in the contract `PAUSE` as the last run left them; a declared pause that is gone since
            ended at the start of the day.
        today: The day.

    Returns:
        One row per pause, in the contract `PAUSE`. A pause without an end is in effect.
    """
    pauses: list[dict[str, object]] = []
    for record in _read_records(root):
        recorded_at = datetime.fromisoformat(str(record["at"]))
        if record["is_paused"]:
            pauses.append(_describe_pause(_COMMAND, recorded_at, str(record["reason"])))
        elif pauses:
            pauses[-1]["resumed_at"] = recorded_at
    declared_pauses = {
        pause["paused_at"]: pause for pause in earlier_pauses.filter(pause_origin=_CONFIGURATION).to_dicts()
    }
    start_of_today = datetime.combine(today, time(), UTC)
    for pause in declared_pauses.values():
        pause["resumed_at"] = pause["resumed_at"] or max(start_of_today, pause["paused_at"])
    if declared_pause is not None and declared_pause.since <= today:
        paused_at = datetime.combine(declared_pause.since, time(), UTC)
        declared_pauses[paused_at] = _describe_pause(_CONFIGURATION, paused_at, declared_pause.reason)
    return pl.DataFrame([*pauses, *declared_pauses.values()], schema=PAUSE.schema).sort("paused_at", "pause_origin")


def _describe_pause(pause_origin: str, paused_at: datetime, reason: str) -> dict[str, object]:
    return {"pause_origin": pause_origin, "paused_at": paused_at, "resumed_at": None, "pause_reason": reason}


def _read_records(root: Path) -> list[dict[str, object]]:
    record_path = root / RECORD_FILE
    if not record_path.exists():
        return []
    return [json.loads(line) for line in record_path.read_text(encoding="utf-8").splitlines() if line]


def find_pause_in_effect(pauses: pl.DataFrame) -> dict[str, object] | None:
    """The last pause without an end, as a row of `PAUSE`; None if there is none.

    Args:
        pauses: As `list_pauses` returns them.
    """
    open_pauses = pauses.filter(pl.col("resumed_at").is_null())
    return open_pauses.row(-1, named=True) if open_pauses.height else None


def describe_pause(pauses: pl.DataFrame) -> str | None:
    """Say that recommendations are paused, since when and why; None if they are not.

    Args:
        pauses: As `list_pauses` returns them.
    """
    pause = find_pause_in_effect(pauses)
    if pause is None:
        return None
    paused_at = pause["paused_at"]
    assert isinstance(paused_at, datetime)
    end_text = "`footsteps resume`" if pause["pause_origin"] == _COMMAND else "take `pause` out of footsteps.yaml"
    return f"Recommendations are paused since {paused_at.date()}: {pause['pause_reason']} To end it: {end_text}."


def fingerprint_pauses(root: Path, declared_pause: PauseOptions | None, today: date) -> str:
    """A text that changes if a pause begins or ends.

    Args:
        root: The data root.
        declared_pause: The section `pause` of footsteps.yaml.
        today: The day, from which a declared pause may begin.
    """
    is_declared = declared_pause is not None and declared_pause.since <= today
    declared_text = declared_pause.model_dump_json() if is_declared and declared_pause is not None else ""
    return hashlib.sha256(json.dumps([_read_records(root), declared_text]).encode()).hexdigest()[:16]
