"""Formats that several exports share: days, times, names of micro-skills, ids and file names.

Belongs here: expressions and series that more than one vendor's export uses.
Does not belong here: the columns of any one vendor.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, IntArray
from pipelines.demo.simulation.world import World

MINUTES_PER_DAY = 1440
# Work happens between eight and half past five.
OPENING_MINUTE, CLOSING_MINUTE = 8 * 60, 17 * 60 + 30
# Row numbers per block: no two blocks share one.
NUMBERS_PER_BLOCK = 10_000_000


def format_day(day_column: str) -> pl.Expr:
    """Expression for days since 1970 as YYYY-MM-DD."""
    return pl.col(day_column).cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")


def draw_times(day_numbers: pl.Series, rng: np.random.Generator) -> pl.Series:
    """Draw a time of the working day for each day since 1970."""
    minutes_since_epoch = day_numbers.cast(pl.Int64) * MINUTES_PER_DAY + pl.Series(
        rng.integers(OPENING_MINUTE, CLOSING_MINUTE, day_numbers.len())
    )
    return (minutes_since_epoch * 60_000).cast(pl.Datetime("ms"))


def draw_values(
    choices: Sequence[str], shares: Sequence[float], value_count: int, rng: np.random.Generator, series_name: str = ""
) -> pl.Series:
    """Draw `value_count` values, each with its share."""
    return pl.Series(series_name, choices).gather(rng.choice(len(choices), value_count, p=shares))


def spell_skills(skill_numbers: pl.Series, catalog: Catalog, rng: np.random.Generator) -> pl.Series:
    """Return each micro-skill as a person would type it: mostly its name, else one of its aliases."""
    spellings = pl.concat([catalog.skills["name"], catalog.labels, catalog.phrases])
    spelling_kinds: IntArray = rng.choice(3, skill_numbers.len(), p=(0.7, 0.15, 0.15))
    return spellings.gather(skill_numbers + pl.Series(spelling_kinds * catalog.skill_count))


def number_rows(rows: pl.DataFrame, id_prefix: str, block_number: int) -> pl.Expr:
    """Expression for an id per row, unique over all blocks."""
    return pl.concat_str(pl.lit(id_prefix), pl.int_range(rows.height) + 1 + block_number * NUMBERS_PER_BLOCK)


def format_export_date(world: World, days_after: int) -> str:
    """Return the date in an export's file name, that many days after the last day of the history."""
    return str(np.datetime64(world.last_day + days_after, "D"))


def format_block_suffix(world: World, block_number: int) -> str:
    """Return the suffix of a file name: empty for a company of one block, else the number of the block."""
    return "" if world.block_count == 1 else f"_{block_number + 1:04d}"
