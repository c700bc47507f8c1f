"""Released contracts: what a version of a published table guarantees to readers, and whether later versions keep it.

Belongs here: a published table's contract as a released file, and the changes that break one.
Does not belong here: the declarations (`output_tables`), the Open Data Contract Standard (`odcs`).

Within a major version a table only grows: columns keep their type, unit and nullability, and values stay within their
limits. Every other change needs a new major version. Descriptions may change at any time.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.contracts.table import Table

_RELEASED_FOLDER = Path(__file__).parents[1] / "released"


@dataclass(frozen=True)
class ReleasedColumn:
    """What readers may rely on in a column. The names of the fields are keys of the released files."""

    name: str
    type: str
    unit: str | None
    required: bool
    description: str
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class ReleasedContract:
    """What readers may rely on in a table. The names of the fields are keys of the released files."""

    name: str
    version: str
    description: str
    key: tuple[str, ...]
    columns: tuple[ReleasedColumn, ...]

    @property
    def guarantees(self) -> set[tuple[Any, ...]]:
        """The parts of the columns that a reader's program depends on: everything except descriptions."""
        return {
            (column.name, column.type, column.unit, column.required, column.allowed, column.minimum, column.maximum)
            for column in self.columns
        }

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version as numbers, for comparison."""
        return tuple(int(number_text) for number_text in self.version.split("."))


def contract_from_table(table: Table) -> ReleasedContract:
    """The contract that a declared table has now."""
    columns = tuple(
        ReleasedColumn(
            name=column.name,
            type=str(column.dtype),
            unit=column.unit,
            required=column.name in table.never_null,
            description=column.description,
            allowed=column.allowed,
            minimum=column.minimum,
            maximum=column.maximum,
        )
        for column in table.columns
    )
    return ReleasedContract(table.name, table.version, table.description, table.key, columns)


def read_released_contracts(table_name: str) -> list[ReleasedContract]:
    """Every released contract of the table with this name, oldest version first."""
    contracts = (_read_contract(contract_path) for contract_path in (_RELEASED_FOLDER / table_name).glob("*.json"))
    return sorted(contracts, key=lambda contract: contract.version_numbers)


def write_released_contract(contract: ReleasedContract) -> Path | None:
    """Write a contract to the released files.

    Returns:
        The new file; None if the version is already released, because a released file does not change.
    """
    contract_path = _RELEASED_FOLDER / contract.name / f"{contract.version}.json"
    if contract_path.exists():
        return None
    contract_path.parent.mkdir(parents=True, exist_ok=True)
    contract_path.write_text(json.dumps(asdict(contract), indent=1, ensure_ascii=False) + "\n")
    return contract_path


def find_breaking_changes(earlier_contract: ReleasedContract, later_contract: ReleasedContract) -> list[str]:
    """Changes between two versions of a contract that break a reader of the earlier one.

    Returns:
        One sentence per change; empty if the major versions differ.
    """
    major_version, minor_version = earlier_contract.version_numbers[:2]
    if later_contract.version_numbers[0] != major_version:
        return []
    later_column_by_name = {column.name: column for column in later_contract.columns}
    breaking_changes = (
        []
        if earlier_contract.key == later_contract.key
        else [f"the key was {earlier_contract.key}, it is {later_contract.key}"]
    )
    for column in earlier_contract.columns:
        if column.name in later_column_by_name:
            breaking_changes += [
                f"{column.name}: {column_change}"
                for column_change in _compare_columns(column, later_column_by_name[column.name])
            ]
        else:
            breaking_changes.append(f"{column.name} is removed")
    if later_contract.version_numbers < earlier_contract.version_numbers:
        breaking_changes.append(f"version {later_contract.version} comes after {earlier_contract.version}")
    if later_contract.version == earlier_contract.version and later_contract.guarantees != earlier_contract.guarantees:
        breaking_changes.append(f"the columns changed: declare version {major_version}.{minor_version + 1}.0")
    return breaking_changes


def _compare_columns(old_column: ReleasedColumn, new_column: ReleasedColumn) -> list[str]:
    old_minimum, new_minimum = (
        -math.inf if column.minimum is None else column.minimum for column in (old_column, new_column)
    )
    old_maximum, new_maximum = (
        math.inf if column.maximum is None else column.maximum for column in (old_column, new_column)
    )
    guarantee_checks = (
        (old_column.type != new_column.type, f"type was {old_column.type}, it is {new_column.type}"),
        (old_column.unit != new_column.unit, f"unit was {old_column.unit}, it is {new_column.unit}"),
        (old_column.required and not new_column.required, "was never null, it may be null now"),
        (new_minimum < old_minimum, f"was at least {old_column.minimum}"),
        (new_maximum > old_maximum, f"was at most {old_column.maximum}"),
        (old_column.allowed and not new_column.allowed, "had a closed set of values, it has none now"),
    )
    return [breaking_change for is_broken, breaking_change in guarantee_checks if is_broken]


def _read_contract(contract_path: Path) -> ReleasedContract:
    stored_contract = json.loads(contract_path.read_text())
    columns = tuple(
        ReleasedColumn(**{**column, "allowed": tuple(column["allowed"])}) for column in stored_contract["columns"]
    )
    return ReleasedContract(**{**stored_contract, "key": tuple(stored_contract["key"]), "columns": columns})
