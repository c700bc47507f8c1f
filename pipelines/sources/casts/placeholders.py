"""Placeholders: texts that a system or a person writes where there is nothing to say.

Belongs here: the texts that count as an empty cell, among them those of which only question marks are
left, and accounts that are nobody's: of closed accounts and of bots.
Does not belong here: words that a field declares as values: they stay values.
"""

from collections.abc import Collection, Iterable
from functools import cache

import polars as pl

_PLACEHOLDER_SIGNS = ("-", "--", "---", "–", "—", "―", "−", "…", "...", "?", "\\N")
_PLACEHOLDER_WORDS = (
    "n/a, n.a., n.a, #n/a, #null!, #ref!, #value!, #name?, #div/0!, #num!, null, nil, none, nan, nat, <na>, undefined, "
    "(null), (none), (nil), (blank), (empty), (not set), (unassigned), (leer), (keine), (ohne), (vide), (aucun), "
    "[null], [none], <null>, <none>, <empty>, k.a., not available, not applicable"
)
# Null, None and Nil are family names.
_WORDS_THAT_ARE_NAMES = ("null", "nil", "none", "nan", "nat", "undefined")


def _spellings(words: Iterable[str]) -> frozenset[str]:
    return frozenset(spelling for word in words for spelling in (word, word.upper(), word.capitalize(), word.title()))


PLACEHOLDERS = _spellings((*_PLACEHOLDER_SIGNS, *_PLACEHOLDER_WORDS.split(", "), "NaN", "NaT"))
# What Odoo writes for a field without a value, whatever its type; a text, a key or a day is never false.
_UNSET_SPELLINGS = tuple(sorted(_spellings(("false",))))
# What is left of a text whose letters its encoding does not have: ???? ??????.
_SIGNS_FOR_LOST_LETTERS = "?\ufffd .,-"
# What systems call accounts that are closed: several people share the name, so it is nobody's.
_CLOSED_ACCOUNT_NAMES = _spellings(
    (
        *("former user", "deleted user", "deactivated user", "removed user", "inactive user", "unknown user"),
        *("anonymous", "anonymous user", "ghost user"),
    )
)
# GitLab's bots of projects and groups, GitHub's apps.
_BOT_PATTERN = r"^(?:project|group)_\d+_bot(?:_|\d|$)|\[bot\]$"
_PLACEHOLDERS_IN_NAMES = PLACEHOLDERS - _spellings((*_WORDS_THAT_ARE_NAMES, "NaN", "NaT"))


def drop_placeholders(text: pl.Expr, destination: str = "", declared_words: Collection[str] = ()) -> pl.Expr:
    """Return the text, or null if it is a placeholder.

    Args:
        text: Text without blanks around it.
        destination: Column of the canonical schema that the text fills.
        declared_words: Words that the field declares as values, in lower case; they are no placeholders.
    """
    is_placeholder = text.is_in(_word_list(placeholders_of(destination, frozenset(declared_words))))
    has_lost_letters = text.str.starts_with("?") & (text.str.strip_chars(_SIGNS_FOR_LOST_LETTERS) == "")
    has_content = ~is_placeholder & ~has_lost_letters
    return pl.when(
        has_content & ~text.str.contains(_BOT_PATTERN) if destination == "account_code" else has_content
    ).then(text)


def drop_unset(text: pl.Expr) -> pl.Expr:
    """Return the text, or null if it is what a system writes for a field without a value, whatever its type.

    Args:
        text: Text without blanks around it, of a field that is never true or false.
    """
    return pl.when(~text.is_in(_word_list(_UNSET_SPELLINGS))).then(text)


@cache
def placeholders_of(destination: str = "", declared_words: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the texts that count as an empty cell; the arguments are those of `drop_placeholders`."""
    placeholders = {"display_name": _PLACEHOLDERS_IN_NAMES, "account_code": PLACEHOLDERS | _CLOSED_ACCOUNT_NAMES}.get(
        destination, PLACEHOLDERS
    )
    return tuple(sorted(placeholder for placeholder in placeholders if placeholder.lower() not in declared_words))


@cache
def _word_list(words: tuple[str, ...]) -> pl.Expr:
    """Return the words as one list, which costs less to make once than in each of many expressions."""
    return pl.lit(pl.Series([list(words)], dtype=pl.List(pl.String)))
