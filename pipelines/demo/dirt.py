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
# A file of this many rows or more carries at least one row of each kind, so that a small demo shows them all.
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


def count_hits(rows: int, share: float) -> int:
    """How many of `rows` a kind of dirt hits."""
    return max(round(rows * share), 1 if rows >= EVERY_KIND_FROM_ROWS else 0)


def spoil(
    frame: pl.DataFrame, file: str, spoils: Sequence[Spoil], ledger: DirtLedger, rng: np.random.Generator,
    *, duplicates: float = DUPLICATE_SHARE,
) -> pl.DataFrame:  # fmt: skip
    """The same rows with each kind of dirt on rows of its own, and exact copies of some clean rows at the end."""
    hits = [count_hits(frame.height, one.share) for one in spoils]
    copies = count_hits(frame.height, duplicates) if duplicates else 0
    rows = rng.choice(frame.height, size=sum(hits) + copies, replace=False) if frame.height else np.zeros(0, dtype=np.int64)
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
