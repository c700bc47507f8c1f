"""Rows that no shape map of an export reads, counted by reason.

Belongs here: the reason for which a row is passed over, and the count of rows per reason.
Does not belong here: which rows those are (`pass_over` of the adapters), rows that break a rule (`validation`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from pipelines.sources.casts.words import comparable_text, comparable_words
from pipelines.sources.declaration import ANY_TEXT, KNOWN_WORDS, PassOver, ShapeMap
from pipelines.sources.field_text import condition_text, holds_word
from pipelines.sources.readers.text_table import TextTable
from pipelines.sources.reshape import IS_EMPTY, unpivoted_headers

# Column of the reason for which a row is passed over; null in a row that is read.
REASON = "@reason"
# Before the name of a column, the column of the words for which rows are passed over as unknown.
UNKNOWN_WORD = "@unknown:"
# A longer text, or one with an address, is no word of a list and is not quoted.
MAX_WORD_LENGTH = 60
# What is missing from a row of a wide table with no filled cell, and from every row if no column can be unpivoted.
MISSING_CELL, MISSING_COLUMN = "filled cell", "readable column with marks"
# What comes before the last part of an IRI.
_IRI_START = re.compile(r"^(?:https?|urn):.*[/#:]")
# Reasons beyond this number are counted together.
MAX_REASONS = 50


def add_reasons(rows: pl.LazyFrame, shape_map: ShapeMap, table: TextTable) -> pl.LazyFrame:
    """Add the reason for which a row is passed over, such as `verb launched`; null if the row is read.

    Args:
        rows: The rows of a shape, with every column of its headers.
        shape_map: The map, fitted to the file.
        table: The file.

    Returns:
        The same rows with the column `REASON`, and per column of words the word for which a row is passed over as
        unknown (`UNKNOWN_WORD` and the name of the column).
    """
    # texts and words are columns of their own: inside the conditions they would be computed several times
    text_by_column = {
        f"{REASON}:text:{position}": condition_text(rule, shape_map, table)
        for position, rule in enumerate(shape_map.pass_over)
    }
    comparable_text_by_column = {
        text_column.replace("text", "word"): comparable_text(pl.col(text_column)) for text_column in text_by_column
    }
    rule_reasons = [
        _reason_of_rule(rule, shape_map, pl.col(text_column), pl.col(comparable_column))
        for rule, text_column, comparable_column in zip(
            shape_map.pass_over, text_by_column, comparable_text_by_column, strict=True
        )
    ]
    if shape_map.counts_empty:
        has_unpivoted_columns = shape_map.unpivot is None or unpivoted_headers(table, shape_map.unpivot)
        missing_part = shape_map.explode or (MISSING_CELL if has_unpivoted_columns else MISSING_COLUMN)
        rule_reasons.insert(0, pl.when(pl.col(IS_EMPTY)).then(pl.lit(f"no {missing_part}")))
    first_reason = pl.coalesce(*rule_reasons, pl.lit(None, pl.String)).alias(REASON)
    unknown_word_columns = [
        pl.when(_has_quoted_reason(rule.what) & (pl.col(text_column) != ""))
        .then(pl.col(text_column))
        .alias(f"{UNKNOWN_WORD}{rule.column}")
        for rule, text_column in zip(shape_map.pass_over, text_by_column, strict=True)
        if isinstance(rule.column, str) and KNOWN_WORDS in rule.other_than
    ]
    rows_with_reason = (
        rows.with_columns(**text_by_column).with_columns(**comparable_text_by_column).with_columns(first_reason)
    )
    return rows_with_reason.with_columns(unknown_word_columns).drop(*text_by_column, *comparable_text_by_column)


def count_reasons(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Count rows by the reason for which they are passed over.

    Args:
        rows: The rows of a shape before any is passed over, with the column `REASON`.

    Returns:
        One row per reason: `why`, null for the rows that are read, and `count`.
    """
    return rows.group_by(pl.col(REASON).alias("why")).agg(pl.len().cast(pl.Int64).alias("count"))


def passed_over_by_reason(reason_counts: pl.DataFrame) -> dict[str, int]:
    """Return the rows passed over by reason, the most frequent first; rare reasons beyond `MAX_REASONS` as one.

    Args:
        reason_counts: A frame that `count_reasons` returns.
    """
    ordered_counts = reason_counts.drop_nulls("why").sort("count", "why", descending=[True, False])
    rare_count = ordered_counts.slice(MAX_REASONS)["count"].sum()
    return dict(ordered_counts.head(MAX_REASONS).iter_rows()) | ({"other words": rare_count} if rare_count else {})


def sum_by_reason(counts_by_reason: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum per reason, the greatest first."""
    total_by_reason: Counter[str] = Counter()
    for count_by_reason in counts_by_reason:
        total_by_reason.update(count_by_reason)
    return dict(total_by_reason.most_common())


def _reason_of_rule(rule: PassOver, shape_map: ShapeMap, cell_text: pl.Expr, normalized_text: pl.Expr) -> pl.Expr:
    """Return the reason for which the rule passes over a row; null if it does not.

    `normalized_text` is the text of the cell as `comparable_text` returns it.
    """
    declared_reason = pl.when(holds_word(cell_text, normalized_text, rule.column, rule.words, shape_map)).then(
        _declared_reason(rule, normalized_text)
    )
    if not rule.other_than:
        return declared_reason
    is_other = ~holds_word(cell_text, normalized_text, rule.column, rule.other_than, shape_map)
    return declared_reason.when(is_other).then(_quoted_reason(rule.what, cell_text))


def _declared_reason(rule: PassOver, normalized_text: pl.Expr) -> pl.Expr:
    """Return the reason with the word that the adapter declares (the last part of an IRI); it quotes no other text."""
    declared_words = [declared_word for declared_word in rule.words if declared_word not in (ANY_TEXT, KNOWN_WORDS)]
    reason_by_word = {
        comparable_word: f"{rule.what} {_IRI_START.sub('', declared_word)}" if comparable_word else f"no {rule.what}"
        for comparable_word, declared_word in zip(comparable_words(declared_words), declared_words, strict=True)
    }
    return normalized_text.replace_strict(
        list(reason_by_word), list(reason_by_word.values()), default=rule.what, return_dtype=pl.String
    )


def _has_quoted_reason(word_kind: str) -> pl.Expr:
    """Return whether a row is passed over with a reason of `_quoted_reason`."""
    return (pl.col(REASON).str.starts_with(f"{word_kind} ") | (pl.col(REASON) == f"other {word_kind}")).fill_null(False)


def _quoted_reason(word_kind: str, cell_text: pl.Expr) -> pl.Expr:
    """Return the reason with the word of the file, or with the last part if the word is an IRI."""
    quoted_word = cell_text.str.strip_chars("/ ").str.replace(_IRI_START.pattern, "")
    is_quotable = (quoted_word.str.len_chars() <= MAX_WORD_LENGTH) & ~quoted_word.str.contains("@", literal=True)
    return (
        pl.when(cell_text == "")
        .then(pl.lit(f"no {word_kind}"))
        .when(is_quotable)
        .then(pl.lit(f"{word_kind} ") + quoted_word)
        .otherwise(pl.lit(f"other {word_kind}"))
    )
