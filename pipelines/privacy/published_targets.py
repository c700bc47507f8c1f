"""Erased people in the publish targets besides Parquet and Delta: feed, pages, PostgreSQL, bucket.

Belongs here: the lines, pages and rows that are removed from each.
Does not belong here: the files of snapshots (`published_rows`), publishing (`pipelines.publish`).
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.personal_columns import person_columns
from pipelines.privacy.content_search import find_contents_with
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.identities import PersonTraces
from pipelines.publish.feed import list_outbox_files
from pipelines.publish.postgresql import execute_statements, fetch_rows
from pipelines.publish.queries import quote_text
from pipelines.publish.site.page_data import name_team_page
from pipelines.publish.site.page_names import read_page_names, write_page_names
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake
from pipelines.storage.row_deletion import RowDeletion, rewrite_parquet

# The columns of published tables that hold a person_id.
_PERSON_COLUMNS = sorted({column.name for table in PUBLISHED_TABLES for column in person_columns(table)})
_FORMER_FINGERPRINTS_FILE = "pages.parquet"
# The number of rows, events or pages, and the deletion.
CountedDeletion = tuple[int, Callable[[], object]]


def plan_feed(published_folder: Path, traces: PersonTraces) -> CountedDeletion:
    """The events about people; the other events keep their sequences, so that cursors stay valid.

    Args:
        published_folder: The published folder.
        traces: The keys by which the people are named.
    """
    person_ids = set(traces.person_ids)

    def is_deleted(event_line: str) -> bool:
        return str(json.loads(event_line)["data"]["person_id"]) in person_ids

    outbox_paths = [outbox_file.path for outbox_file in list_outbox_files(published_folder)]
    event_count = sum(
        is_deleted(event_line)
        for outbox_path in outbox_paths
        for event_line in outbox_path.read_text(encoding="utf-8").splitlines()
    )

    def delete_events() -> None:
        for outbox_path in outbox_paths:
            _delete_lines(outbox_path, is_deleted)

    return event_count, delete_events


def plan_pages(root: Path, site_folder: Path, lake: Lake, traces: PersonTraces) -> CountedDeletion:
    """The pages of people, and the lines that name them on other pages, in the pages of every snapshot.

    A line that names a namesake goes as well, but not from the namesake's own page: pages are written anew by the next
    run, and nobody can tell whom of both a line is about.

    Args:
        root: The data root, which has the key of the pages' names.
        site_folder: The folder of the pages.
        lake: The lake, which has the names of everybody else.
        traces: The keys by which the people are named.
    """
    page_names = read_page_names(root)
    namesakes = lake.scan(PERSON).filter(pl.col("display_name").is_in(list(traces.shared_names))).collect()
    namesake_folder_names = {page_names.folder_of(person_id) for person_id in namesakes["person_id"]}
    person_folder_names = {page_names.folder_of(person_id) for person_id in traces.person_ids}
    # an earlier version named pages by person_id, and listed them in an index and in a table
    former_page_names = {name_team_page(person_id) for person_id in traces.person_ids}
    person_page_paths: list[Path] = []
    # pages that did not change are links to one file: its content is searched once
    paths_by_inode: dict[tuple[int, int], list[Path]] = {}
    for path in sorted(site_folder.rglob("*.html")):
        if path.parent.name in person_folder_names or (path.parent.name == "people" and path.name in former_page_names):
            person_page_paths.append(path)
        else:
            paths_by_inode.setdefault((path.stat().st_dev, path.stat().st_ino), []).append(path)
    page_contents = ((inode_key, paths[0].read_bytes()) for inode_key, paths in paths_by_inode.items())
    erased_texts_by_path = {
        path: traces.replaced_texts if path.parent.name in namesake_folder_names else traces.page_texts
        for inode_key in sorted(find_contents_with(page_contents, traces.page_texts))
        for path in paths_by_inode[inode_key]
    }

    def delete_pages() -> None:
        for path in person_page_paths:
            path.unlink(missing_ok=True)
            if path.parent.name in person_folder_names:
                shutil.rmtree(path.parent, ignore_errors=True)
        for path, erased_texts in erased_texts_by_path.items():
            _delete_lines_about(path, erased_texts)
        for path in sorted(site_folder.rglob(_FORMER_FINGERPRINTS_FILE)):
            rewrite_parquet(path, RowDeletion(pl.col("file").is_in(sorted(former_page_names)), {}))
        renewal_counts = {
            person_id: renewal_count
            for person_id, renewal_count in page_names.renewal_counts.items()
            if person_id not in traces.person_ids
        }
        write_page_names(root, replace(page_names, renewal_counts=renewal_counts))

    return len(person_page_paths) + len(erased_texts_by_path), delete_pages


def plan_postgresql(postgresql_options: PostgresqlOptions, traces: PersonTraces) -> CountedDeletion:
    """The rows about people in the partitions of every snapshot; they are deleted in one transaction.

    Args:
        postgresql_options: The server.
        traces: The keys by which the people are named.

    Raises:
        ErasureUnavailable: If the variable with the address of the server is not set.
    """
    import adbc_driver_postgresql.dbapi as adbc

    uri, schema_name = os.environ.get(postgresql_options.uri_variable), postgresql_options.schema_name
    if not uri:
        raise ErasureUnavailable(
            f"set {postgresql_options.uri_variable}: people must be erased from PostgreSQL as well"
        )
    quoted_ids = ", ".join(quote_text(person_id) for person_id in traces.person_ids)
    stored_schemas, quoted_columns = (
        (f"{schema_name}_data", f"{schema_name}_staging"),
        ", ".join(map(quote_text, _PERSON_COLUMNS)),
    )
    with closing(adbc.connect(uri)) as connection:
        # a table with partitions has no rows of its own
        column_rows = fetch_rows(
            connection,
            "SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND NOT a.attisdropped "
            f"AND n.nspname IN ({', '.join(map(quote_text, stored_schemas))}) AND a.attname IN ({quoted_columns})",
        )
        condition_by_table: dict[str, str] = {}
        for stored_schema, table_name, column_name in sorted(column_rows):
            quoted_table, condition = f'"{stored_schema}"."{table_name}"', f'"{column_name}" IN ({quoted_ids})'
            earlier_condition = condition_by_table.get(quoted_table)
            condition_by_table[quoted_table] = f"{earlier_condition} OR {condition}" if earlier_condition else condition
        row_counts = [
            int(fetch_rows(connection, f"SELECT count(*) FROM {quoted_table} WHERE {condition}")[0][0])
            for quoted_table, condition in condition_by_table.items()
        ]

    def delete_rows() -> None:
        delete_statements = [
            f"DELETE FROM {quoted_table} WHERE {condition}" for quoted_table, condition in condition_by_table.items()
        ]
        with closing(adbc.connect(uri)) as connection:
            execute_statements(connection, *delete_statements)
            connection.commit()
        # deleted rows stay in the files of the server until they are vacuumed
        with closing(adbc.connect(uri, autocommit=True)) as connection:
            execute_statements(connection, *(f"VACUUM {quoted_table}" for quoted_table in condition_by_table))

    return sum(row_counts), delete_rows


def replace_in_bucket(published_folder: Path, lake_root: Path, store_options: ObjectStoreOptions) -> int:
    """Bring the bucket's snapshots in line with the local ones, then remove what no local snapshot has.

    Args:
        published_folder: The published folder, without the erased people.
        lake_root: The lake, without them.
        store_options: Address of the bucket.

    Returns:
        The number of bytes sent.
    """
    from pipelines.publish.object_store import push_changed_snapshots, push_lake

    sent_bytes = push_changed_snapshots(published_folder, store_options)
    if store_options.lake:
        push_lake(lake_root, store_options)
    return sent_bytes


def _delete_lines_about(path: Path, erased_texts: Sequence[str]) -> None:
    """Delete the lines of a page that hold one of the texts."""
    page_lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines_about = find_contents_with(((line, line.encode()) for line in page_lines), erased_texts)
    _delete_lines(path, lines_about.__contains__)


def _delete_lines(path: Path, is_deleted: Callable[[str], bool]) -> None:
    """Delete lines of a text file; the file is untouched if there are none."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    remaining_lines = [line for line in lines if not is_deleted(line)]
    if len(remaining_lines) < len(lines):
        write_text_atomically(path, "".join(remaining_lines))
