"""Words of a file that no table declares: counted per column, each with the line of footsteps.yaml that settles it.

Belongs here: which columns hold words, the counts of unknown ones, and the line.
Does not belong here: what the words of a system prove (`vocabularies`, the adapters), rows passed over (`passed_over`).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.columns import COLUMNS
from pipelines.sources.casts.words import comparable_text, comparable_words
from pipelines.sources.declaration import KNOWN_WORDS, Condition, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.field_text import choose_variant, condition_text, holds_word
from pipelines.sources.mapping import transform_for
from pipelines.sources.passed_over import MAX_WORD_LENGTH, REASON, UNKNOWN_WORD
from pipelines.sources.readers.text_table import TextTable

_UNDECIDED = "@undecided"
_WORD_COLUMN_PATTERN = re.compile(f"^(?:{UNKNOWN_WORD}|{_UNDECIDED}[0-9]+:)(.*)$")
WORD_COUNTS_SCHEMA = pl.Schema({"column": pl.String, "word": pl.String, "count": pl.Int64})
# Words beyond this number are counted together per column.
MAX_WORDS = 20


@dataclass(frozen=True)
class UnknownWord:
    """A word of a file that no table declares.

    Attributes:
        column: Column of the canonical shape whose word it is.
        word: The word as the file writes it; None for words counted together, and for texts that may be no words.
        count: Number of records.
        line: Line below the source in footsteps.yaml that gives the word a meaning.
        meanings: The meanings that the column allows.
    """

    column: str
    word: str | None
    count: int
    line: str
    meanings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The line of footsteps.yaml that gives the word a meaning, and what its placeholders stand for."""
        word_phrase = "" if self.word is not None else "WORD is as the file writes it; "
        return f"{self.line}, where {word_phrase}MEANING is {' or '.join(self.meanings)}"


def add_undecided_words(rows: pl.LazyFrame, shape_map: ShapeMap, table: TextTable) -> pl.LazyFrame:
    """Add the unknown words beside which another variant of the field counts: the day on which work was done.

    Args:
        rows: The rows of a shape with the columns that `add_reasons` adds.
        shape_map: The map, fitted to the file.
        table: The file.

    Returns:
        The same rows with one more column per such field map: the word; null in every other row.
    """
    is_read = pl.col(REASON).is_null()
    undecided_word_columns = [
        pl.when(is_read)
        .then(_undecided_text(field_map.when, field_map, shape_map, table))
        .alias(f"{_UNDECIDED}{position}:{field_map.destination}")
        for position, field_map in enumerate(shape_map.fields)
        if field_map.when and _may_be_undecided(field_map)
    ]
    return rows.with_columns(undecided_word_columns) if undecided_word_columns else rows


def has_undecided_words(shape_map: ShapeMap) -> bool:
    """Return whether `add_undecided_words` adds a column."""
    return any(_may_be_undecided(field_map) for field_map in shape_map.fields)


