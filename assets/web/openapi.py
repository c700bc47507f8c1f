"""The description of the JSON interface in OpenAPI 3.1, made from the contracts and from the forms of answers.

Belongs here: paths, schemas and the version of the interface.
Does not belong here: what a path answers (`interface`), the columns of tables (`pipelines.contracts`).
"""

from typing import Any

import polars as pl

from assets.web.answers import ANSWER_ADAPTER
from assets.web.interface import MAX_PAGE_ROWS
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OUT_MASTERY,
    PUBLISHED_TABLES,
    REPLY_EFFECT,
    SQUAD_MATCH,
    SQUAD_OPENING,
)
from pipelines.contracts.table import Column, Table

# Within a major version paths and fields are only added, as columns are in the contracts of tables.
INTERFACE_VERSION = "1.0.0"
INTERFACE_PATH = "/api/v1"
_REFUSALS = {
    "401": "No identity is proven.",
    "403": "The caller may not do this.",
    "422": "A parameter or the answer is not valid.",
    "429": "Too many requests in a minute.",
    "503": "Nothing is published yet.",
}


def build_openapi() -> dict[str, Any]:
    """The description of the interface; it depends on the release alone."""
    answer_schema = ANSWER_ADAPTER.json_schema(ref_template="#/components/schemas/{model}")
    answer_parts = answer_schema.pop("$defs")
    row_schemas = {table.name: _describe_row(table) for table in PUBLISHED_TABLES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footsteps",
            "version": INTERFACE_VERSION,
            "description": "A person's own recommendations and answers, and the published tables for system accounts. "
            "For development only: rows do not rank people against each other and must not decide access to anything.",
        },
        "paths": {**_describe_own_paths(), **_describe_table_paths(), "/healthz": _describe_health()},
        "components": {
            "schemas": {**row_schemas, **answer_parts, "Answer": answer_schema},
            "securitySchemes": {
                "proxy": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Forwarded-User",
                    "description": "Set by the authenticating proxy; footsteps.yaml names the header.",
                },
                "system": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _describe_own_paths() -> dict[str, Any]:
    rows_by_path: dict[str, dict[str, Any]] = {
        "next-steps": {
            "next_steps": _rows_of(NEXT_SKILL),
            "companions": _rows_of(COMPANION),
            "pending": _PENDING,
        },
        "mastery": {"mastery": _rows_of(OUT_MASTERY)},
        "replies": {"replies": _rows_of(REPLY_EFFECT), "pending": _PENDING},
        "wishes": {"wishes": _OBJECTS, "pending": _PENDING},
        "consents": {"consents": _OBJECTS, "pending": _PENDING},
        "squads": {
            "matches": _rows_of(SQUAD_MATCH),
            "openings": _rows_of(SQUAD_OPENING),
            "answers": _OBJECTS,
            "pending": _PENDING,
        },
    }
    paths: dict[str, Any] = {
        f"{INTERFACE_PATH}/me/{path_end}": {
            "get": _describe_operation(f"The caller's own {path_end.replace('-', ' ')}.", parts, "proxy")
        }
        for path_end, parts in rows_by_path.items()
    }
    for path_end in ("replies", "wishes", "consents", "preferences", "squads", "requests"):
        paths.setdefault(f"{INTERFACE_PATH}/me/{path_end}", {})["post"] = {
            **_describe_operation(f"Give an answer: {path_end}.", {"pending": {"type": "object"}}, "proxy", "201"),
            "requestBody": {"required": True, "content": _json_content({"$ref": "#/components/schemas/Answer"})},
        }
    return paths


def _describe_table_paths() -> dict[str, Any]:
    limit = _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ROWS})
    any_row = {"anyOf": [{"$ref": f"#/components/schemas/{table.name}"} for table in PUBLISHED_TABLES]}
    table_parts = {
        "schema_version": {"type": "string"},
        "rows": {"type": "array", "items": any_row},
        "next_cursor": {"type": ["string", "null"]},
    }
    change_parts = {"cursor": {"type": "integer"}, "events": _OBJECTS}
    return {
        f"{INTERFACE_PATH}/tables": {
            "get": _describe_operation("The published tables of the current snapshot.", {"tables": _OBJECTS}, "system")
        },
        f"{INTERFACE_PATH}/tables/{{table_name}}": {
            "get": {
                **_describe_operation("Rows of a published table, page by page.", table_parts, "system"),
                "parameters": [
                    _parameter("table_name", "path", {"enum": [table.name for table in PUBLISHED_TABLES]}),
                    _parameter("cursor", "query", {"type": "string"}),
                    limit,
                ],
            }
        },
        f"{INTERFACE_PATH}/changes": {
            "get": {
                **_describe_operation("Events of the change feed behind a cursor.", change_parts, "system"),
                "parameters": [_parameter("after", "query", {"type": "integer", "minimum": 0}), limit],
            }
        },
    }


def _describe_health() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"status": {"enum": ["ok", "stale", "unavailable"]}}}
    return {
        "get": {
            "summary": "Whether a snapshot can be read.",
            "responses": {
                "200": {"description": "A snapshot can be read.", "content": _json_content(schema)},
                "503": {"description": "None can be read.", "content": _json_content(schema)},
            },
        }
    }


def _describe_operation(summary: str, parts: dict[str, Any], scheme: str, status: str = "200") -> dict[str, Any]:
    snapshot_parts = {"snapshot_id": {"type": "string"}, "as_of": _DAY, "valid_until": _DAY} if status == "200" else {}
    schema = {"type": "object", "properties": {**snapshot_parts, **parts}}
    return {
        "summary": summary,
        "security": [{scheme: []}],
        "responses": {
            status: {"description": summary, "content": _json_content(schema)},
            **{refused_status: {"description": sentence} for refused_status, sentence in _REFUSALS.items()},
        },
    }


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _json_content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _rows_of(table: Table) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{table.name}"}}


def _describe_row(table: Table) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"{table.description} Version {table.version} of the contract.",
        "properties": {column.name: _describe_column(column) for column in table.columns},
    }


def _describe_column(column: Column) -> dict[str, Any]:
    return {"description": column.description, **_describe_type(column.dtype)}


def _describe_type(dtype: pl.DataType) -> dict[str, Any]:
    """The JSON Schema of a column's values; every column but the required ones may be null."""
    if isinstance(dtype, pl.List):
        return {"type": ["array", "null"]}
    if isinstance(dtype, pl.Date):
        return {"type": ["string", "null"], "format": "date"}
    if isinstance(dtype, pl.Datetime):
        return {"type": ["string", "null"], "format": "date-time"}
    if dtype == pl.Boolean:
        return {"type": ["boolean", "null"]}
    if dtype.is_integer():
        return {"type": ["integer", "null"]}
    return {"type": ["number" if dtype.is_numeric() else "string", "null"]}


_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_OBJECTS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
_PENDING: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "kind": {"type": "string"},
            "stated_at": {"type": "string", "format": "date-time"},
            "is_in_effect": {"type": "boolean"},
        },
    },
}
