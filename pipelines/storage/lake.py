"""The lake: the folder of a table, how the table is read, and the one way to write it.

Belongs here: paths, scanning, atomic writing of valid rows and of the quarantine.
Does not belong here: how a table is split into files (`file_layout`), how one file is written (`parquet_files`), whose
rows changed (`change_log`), publication (`pipelines.snapshots`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.rule_counts import RuleCounts, fingerprint_contract
from pipelines.contracts.table import Table
from pipelines.storage.change_log import FindRelatedPeople, record_change
from pipelines.storage.file_hashes import combine_hashes, hash_files, map_in_threads
from pipelines.storage.file_layout import (
    SINGLE_FILE,
    find_changed_files,
    find_files_with,
    has_current_layout,
    select_rows_of_files,
    split_into_files,
)
from pipelines.storage.parquet_files import write_parquet
from pipelines.storage.recorded_counts import (
    RecordedCounts,
    fingerprint_values,
    read_recorded_counts,
    write_recorded_counts,
)
from pipelines.storage.write_result import WriteResult
from pipelines.validation.quarantine import QUARANTINE_ORDER, count_quarantined, exclude_rows
from pipelines.validation.rule_evaluation import (
    ContractViolation,
    ValidatedRows,
    count_leaving,
    count_rules,
    sort_rows,
    validate_rows,
)


@dataclass(frozen=True)
class Lake:
    """A folder of tables; each table is a folder with one Parquet file, or several if its rows are split."""

    root: Path

    def folder(self, table: Table) -> Path:
        """The table's folder."""
        return self.root / table.name

    def file(self, table: Table, file_name: str = SINGLE_FILE) -> Path:
        """The path of one file of a table.

        Args:
            table: The table.
            file_name: Name of the file without suffix; the default is the file of a table that is not split.
        """
        return self.folder(table) / f"{file_name}.parquet"

    def files(self, table: Table) -> list[Path]:
        """The existing files of a table, in the order in which they are read."""
        return sorted(self.folder(table).rglob("*.parquet"))

    def scan(self, table: Table) -> pl.LazyFrame:
        """The rows of a table, lazily, in its contract's columns; no rows if it was never written."""
        return _scan_files(table, self.files(table))

    def count_rows(self, table: Table) -> int:
        """The number of rows of a table."""
        return int(_scan_files(table, self.files(table)).select(pl.len()).collect().item())

    def content_hash(self, table: Table) -> str | None:
        """The hash of a table's content, as recorded in its files; None if `write` never wrote it."""
        return combine_hashes(self.read_hashes(table))

    def reference_values(self, table: Table) -> dict[str, pl.Series]:
        """The values that the references of a table may take, by `table.key`, from tables that were written."""
        references = {reference.target: reference for reference in table.references}
        paths_by_target = {
            target: sorted((self.root / reference.table).rglob("*.parquet")) for target, reference in references.items()
        }
        return {
            target: pl.scan_parquet(paths).select(references[target].key).collect().to_series()
            for target, paths in paths_by_target.items()
            if paths
        }

    def rule_counts(self, table: Table) -> RuleCounts:
        """The counts of the rows that arrived in a table.

        They are read as recorded. If none are recorded of its present content, contract and reference values, its rows
        are counted now, and the counts recorded.
        """
        recorded_counts, reference_values = self._read_counts(table), self.reference_values(table)
        if recorded_counts is None or recorded_counts.reference_fingerprints != fingerprint_values(reference_values):
            recorded_counts = self.record_counts(
                table, *self._count(table, reference_values), fingerprint_values(reference_values)
            )
        return recorded_counts.counts

    def write(
        self,
        table: Table,
        rows: pl.DataFrame | pl.LazyFrame | ValidatedRows,
        find_related_people: FindRelatedPeople | None = None,
    ) -> WriteResult:
        """Replace the whole content of a table and of its quarantine.

        Only files whose rows changed are replaced, each atomically. The change log records whose rows changed.

        Args:
            table: The table.
            rows: All rows of the table, in any order, as its contract declares them; validated, or else they are
                validated here. Rows that break a rule are set aside in the quarantine.
            find_related_people: Finds further people that changed rows affect; see `record_change`.

        Raises:
            ContractViolation: A column is missing or has another type; the table stays as it was.
        """
        reference_values = self.reference_values(table)
        validated_rows = _validate(table, rows, reference_values)
        write_result = self.replace_rows(table, validated_rows.good_rows, find_related_people)
        if table.layer == "quarantine":
            return write_result
        quarantine_result = self.replace_rows(quarantine_table(table.name), validated_rows.bad_rows)
        good_and_bad_counts = (validated_rows.good_counts, validated_rows.bad_counts)
        recorded_counts = self.record_counts(table, *good_and_bad_counts, fingerprint_values(reference_values))
        return write_result.with_counts(recorded_counts.counts, quarantine_result)

    def merge(
        self,
        table: Table,
        rows: pl.DataFrame | ValidatedRows,
        replaced_keys: pl.DataFrame,
        find_related_people: FindRelatedPeople | None = None,
    ) -> WriteResult:
        """Replace some rows of a table and of its quarantine; only files whose rows change are read and rewritten.

        Args:
            table: The table.
            rows: The new rows, as the contract of the table declares them; validated, or else they are validated here.
                Rows that break a rule, or whose key remains in a file that changes, are set aside in the quarantine.
            replaced_keys: Values of some columns, such as person_id: rows of the table with these values are removed.
            find_related_people: Finds further people that changed rows affect; see `record_change`.

        Raises:
            ContractViolation: A column is missing or has another type; the table stays as it was.
        """
        recorded_counts, reference_values = self._read_counts(table), self.reference_values(table)
        validated_rows = _validate(table, rows, reference_values)
        if not self.files(table):
            return self.write(table, validated_rows, find_related_people)
        write_result, removed_rows, validated_rows = self._merge_rows(
            table, validated_rows, replaced_keys, find_related_people
        )
        if table.layer == "quarantine":
            return write_result
        quarantine_result, is_reduced = self._merge_quarantine(table, validated_rows.bad_rows, replaced_keys)
        if recorded_counts is None or any(count.stored for count in recorded_counts.kept_counts.rules.values()):
            kept_counts, set_aside_counts = self._count(table, reference_values)
            recorded_counts = self.record_counts(
                table, kept_counts, set_aside_counts, fingerprint_values(reference_values)
            )
        else:
            kept_counts = recorded_counts.kept_counts - count_leaving(table, removed_rows) + validated_rows.good_counts
            set_aside_counts = recorded_counts.set_aside_counts + validated_rows.bad_counts
            if is_reduced:
                set_aside_counts = count_quarantined(table, self.scan(quarantine_table(table.name)).collect())
            recorded_counts = self.record_counts(
                table, kept_counts, set_aside_counts, recorded_counts.reference_fingerprints
            )
        return write_result.with_counts(recorded_counts.counts, quarantine_result)

    def replace_rows(
        self, table: Table, rows: pl.DataFrame, find_related_people: FindRelatedPeople | None = None
    ) -> WriteResult:
        """Replace all rows of a table; its quarantine and its counts stay as they are.

        Args:
            table: The table.
            rows: Valid rows, in the row order of its contract.
            find_related_people: Finds further people that changed rows affect; see `record_change`.
        """
        rows_by_file = split_into_files(table, rows)
        old_hashes, new_hashes = self.read_hashes(table), hash_files(rows_by_file)
        changed_files = {file_name for file_name in new_hashes if old_hashes.get(file_name) != new_hashes[file_name]}
        removed_files = set(old_hashes) - set(new_hashes)
        # nothing follows the changes of a published table: only assets upstream of it and incremental runs need them
        if (changed_files or removed_files) and old_hashes and table.layer != "out":
            old_rows = self.scan_files(table, (changed_files & set(old_hashes)) | removed_files).collect()
            new_rows = pl.concat(
                [rows_by_file[file_name] for file_name in sorted(changed_files)] or [pl.DataFrame(schema=table.schema)]
            )
            self._record_change(table, old_hashes, new_hashes, old_rows, new_rows, find_related_people)
        return self._write_files(table, rows_by_file, old_hashes, new_hashes)

    def _merge_rows(
        self,
        table: Table,
        validated_rows: ValidatedRows,
        replaced_keys: pl.DataFrame,
        find_related_people: FindRelatedPeople | None,
    ) -> tuple[WriteResult, pl.DataFrame, ValidatedRows]:
        """Replace the rows of a table that exists.

        Returns:
            The state of the table, the rows that were removed, and the new rows without those whose key remains.
        """
        old_hashes, key_columns = self.read_hashes(table), replaced_keys.columns
        has_declared_layout = has_current_layout(table, old_hashes)  # an earlier version may have split it otherwise
        candidate_files = find_files_with(table, old_hashes, replaced_keys) if has_declared_layout else old_hashes
        removed_rows = sort_rows(
            table,
            self.scan_files(table, candidate_files).join(replaced_keys.lazy(), on=key_columns, how="semi").collect(),
        )
        changed_files = (
            find_changed_files(table, old_hashes, removed_rows, validated_rows.good_rows)
            if has_declared_layout
            else {*old_hashes}
        )
        if not changed_files:
            return self.summarise(table, old_hashes, False), removed_rows, validated_rows
        stored_rows = self.scan_files(table, changed_files & set(old_hashes)).collect()
        remaining_rows = stored_rows.join(replaced_keys, on=key_columns, how="anti", maintain_order="left")
        if table.key:
            validated_rows = validated_rows.without_keys(remaining_rows.select(table.key))
        new_rows_of_files = (
            select_rows_of_files(table, validated_rows.good_rows, changed_files)
            if has_declared_layout
            else validated_rows.good_rows
        )
        rows_by_file = split_into_files(table, sort_rows(table, pl.concat([remaining_rows, new_rows_of_files])))
        unchanged_hashes = {
            file_name: file_hash for file_name, file_hash in old_hashes.items() if file_name not in changed_files
        }
        if unchanged_hashes:
            rows_by_file = {file_name: file_rows for file_name, file_rows in rows_by_file.items() if file_rows.height}
        new_hashes = {**unchanged_hashes, **hash_files(rows_by_file)}
        self._record_change(table, old_hashes, new_hashes, removed_rows, validated_rows.good_rows, find_related_people)
        return self._write_files(table, rows_by_file, old_hashes, new_hashes), removed_rows, validated_rows

    def _merge_quarantine(
        self, table: Table, rows: pl.DataFrame, replaced_keys: pl.DataFrame
    ) -> tuple[WriteResult, bool]:
        """Replace rows of the quarantine of a table, and whether some were removed."""
        quarantine = quarantine_table(table.name)
        stored_rows = self.scan(quarantine).collect()
        remaining_rows = exclude_rows(stored_rows, replaced_keys)
        is_reduced = remaining_rows.height < stored_rows.height
        if not is_reduced and rows.is_empty() and (hash_by_file := self.read_hashes(quarantine)):
            return self.summarise(quarantine, hash_by_file, False), False
        return self.replace_rows(quarantine, pl.concat([remaining_rows, rows]).sort(QUARANTINE_ORDER)), is_reduced

    def _read_counts(self, table: Table) -> RecordedCounts | None:
        content_hashes = (self.content_hash(table), self.content_hash(quarantine_table(table.name)))
        return read_recorded_counts(self.root, table, *content_hashes)

    def _count(self, table: Table, reference_values: Mapping[str, pl.Series]) -> tuple[RuleCounts, RuleCounts]:
        """The counts of the rows in a table, and of those in its quarantine."""
        quarantined_rows = self.scan(quarantine_table(table.name)).collect()
        return count_rules(table, self.scan(table), reference_values), count_quarantined(table, quarantined_rows)

    def record_counts(
        self,
        table: Table,
        kept_counts: RuleCounts,
        set_aside_counts: RuleCounts,
        reference_fingerprints: Mapping[str, str],
    ) -> RecordedCounts:
        """Record the counts of a table whose files are in place."""
        content_hashes = (self.content_hash(table), self.content_hash(quarantine_table(table.name)))
        recorded_counts = RecordedCounts(
            *content_hashes, fingerprint_contract(table), reference_fingerprints, kept_counts, set_aside_counts
        )
        write_recorded_counts(self.root, table, recorded_counts)
        return recorded_counts

    def _record_change(
        self,
        table: Table,
        old_hashes: Mapping[str, str | None],
        new_hashes: Mapping[str, str | None],
        old_rows: pl.DataFrame,
        new_rows: pl.DataFrame,
        find_related_people: FindRelatedPeople | None,
    ) -> None:
        record_change(
            self.root,
            table,
            old_fingerprint=combine_hashes(old_hashes),
            new_fingerprint=combine_hashes(new_hashes),
            old_rows=old_rows,
            new_rows=new_rows,
            count_people=lambda: int(self.scan(table).select(pl.col("person_id").n_unique()).collect().item()),
            find_related_people=find_related_people,
        )

    def _write_files(
        self,
        table: Table,
        rows_by_file: Mapping[str, pl.DataFrame],
        old_hashes: Mapping[str, str | None],
        new_hashes: Mapping[str, str | None],
    ) -> WriteResult:
        """Write the files whose hashes differ, and delete the files without a new hash."""
        changed_files = [file_name for file_name in rows_by_file if old_hashes.get(file_name) != new_hashes[file_name]]
        self.write_files(table, rows_by_file, new_hashes, changed_files)
        removed_files = set(old_hashes) - set(new_hashes)
        for file_name in removed_files:
            self.file(table, file_name).unlink()
        return self.summarise(table, new_hashes, bool(changed_files or removed_files))

    def write_files(
        self,
        table: Table,
        rows_by_file: Mapping[str, pl.DataFrame],
        hash_by_file: Mapping[str, str | None],
        file_names: Iterable[str],
    ) -> None:
        """Write some files of a table, each atomically.

        Args:
            table: The table.
            rows_by_file: The rows of each file, in the row order of the table.
            hash_by_file: The content hash of each file.
            file_names: The files that are written.
        """

        def write_file(file_name: str) -> None:
            write_parquet(
                rows_by_file[file_name],
                self.file(table, file_name),
                file_metadata={
                    "content_sha256": hash_by_file[file_name] or "",
                    "contract": f"{table.name} {table.version}",
                },
            )

        map_in_threads(write_file, file_names)

    def read_hashes(self, table: Table) -> dict[str, str | None]:
        """The recorded hash of each existing file; None for a file that `write` did not write."""
        return {path.stem: pl.read_parquet_metadata(path).get("content_sha256") for path in self.files(table)}

    def scan_files(self, table: Table, file_names: Iterable[str]) -> pl.LazyFrame:
        """The rows of some files of a table, lazily."""
        return _scan_files(table, [self.file(table, file_name) for file_name in sorted(file_names)])

    def summarise(self, table: Table, hash_by_file: Mapping[str, str | None], has_changed: bool) -> WriteResult:
        """The state of a table whose files are in place, without its counts.

        Args:
            table: The table.
            hash_by_file: The content hash of each file.
            has_changed: Whether the write changed the content.
        """
        files = self.files(table)
        return WriteResult(
            table=table.name,
            path=files[0],
            rows=self.count_rows(table),
            bytes=sum(path.stat().st_size for path in files),
            content_sha256=combine_hashes(hash_by_file) or "",
            changed=has_changed,
        )


def _validate(
    table: Table, rows: pl.DataFrame | pl.LazyFrame | ValidatedRows, reference_values: Mapping[str, pl.Series]
) -> ValidatedRows:
    if not isinstance(rows, ValidatedRows):
        return validate_rows(table, rows.lazy().collect(), reference_values)
    if rows.table != table:
        raise ContractViolation(f"{table.name}: the rows were validated as rows of {rows.table.name}")
    return rows


def _scan_files(table: Table, files: list[Path]) -> pl.LazyFrame:
    if not files:
        return pl.LazyFrame(schema=table.schema)
    return pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore", schema=table.schema)
