"""The places from which people are erased: what is counted in each, and how it is deleted.

Belongs here: one plan per place of a data root.
Does not belong here: their order in time and the journal (`erasure`), the stores themselves.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import FILE_TABLES, STORED_TABLES
from pipelines.contracts.table import Table
from pipelines.ingest.answer_files import (
    FileState,
    count_answer_rows,
    delete_unchanged,
    is_answer_source,
    lock_answers,
    read_file_state,
    remove_answer_rows,
)
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.landing import list_landing_files
from pipelines.privacy import published_rows, published_targets
from pipelines.privacy.content_search import compile_replacement, find_files_with, select_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasedPeople
from pipelines.privacy.erasure_requests import list_obsolete_access_requests
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.landed_rows import delete_from_landed_files, plan_landed_rows, recount_ledger
from pipelines.privacy.person_deletions import build_person_deletion
from pipelines.privacy.suppression import ERASED_PERSON, Suppression
from pipelines.snapshots.reader import POINTER, SNAPSHOTS, current_snapshot
from pipelines.storage.atomic_write import file_sha256, write_text_atomically
from pipelines.storage.change_log import clear_change_log
from pipelines.storage.file_access import readable_by
from pipelines.storage.row_deletion import (
    DeletionCounts,
    RowDeletion,
    count_in_table,
    delete_from_table,
    rewrite_parquet,
)
from pipelines.storage.run_state import forget_states

_PUBLISHED_PLACES = {"snapshots", "Delta logs", "DuckDB views", "feed", "pages"}
# Whether a row of the ledger counts records of erased people.
_HAS_ERASED = pl.col("passed_over").list.eval(pl.element().struct.field("why") == ERASED_PERSON).list.any()


class Plan(NamedTuple):
    """What a place holds of the people, and the deletion, which may be repeated."""

    count_by_name: Mapping[str, int]
    execute: Callable[[], object]


def list_places(
    data_root: DataRoot, traces: PersonTraces, erased_people: ErasedPeople
) -> dict[str, Callable[[], Plan]]:
    """The places, in the order in which they are worked on; each plan is made just before it is executed.

    Args:
        data_root: The data root.
        traces: The keys by which the people are named.
        erased_people: The list, these people included.
    """
    published_folder, publish_options = data_root.settings.published_path, data_root.config.publish
    # files of a publication that is restored have no pointer yet
    is_published, has_pointer = (published_folder / SNAPSHOTS).is_dir(), (published_folder / POINTER).is_file()
    place_by_name: dict[str, Callable[[], Plan]] = {
        "landed rows": partial(_plan_landed_rows, data_root, erased_people),
        "ledger": lambda: Plan({}, partial(recount_ledger, data_root.lake, traces.replaced_texts)),
        "landing copies": partial(_plan_landing_copies, data_root, traces, erased_people),
        "tables": partial(_plan_tables, data_root, traces),
        "run states": lambda: Plan({}, partial(_forget_runs, data_root)),
        "models": partial(_plan_models, data_root),
    }
    if is_published:
        place_by_name |= {
            "snapshots": partial(_plan_snapshots, published_folder, traces),
            "Delta logs": lambda: Plan({}, partial(published_rows.rewrite_delta_logs, published_folder)),
            "DuckDB views": lambda: Plan({}, partial(_rewrite_views, published_folder)),
            "feed": lambda: _build_plan(published_targets.plan_feed(published_folder, traces)),
            "pages": lambda: _build_plan(
                published_targets.plan_pages(data_root.path, published_folder / "site", data_root.lake, traces)
            ),
        }
    if has_pointer and (postgresql_options := publish_options.postgresql) is not None:
        place_by_name["PostgreSQL"] = lambda: _build_plan(published_targets.plan_postgresql(postgresql_options, traces))
    if has_pointer and (store_options := publish_options.object_store) is not None:
        lake_path = data_root.settings.lake_path
        place_by_name["bucket"] = lambda: Plan(
            {}, partial(published_targets.replace_in_bucket, published_folder, lake_path, store_options)
        )
    for place_name in set(place_by_name) & _PUBLISHED_PLACES:
        place_by_name[place_name] = partial(_plan_readable, data_root, place_by_name[place_name])
    place_by_name["logs and documents"] = partial(_plan_texts, data_root, traces)
    return place_by_name


def _plan_readable(data_root: DataRoot, make_plan: Callable[[], Plan]) -> Plan:
    """A plan whose files the group of the readers may read, like the files that they replace."""
    plan = make_plan()

    def execute() -> None:
        with readable_by(data_root.config.publish.group, data_root.settings.published_path):
            plan.execute()

    return Plan(plan.count_by_name, execute)


def remove_replaced_files(data_root: DataRoot) -> None:
    """Remove the published files that were replaced."""
    published_rows.remove_unnamed_files(data_root.settings.published_path)


def delete_landing_copies(data_root: DataRoot, sources: Sequence[SourceConfig], erased_people: ErasedPeople) -> int:
    """Delete the landing copies of files in which records of erased people were passed over.

    A file holds columns that are never read, in any format, so that the whole copy is deleted: the rows of everybody
    else are in the raw tables. Files outside the data root belong to somebody else and stay. Files of answers are
    written by us alone and lose the rows of erased people only: what others withdraw in them holds before a run
    publishes.

    Args:
        data_root: The data root.
        sources: The sources whose files are looked at.
        erased_people: The list.

    Returns:
        The number of files.
    """
    state_by_path = find_landed_copies(data_root, _list_other_exports(data_root, sources), _HAS_ERASED)
    delete_unchanged(data_root.path, state_by_path)
    ledger = read_ledger(data_root.lake).filter(_HAS_ERASED.fill_null(False))
    file_names = set(ledger["file_name"])
    answer_files = [
        (source, answer_path)
        for source, answer_path in _list_answer_files(data_root, sources)
        if answer_path.name in file_names
    ]
    return len(state_by_path) + remove_erased_answers(data_root, answer_files, erased_people)


def find_landed_copies(
    data_root: DataRoot, sources: Sequence[SourceConfig], ledger_condition: pl.Expr
) -> dict[Path, FileState]:
    """Find the landing copies, within the data root, with the content of rows of the ledger that meet a condition.

    Args:
        data_root: The data root.
        sources: The sources whose files are looked at.
        ledger_condition: A condition on a row of the ledger; null counts as not met.

    Returns:
        By file, sorted: its state before its content was read.
    """
    ledger = read_ledger(data_root.lake).filter(ledger_condition.fill_null(False))
    if ledger.is_empty() or not data_root.owns_landing:
        return {}
    landed_file_names, landed_file_hashes = set(ledger["file_name"]), set(ledger["file_sha256"])
    candidate_paths = sorted(
        {
            landing_path
            for source in sources
            for landing_path in list_landing_files(data_root.landing_folder, source.path)
            if landing_path.name in landed_file_names
        }
    )
    return {
        landing_path: file_state
        for landing_path in candidate_paths
        if (file_state := read_file_state(landing_path)) and file_sha256(landing_path) in landed_file_hashes
    }


def _plan_landed_rows(data_root: DataRoot, erased_people: ErasedPeople) -> Plan:
    file_deletions = plan_landed_rows(data_root.lake, data_root.config, erased_people)
    deleted_count_by_table: dict[str, int] = {}
    for file_deletion in file_deletions:
        deleted_count_by_table[file_deletion.table.name] = (
            deleted_count_by_table.get(file_deletion.table.name, 0) + file_deletion.deletion_counts.deleted
        )
    return Plan(deleted_count_by_table, partial(delete_from_landed_files, file_deletions))


def _plan_landing_copies(data_root: DataRoot, traces: PersonTraces, erased_people: ErasedPeople) -> Plan:
    """The copies in which records were passed over, those that hold one of the person's texts elsewhere, and requests.

    A file that was not landed yet stays: it also holds the records of other people. The next run lands it without the
    person, and then deletes it. Files of answers lose the person's rows, landed or not.
    """
    exports = _list_other_exports(data_root, data_root.config.sources)
    landed_copies = find_landed_copies(data_root, exports, pl.lit(True))
    taxonomy_paths = {data_root.landing_folder / taxonomy_file for taxonomy_file in data_root.config.taxonomy.files}
    deleted_states = find_landed_copies(data_root, exports, _HAS_ERASED)
    # a number that is also the id of a record may be the person's, in a column that is never read or is cleared
    for copy_path in select_files_with(landed_copies, traces.replaced_texts):
        if copy_path not in taxonomy_paths:
            deleted_states[copy_path] = landed_copies[copy_path]
    for request_path in list_obsolete_access_requests(data_root, traces):
        if request_state := read_file_state(request_path):
            deleted_states[request_path] = request_state
    answer_files = _list_answer_files(data_root, data_root.config.sources)
    answer_count = sum(
        count_answer_rows(answer_path, _find_erased_rows(source, erased_people)) for source, answer_path in answer_files
    )

    def execute() -> None:
        delete_unchanged(data_root.path, deleted_states)
        remove_erased_answers(data_root, answer_files, erased_people)

    return Plan({"": len(deleted_states)} | ({"rows of answers": answer_count} if answer_count else {}), execute)


def _list_other_exports(data_root: DataRoot, sources: Sequence[SourceConfig]) -> list[SourceConfig]:
    """The sources whose files other systems write."""
    return [source for source in sources if not is_answer_source(data_root.config, source)]


def _list_answer_files(data_root: DataRoot, sources: Sequence[SourceConfig]) -> list[tuple[SourceConfig, Path]]:
    """The files of people's answers, each with its source."""
    return [
        (source, answer_path)
        for source in sources
        if is_answer_source(data_root.config, source)
        for answer_path in list_landing_files(data_root.landing_folder, source.path)
    ]


