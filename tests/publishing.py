"""Small snapshots for tests of publication."""

from datetime import date
from pathlib import Path

import polars as pl

from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import Snapshot
from pipelines.snapshots.writer import publish_snapshot

DAY, UNTIL = date(2025, 6, 30), date(2025, 7, 2)


def make_next_skill_rows(snapshot_id: str, people: int = 3, skill: str = "sql") -> pl.DataFrame:
    """Two steps for each person, in the contract of the table."""
    rows = [
        {
            "person_id": f"p{number:04d}",
            "rank": rank,
            "skill_id": f"{skill}{rank}",
            "from_stage": "none",
            "to_stage": "apprentice",
            "kind": "new",
            "probability": 0.5 / rank,
            "score": 1.0 / rank,
            "mastery": 0.5,
            "autonomy": None,
            "purpose": 0.25,
            "reasons": [{"code": "wish", "value": 0.5}],
            "explanation": 'Take up “it\'s "SQL"”\\.',
            "how": "Ask.",
            "snapshot_id": snapshot_id,
            "as_of": DAY,
            "valid_until": UNTIL,
            "model_version": "m",
            "policy_version": "p",
            "schema_version": NEXT_SKILL.version,
        }
        for number in range(people)
        for rank in (1, 2)
    ]
    return fill_contract_columns(NEXT_SKILL, rows)


def make_mastery_rows(snapshot_id: str, people: int = 3) -> pl.DataFrame:
    """One micro-skill for each person, in the contract of the table."""
    rows = [
        {
            "person_id": f"p{number:04d}",
            "skill_id": "sql0",
            "stage": "apprentice",
            "level_share": 0.5,
            "missing_for_next": ["repetition"],
            "is_rusty": False,
            "snapshot_id": snapshot_id,
            "as_of": DAY,
            "valid_until": UNTIL,
            "policy_version": "p",
            "schema_version": OUT_MASTERY.version,
        }
        for number in range(people)
    ]
    return fill_contract_columns(OUT_MASTERY, rows)


def fill_contract_columns(table: Table, rows: list[dict[str, object]]) -> pl.DataFrame:
    """The rows with every column of the contract; null where they say nothing."""
    return pl.DataFrame([{name: row.get(name) for name in table.column_names} for row in rows], schema=table.schema)


def publish(folder: Path, snapshot_id: str, people: int = 3, skill: str = "sql") -> Snapshot:
    """A snapshot of both tables."""
    frames = {
        NEXT_SKILL: make_next_skill_rows(snapshot_id, people, skill),
        OUT_MASTERY: make_mastery_rows(snapshot_id, people),
    }
    return publish_snapshot(folder, frames, snapshot_id, DAY, UNTIL)
