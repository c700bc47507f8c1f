"""Released contracts: what readers were promised, kept in the repository, and whether it is still kept.

Belongs here: a published table as a promise, what breaks one, the released files.
Does not belong here: the declarations (`published`), the Open Data Contract Standard (`open_contract`).

Within a major version a table only grows: columns stay, with type, unit and meaning of null; values stay in their
domain's bounds. Whatever else changes needs a new major version.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.contracts.table import Column, Severity, Table

RELEASED = Path(__file__).parent / "released"


@dataclass(frozen=True)
class ReleasedColumn:
    """What readers may rely on in a column."""

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
    """What readers may rely on in a table."""

    name: str
    version: str
    description: str
    key: tuple[str, ...]
    columns: tuple[ReleasedColumn, ...]


def contract_from_table(table: Table) -> ReleasedContract:
    """What a table promises now."""
    never_null = {
        rule.columns[0] for rule in table.rules if rule.kind == "not_null" and rule.severity is Severity.ERROR
    }
    columns = tuple(_column(column, column.name in never_null) for column in table.columns)
    return ReleasedContract(table.name, table.version, table.description, table.key, columns)


def read_released_contracts(table: str) -> list[ReleasedContract]:
    """Every released promise of a table, the oldest first."""
    found = [_read(path) for path in (RELEASED / table).glob("*.json")]
    return sorted(found, key=lambda one: version_parts(one.version))


def write_released_contract(promise: ReleasedContract) -> Path | None:
    """Write a promise down, unless its version is written down already: what was released does not change."""
    path = RELEASED / promise.name / f"{promise.version}.json"
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(promise), indent=1, ensure_ascii=False) + "\n")
    return path


def find_breaking_changes(earlier: ReleasedContract, later: ReleasedContract) -> list[str]:
    """What a reader of the earlier version would trip over in the later one; nothing across major versions."""
    if version_parts(earlier.version)[0] != version_parts(later.version)[0]:
        return []
    now = {column.name: column for column in later.columns}
    found = [] if earlier.key == later.key else [f"the key was {earlier.key}, it is {later.key}"]
    for was in earlier.columns:
        if was.name not in now:
            found.append(f"{was.name} is gone")
            continue
        found += [f"{was.name}: {said}" for said in _differences(was, now[was.name])]
    if version_parts(later.version) < version_parts(earlier.version):
        found.append(f"version {later.version} comes after {earlier.version}")
    if later.version == earlier.version and promised(later) != promised(earlier):
        found.append(f"something was added: declare version {_next_minor(earlier.version)}")
    return found


def promised(promise: ReleasedContract) -> set[tuple[Any, ...]]:
    """The parts of a promise that a reader's program depends on: words may be bettered at any time."""
    return {(c.name, c.type, c.unit, c.required, c.allowed, c.minimum, c.maximum) for c in promise.columns}


def version_parts(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def _differences(was: ReleasedColumn, now: ReleasedColumn) -> list[str]:
    pairs = {trait: (getattr(was, trait), getattr(now, trait)) for trait in ("type", "unit")}
    found = [f"{trait} was {before}, it is {after}" for trait, (before, after) in pairs.items() if before != after]
    if was.required and not now.required:
        found.append("was never null, it may be now")
    if was.minimum is not None and (now.minimum is None or now.minimum < was.minimum):
        found.append(f"was at least {was.minimum:g}")
    if was.maximum is not None and (now.maximum is None or now.maximum > was.maximum):
        found.append(f"was at most {was.maximum:g}")
    if was.allowed and not now.allowed:
        found.append("was one of a closed set, it is no more")
    return found


def _column(column: Column, required: bool) -> ReleasedColumn:
    return ReleasedColumn(
        column.name,
        str(column.dtype),
        column.unit,
        required,
        column.description,
        column.allowed,
        column.minimum,
        column.maximum,
    )


def _read(path: Path) -> ReleasedContract:
    content = json.loads(path.read_text())
    columns = tuple(ReleasedColumn(**{**one, "allowed": tuple(one["allowed"])}) for one in content.pop("columns"))
    return ReleasedContract(**{**content, "key": tuple(content["key"])}, columns=columns)


def _next_minor(version: str) -> str:
    major, minor, *_ = version_parts(version)
    return f"{major}.{minor + 1}.0"
