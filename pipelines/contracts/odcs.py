"""A published table as a data contract in the Open Data Contract Standard (ODCS), version 3.

Belongs here: the rendering of one table.
Does not belong here: the declarations (`published`), writing the files (`assets.cli.contracts`).
"""

from typing import Any

import polars as pl

from pipelines.contracts.table import Column, Personal, Rule, Severity, Table

API_VERSION = "v3.1.0"
_LOGICAL = {
    pl.String: "string",
    pl.Float64: "number",
    pl.Int64: "integer",
    pl.Date: "date",
    pl.Boolean: "boolean",
    pl.Datetime: "timestamp",
    pl.List: "array",
    pl.Struct: "object",
}
_USAGE = "For development only: no row ranks people against each other, and none may gate access to anything."


def render_odcs(table: Table) -> dict[str, Any]:
    """The contract as a document that the standard's JSON Schema accepts."""
    never_null = {
        rule.columns[0] for rule in table.rules if rule.kind == "not_null" and rule.severity is Severity.ERROR
    }
    service: list[dict[str, Any]] = [{"property": "frequency", "value": 1, "unit": "d"}]
    if table.retention_days:
        service.append({"property": "retention", "value": table.retention_days, "unit": "d"})
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"urn:footsteps:{table.name}",
        "name": table.name,
        "version": table.version,
        "status": "active",
        "domain": "people development",
        "dataProduct": "footsteps",
        "tags": [table.layer],
        "description": {"purpose": table.description, "usage": _USAGE},
        "schema": [
            {
                "name": table.name,
                "physicalName": table.name,
                "logicalType": "object",
                "physicalType": "table",
                "description": table.description,
                "dataGranularityDescription": table.description,
                "properties": [_property(column, table, column.name in never_null) for column in table.columns],
                "quality": [_quality(rule) for rule in table.rules if rule.kind not in ("not_null",)],
            }
        ],
        "slaProperties": service,
        "customProperties": [
            {"property": "owner", "value": table.owner},
            {"property": "readers", "value": list(table.readers)},
        ],
    }


def _property(column: Column, table: Table, required: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name,
        "logicalType": _logical(column.dtype),
        "physicalType": str(column.dtype),
        "description": column.description,
        "required": required,
        "classification": "public" if column.personal is Personal.NONE else "restricted",
    }
    if column.name in table.key:
        found |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    limits = {"minimum": column.minimum, "maximum": column.maximum, "pattern": column.pattern}
    if options := {name: value for name, value in limits.items() if value is not None}:
        found["logicalTypeOptions"] = options
    if isinstance(column.dtype, pl.List):
        found["items"] = _inner(column.dtype.inner)
    facts = {"unit": column.unit, "allowed": list(column.allowed) or None, "personal": str(column.personal)}
    found["customProperties"] = [{"property": name, "value": value} for name, value in facts.items() if value]
    return found


def _inner(dtype: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"logicalType": _logical(dtype), "physicalType": str(dtype)}
    if isinstance(dtype, pl.Struct):
        found["properties"] = [{"name": one.name, **_inner(one.dtype)} for one in dtype.fields]
    return found


def _logical(dtype: Any) -> str:
    return next(word for kind, word in _LOGICAL.items() if dtype == kind)


def _quality(rule: Rule) -> dict[str, Any]:
    said = rule.row.description if rule.row else rule.kind.replace("_", " ")
    return {
        "type": "text",
        "name": rule.name,
        "description": f"{' and '.join(rule.columns)}: {said}",
        "severity": "error" if rule.severity is Severity.ERROR else "warning",
    }
