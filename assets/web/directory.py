"""People by the keys that an identity names them by.

Belongs here: the person_id of an employee number or a work address, from the identity tables of the lake.
Does not belong here: whether a request may claim a key (`identity`), matching across systems
(`pipelines.core.identity_resolution`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from pipelines.config.serve import PersonKey
from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.contracts.columns import is_employed
from pipelines.contracts.table import Table
from pipelines.storage.lake import Lake

T = TypeVar("T")
_READ_ATTEMPTS = 5
# The state of the files of some tables: path, time of change and size of each.
FileStamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Directory:
    """The people of the company.

    Attributes:
        person_id_by_key: By kind of key and key: person_id; a key that leads to several people is left out.
        unit_by_person: By person_id: name of the unit, or None; None for people who left.
        led_units_by_person: By person_id: the units in which the person is the manager of somebody who did not leave.
    """

    person_id_by_key: dict[PersonKey, dict[str, str]]
    unit_by_person: dict[str, str | None]
    led_units_by_person: dict[str, frozenset[str]]

    def find_person(self, key_kind: PersonKey, person_key: str) -> str | None:
        """The person_id of a key, or None if it leads to nobody or to several people."""
        return self.person_id_by_key[key_kind].get(normalize_key(person_key))

    def list_units(self, person_id: str) -> frozenset[str]:
        """The units whose page a person may see: their own, and those in which they lead somebody."""
        own_unit = self.unit_by_person.get(person_id)
        return self.led_units_by_person.get(person_id, frozenset()) | ({own_unit} if own_unit else frozenset())


def normalize_key(person_key: str) -> str:
    """A key as the directory compares it: without blanks around it, in lower case."""
    return person_key.strip().lower()


def read_directory(lake: Lake) -> Directory:
    """Read the people and their keys.

    Args:
        lake: The lake.
    """
    people = read_during_runs(
        lambda: (
            lake.scan(PERSON)
            .select(
                *("person_id", "employee_number", "work_email", "unit_name", "manager_id"),
                has_left=~is_employed().fill_null(True),
            )
            .collect()
        )
    )
    accounts = read_during_runs(
        lambda: lake.scan(ACCOUNT).select("person_id", "employee_number", "work_email").collect()
    )
    employed_people = people.filter(~pl.col("has_left"))
    reports = employed_people.drop_nulls(["manager_id", "unit_name"]).filter(
        pl.col("manager_id").is_in(employed_people["person_id"].implode())
    )
    return Directory(
        {
            "employee_number": _list_keys(people, accounts, "employee_number"),
            "work_email": _list_keys(people, accounts, "work_email"),
        },
        dict(people.select("person_id", pl.when(~pl.col("has_left")).then("unit_name")).iter_rows()),
        {
            manager_id: frozenset(unit_names)
            for manager_id, unit_names in reports.group_by("manager_id").agg("unit_name").iter_rows()
        },
    )


def _list_keys(people: pl.DataFrame, accounts: pl.DataFrame, key_column: PersonKey) -> dict[str, str]:
    """The keys of people, and those of accounts that are no key of anybody: another system takes no key away."""
    normalized_key = pl.col(key_column).str.strip_chars().str.to_lowercase()
    other_accounts = accounts.filter(~normalized_key.is_in(people.select(normalized_key).to_series().implode()))
    return _list_unique_keys(people, key_column) | _list_unique_keys(other_accounts, key_column)


def _list_unique_keys(keys: pl.DataFrame, key_column: PersonKey) -> dict[str, str]:
    people_by_key = (
        keys.drop_nulls(["person_id", key_column])
        .group_by(pl.col(key_column).str.strip_chars().str.to_lowercase())
        .agg(pl.col("person_id").unique())
        .filter(pl.col("person_id").list.len() == 1, pl.col(key_column) != "")
    )
    return dict(people_by_key.select(key_column, pl.col("person_id").list.first()).iter_rows())


def stamp_tables(lake: Lake, *tables: Table) -> FileStamp:
    """The state of the files of some tables; it changes when a run replaces one."""
    return stamp_files(table_path for table in tables for table_path in lake.files(table))


def stamp_files(paths: Iterable[Path]) -> FileStamp:
    """The state of some files; files that disappear meanwhile are left out."""
    file_states = []
    for path in paths:
        try:
            file_state = path.stat()
        except FileNotFoundError:
            continue
        file_states.append((str(path), file_state.st_mtime_ns, file_state.st_size))
    return tuple(file_states)


def read_during_runs(read_rows: Callable[[], T]) -> T:
    """Read tables that a run may be replacing: a file that disappears between listing and reading is listed again."""
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read_rows()
        except FileNotFoundError:
            continue
    return read_rows()
