"""Names of months, weekdays and halves of the day, in the languages that exports are written in.

Belongs here: the names of `calendar_names.csv`, which Babel renders from CLDR, and how a text is folded before a name
is looked up in it.
Does not belong here: the forms in which a date or a clock is written (`dates`, `clocks`).
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

CALENDAR_NAMES_FILE = Path(__file__).with_name("calendar_names.csv")
# A name that is cut off after at least so many letters counts if only one month begins with them.
_MIN_PREFIX_LENGTH = 3


def fold_text(text: pl.Expr) -> pl.Expr:
    """Return the text in lower case, without accents, with plain digits, blanks and hyphens."""
    return (
        text.str.normalize("NFKD")
        .str.replace_all(r"\p{M}", "")
        .str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all("ı", "i", literal=True)
        .str.replace_all(r"\s+", " ")
        .str.replace_all("[\u2010-\u2015\u2212]", "-")
        .str.strip_chars()
    )


@cache
def months_by_name() -> Mapping[str, int]:
    """Return the number of the month per folded name, short names and unambiguous beginnings of names included."""
    month_by_name = {name: int(meaning) for name, meaning in _folded_names() if meaning.isdecimal()}
    months_by_prefix: dict[str, set[int]] = {}
    for name, month in month_by_name.items():
        for prefix_length in range(_MIN_PREFIX_LENGTH, len(name)):
            months_by_prefix.setdefault(name[:prefix_length], set()).add(month)
    return {prefix: months.pop() for prefix, months in months_by_prefix.items() if len(months) == 1} | month_by_name


@cache
def weekday_names() -> tuple[str, ...]:
    """Return the folded names of the weekdays."""
    return tuple(name for name, meaning in _folded_names() if meaning == "weekday")


@cache
def half_day_names() -> Mapping[str, str]:
    """Return `am` or `pm` per folded name of a half of the day, without points and blanks."""
    return {name: meaning for name, meaning in _folded_names() if meaning in ("am", "pm")}


@cache
def half_day_pattern() -> str:
    """Return the regular expression of a half of the day; points and blanks may stand between its letters."""
    longest_names_first = sorted(half_day_names(), key=lambda name: (-len(name), name))
    return "|".join(r"\.? ?".join(re.escape(letter) for letter in name) + r"\.?" for name in longest_names_first)


@cache
def _folded_names() -> tuple[tuple[str, str], ...]:
    calendar_names = pl.read_csv(
        CALENDAR_NAMES_FILE, schema={"language": pl.String, "meaning": pl.String, "name": pl.String}
    )
    names_with_meanings = calendar_names.select(
        fold_text(pl.col("name")).str.replace_all(r"[. ]", ""), "meaning"
    ).unique(maintain_order=True)
    return tuple(names_with_meanings.iter_rows())
