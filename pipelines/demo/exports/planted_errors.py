"""The dirt real exports carry, planted in known numbers.

Belongs here: choosing rows to spoil, spoiling them, and counting exactly what was spoiled in which file.
Does not belong here: which column a vendor's dirt sits in (that vendor's export), or what a reader should do about it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

# About half a percent of rows in all, as measured on exports people work with by hand.
DUPLICATE_SHARE = 0.0015
BAD_DATE_SHARE = 0.001
UNKNOWN_PERSON_SHARE = 0.001
MIXED_CASE_SHARE = 0.0015
# A file of this many rows or more carries at least one row of each kind, so that a small demo shows them all; a file
# that comes in many small pieces (a month's statements) does without this floor, or dirt would be most of it.
EVERY_KIND_FROM_ROWS = 100


@dataclass(frozen=True)
class Spoil:
    """One kind of dirt: the share of rows it hits and what it puts into one column."""

    kind: str
    share: float
    column: str
    value: pl.Expr


@dataclass
class DirtLedger:
    """Exact counts of planted dirt by (file, kind)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, file: str, kind: str, rows: int) -> None:
        if rows:
            self.counts[file, kind] += rows


def count_hits(rows: int, share: float, *, every_kind: bool, rng: np.random.Generator) -> int:
    """How many of `rows` a kind of dirt hits: the share, a fraction of a row by chance."""
    floor = 1 if every_kind and rows >= EVERY_KIND_FROM_ROWS else 0
    return min(max(int(rows * share + rng.random()), floor), rows // 10)


def spoil(
    frame: pl.DataFrame,
    file: str,
    spoils: Sequence[Spoil],
    ledger: DirtLedger,
    rng: np.random.Generator,
    *,
    every_kind: bool = True,
) -> pl.DataFrame:
    """The same rows with each kind of dirt on rows of its own, and exact copies of some clean rows at the end."""
    shares = [*(one.share for one in spoils), DUPLICATE_SHARE]
    *hits, copies = (count_hits(frame.height, share, every_kind=every_kind, rng=rng) for share in shares)
    rows = rng.choice(max(frame.height, 1), size=sum(hits) + copies, replace=False)
    mark = np.zeros(frame.height, dtype=np.int8)
    mark[rows] = np.repeat(np.arange(1, len(hits) + 2), [*hits, copies])
    marked = frame.with_columns(pl.Series("_mark", mark))
    for number, (one, hit) in enumerate(zip(spoils, hits, strict=True), start=1):
        marked = marked.with_columns(
            pl.when(pl.col("_mark") == number).then(one.value).otherwise(pl.col(one.column)).alias(one.column)
        )
        ledger.note(file, one.kind, hit)
    ledger.note(file, "duplicate_row", copies)
    return pl.concat([marked, marked.filter(pl.col("_mark") == len(hits) + 1)]).drop("_mark")
