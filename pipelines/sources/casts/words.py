"""Words: e-mail addresses, ids, categories, booleans, digests of text.

Belongs here: texts of which each word stands for one value.
Does not belong here: which words a field has (the adapters, the mapping of the configuration).
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import polars as pl

from pipelines.sources.casts.batches import make_batch_parser, make_distinct_reader
from pipelines.sources.casts.transform import Transform

_BOOLEAN_BY_WORD = dict.fromkeys(("true", "yes", "y", "1", "x", "ja", "oui", "si", "sí", "wahr"), True) | dict.fromkeys(
    ("false", "no", "n", "0", "nein", "non", "falsch"), False
)


def cast_email(text: pl.Expr) -> pl.Expr:
    """Read `Name <address>`, `mailto:address` or the bare address, in lower case."""
    address = (
        text.str.extract(r"<([^<>]+)>\s*$", 1)
        .fill_null(text)
        .str.to_lowercase()
        .str.strip_prefix("mailto:")
        .str.strip_chars()
    )
    return pl.when(address.str.contains(r"^[^@\s]+@[^@\s]+$")).then(address)


def cast_code(text: pl.Expr) -> pl.Expr:
    """Read an id as its system writes it: 121,700 and 121700.0 are 121700.

    1.21E+15 stays unread: a spreadsheet rounded it, and several ids share it.
    """
    grouped_code = text.str.extract(r"^([1-9]\d{0,2}(?:,\d{3})+)(?:\.0+)?$", 1).str.replace_all(",", "", literal=True)
    whole_code = pl.coalesce(grouped_code, text.str.extract(r"^(\d{3,})\.0$", 1), text)
    return pl.when(~text.str.contains(r"^\d(?:[.,]\d+)?[eE]\+\d+$")).then(whole_code)


def comparable_text(text: pl.Expr) -> pl.Expr:
    """Return the text in lower case and without blanks around it; an IRI gets http and loses its last slash."""
    lower_text = text.str.strip_chars().str.to_lowercase()
    return lower_text.str.replace(r"^https://", "http://").str.replace(r"^(http://.*?)/+$", "${1}")


def comparable_words(words: Iterable[str]) -> list[str]:
    """Return the words as words are compared."""
    return list(_comparable_words(tuple(words)))


@lru_cache(1_000)  # the declarations of an adapter are the same for each of its files
def _comparable_words(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pl.DataFrame({"word": words}, {"word": pl.String}).select(comparable_text(pl.col("word"))).to_series())


def cast_category(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Return the canonical word of the text."""
    return _look_up(text, transform.values, pl.String())


def is_boolean_word(word: str) -> bool:
    """Return whether the word stands for true or false."""
    return word.lower() in _BOOLEAN_BY_WORD


def cast_boolean(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Read true and false words; a word of `values` counts as what it is mapped to."""
    boolean_by_declared_word = {
        declared_word: _BOOLEAN_BY_WORD.get(word.lower(), False) for declared_word, word in transform.values.items()
    }
    return _look_up(text, _BOOLEAN_BY_WORD | boolean_by_declared_word, pl.Boolean())


def hash_texts(texts: pl.Expr) -> pl.Expr:
    """Hash each text to 32 hexadecimal digits, the same on every machine and in every version; null stays null."""
    return make_batch_parser(
        pl.String(), lambda text_series: pl.Series(text_series.name, map(_hash_text, text_series), dtype=pl.String)
    )(texts)


def _hash_text(text: str | None) -> str | None:
    return None if text is None else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _look_up(text: pl.Expr, meaning_by_word: Mapping[str, Any], dtype: Any) -> pl.Expr:
    """Return what the word stands for; by batches, as `replace_strict` would hold the complete column."""
    meaning_by_comparable_word = dict(zip(comparable_words(meaning_by_word), meaning_by_word.values(), strict=True))

    def look_up_batch(text_series: pl.Series) -> pl.Series:
        comparable_texts = text_series.to_frame("text").select(comparable_text(pl.col("text"))).to_series()
        return comparable_texts.replace_strict(
            list(meaning_by_comparable_word),
            list(meaning_by_comparable_word.values()),
            default=None,
            return_dtype=dtype,
        )

    return make_batch_parser(dtype, make_distinct_reader(dtype, look_up_batch))(text)
