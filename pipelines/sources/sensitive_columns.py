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
        match_kind: How the term is compared with a name. `word`: a word or a run of words, written together or apart.
            `start`: how a word begins. `part`: any part of a word. `name`: the whole name, or one name of a path.
            `spelled`: a word with its accents.
        term: The term as the language spells it.
        source: Key of the source, as docs/decisions/sensitive-columns.md lists them.
    """

    language: str
    class_name: str
    match_kind: str
    term: str
    source: str


class _SpelledName(NamedTuple):
    """The words of a name in one text, and the places in it where a word begins or ends."""

    text: str
    boundaries: frozenset[int]


@cache
def sensitive_terms() -> tuple[SensitiveTerm, ...]:
    """Return the entries of `sensitive_terms.csv`."""
    csv_lines = (files("pipelines.sources") / "sensitive_terms.csv").read_text(encoding="utf-8").splitlines()
    return tuple(SensitiveTerm(*term_fields) for term_fields in csv.reader(csv_lines[1:]))


@cache
def sensitive_class(header: str) -> str | None:
    """Return the class for which a column of this name is never read, or None if it may be read.

    Args:
        header: A header, or a path into a JSON record. Case, accents, signs and blanks do not matter.
    """
    lengths_and_classes = [
        (term_end - term_start, class_name)
        for split_words in _SPELLINGS
        for term_start, term_end, class_name in _find_terms(header, split_words)
        if class_name != ORDINARY
    ]
    # The longest term says best what the column is: `birth country` rather than `country`.
    return (
        max(lengths_and_classes, key=lambda length_and_class: length_and_class[0])[1] if lengths_and_classes else None
    )


def _find_terms(column_name: str, split_words: Callable[[str], list[str]]) -> list[tuple[int, int, str]]:
    """Return where the terms lie in the name, with their classes; without those that an ordinary term overlaps."""
    spelled_name = _join_words(split_words(column_name))
    spelled_path_parts = [_join_words(split_words(path_part)).text for path_part in _PATH_SIGNS.split(column_name)]
    term_places = [
        (term_start, term_start + len(term), class_name)
        for match_kind, term, class_name in _spelled_terms(split_words)
        if term in spelled_name.text
        for term_start in (
            _find_term_starts(spelled_name, term, match_kind)
            if match_kind != "name"
            else [0] * (term in spelled_path_parts)
        )
    ]
    ordinary_places = [term_place for term_place in term_places if term_place[2] == ORDINARY]
    return [
        term_place
        for term_place in term_places
        if not any(
            term_place[0] < ordinary_end and ordinary_start < term_place[1]
            for ordinary_start, ordinary_end, _ in ordinary_places
        )
    ]


def _find_term_starts(spelled_name: _SpelledName, term: str, match_kind: str) -> Iterator[int]:
    """Yield where a term begins in a name."""
    term_start = spelled_name.text.find(term)
    while term_start >= 0:
        term_end = term_start + len(term)
        if (
            term_start in spelled_name.boundaries and (match_kind == "start" or term_end in spelled_name.boundaries)
            if match_kind != "part"
            else spelled_name.boundaries.isdisjoint(range(term_start + 1, term_end))
        ):
            yield term_start
        term_start = spelled_name.text.find(term, term_start + 1)


@cache
def _spelled_terms(split_words: Callable[[str], list[str]]) -> tuple[tuple[str, str, str], ...]:
    """Return match, spelling and class of the terms that are compared in this spelling."""
    return tuple(
        (sensitive_term.match_kind, "".join(split_words(sensitive_term.term)), sensitive_term.class_name)
        for sensitive_term in sensitive_terms()
        if (sensitive_term.match_kind == "spelled") == (split_words is _accented_words)
    )


def _join_words(words: Sequence[str]) -> _SpelledName:
    return _SpelledName("".join(words), frozenset(accumulate(map(len, words), initial=0)))


def _accented_words(column_name: str) -> list[str]:
    return _WORD.findall(_CASE_CHANGE.sub(" ", unicodedata.normalize("NFC", column_name)).casefold())


def _plain_words(column_name: str) -> list[str]:
    """Return the words of a name without accents: `dateOfBirth` and `Date_of_birth` give the same three words."""
    decomposed_name = unicodedata.normalize("NFKD", column_name.translate(_PLAIN_LETTERS))
    plain_name = "".join(letter for letter in decomposed_name if not unicodedata.combining(letter))
    return _WORD.findall(_CASE_CHANGE.sub(" ", plain_name).casefold())


def _short_words(column_name: str) -> list[str]:
    """Return the words of a name without accents, with `ae`, `oe` and `ue` as `a`, `o` and `u`."""
    return [_WRITTEN_OUT.sub("", word) for word in _plain_words(column_name)]


_SPELLINGS = (_plain_words, _short_words, _accented_words)
