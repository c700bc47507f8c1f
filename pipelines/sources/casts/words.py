"""Words: e-mail addresses, categories, booleans, digests of text.

Belongs here: texts of which each word stands for one value.
Does not belong here: which words a field has (the adapters, the mapping of the configuration).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.sources.casts.batches import by_batch
from pipelines.sources.casts.transform import Transform

_BOOLEANS = dict.fromkeys(("true", "yes", "y", "1", "x", "ja", "oui", "si", "sí", "wahr"), True) | dict.fromkeys(
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


def cast_category(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Return the canonical word of the text, ignoring case."""
    words = {raw.lower(): word for raw, word in transform.values.items()}
    return _look_up(text, words, transform.otherwise, pl.String())


def is_boolean_word(word: str) -> bool:
    """Return whether the word stands for true or false."""
    return word.lower() in _BOOLEANS


def cast_boolean(text: pl.Expr, transform: Transform) -> pl.Expr:
    """Read true and false words; a word of `values` counts as what it is mapped to."""
    declared = {raw.lower(): _BOOLEANS.get(word.lower(), False) for raw, word in transform.values.items()}
    otherwise = None if transform.otherwise is None else transform.otherwise == "true"
    return _look_up(text, _BOOLEANS | declared, otherwise, pl.Boolean())


def hash_texts(texts: pl.Expr) -> pl.Expr:
    """Hash each text to 32 hexadecimal digits, the same on every machine and in every version; null stays null."""
    return by_batch(pl.String(), lambda series: pl.Series(series.name, map(_digest, series), dtype=pl.String))(texts)


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _look_up(text: pl.Expr, words: Mapping[str, Any], otherwise: Any, dtype: Any) -> pl.Expr:
    """Return what the lower-case text stands for; by batches, as `replace_strict` would hold the complete column."""

    def look_up_batch(series: pl.Series) -> pl.Series:
        values = series.str.to_lowercase().replace_strict(
            list(words), list(words.values()), default=otherwise, return_dtype=dtype
        )
        return values if otherwise is None else values.zip_with(series.is_not_null(), values.clear(values.len()))

    return by_batch(dtype, look_up_batch)(text)