def count_unknown_words(shape_map: ShapeMap, scanned_rows: pl.LazyFrame, filled_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Count the words of a shape of a file that no table declares.

    Args:
        shape_map: The map, fitted to the file.
        scanned_rows: The rows of the file, with the columns that `add_reasons` and `add_undecided_words` add.
        filled_rows: The rows that the shape reads, with every column and its text.

    Returns:
        One row per column and word, in the schema `WORD_COUNTS_SCHEMA`; `word` is null if the text may be no word.
    """
    # few rows have a text and no value: the words of the others are not compared
    unread_texts = [
        (filled_rows.filter(_is_unread(column)), column, _unless_ignored(column, ignored_words))
        for column, ignored_words in _ignored_words_by_column(shape_map).items()
    ]
    column_by_word_column = {
        word_column: name_match.group(1)
        for word_column in scanned_rows.collect_schema()
        if (name_match := _WORD_COLUMN_PATTERN.match(word_column))
    }
    undecided_texts = [
        (scanned_rows, column, pl.col(word_column)) for word_column, column in column_by_word_column.items()
    ]
    word_counts = [_count_words(rows, column, text) for rows, column, text in (*unread_texts, *undecided_texts)]
    return pl.concat([pl.LazyFrame(schema=WORD_COUNTS_SCHEMA), *word_counts])


def list_unknown_words(word_counts: Iterable[pl.DataFrame], options: SourceOptions) -> tuple[UnknownWord, ...]:
    """Return the words by frequency; the rare ones of a column as one entry without a word.

    Args:
        word_counts: Frames that `count_unknown_words` returns.
        options: How the source declares that its files are read. Of a column that they map to headers, no word is
            quoted, as nobody knows that the header holds words of a list.
    """
    mapped_columns = [column for column, override in options.overrides().items() if override.headers]
    word_totals = (
        pl.concat([pl.DataFrame(schema=WORD_COUNTS_SCHEMA), *word_counts])
        .with_columns(pl.when(~pl.col("column").is_in(mapped_columns)).then("word").alias("word"))
        .group_by("column", "word")
        .agg(pl.col("count").sum())
        .sort("column", "count", "word", descending=[False, True, False])
        .with_columns(pl.when(pl.int_range(pl.len()).over("column") < MAX_WORDS).then("word").alias("word"))
        .group_by("column", "word", maintain_order=True)
        .agg(pl.col("count").sum())
    )
    ordered_totals = word_totals.sort("count", "column", "word", descending=[True, False, False], nulls_last=True)
    return tuple(_describe_unknown_word(*row) for row in ordered_totals.iter_rows())


def _ignored_words_by_column(shape_map: ShapeMap) -> dict[str, set[str]]:
    """Return the columns whose texts are words of a list, each with the words that say nothing.

    The name of a header is always known.
    """
    ignored_words_by_column: dict[str, set[str]] = {}
    for field_map in shape_map.fields:
        transform = transform_for(field_map)
        if field_map.headers and not field_map.value_is_header and transform.kind in ("category", "boolean"):
            ignored_words_by_column.setdefault(field_map.destination, set()).update(transform.meaningless_words)
    return ignored_words_by_column


def _may_be_undecided(field_map: FieldMap) -> bool:
    has_known_words = field_map.when is not None and KNOWN_WORDS in field_map.when.words
    return has_known_words and not transform_for(field_map).is_partial


def _undecided_text(condition: Condition, field_map: FieldMap, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return the text that a condition tests; null if it is a known word or a variant with the same headers counts."""
    text = condition_text(condition, shape_map, table)
    transform = transform_for(field_map)
    known_words = (*condition.words, *transform.values, *transform.meaningless_words)
    is_known = holds_word(text, comparable_text(text), condition.column, known_words, shape_map)
    destination_variants = [variant for variant in shape_map.fields if variant.destination == field_map.destination]
    same_header_positions = [
        position for position, variant in enumerate(destination_variants) if variant.headers == field_map.headers
    ]
    is_same_header_chosen = (
        choose_variant(destination_variants, shape_map, table).is_in(same_header_positions).fill_null(False)
    )
    return pl.when((text != "") & ~is_known & ~is_same_header_chosen).then(text)


def _is_unread(column: str) -> pl.Expr:
    """Return whether a row has a text of the column that gives no value."""
    return pl.col(column).is_null() & pl.col(f"text:{column}").is_not_null()


def _unless_ignored(column: str, ignored_words: set[str]) -> pl.Expr:
    """Return the text of a column, null if it is one of the words that say nothing."""
    text = pl.col(f"text:{column}")
    return pl.when(~comparable_text(text).is_in(comparable_words(ignored_words))).then(text)


def _count_words(rows: pl.LazyFrame, column: str, word_text: pl.Expr) -> pl.LazyFrame:
    """Count the rows by word, in the schema `WORD_COUNTS_SCHEMA`.

    Texts that are too long, or hold an `@` as addresses do, are counted together under a null.
    """
    is_listed_word = (pl.col("word").str.len_chars() <= MAX_WORD_LENGTH) & ~pl.col("word").str.contains(
        "@", literal=True
    )
    return (
        rows.select(word_text.alias("word"))
        .drop_nulls()
        .group_by(pl.when(is_listed_word).then("word"))
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .select(pl.lit(column).alias("column"), "word", "count")
    )


def _describe_unknown_word(column: str, word: str | None, count: int) -> UnknownWord:
    """Return the unknown word with the line of footsteps.yaml that gives it a meaning."""
    yaml_word = "WORD" if word is None else json.dumps(word, ensure_ascii=False)
    mapping_line = f"mapping: {{{column}: {{values: {{{yaml_word}: MEANING}}}}}}"
    is_boolean = COLUMNS[column].dtype == pl.Boolean
    meanings = ('"true"', '"false"') if is_boolean else COLUMNS[column].allowed or ("any text",)
    return UnknownWord(column, word, count, mapping_line, tuple(meanings))
