"""How long the pages of so many people take.

Belongs here: the measuring of `footsteps bench site`.
Does not belong here: the pages.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.publishing import make_recommendations
from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.contracts.table import Table
from pipelines.publish.site.build import build_site
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

_ROWS_EACH, _UNIT = 10, 50
# Seconds that ten thousand pages may take.
_MOST_SECONDS_A_PAGE = 60 / 10_000


@dataclass(frozen=True)
class SiteCost:
    """The site of so many people: pages written, seconds, and whether that is fast enough."""

    people: int
    pages: int
    seconds: float
    pages_a_second: float
    holds: bool


def benchmark_site(people: int, progress: Callable[[str], None] = lambda said: None) -> list[SiteCost]:
    """One row: a company of so many people with ten recommendations and twenty held micro-skills each."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        progress(f"making {people:,} people")
        rows = make_recommendations(people, _ROWS_EACH)
        everyone = rows.select("person_id").unique(maintain_order=True)
        lake = Lake(root / "lake")
        lake.write(PERSON, _people(everyone))
        skills = (
            rows.select("skill_id")
            .unique()
            .with_columns(
                skill_name=pl.concat_str(pl.lit("Skill "), "skill_id"),
                capability_name=pl.concat_str(pl.lit("Capability "), pl.col("skill_id").str.slice(-2)),
            )
        )
        lake.write(SKILL, _in_contract(SKILL, skills))
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
    return [SiteCost(people, pages, seconds, pages / seconds, seconds <= pages * _MOST_SECONDS_A_PAGE)]


def _people(everyone: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    named = everyone.with_columns(
        display_name=pl.concat_str(pl.lit("Person "), "person_id"),
        unit_name=pl.concat_str(pl.lit("Unit "), (number // _UNIT).cast(pl.String)),
        role_name=pl.lit("Engineer"),
        employment_status=pl.lit("active"),
    )
    return _in_contract(PERSON, named)


def _held(rows: pl.DataFrame) -> pl.DataFrame:
    """Two held micro-skills for each recommended one, a person's own."""
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
    return _in_contract(OUT_MASTERY, pl.concat(parts).unique(("person_id", "skill_id")))


def _in_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )
