"""Reading a column of text: a fast parser on the complete column, and the full grammar on what it leaves unread.

Belongs here: the choice of the fast parser, and the batches in which the rest is read.
Does not belong here: what a text means (`dates`, `numbers`, `durations`, `scores`, `words`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

# The full grammar costs most per call, however few the texts; columns of dates repeat theirs in every batch.
MAX_KNOWN_TEXTS = 100_000
# If the declared parsers leave no larger share unread, the full grammar reads it: trying each fast parser takes longer.
MAX_UNREAD_SHARE = 0.01
Parser = Callable[[pl.Expr], pl.Expr]
NO_SAMPLE = pl.Series("text", [], pl.String)


def parse_text(
    text: pl.Expr,
    dtype: Any,
    declared_parsers: Sequence[Parser],
    fast_parsers: Sequence[Parser],
    read_batch: Callable[[pl.Series], pl.Series],
    sample_texts: pl.Series,
) -> pl.Expr:
    """Parse text with the declared parsers and the best fast one, and what they cannot read with `read_batch`.

    Args:
        text: The text.
        dtype: Type of the values.
        declared_parsers: Parsers that are tried first, in this order.
        fast_parsers: Parsers of which the one that reads most of the sample is used. `read_batch` must return the same
            value for every text that one of them reads, so that the sample affects only the time.
        read_batch: Reads a series of distinct texts, called `text`; null if a text cannot be read.
        sample_texts: Some texts of the column.

    Returns:
        The value; null if the text cannot be read.
    """
    parsers = list(declared_parsers)
    unread_sample_texts = sample_texts
    if parsers and unread_sample_texts.len():
        sample_values = pl.coalesce(parser(pl.col("text")).cast(dtype) for parser in parsers)
        unread_sample_texts = unread_sample_texts.filter(
            unread_sample_texts.to_frame("text").select(sample_values.is_null()).to_series()
        )
    if unread_sample_texts.len() > MAX_UNREAD_SHARE * sample_texts.len():
        parsers += _best_parser(fast_parsers, unread_sample_texts)
    read_unparsed_texts = make_batch_parser(dtype, make_distinct_reader(dtype, read_batch))
    if not parsers:
        return read_unparsed_texts(text)
    parsed_values = pl.coalesce(parser(text).cast(dtype) for parser in parsers)
    return pl.coalesce(parsed_values, read_unparsed_texts(pl.when(parsed_values.is_null()).then(text)))


def make_batch_parser(dtype: Any, cast_series: Callable[[pl.Series], pl.Series]) -> Parser:
    """Return a parser that calls `cast_series` with one series per batch of rows."""
    return lambda text: text.map_batches(cast_series, return_dtype=dtype, is_elementwise=True)


def _best_parser(parsers: Sequence[Parser], texts: pl.Series) -> list[Parser]:
    """Return the parser that reads most of the texts, as a list; an empty list if no parser reads any."""
    best_parsers: list[Parser] = []
    highest_read_count = 0
    for parser in parsers if texts.len() else ():
        read_count = texts.to_frame("text").select(parser(pl.col("text")).count()).item()
        if read_count > highest_read_count:
            best_parsers, highest_read_count = [parser], read_count
        if highest_read_count == texts.len():
            break
    return best_parsers


def make_distinct_reader(dtype: Any, read_batch: Callable[[pl.Series], pl.Series]) -> Callable[[pl.Series], pl.Series]:
    """Return a function that reads each distinct text of a series once, and texts of earlier series not again.

    Args:
        dtype: Type of the values.
        read_batch: Reads a series of distinct texts, called `text`.
    """
    earlier_values_by_text = pl.DataFrame(schema={"text": pl.String, "value": dtype})

    def read(text_series: pl.Series) -> pl.Series:
        nonlocal earlier_values_by_text
        distinct_texts = text_series.drop_nulls().unique().alias("text")
        if distinct_texts.is_empty():
            return pl.Series(text_series.name, [], dtype).extend_constant(None, text_series.len())
        # several batches may be read at once: what another one adds meanwhile is lost, and read again
        known_values_by_text = earlier_values_by_text
        unread_texts = distinct_texts.filter(~distinct_texts.is_in(known_values_by_text["text"].implode()))
        if unread_texts.len():
            new_values_by_text = unread_texts.to_frame().with_columns(
                read_batch(unread_texts).cast(dtype).alias("value")
            )
            known_values_by_text = pl.concat([known_values_by_text, new_values_by_text])
            earlier_values_by_text = (
                known_values_by_text if known_values_by_text.height <= MAX_KNOWN_TEXTS else new_values_by_text
            )
        texts_with_values = (
            text_series.alias("text")
            .to_frame()
            .join(known_values_by_text, on="text", how="left", maintain_order="left")
        )
        return texts_with_values["value"].alias(text_series.name)

    return read
