"""A published table as a data contract in the Open Data Contract Standard (ODCS), version 3.

Belongs here: the rendering of one table.
Does not belong here: the declarations (`output_tables`), writing the files (`assets.cli.tables`).
"""

from typing import Any

import polars as pl

from pipelines.contracts.table import Column, Personal, Rule, Severity, Table

API_VERSION = "v3.1.0"
_LOGICAL_TYPES = {
    pl.String: "string",
    pl.Float64: "number",
    pl.Int64: "integer",
    pl.Date: "date",
    pl.Boolean: "boolean",
    pl.Datetime: "timestamp",
    pl.List: "array",
    pl.Struct: "object",
}
_USAGE = "For development only: rows do not rank people against each other and must not decide access to anything."


def render_odcs(table: Table) -> dict[str, Any]:
    """The contract of a published table as an ODCS document.

    Returns:
        A document that is valid under the standard's JSON Schema.
    """
    retention_properties = (
        [{"property": "retention", "value": table.retention_days, "unit": "d"}] if table.retention_days else []
    )
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
                "properties": [_render_property(column, table) for column in table.columns],
                "quality": [_render_quality(rule) for rule in table.rules if rule.kind != "not_null"],
            }
        ],
        "slaProperties": [{"property": "frequency", "value": 1, "unit": "d"}, *retention_properties],
        "customProperties": [
            {"property": "owner", "value": table.owner},
            {"property": "readers", "value": list(table.readers)},
            {"property": "maxQuarantinedShare", "value": table.quarantine_limit},
        ],
    }


def _render_property(column: Column, table: Table) -> dict[str, Any]:
    property_document: dict[str, Any] = {
        "name": column.name,
        **_render_type(column.dtype),
        "description": column.description,
        "required": column.name in table.never_null,
        "classification": "public" if column.personal is Personal.NONE else "restricted",
    }
    if column.name in table.key:
        property_document |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    limit_by_option = {"minimum": column.minimum, "maximum": column.maximum, "pattern": column.pattern}
    if type_options := {option: limit for option, limit in limit_by_option.items() if limit is not None}:
        property_document["logicalTypeOptions"] = type_options
    if isinstance(column.dtype, pl.List):
        property_document["items"] = _render_items(column.dtype.inner)
    custom_properties = {"unit": column.unit, "allowed": list(column.allowed) or None, "personal": str(column.personal)}
    property_document["customProperties"] = [
        {"property": option, "value": option_value}
        for option, option_value in custom_properties.items()
        if option_value
    ]
    return property_document


def _render_items(dtype: Any) -> dict[str, Any]:
    if not isinstance(dtype, pl.Struct):
        return _render_type(dtype)
    properties = [{"name": field.name, **_render_items(field.dtype)} for field in dtype.fields]
    return {**_render_type(dtype), "properties": properties}


def _render_type(dtype: Any) -> dict[str, Any]:
    logical_type = next(type_name for polars_type, type_name in _LOGICAL_TYPES.items() if dtype == polars_type)
    return {"logicalType": logical_type, "physicalType": str(dtype)}


def _render_quality(rule: Rule) -> dict[str, Any]:
    condition = rule.row.description if rule.row else rule.kind.replace("_", " ")
    return {
        "type": "text",
        "name": rule.name,
        "description": f"{' and '.join(rule.columns)}: {condition}",
        "severity": "error" if rule.severity is Severity.ERROR else "warning",
    }
