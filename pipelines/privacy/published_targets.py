"""Erased people in the publish targets besides Parquet and Delta: feed, pages, PostgreSQL, bucket.

Belongs here: the lines, pages and rows that are removed from each.
Does not belong here: the files of snapshots (`published_rows`), publishing (`pipelines.publish`).
"""

import html
import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.identities import PersonTraces
from pipelines.publish.feed import list_outbox_files
from pipelines.publish.queries import quote_text
from pipelines.publish.site.page_data import page_name
from pipelines.publish.site.page_reuse import FINGERPRINTS_FILE
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.row_deletion import RowDeletion, rewrite_parquet

# The columns of published tables that hold a person_id.
_PERSON_COLUMNS = ("person_id", "companion_id")
# The number of rows, events or pages, and the deletion.
Counted = tuple[int, Callable[[], object]]


def plan_feed(published_folder: Path, traces: PersonTraces) -> Counted:
    """The events about people; the other events keep their sequences, so that cursors stay valid.

    Args:
        published_folder: The published folder.
        traces: The people.
    """
    person_ids = set(traces.person_ids)

    def is_deleted(line: str) -> bool:
        return str(json.loads(line)["data"]["person_id"]) in person_ids

    paths = [outbox_file.path for outbox_file in list_outbox_files(published_folder)]
    event_count = sum(is_deleted(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines())

    def delete() -> None:
        for path in paths:
            _delete_lines(path, is_deleted)

    return event_count, delete


def plan_pages(site_folder: Path, traces: PersonTraces) -> Counted:
    """The pages of people, and the lines that name them on other pages, in the pages of every snapshot.

    Args:
        site_folder: The folder of the pages.
        traces: The people.
    """
    own_pages = {page_name(person_id) for person_id in traces.person_ids}
    ids = {f"people/{page}" for page in own_pages}
    ids |= {html.escape(text) for text in traces.searched_texts if text not in traces.names}
    names = {html.escape(name, quote=quote) for name in traces.names for quote in (True, False)}
    own_paths: list[Path] = []
    texts_by_page: dict[Path, set[str]] = {}
    is_naming_by_file: dict[tuple[int, int], bool] = {}
    for path in sorted(site_folder.rglob("*.html")):
        if path.name in own_pages and path.parent.name == "people":
            own_paths.append(path)
            continue
        # another person of the same name keeps their line in the index, which links to their page
        texts = ids if path.name == "index.html" else ids | names
        # pages that did not change are links to one file: its content is searched once
        file_key = (path.stat().st_dev, path.stat().st_ino)
        if file_key not in is_naming_by_file:
            page = path.read_text(encoding="utf-8")
            is_naming_by_file[file_key] = any(text in page for text in texts)
        if is_naming_by_file[file_key]:
            texts_by_page[path] = texts

    def delete() -> None:
        for path in own_paths:
            path.unlink(missing_ok=True)
        for path, texts in texts_by_page.items():
            _delete_lines(path, partial(_holds_one, texts))
        for path in sorted(site_folder.rglob(FINGERPRINTS_FILE)):
            rewrite_parquet(path, RowDeletion(pl.col("file").is_in(sorted(own_pages)), {}))

    return len(own_paths) + len(texts_by_page), delete


def plan_postgresql(options: PostgresqlOptions, traces: PersonTraces) -> Counted:
    """The rows about people in the partitions of every snapshot; they are deleted in one transaction.

    Args:
        options: The server.
        traces: The people.

    Raises:
        ErasureUnavailable: If the variable with the address of the server is not set.
    """
    import adbc_driver_postgresql.dbapi as adbc

    uri, schema_name = os.environ.get(options.uri_variable), options.schema_name
    if not uri:
        raise ErasureUnavailable(f"set {options.uri_variable}: people must be erased from PostgreSQL as well")
    id_list = ", ".join(quote_text(person_id) for person_id in traces.person_ids)
    schemas, columns = (f"{schema_name}_data", f"{schema_name}_staging"), ", ".join(map(quote_text, _PERSON_COLUMNS))
    with closing(adbc.connect(uri)) as connection:
        # a table with partitions has no rows of its own
        column_rows = _fetch_rows(
            connection,
            "SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND NOT a.attisdropped "
            f"AND n.nspname IN ({', '.join(map(quote_text, schemas))}) AND a.attname IN ({columns})",
        )
        condition_by_table: dict[str, str] = {}
        for schema, table, column in sorted(column_rows):
            name, condition = f'"{schema}"."{table}"', f'"{column}" IN ({id_list})'
            earlier_condition = condition_by_table.get(name)
            condition_by_table[name] = f"{earlier_condition} OR {condition}" if earlier_condition else condition
        row_counts = [
            int(_fetch_rows(connection, f"SELECT count(*) FROM {name} WHERE {condition}")[0][0])
            for name, condition in condition_by_table.items()
        ]

    def delete() -> None:
        statements = [f"DELETE FROM {name} WHERE {condition}" for name, condition in condition_by_table.items()]
        with closing(adbc.connect(uri)) as connection:
            _execute(connection, statements)
            connection.commit()
        # deleted rows stay in the files of the server until they are vacuumed
        with closing(adbc.connect(uri, autocommit=True)) as connection:
            _execute(connection, [f"VACUUM {name}" for name in condition_by_table])

    return sum(row_counts), delete


def replace_in_bucket(published_folder: Path, lake_root: Path, options: ObjectStoreOptions) -> int:
    """Bring the bucket's snapshots in line with the local ones, then remove what no local snapshot has.

    Args:
        published_folder: The published folder, without the erased people.
        lake_root: The lake, without them.
        options: Address of the bucket.

    Returns:
        The number of bytes sent.
    """
    from pipelines.publish.object_store import push_changed_snapshots, push_lake

    sent_bytes = push_changed_snapshots(published_folder, options)
    if options.lake:
        push_lake(lake_root, options)
    return sent_bytes


def _delete_lines(path: Path, is_deleted: Callable[[str], bool]) -> int:
    """Delete lines of a text file, and return how many; the file is untouched if there are none."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    remaining_lines = [line for line in lines if not is_deleted(line)]
    if len(remaining_lines) < len(lines):
        write_text_atomically(path, "".join(remaining_lines))
    return len(lines) - len(remaining_lines)


def _holds_one(texts: Collection[str], line: str) -> bool:
    return any(text in line for text in texts)


def _execute(connection: Any, statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _fetch_rows(connection: Any, query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
