"""Many forms of one kind of text: each form tried on what no other could read.

Belongs here: the order in which readers of text are tried, so that a column of one form is read in one pass.
Does not belong here: the forms themselves (`transforms`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

Parser = Callable[[pl.Expr], pl.Expr]
TEXT = "text"
# From so few texts on all readers are asked at once; also the size of the sample that finds the next reader.
FEW = 500


def cast_with_fallbacks(dtype: Any, readers: Sequence[Parser], declared: int = 0) -> Callable[[pl.Series], pl.Series]:
    """A function from texts to values of that type; null where no reader can read the text.

    The first `declared` readers are always asked first and in order. No text is read by two of the others in two ways,
    so their order changes nothing but the time: the one that read most of the last batch goes first.
    """
    fixed, rest = list(readers[:declared]), list(readers[declared:])
    best = rest[:1]
    columns = [reader(pl.col(TEXT)).cast(dtype).alias(f"{i}") for i, reader in enumerate(readers)]

    def read(series: pl.Series) -> pl.Series:
        result = pl.Series(series.name, [], dtype).extend_constant(None, series.len())
        places = series.is_not_null().arg_true()
        frame = series.gather(places).alias(TEXT).to_frame()
        for reader in (*fixed, *best) if frame.height else ():
            found = frame.select(reader(pl.col(TEXT)).cast(dtype)).to_series()
            result = found if found.len() == result.len() else result.scatter(places, found)
            frame, places = _unread(frame, found, places)
        while frame.height > FEW:
            counts = frame.head(FEW).select(one.count() for one in columns).row(0)
            if not max(counts):
                break
            best[:] = [readers[counts.index(max(counts))]]
            found = frame.select(best[0](pl.col(TEXT)).cast(dtype)).to_series()
            result = result.scatter(places, found)
            frame, places = _unread(frame, found, places)
        if frame.height:
            result = result.scatter(places, frame.select(pl.coalesce(columns)).to_series())
        return result.rename(series.name)

    return read


def best_parser(readers: Sequence[Parser], declared: int, sample: pl.Series) -> Parser:
    """The reader to ask before all others: the first declared one, or else the one that reads most of the sample."""
    if declared or not sample.len():
        return readers[0]
    frame = sample.alias(TEXT).to_frame()
    counts = frame.select(reader(pl.col(TEXT)).count().alias(f"{i}") for i, reader in enumerate(readers)).row(0)
    return readers[counts.index(max(counts))]


def _unread(frame: pl.DataFrame, found: pl.Series, places: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """The texts that were not read, and their places in the series."""
    unread = (found.is_null() & frame[TEXT].is_not_null()).arg_true()
    return frame[unread], places.gather(unread)
