"""A table that is replaced part by part, so that its rows are never in memory together.

Belongs here: the validation, the files and the counts of a table whose rows arrive in parts.
Does not belong here: a table whose rows fit into memory (`Lake.write`), how a table is split into files
(`file_layout`).

The parts leave the same files, quarantine and counts as one `Lake.write` of all rows, but for rows of different parts
with the same key: such a row is set aside only if the earlier one is in the table.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.rule_counts import RuleCounts
from pipelines.contracts.table import Table
from pipelines.storage.change_log import record_change
from pipelines.storage.file_hashes import combine_hashes, hash_files
from pipelines.storage.file_layout import FIRST_RANGE, split_into_files
from pipelines.storage.lake import Lake
from pipelines.storage.recorded_counts import fingerprint_values
from pipelines.storage.write_result import WriteResult
from pipelines.validation.quarantine import QUARANTINE_ORDER
from pipelines.validation.rule_evaluation import ValidatedRows, validate_rows

# Rows of the largest input of one part. Tables are computed one part after the other: memory follows this number, and
# not the size of the company.
ROWS_PER_PART = 700_000

# If more rows than this lie in files that change, the change log gets no entry: everybody is recomputed.
MAX_FOLLOWED_ROWS = 1_000_000


class PartWriter:
    """Replaces the content of a table and of its quarantine.

    Files are replaced while parts arrive, each atomically. After a failure the table has files of both contents, and no
    state of an asset matches its content hash, so that the next run writes it again.
    """

    def __init__(self, lake: Lake, table: Table) -> None:
        """Begin to replace the content of a table.

        Args:
            lake: The lake.
            table: Contract of the table.
        """
        self.table, self._lake = table, lake
        self._reference_values = lake.reference_values(table)
        self._old_hashes = lake.read_hashes(table)
        self._new_hashes: dict[str, str | None] = {}
        # the last file of the parts so far: the first rows of the next part may belong to it
        self._open_file: tuple[str, pl.DataFrame] | None = None
        self._bad_rows: list[pl.DataFrame] = []
        self._good_counts, self._bad_counts = RuleCounts(), RuleCounts()
        self._part_count = 0
        self._key_hashes = np.empty(0, dtype=np.uint64)  # sorted
        self._removed_rows: list[pl.DataFrame] = []
        self._added_rows: list[pl.DataFrame] = []
        self._are_changes_followed = bool(self._old_hashes) and table.layer != "out"

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write the next part.

        Args:
            rows: Rows in the columns of the table, in any order. All of them come after those of earlier parts in the
                order of the table's files: later months, or greater person_id.

        Returns:
            The rows that are in the table, in its order.

        Raises:
            ContractViolation: A column is missing or has another type.
        """
        validated_rows = self._without_repeated_keys(validate_rows(self.table, rows, self._reference_values))
        self._part_count += 1
        self._good_counts += validated_rows.good_counts
        self._bad_counts += validated_rows.bad_counts
        self._bad_rows.append(validated_rows.bad_rows)
        if validated_rows.good_rows.height:
            rows_by_file = self._join_open_file(split_into_files(self.table, validated_rows.good_rows))
            last_file = next(reversed(rows_by_file))
            self._open_file = last_file, rows_by_file.pop(last_file)
            self._write(rows_by_file)
        return validated_rows.good_rows

    def finish(self) -> WriteResult:
        """Write what is left, delete the files without rows, and record the counts and the change of the table.

        Returns:
            The state of the table after all parts.
        """
        table, lake = self.table, self._lake
        if self._part_count == 0:
            self.add(pl.DataFrame(schema=table.schema))
        open_file = self._open_file or next(iter(split_into_files(table, pl.DataFrame(schema=table.schema)).items()))
        self._write(dict([open_file]))
        removed_files = set(self._old_hashes) - set(self._new_hashes)
        self._follow_changes(removed_files, {})
        has_changed = self._old_hashes != self._new_hashes
        if has_changed and self._are_changes_followed:
            self._record_change()
        for file_name in removed_files:
            lake.file(table, file_name).unlink()
        write_result = lake.summarise(table, self._new_hashes, has_changed)
        quarantine = quarantine_table(table.name)
        quarantined_rows = pl.concat(self._bad_rows).sort(QUARANTINE_ORDER)
        quarantine_result = lake.replace_rows(quarantine, quarantined_rows)
        recorded_counts = lake.record_counts(
            table, self._good_counts, self._bad_counts, fingerprint_values(self._reference_values)
        )
        return write_result.with_counts(recorded_counts.counts, quarantine_result)

    def _join_open_file(self, rows_by_file: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """The files of a part with the rows of the open file, which continues in its first file or comes before it."""
        if self._open_file is None:
            return rows_by_file
        open_name, open_rows = self._open_file
        first_name = next(iter(rows_by_file))
        if first_name not in (open_name, FIRST_RANGE):
            return {open_name: open_rows, **rows_by_file}
        continued_rows = pl.concat([open_rows, rows_by_file.pop(first_name)])
        return {open_name: continued_rows, **rows_by_file}

    def _write(self, rows_by_file: Mapping[str, pl.DataFrame]) -> None:
        """Write the files whose content differs from that of the table before."""
        hash_by_file = hash_files(rows_by_file)
        changed_files = {
            file_name for file_name, file_hash in hash_by_file.items() if self._old_hashes.get(file_name) != file_hash
        }
        self._follow_changes(
            changed_files & set(self._old_hashes), {name: rows_by_file[name] for name in changed_files}
        )
        self._lake.write_files(self.table, rows_by_file, hash_by_file, changed_files)
        self._new_hashes |= hash_by_file

    def _follow_changes(self, replaced_files: set[str], rows_by_file: Mapping[str, pl.DataFrame]) -> None:
        """Remember the rows of files that change, for the change log, unless they are too many."""
        if not self._are_changes_followed:
            return
        self._removed_rows.append(self._lake.scan_files(self.table, replaced_files).collect())
        self._added_rows += rows_by_file.values()
        if sum(rows.height for rows in (*self._removed_rows, *self._added_rows)) > MAX_FOLLOWED_ROWS:
            self._are_changes_followed = False
            self._removed_rows, self._added_rows = [], []

    def _record_change(self) -> None:
        no_rows = pl.DataFrame(schema=self.table.schema)
        record_change(
            self._lake.root,
            self.table,
            old_fingerprint=combine_hashes(self._old_hashes),
            new_fingerprint=combine_hashes(self._new_hashes),
            old_rows=pl.concat([no_rows, *self._removed_rows]),
            new_rows=pl.concat([no_rows, *self._added_rows]),
            count_people=lambda: int(
                self._lake.scan(self.table).select(pl.col("person_id").n_unique()).collect().item()
            ),
        )

    def _without_repeated_keys(self, validated_rows: ValidatedRows) -> ValidatedRows:
        """Set aside the rows whose key an earlier part has. Parts of different people have different keys."""
        key, good_rows = self.table.key, validated_rows.good_rows
        if not key or self.table.is_partitioned_by_person or good_rows.is_empty():
            return validated_rows
        part_hashes = good_rows.select(key).hash_rows().to_numpy()
        sorted_hashes = np.sort(part_hashes)  # sorted ones are found several times faster than any others
        positions = np.searchsorted(self._key_hashes, sorted_hashes)
        repeated_hashes = sorted_hashes[np.append(self._key_hashes, np.uint64(0))[positions] == sorted_hashes]
        # a stable sort merges the two: the hashes of earlier parts are sorted already
        self._key_hashes = np.sort(np.concatenate([self._key_hashes, sorted_hashes]), kind="stable")
        if not len(repeated_hashes):
            return validated_rows
        # equal hashes of different keys are possible: the keys themselves decide
        candidate_keys = good_rows.filter(pl.Series(np.isin(part_hashes, repeated_hashes))).select(key)
        open_rows = pl.DataFrame(schema=self.table.schema) if self._open_file is None else self._open_file[1]
        written_rows = pl.concat([self._lake.scan_files(self.table, self._new_hashes), open_rows.lazy()])
        repeated_keys = candidate_keys.lazy().join(written_rows.select(key), on=key, how="semi").unique().collect()
        return validated_rows.without_keys(repeated_keys)