def remove_erased_answers(
    data_root: DataRoot, answer_files: Sequence[tuple[SourceConfig, Path]], erased_people: ErasedPeople
) -> int:
    """Remove the rows of erased people from files of answers, so that no answer of others is lost.

    Args:
        data_root: The data root.
        answer_files: The files, each with its source.
        erased_people: The list.

    Returns:
        The number of files that changed.
    """
    if not answer_files:
        return 0
    with lock_answers(data_root.path):
        return sum(
            remove_answer_rows(answer_path, _find_erased_rows(source, erased_people)) > 0
            for source, answer_path in answer_files
        )


def _find_erased_rows(source: SourceConfig, erased_people: ErasedPeople) -> Callable[[pl.DataFrame], pl.Series]:
    """Whether each row of a file of answers is an erased person's."""
    suppression = Suppression.of_source(erased_people, source)

    def find_erased_rows(rows: pl.DataFrame) -> pl.Series:
        return rows.select(is_erased=suppression.identifies_erased_person(rows.columns)).to_series()

    return find_erased_rows


def _plan_tables(data_root: DataRoot, traces: PersonTraces) -> Plan:
    lake = data_root.lake
    deletion_by_table: dict[Table, RowDeletion] = {}
    row_count_by_table: dict[str, int] = {}
    for table in list_curated_tables():
        deletion = build_person_deletion(table, traces)
        if deletion is not None and (deletion_counts := count_in_table(lake, table, deletion)):
            deletion_by_table[table] = deletion
            row_count_by_table[table.name] = deletion_counts.deleted

    def delete_rows() -> None:
        for table, deletion in deletion_by_table.items():
            delete_from_table(lake, table, deletion)

    return Plan(row_count_by_table, delete_rows)


