"""Columns that are never read, by their names: pay, birth, health, origin, belief, union, sex, state ids, private life.

Belongs here: how a name is compared with the terms of `sensitive_terms.csv`, which lists them by language.
Does not belong here: columns known by their values (`state_ids`), leaving a column out (`adapter`), refusing a mapping
that names one (`mapping`).
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import NamedTuple

# The class of terms that are no reason to deny a column, though a sensitive term is part of them.
ORDINARY = "ordinary"
# Letters that have no decomposition into a letter and an accent; and the raised o of `Nº`, which is no letter.
_PLAIN_LETTERS = str.maketrans("łŁøØđĐıæÆœŒº", "lLoOdDiaAoO ")
# ä, ö and ü may be written ae, oe and ue.
_WRITTEN_OUT = re.compile(r"(?<=[aou])e")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CASE_CHANGE = re.compile(r"(?<=[a-zα-ω])(?=[A-ZΑ-Ω])|(?<=[A-ZΑ-Ω])(?=[A-ZΑ-Ω][a-zα-ω])")
# The names of a path into a JSON record.
_PATH_SIGNS = re.compile(r"[.\[\]*$]+")


class SensitiveTerm(NamedTuple):
    """An entry of `sensitive_terms.csv`.

    Attributes:
        language: Language of the term, as in ISO 639-1.
        class_name: Class of personal data, or `ORDINARY`.
        match: How the term is compared with a name. `word`: a word or a run of words, written together or apart.
            `start`: how a word begins. `part`: any part of a word. `name`: the whole name, or one name of a path.
            `spelled`: a word with its accents.
        term: The term as the language spells it.
        source: Key of the source, as docs/decisions/sensitive-columns.md lists them.
    """

    language: str
    class_name: str
    match: str
    term: str
    source: str


class _Name(NamedTuple):
    """The words of a name in one text, and the places in it where a word begins or ends."""

    text: str
    boundaries: frozenset[int]


@cache
def sensitive_terms() -> tuple[SensitiveTerm, ...]:
    """Return the entries of `sensitive_terms.csv`."""
    lines = (files("pipelines.sources") / "sensitive_terms.csv").read_text(encoding="utf-8").splitlines()
    return tuple(SensitiveTerm(*entry) for entry in csv.reader(lines[1:]))


@cache
def sensitive_class(header: str) -> str | None:
    """Return the class for which a column of this name is never read, or None if it may be read.

    Args:
        header: A header, or a path into a JSON record. Case, accents, signs and blanks do not matter.
    """
    matches = [
        (last - first, class_name)
        for spell in _SPELLINGS
        for first, last, class_name in _find_terms(header, spell)
        if class_name != ORDINARY
    ]
    # The longest term says best what the column is: `birth country` rather than `country`.
    return max(matches, key=lambda length_and_class: length_and_class[0])[1] if matches else None


def _find_terms(name: str, spell: Callable[[str], list[str]]) -> list[tuple[int, int, str]]:
    """Return where the terms lie in the name, with their classes; without those that an ordinary term overlaps."""
    whole = _join(spell(name))
    path_names = [_join(spell(path_name)).text for path_name in _PATH_SIGNS.split(name)]
    places = [
        (first, first + len(term), class_name)
        for match, term, class_name in _spelled_terms(spell)
        if term in whole.text
        for first in (_find_in(whole, term, match) if match != "name" else [0] * (term in path_names))
    ]
    ordinary_places = [place for place in places if place[2] == ORDINARY]
    return [
        place for place in places if not any(place[0] < last and first < place[1] for first, last, _ in ordinary_places)
    ]


def _find_in(name: _Name, term: str, match: str) -> Iterator[int]:
    """Yield where a term begins in a name."""
    first = name.text.find(term)
    while first >= 0:
        last = first + len(term)
        if (
            first in name.boundaries and (match == "start" or last in name.boundaries)
            if match != "part"
            else name.boundaries.isdisjoint(range(first + 1, last))
        ):
            yield first
        first = name.text.find(term, first + 1)


@cache
def _spelled_terms(spell: Callable[[str], list[str]]) -> tuple[tuple[str, str, str], ...]:
    """Return match, spelling and class of the terms that are compared in this spelling."""
    return tuple(
        (entry.match, "".join(spell(entry.term)), entry.class_name)
        for entry in sensitive_terms()
        if (entry.match == "spelled") == (spell is _accented_words)
    )


def _join(words: Sequence[str]) -> _Name:
    return _Name("".join(words), frozenset(accumulate(map(len, words), initial=0)))


def _accented_words(name: str) -> list[str]:
    return _WORD.findall(_CASE_CHANGE.sub(" ", unicodedata.normalize("NFC", name)).casefold())


def _plain_words(name: str) -> list[str]:
    """Return the words of a name without accents: `dateOfBirth` and `Date_of_birth` give the same three words."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_PLAIN_LETTERS))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _WORD.findall(_CASE_CHANGE.sub(" ", plain).casefold())


def _short_words(name: str) -> list[str]:
    """Return the words of a name without accents, with `ae`, `oe` and `ue` as `a`, `o` and `u`."""
    return [_WRITTEN_OUT.sub("", word) for word in _plain_words(name)]


_SPELLINGS = (_plain_words, _short_words, _accented_words)
