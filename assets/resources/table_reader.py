"""Reading tables: only those that an asset declares, and only the rows in the scope of its execution.

Belongs here: the lake as one asset sees it, the scope of an execution, and large tables that a run loads only once.
Does not belong here: which tables an asset declares (`assets.tables`), how tables are stored (`pipelines.storage`).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, PERSON
from pipelines.contracts.table import Table
from pipelines.storage.lake import Lake
from pipelines.storage.part_writer import ROWS_PER_PART

# Many assets read these tables as a whole: a run keeps their rows in memory once it has read them, unless they are more
# than those of one range of people.
_SHARED_TABLES = {EVIDENCE.name}


class UndeclaredRead(Exception):
    """An asset reads or writes a table that it does not declare."""


@dataclass(frozen=True)
class PeopleRange:
    """The people whose ids lie between two others, in the order of their bytes.

    Attributes:
        first_id: person_id of the first person.
        end_id: person_id of the first person after the range; None if the range ends with the last person.
    """

    first_id: str
    end_id: str | None


@dataclass(frozen=True)
class Scope:
    """The people whose rows an execution of an asset computes.

    Attributes:
        people: person_id of some people; None for everybody.
        people_range: A range of people, of which one is computed at a time; None for all people.
    """

    people: frozenset[str] | None = None
    people_range: PeopleRange | None = None

    @property
    def is_everybody(self) -> bool:
        """Whether the execution computes the rows of everybody."""
        return self.people is None and self.people_range is None

    def includes(self, person_id_expression: pl.Expr) -> pl.Expr:
        """Whether a person is in scope.

        Args:
            person_id_expression: Expression of person_id.
        """
        conditions = [pl.lit(True)]
        if self.people is not None:
            conditions.append(person_id_expression.is_in(sorted(self.people)))
        if self.people_range is not None:
            conditions.append(person_id_expression >= self.people_range.first_id)
            if self.people_range.end_id is not None:
                conditions.append(person_id_expression < self.people_range.end_id)
        return pl.all_horizontal(conditions)


EVERYBODY = Scope()


def list_people_ranges(lake: Lake) -> list[PeopleRange]:
    """Ranges that together hold every person_id, with about as many people each, in the order of their ids.

    Their number follows from the rows of evidence. What is computed does not depend on it.

    Args:
        lake: Holds people and evidence.
    """
    range_count = -(-lake.count_rows(EVIDENCE) // ROWS_PER_PART)
    if range_count <= 1:
        return [PeopleRange("", None)]
    person_ids = lake.scan(PERSON).select(pl.col("person_id").unique().sort()).collect().to_series()
    if person_ids.len() < range_count:
        return [PeopleRange("", None)]
    positions = [person_ids.len() * range_index // range_count for range_index in range(1, range_count)]
    bounds = ["", *person_ids.gather(positions).unique(maintain_order=True), None]
    return [PeopleRange(first_id or "", end_id) for first_id, end_id in pairwise(bounds)]


class RunCache:
    """What a run has computed or loaded already, so that it does so once for all assets that need it.

    Every value is tied to the content that it was computed from. The cache ends with its run.
    """

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[str, Any]] = {}

    def find(self, cache_key: Hashable, content_hash: str | None) -> Any:
        """The value stored under a key; None if there is none, or if it was computed from other content."""
        cache_entry = self._values.get(cache_key)
        return None if cache_entry is None or content_hash is None or cache_entry[0] != content_hash else cache_entry[1]

    def store(self, cache_key: Hashable, content_hash: str | None, computed_value: Any) -> None:
        """Store a value that was computed from this content; content that has no hash is not stored."""
        self._values.pop(cache_key, None)
        if content_hash is not None:
            self._values[cache_key] = content_hash, computed_value

    def clear(self) -> None:
        """Release all values."""
        self._values.clear()


@dataclass(frozen=True)
class DeclaredLake(Lake):
    """The lake as one asset sees it: it refuses every table that the asset does not declare.

    Attributes:
        asset: Name of the asset, for the message.
        declared: Names of the tables that the asset reads or writes.
        scope: The people whose rows the asset computes.
        cache: Large tables that the run has loaded already.
    """

    asset: str
    declared: frozenset[str]
    scope: Scope = EVERYBODY
    cache: RunCache = field(default_factory=RunCache, compare=False)

    def folder(self, table: Table) -> Path:
        """The table's folder.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        if table.name not in self.declared:
            raise UndeclaredRead(
                f"the asset {self.asset} does not declare {table.name}: add it to `reads`, or to `reads_previous` "
                "if an earlier run wrote it"
            )
        return super().folder(table)

    def scan(self, table: Table) -> pl.LazyFrame:
        """The rows of a table, lazily; from memory if `keeps_in_memory` says so.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        if self.scope.is_everybody and self.keeps_in_memory(table, EVERYBODY):
            return self.load(table, EVERYBODY).lazy()
        return super().scan(table)

    def keeps_in_memory(self, table: Table, scope: Scope) -> bool:
        """Whether a run keeps the rows of a table in a scope in memory: if several assets read them, and they are few.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        if table.name not in _SHARED_TABLES or scope.people_range is not None:
            return False
        return scope.people is not None or self.count_rows(table) <= ROWS_PER_PART

    def load(self, table: Table, scope: Scope) -> pl.DataFrame:
        """The rows of a table in a scope, from memory unless the table changed since the run loaded them."""
        content_hash = self.content_hash(table)
        rows: pl.DataFrame | None = self.cache.find((table.name, scope), content_hash)
        if rows is None:
            all_rows: pl.DataFrame | None = self.cache.find((table.name, EVERYBODY), content_hash)
            rows = _filter_scope(super().scan(table) if all_rows is None else all_rows.lazy(), table, scope).collect()
            self.cache.store((table.name, scope), content_hash, rows)
        return rows


@dataclass(frozen=True)
class TableReader:
    """Reads tables of a lake.

    Attributes:
        lake: The lake; a `DeclaredLake` serves only what an asset declares.
        scope: The people whose rows `read_scoped` returns.
    """

    lake: Lake
    scope: Scope = EVERYBODY

    def read(self, table: Table, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows of a table, in its contract.

        Args:
            table: Contract of the table.
            columns: Columns to read; all columns if None.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        return _collect_columns(self.lake.scan(table), columns)

    def read_scoped(self, table: Table, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of a table whose person_id is in scope; all rows if the table has no person_id.

        Args:
            table: Contract of the table.
            columns: Columns to read; all columns if None.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        if isinstance(self.lake, DeclaredLake) and self.lake.keeps_in_memory(table, self.scope):
            return _collect_columns(self.lake.load(table, self.scope).lazy(), columns)
        return _collect_columns(_filter_scope(self.lake.scan(table), table, self.scope), columns)

    def scan(self, table: Table) -> pl.LazyFrame:
        """All rows of a table, lazily, in its contract.

        Raises:
            UndeclaredRead: The asset does not declare the table.
        """
        return self.lake.scan(table)


def _filter_scope(rows: pl.LazyFrame, table: Table, scope: Scope) -> pl.LazyFrame:
    if scope.is_everybody or "person_id" not in table.column_names:
        return rows
    return rows.filter(scope.includes(pl.col("person_id")))


def _collect_columns(rows: pl.LazyFrame, columns: Sequence[str] | None) -> pl.DataFrame:
    return (rows if columns is None else rows.select(columns)).collect()
