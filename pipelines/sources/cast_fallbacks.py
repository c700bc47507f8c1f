"""Text of many formats: each format is tried on the texts that no other could parse.

Belongs here: the order in which parsers of text are tried, so that a column of one format is parsed in one pass.
Does not belong here: the formats themselves (`casts`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

Parser = Callable[[pl.Expr], pl.Expr]
TEXT = "text"
# At most this many texts are given to all parsers at once; also the size of the sample that finds the next parser.
SAMPLE_TEXTS = 500


def cast_with_fallbacks(dtype: Any, parsers: Sequence[Parser], declared: int = 0) -> Callable[[pl.Series], pl.Series]:
    """Return a function that casts a series of texts.

    Args:
        dtype: Type of the values.
        parsers: Expressions from a text to its value; null if the parser cannot read the text.
        declared: Number of parsers at the front that are always tried first and in order. No text is read by two of
            the others in two ways, so their order changes only the time: the one that read most of the last batch
            goes first.

    Returns:
        A function from texts to values; null for texts that no parser can read.
    """
    best = list(parsers[declared : declared + 1])
    columns = [parser(pl.col(TEXT)).cast(dtype).alias(f"{i}") for i, parser in enumerate(parsers)]

    def cast(series: pl.Series) -> pl.Series:
        values = pl.Series(series.name, [], dtype).extend_constant(None, series.len())
        positions = series.is_not_null().arg_true()
        texts = series.gather(positions).alias(TEXT).to_frame()
        next_parsers = [*parsers[:declared], *best]
        while texts.height:
            if not next_parsers and texts.height > SAMPLE_TEXTS:
                counts = texts.head(SAMPLE_TEXTS).select(column.count() for column in columns).row(0)
                if max(counts):
                    next_parsers = [parsers[counts.index(max(counts))]]
                    best[:] = next_parsers
            if not next_parsers:
                values = values.scatter(positions, texts.select(pl.coalesce(columns)).to_series())
                break
            parsed = texts.select(next_parsers.pop(0)(pl.col(TEXT)).cast(dtype)).to_series()
            values = parsed if parsed.len() == values.len() else values.scatter(positions, parsed)
            unread = parsed.is_null().arg_true()
            texts, positions = texts[unread], positions.gather(unread)
        return values.rename(series.name)

    return cast


def best_parser(parsers: Sequence[Parser], declared: int, sample: pl.Series) -> Parser:
    """Return the parser to try first: the first declared one, or else the one that reads most of the sample."""
    if declared or not sample.len():
        return parsers[0]
    texts = sample.alias(TEXT).to_frame()
    counts = texts.select(parser(pl.col(TEXT)).count().alias(f"{i}") for i, parser in enumerate(parsers)).row(0)
    return parsers[counts.index(max(counts))]
