"""The lines of text files, databases and archives that name a person.

Belongs here: searching what is stored and is no table of the flow: exports, logs, events, pages, model bundles.
Does not belong here: tables (`person_rows`).
"""

import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.privacy.identity import PersonIdentity

# A longer line is named by its place alone.
_MAX_LINE_LENGTH = 4_000
_WORD = re.compile(r"[\w.@+-]+")


@dataclass(frozen=True)
class PersonLine:
    """A place in a text that names the person.

    Attributes:
        place: Number of the line from 1, or table and row of a database.
        text: The line; None if it names other people too, or is too long to be of use.
    """

    place: str
    text: str | None


@dataclass(frozen=True)
class PersonSearch:
    """The search for a person in texts.

    Attributes:
        identity: The person.
        all_keys: The keys of everybody, in lower case.
    """

    identity: PersonIdentity
    all_keys: frozenset[str]

    @cached_property
    def _key_pattern(self) -> re.Pattern[str]:
        key_pattern = "|".join(re.escape(key) for key in sorted(self.identity.text_keys, key=len, reverse=True))
        return re.compile(rf"(?<![\w@.-])(?:{key_pattern or '(?!)'})(?![\w@-])", re.IGNORECASE)

    @cached_property
    def _ascii_keys(self) -> tuple[str, ...] | None:
        """The keys in lower case; None if one of them is not ASCII: letters of both kinds can be equal without case."""
        keys = tuple(key.lower() for key in self.identity.text_keys)
        return keys if all(key.isascii() for key in keys) else None

    def find_lines(self, path: Path) -> list[PersonLine]:
        """The lines of a file that name the person; none if the file is no text, database or archive of texts."""
        with path.open("rb") as opened_file:
            first_bytes = opened_file.read(16)
        if first_bytes.startswith(b"SQLite format 3"):
            return self._select_lines(_read_database(path))
        if first_bytes.startswith(b"PK"):
            return self._select_lines(_read_archive(path))
        file_text = path.read_bytes().decode(
            "utf-16" if first_bytes[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace"
        )
        if not self.names_person(file_text):
            return []
        return self._select_lines(
            (str(line_number), line) for line_number, line in enumerate(file_text.splitlines(), start=1)
        )

    def names_person(self, text: str) -> bool:
        """Whether a text names the person."""
        if text.isascii() and self._ascii_keys is not None:
            # a search for substrings is many times faster than the pattern, and most texts hold no key
            lower_text = text.lower()
            if not any(key in lower_text for key in self._ascii_keys):
                return False
        return bool(self._key_pattern.search(text))

    def names_nobody_else(self, text: str) -> bool:
        """Whether a text names no other person, and is short enough to be of use."""
        lower_words = set(_WORD.findall(text.lower()))
        return len(text) <= _MAX_LINE_LENGTH and not (lower_words & self.all_keys) - self.identity.text_keys

    def _select_lines(self, lines_with_place: Iterable[tuple[str, str]]) -> list[PersonLine]:
        return [
            PersonLine(place, line if self.names_nobody_else(line) else None)
            for place, line in lines_with_place
            if self.names_person(line)
        ]


def _read_database(path: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        table_rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table_name,) in table_rows:
            quoted_name = table_name.replace('"', '""')
            for row_number, cells in enumerate(connection.execute(f'SELECT * FROM "{quoted_name}"'), start=1):
                yield f"{table_name} {row_number}", " ".join(str(cell) for cell in cells if cell is not None)


def _read_archive(path: Path) -> Iterator[tuple[str, str]]:
    """The members of a model bundle or a workbook; numpy writes text with four bytes per character."""
    with zipfile.ZipFile(path) as archive:
        for member_name in archive.namelist():
            member_bytes = archive.read(member_name)
            yield member_name, member_bytes.decode("utf-32-le" if member_name.endswith(".npy") else "utf-8", "ignore")
