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
from pipelines.contracts.catalog import STORED_TABLES, TABLES
from pipelines.contracts.classification import PersonRole
from pipelines.contracts.table import Table
from pipelines.privacy.identity import PersonIdentity, find_identity, read_all_keys
from pipelines.privacy.person_lines import PersonSearch
from pipelines.privacy.person_rows import Row, describe_stored_table, select_person_rows
from pipelines.privacy.places import Place, describe_place, find_table_name
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
        keys_by_kind = {
            key_kind: sorted(person_keys) if isinstance(person_keys, frozenset) else person_keys
            for key_kind, person_keys in asdict(self.identity).items()
        }
        return {
            "person": keys_by_kind,
            "stored": [asdict(stored_part) for stored_part in self.parts],
            "not_read": list(self.not_read),
        }

    def to_page(self) -> str:
        """The copy as a page of HTML."""
        template = files("pipelines.privacy").joinpath("templates/access.html.j2").read_text(encoding="utf-8")
        return str(Environment(autoescape=True).from_string(template).render(copy=self))


def collect_access_copy(settings: Settings, config: Config, person_key: str, postgresql_uri: str | None) -> AccessCopy:
    """Collect everything that is stored about a person.

    Args:
        settings: Folders of the data root, and the landing folder.
        config: The declared sources, publish targets and purposes.
        person_key: person_id, employee number or e-mail address.
        postgresql_uri: Address of the PostgreSQL server; None if there is none, or if its variable is not set.

    Raises:
        UnknownPerson: Nobody has the key, or several people have it.
    """
    lake = Lake(settings.lake_path)
    publish_options = config.publish
    identity = find_identity(lake, config, person_key)
    person_search = PersonSearch(identity, read_all_keys(lake, config))
    stored_parts, unread_places = [], []
    for path, shown_path in _list_files(settings):
        try:
            stored_parts += _read_stored_parts(path, shown_path, person_search, config)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            unread_places.append(f"{shown_path}: {type(error).__name__}")
    tables_by_store = (
        [("PostgreSQL", read_server_tables(postgresql_uri, publish_options.postgresql, identity.person_id))]
        if (publish_options.postgresql and postgresql_uri)
        else []
    )
    if publish_options.object_store:
        tables_by_store.append(("bucket", read_bucket_tables(publish_options.object_store)))
    if publish_options.postgresql and not postgresql_uri:
        unread_places.append(f"PostgreSQL: {publish_options.postgresql.uri_variable} is not set")
    for store_name, stored_tables in tables_by_store:
        place = Place(
            store_name, "the tables", "; ".join(config.contracts.purposes), f"{publish_options.retention_days} days"
        )
        try:
            for table_address, table_rows in stored_tables:
                table = describe_stored_table(find_table_name(table_address), table_rows.collect_schema())
                stored_parts += _describe_rows(place, str(table_address), table, table_rows, person_search)
        except Exception as error:  # drivers raise errors of their own; the copy says what it lacks
            unread_places.append(f"{store_name}: {type(error).__name__}")
    return AccessCopy(identity, tuple(stored_parts), tuple(unread_places))


def _list_files(settings: Settings) -> Iterator[tuple[Path, PurePosixPath]]:
    """Every file, with its path relative to the data root; a landing folder elsewhere counts as `landing`."""
    searched_folders = [(settings.root, PurePosixPath())]
    if settings.landing is not None and not settings.landing.resolve().is_relative_to(settings.root):
        searched_folders.append((settings.landing.resolve(), PurePosixPath("landing")))
    for searched_folder, shown_prefix in searched_folders:
        for path in sorted(searched_folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path, shown_prefix / path.relative_to(searched_folder).as_posix()


def _read_stored_parts(
    path: Path, shown_path: PurePosixPath, person_search: PersonSearch, config: Config
) -> list[StoredPart]:
    if path.suffix == ".parquet":
        table_rows = pl.scan_parquet(path)
        table = describe_stored_table(find_table_name(shown_path), table_rows.collect_schema())
        place = describe_place(shown_path, config, _find_retention_days(table.name))
        return _describe_rows(place, str(shown_path), table, table_rows, person_search)
    person_lines = person_search.find_lines(path)
    if not person_lines:
        return []
    is_page = path.suffix in _PAGE_SUFFIXES
    line_documents = [
        {"place": person_line.place, "text": None if is_page else person_line.text} for person_line in person_lines
    ]
    return [StoredPart(describe_place(shown_path, config, None), str(shown_path), lines=line_documents)]


def _describe_rows(
    place: Place, shown_path: str, table: Table, rows: pl.LazyFrame, person_search: PersonSearch
) -> list[StoredPart]:
    declared_table = TABLES.get(table.name)
    is_training_row = declared_table is not None and "model" in declared_table.readers
    return [
        StoredPart(place, shown_path, table.name, table.description, str(role), is_training_row, role_rows)
        for role, role_rows in select_person_rows(rows, table, person_search).items()
    ]


def _find_retention_days(table_name: str) -> int | None:
    if table_name in STORED_TABLES:
        return STORED_TABLES[table_name].retention_days
    if table_name.startswith("quarantine__"):
        return quarantine_table(table_name).retention_days
    if table_name.startswith("raw_"):
        return raw_table("any", CANONICAL_SCHEMAS["person"]).retention_days
    return None
