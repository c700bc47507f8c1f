"""How exports print days, times and micro-skills.

Belongs here: expressions that several vendors' exports share.
Does not belong here: columns of any one vendor.
"""

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, IntArray
from pipelines.demo.simulation.world import World

MINUTES_A_DAY = 1440
# Work happens between eight and half past five.
OPENS_MINUTE, CLOSES_MINUTE = 8 * 60, 17 * 60 + 30


def iso_day(column: str) -> pl.Expr:
    """Days since 1970 as YYYY-MM-DD."""
    return pl.col(column).cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")


def clock(day: pl.Series, rng: np.random.Generator) -> pl.Series:
    """A time of a working day for each day since 1970."""
    minute = rng.integers(OPENS_MINUTE, CLOSES_MINUTE, day.len())
    return ((day.cast(pl.Int64) * MINUTES_A_DAY + pl.Series(minute)) * 60_000).cast(pl.Datetime("ms"))


def name_skills(skill: pl.Series, catalog: Catalog, rng: np.random.Generator) -> pl.Series:
    """Each micro-skill as somebody would type it: mostly its name, else one of its aliases."""
    spellings = pl.concat([catalog.skills["name"], catalog.labels, catalog.phrases])
    column: IntArray = rng.choice(3, skill.len(), p=(0.7, 0.15, 0.15))
    return spellings.gather(skill + pl.Series(column * catalog.size))


def export_date(world: World, days_after: int) -> str:
    """The date in an export's file name, that many days after the history's last day."""
    return str(np.datetime64(world.end + days_after, "D"))


def part_name(world: World, block: int) -> str:
    """What a file's name ends with: nothing for a company of one block, else the block's number."""
    return "" if world.blocks == 1 else f"_{block + 1:04d}"