def list_curated_tables() -> Iterable[Table]:
    """Every table of the lake that no export is landed in, those of commands among them, and its quarantine."""
    for table in STORED_TABLES.values():
        if table not in FILE_TABLES:
            yield table
            yield quarantine_table(table.name)


def _forget_runs(data_root: DataRoot) -> None:
    """Forget whose rows changed and what tables were made of: the next run computes everything."""
    clear_change_log(data_root.settings.lake_path)
    forget_states(data_root.settings.lake_path)


def _plan_models(data_root: DataRoot) -> Plan:
    """Every bundle was trained with the people; the next run trains a first model again."""
    models_folder = data_root.settings.models_path
    bundle_folders = [path for path in models_folder.iterdir() if path.is_dir()] if models_folder.is_dir() else []
    return Plan({"bundles": len(bundle_folders)}, partial(shutil.rmtree, models_folder, ignore_errors=True))


def _plan_snapshots(published_folder: Path, traces: PersonTraces) -> Plan:
    build_deletion = partial(_build_published_deletion, traces)
    deletion_counts_by_table = published_rows.count_in_snapshots(published_folder, build_deletion)
    return Plan(
        _count_deleted(deletion_counts_by_table),
        partial(published_rows.delete_from_snapshots, published_folder, build_deletion),
    )


