"""The time that writing the pages of a number of people takes.

Belongs here: the measurement of `footsteps bench site`.
Does not belong here: the pages.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.published.publishing import fill_contract_columns, make_recommendations
from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.site.build import build_site
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

_ROWS_EACH, _UNIT = 10, 50
# One minute for ten thousand pages.
_MAX_SECONDS_PER_PAGE = 60 / 10_000


@dataclass(frozen=True)
class SiteCost:
    """The site of a number of people: pages, seconds, and whether that is fast enough."""

    people: int
    pages: int
    seconds: float
    pages_a_second: float
    holds: bool


def benchmark_site(people: int, progress: Callable[[str], None] = lambda _: None) -> list[SiteCost]:
    """Write the pages of a company whose people have ten recommendations and twenty held micro-skills each.

    Args:
        people: Number of people.
        progress: Receives one line per activity.

    Returns:
        One row.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        progress(f"making {people:,} people")
        rows = make_recommendations(people, _ROWS_EACH)
        person_ids = rows.select("person_id").unique(maintain_order=True)
        lake = Lake(root / "lake")
        lake.write(PERSON, _people(person_ids))
        skills = (
            rows.select("skill_id")
            .unique()
            .with_columns(
                skill_name=pl.concat_str(pl.lit("Skill "), "skill_id"),
                capability_name=pl.concat_str(pl.lit("Capability "), pl.col("skill_id").str.slice(-2)),
            )
        )
        lake.write(SKILL, fill_contract_columns(SKILL, skills))
        lake.write(EVIDENCE, pl.DataFrame(schema=EVIDENCE.schema))
        held = _held(rows)
        as_of, valid_until = rows.select("as_of", "valid_until").row(0)
        frames = {NEXT_SKILL: rows, OUT_MASTERY: held}
        snapshot = publish_snapshot(root / "published", frames, rows["snapshot_id"][0], as_of, valid_until)
        progress("writing the pages")
        start = time.perf_counter()
        index = build_site(snapshot, lake, "A company", root / "site")
        seconds = time.perf_counter() - start
        pages = sum(1 for _ in index.parent.rglob("*.html"))
    return [SiteCost(people, pages, seconds, pages / seconds, seconds <= pages * _MAX_SECONDS_PER_PAGE)]


def _people(person_ids: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    rows = person_ids.with_columns(
        display_name=pl.concat_str(pl.lit("Person "), "person_id"),
        unit_name=pl.concat_str(pl.lit("Unit "), (number // _UNIT).cast(pl.String)),
        role_name=pl.lit("Engineer"),
        employment_status=pl.lit("active"),
    )
    return fill_contract_columns(PERSON, rows)


def _held(rows: pl.DataFrame) -> pl.DataFrame:
    """Two held micro-skills per recommended micro-skill of a person."""
    parts = [
        rows.select(
            "person_id",
            "snapshot_id",
            "as_of",
            "valid_until",
            pl.col("skill_id").shift(shift, fill_value="skill-00000"),
            stage=pl.lit(stage),
            level_share=pl.lit(0.5),
        )
        for shift, stage in ((7, "apprentice"), (13, "journeyman"))
    ]
    return fill_contract_columns(OUT_MASTERY, pl.concat(parts).unique(("person_id", "skill_id")))
