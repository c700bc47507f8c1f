"""A published table as a data contract in the Open Data Contract Standard (ODCS), version 3.

Belongs here: the rendering of one table.
Does not belong here: the declarations (`output_tables`), owner and terms of use (`terms`), writing the files
(`pipelines.publish.contract_files`, `assets.cli.tables`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from pipelines.contracts.classification import DataClass
from pipelines.contracts.documents.terms import ContractTerms, SupportChannel
from pipelines.contracts.personal_columns import classify_columns, find_person_columns
from pipelines.contracts.table import Column, Rule, Severity, Table

API_VERSION = "v3.1.0"
# The logical type, and the physical type in the words of SQL: a contract has servers of several kinds.
_TYPE_NAMES_BY_DTYPE = {
    pl.String: ("string", "TEXT"),
    pl.Float64: ("number", "DOUBLE"),
    pl.Int64: ("integer", "BIGINT"),
    pl.Date: ("date", "DATE"),
    pl.Boolean: ("boolean", "BOOLEAN"),
    pl.Datetime: ("timestamp", "TIMESTAMP"),
    pl.List: ("array", "ARRAY"),
    pl.Struct: ("object", "STRUCT"),
}
# Who may read a column, in the words of the standard.
_CLASSIFICATION_BY_CLASS = {
    DataClass.IDENTIFIER: "restricted",
    DataClass.INFERENCE: "restricted",
    DataClass.PERSONAL: "confidential",
    DataClass.ORGANISATIONAL: "internal",
    DataClass.TECHNICAL: "internal",
}


def render_odcs(
    table: Table, terms: ContractTerms | None = None, servers: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The contract of a published table as an ODCS document.

    Args:
        table: A table of `PUBLISHED_TABLES`.
        terms: Owner, support and terms of use; the defaults if None.
        servers: Where a snapshot of the table is, as servers of the standard; without any, the contract of every
            snapshot.

    Returns:
        A document that is valid under the standard's JSON Schema.
    """
    terms = terms or ContractTerms()
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
        "description": {
            "purpose": "; ".join(terms.purposes),
            "usage": terms.usage,
            "limitations": terms.limitations,
        },
        **({"servers": list(servers)} if servers else {}),
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
        "team": {"name": terms.owner},
        "support": [_render_channel(channel) for channel in terms.support],
        "slaProperties": [{"property": "frequency", "value": 1, "unit": "d"}, *retention_properties],
        "customProperties": [
            {"property": "readers", "value": list(table.readers)},
            {"property": "maxQuarantinedShare", "value": table.quarantine_limit},
        ],
    }


def _render_channel(channel: SupportChannel) -> dict[str, Any]:
    return {
        channel_field: field_value for channel_field, field_value in asdict(channel).items() if field_value is not None
    }


def _render_property(column: Column, table: Table) -> dict[str, Any]:
    data_class = classify_columns(table)[column.name]
    person_role = next(
        (person_column.role for person_column in find_person_columns(table) if person_column.name == column.name), None
    )
    property_document: dict[str, Any] = {
        "name": column.name,
        **_render_type(column.dtype),
        "description": column.description,
        "required": column.name in table.never_null,
        "classification": _CLASSIFICATION_BY_CLASS[data_class],
    }
    if column.name in table.key:
        property_document |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    value_by_type_option = {
        "minimum": column.minimum,
        "maximum": column.maximum,
        "pattern": column.pattern,
        "timezone": getattr(column.dtype, "time_zone", None) and True,
    }
    if type_options := {
        option_name: option_value
        for option_name, option_value in value_by_type_option.items()
        if option_value is not None
    }:
        property_document["logicalTypeOptions"] = type_options
    if isinstance(column.dtype, pl.List):
        property_document["items"] = _render_items(column.dtype.inner)
    if column.allowed:
        property_document["quality"] = [_render_closed_set(column.allowed)]
    value_by_custom_property = {
        "unit": column.unit,
        "dataClass": str(data_class),
        "person": person_role and str(person_role),
    }
    property_document["customProperties"] = [
        {"property": property_name, "value": property_value}
        for property_name, property_value in value_by_custom_property.items()
        if property_value
    ]
    return property_document


def _render_items(dtype: Any) -> dict[str, Any]:
    if not isinstance(dtype, pl.Struct):
        return _render_type(dtype)
    struct_properties = [
        {"name": struct_field.name, **_render_items(struct_field.dtype)} for struct_field in dtype.fields
    ]
    return {**_render_type(dtype), "properties": struct_properties}


def _render_type(dtype: Any) -> dict[str, Any]:
    logical_type, physical_type = next(
        type_names for polars_type, type_names in _TYPE_NAMES_BY_DTYPE.items() if dtype == polars_type
    )
    return {"logicalType": logical_type, "physicalType": physical_type}


def _render_closed_set(allowed_values: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "library",
        "metric": "invalidValues",
        "arguments": {"validValues": list(allowed_values)},
        "mustBe": 0,
        "severity": "error",
    }


def _render_quality(rule: Rule) -> dict[str, Any]:
    condition = rule.row_rule.description if rule.row_rule else rule.kind.replace("_", " ")
    return {
        "type": "text",
        "name": rule.name,
        "description": f"{' and '.join(rule.columns)}: {condition}",
        "severity": "error" if rule.severity is Severity.ERROR else "warning",
    }