def _build_published_deletion(traces: PersonTraces, table: Table) -> RowDeletion | None:
    return build_person_deletion(table, traces)


def _rewrite_views(published_folder: Path) -> None:
    from pipelines.publish.duckdb_views import publish_duckdb
    from pipelines.publish.queries import DUCKDB_FILE

    if (published_folder / DUCKDB_FILE).exists() and (published_folder / POINTER).is_file():
        publish_duckdb(current_snapshot(published_folder))


def _plan_texts(data_root: DataRoot, traces: PersonTraces) -> Plan:
    """Plan the erasure in all other files: logs, Dagster's databases, validation results and undelivered messages.

    In texts and databases the searched texts are replaced; in a Parquet file the rows that hold one are deleted.
    """
    store_folders = (data_root.settings.lake_path, data_root.settings.published_path, data_root.settings.models_path)
    # files that the company writes are not changed; if one still holds a value, the receipt says so
    declaration_paths = (data_root.settings.config_path.resolve(), *data_root.path.glob("**/dagster.yaml"))
    skipped_paths = [*store_folders, data_root.landing_folder, data_root.journal_path, *declaration_paths]
    files_with_traces = find_files_with(data_root.path, traces.replaced_texts, skipped_paths)
    erase_in_text = compile_replacement(traces.replaced_texts)

    def erase_texts() -> None:
        for path in files_with_traces:
            if path.suffix == ".db":
                _replace_in_database(path, erase_in_text)
            elif path.suffix == ".parquet":
                rewrite_parquet(path, RowDeletion(_match_text_cells(path, traces.replaced_texts), {}))
            elif path.exists():
                _replace_in_text(path, erase_in_text)

    return Plan({"files": len(files_with_traces)}, erase_texts)


def _match_text_cells(path: Path, searched_texts: Iterable[str]) -> pl.Expr:
    """Whether a cell of a row is one of the texts."""
    text_columns = [column_name for column_name, dtype in pl.read_parquet_schema(path).items() if dtype == pl.String]
    cell_conditions = [pl.col(column_name).is_in(list(searched_texts)) for column_name in text_columns]
    return pl.any_horizontal(pl.lit(False), *cell_conditions)


def _replace_in_text(path: Path, erase_in_text: Callable[[str], str]) -> None:
    """Replace texts in a file; one that is not text stays as it is, and the receipt names it."""
    try:
        file_text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    write_text_atomically(path, erase_in_text(file_text))


def _replace_in_database(path: Path, erase_in_text: Callable[[str], str]) -> None:
    """Replace texts in the texts of an SQLite file, and free the pages that held them.

    Numbers and times are no texts. A cell that must stay unique is left, and the receipt names the file.
    """
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.create_function("erase_in_text", 1, erase_in_text, deterministic=True)
        table_names = [
            table_name for (table_name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table_name in table_names:
            column_names = [column_info[1] for column_info in connection.execute(f'PRAGMA table_info("{table_name}")')]
            for column_name in column_names:
                connection.execute(
                    f'UPDATE OR IGNORE "{table_name}" SET "{column_name}" = erase_in_text("{column_name}") '
                    f'WHERE typeof("{column_name}") = \'text\' AND erase_in_text("{column_name}") <> "{column_name}"'
                )
        connection.commit()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _build_plan(counted_deletion: tuple[int, Callable[[], object]]) -> Plan:
    item_count, execute = counted_deletion
    return Plan({"": item_count}, execute)


def _count_deleted(deletion_counts_by_table: Mapping[str, DeletionCounts]) -> dict[str, int]:
    return {table_name: deletion_counts.deleted for table_name, deletion_counts in deletion_counts_by_table.items()}
