"""The copy of everything that is stored about a person, by looking at every file under the data root.

Belongs here: the walk over the files, copies outside the data root, the copy as a document and as a page.
Does not belong here: which rows and lines name a person (`person_rows`, `person_lines`), the command (`assets.cli`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from jinja2 import Environment

from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.classification import PersonRole
from pipelines.contracts.table import Table
from pipelines.privacy.identity import PersonIdentity, find_identity, read_all_keys
from pipelines.privacy.person_lines import PersonSearch
from pipelines.privacy.person_rows import Row, describe_stored_table, select_person_rows
from pipelines.privacy.places import Place, describe_place, table_of
from pipelines.privacy.remote_copies import read_bucket_tables, read_server_tables
from pipelines.storage.lake import Lake

# A page names the person in its content; the rows that it shows are in the copy as rows.
_PAGE_SUFFIXES = (".html", ".css")


@dataclass(frozen=True)
class StoredPart:
    """What one file, or one table of a server, holds about a person.

    Attributes:
        place: Where it lies, from where it comes, for what and for how long it is stored.
        path: The file, relative to the data root, or the address of the table.
        table: Name of the table; None for other files.
        description: The grain of the table.
        role: Whether the rows are about the person or about somebody else.
        is_training_row: Whether models are trained on the rows.
        rows: Rows of the table.
        lines: Places in the text, each with the line if it names nobody else.
    """

    place: Place
    path: str
    table: str | None = None
    description: str = ""
    role: str = str(PersonRole.SUBJECT)
    is_training_row: bool = False
    rows: list[Row] = field(default_factory=list)
    lines: list[dict[str, str | None]] = field(default_factory=list)


@dataclass(frozen=True)
class AccessCopy:
    """Everything that is stored about a person.

    Attributes:
        identity: The keys of the person.
        parts: What each file holds, in the order of the paths.
        not_read: Places that could not be read, each with the reason.
    """

    identity: PersonIdentity
    parts: tuple[StoredPart, ...]
    not_read: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """The copy as a document of JSON."""
        identity = {
            name: sorted(keys) if isinstance(keys, frozenset) else keys for name, keys in asdict(self.identity).items()
        }
        return {
            "person": identity,
            "stored": [asdict(part) for part in self.parts],
            "not_read": list(self.not_read),
        }

    def to_page(self) -> str:
        """The copy as a page of HTML."""
        template = files("pipelines.privacy").joinpath("templates/access.html.j2").read_text(encoding="utf-8")
        return str(Environment(autoescape=True).from_string(template).render(copy=self))


def collect_access_copy(settings: Settings, config: Config, person: str, postgresql_uri: str | None) -> AccessCopy:
    """Collect everything that is stored about a person.

    Args:
        settings: Folders of the data root, and the landing folder.
        config: The declared sources, publish targets and purposes.
        person: person_id, employee number or e-mail address.
        postgresql_uri: Address of the PostgreSQL server; None if there is none, or if its variable is not set.

    Raises:
        UnknownPerson: Nobody has the key, or several people have it.
    """
    lake = Lake(settings.lake_path)
    options = config.publish
    identity = find_identity(lake, config, person)
    search = PersonSearch(identity, read_all_keys(lake, config))
    parts, not_read = [], []
    for path, shown_path in _list_files(settings):
        try:
            parts += _read_part(path, shown_path, search, config)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            not_read.append(f"{shown_path}: {type(error).__name__}")
    remote_tables = (
        [("PostgreSQL", read_server_tables(postgresql_uri, options.postgresql, identity.person_id))]
        if (options.postgresql and postgresql_uri)
        else []
    )
    if options.object_store:
        remote_tables.append(("bucket", read_bucket_tables(options.object_store)))
    if options.postgresql and not postgresql_uri:
        not_read.append(f"PostgreSQL: {options.postgresql.uri_variable} is not set")
    for name, tables in remote_tables:
        place = Place(name, "the tables", "; ".join(config.contracts.purposes), f"{options.retention_days} days")
        try:
            for address, rows in tables:
                table = describe_stored_table(table_of(address), rows.collect_schema())
                parts += _describe_rows(place, str(address), table, rows, search)
        except Exception as error:  # drivers raise errors of their own; the copy says what it lacks
            not_read.append(f"{name}: {type(error).__name__}")
    return AccessCopy(identity, tuple(parts), tuple(not_read))


def _list_files(settings: Settings) -> Iterator[tuple[Path, PurePosixPath]]:
    """Every file, with its path relative to the data root; a landing folder elsewhere counts as `landing`."""
    folders = [(settings.root, PurePosixPath())]
    if settings.landing is not None and not settings.landing.resolve().is_relative_to(settings.root):
        folders.append((settings.landing.resolve(), PurePosixPath("landing")))
    for folder, prefix in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path, prefix / path.relative_to(folder).as_posix()


def _read_part(path: Path, shown_path: PurePosixPath, search: PersonSearch, config: Config) -> list[StoredPart]:
    if path.suffix == ".parquet":
        rows = pl.scan_parquet(path)
        table = describe_stored_table(table_of(shown_path), rows.collect_schema())
        place = describe_place(shown_path, config, _retention_days(table.name))
        return _describe_rows(place, str(shown_path), table, rows, search)
    lines = search.find_lines(path)
    if not lines:
        return []
    is_page = path.suffix in _PAGE_SUFFIXES
    texts = [{"place": line.place, "text": None if is_page else line.text} for line in lines]
    return [StoredPart(describe_place(shown_path, config, None), str(shown_path), lines=texts)]


def _describe_rows(place: Place, path: str, table: Table, rows: pl.LazyFrame, search: PersonSearch) -> list[StoredPart]:
    declared = TABLES.get(table.name)
    is_training_row = declared is not None and "model" in declared.readers
    return [
        StoredPart(place, path, table.name, table.description, str(role), is_training_row, role_rows)
        for role, role_rows in select_person_rows(rows, table, search).items()
    ]


def _retention_days(table_name: str) -> int | None:
    if table_name in TABLES:
        return TABLES[table_name].retention_days
    if table_name.startswith("quarantine__"):
        return quarantine_table(table_name).retention_days
    if table_name.startswith("raw_"):
        return raw_table("any", CANONICAL_SCHEMAS["person"]).retention_days
    return None
