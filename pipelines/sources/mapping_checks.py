"""A declared mapping checked before any file is read: the columns and values that it names exist, none is missing.

Belongs here: what the `mapping` of a source may name, and the messages.
Does not belong here: which header of a file fills which column (`mapping`), the form of footsteps.yaml (`config`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.table import Column
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.words import is_boolean_word
from pipelines.sources.declaration import Adapter, FieldMap, Override, ShapeMap, SourceOptions, TransformKind
from pipelines.sources.mapping import (
    declared_shape_maps,
    nearest_names,
    override_field,
    source_transform,
    transform_for,
)

NO_ORIGIN = "give either `column` (a header of the file) or `constant`"
_ALLOWED_BY_KIND: dict[TransformKind, str] = {
    "boolean": "true, false",
    "date": "a day such as 2025-06-30",
    "datetime": "a time such as 2025-06-30T09:00:00Z",
    "email": "an e-mail address",
    "integer": "a whole number",
}


@dataclass(frozen=True, slots=True)
class MappingProblem:
    """An entry of a mapping that cannot be used.

    Attributes:
        place: Keys below `mapping` that lead to the entry.
        message: What is wrong, and what is allowed.
    """

    place: tuple[str, ...]
    message: str


def find_mapping_problems(adapter: Adapter, options: SourceOptions) -> Iterator[MappingProblem]:
    """Check the mapping of a source against the shapes of its system.

    Args:
        adapter: The system.
        options: Options of the source, with the mapping.

    Returns:
        One problem per column that no shape has or that nothing fills, per constant or word that the column does not
        allow, and, for the system `tabular`, per needed column that the mapping does not fill.
    """
    shape_maps = declared_shape_maps(adapter, options)
    shape_columns = tuple(
        dict.fromkeys(column for shape_map in shape_maps for column in CANONICAL_SCHEMAS[shape_map.shape].columns)
    )
    override_by_destination = options.overrides()
    for destination, override in override_by_destination.items():
        if destination not in shape_columns:
            shape_names = " or ".join(dict.fromkeys(shape_map.shape for shape_map in shape_maps))
            problem_message = f"{shape_names} has no such column; nearest: {nearest_names(destination, shape_columns)}"
            yield MappingProblem((destination,), f"{problem_message}; allowed: {', '.join(shape_columns)}")
        elif not (override.headers or override.constant or _first_field_map(destination, shape_maps).is_mapped):
            yield MappingProblem((destination,), NO_ORIGIN)
        else:
            yield from _find_value_problems(_first_field_map(destination, shape_maps), override, options)
    if adapter.shapes:
        return
    filled_columns = {
        column for column, override in override_by_destination.items() if override.headers or override.constant
    }
    for shape_map in shape_maps:
        for alternative_columns in CANONICAL_SCHEMAS[shape_map.shape].needed_column_groups:
            if not filled_columns.intersection(alternative_columns):
                problem_message = (
                    f"each row of {shape_map.shape} needs {' or '.join(alternative_columns)}: add "
                    f"`{alternative_columns[0]}: HEADER`"
                )
                yield MappingProblem((), problem_message)


def _first_field_map(destination: str, shape_maps: tuple[ShapeMap, ...]) -> FieldMap:
    field_maps = (field_map for shape_map in shape_maps for field_map in shape_map.fields)
    return next((field_map for field_map in field_maps if field_map.destination == destination), FieldMap(destination))


def _find_value_problems(field_map: FieldMap, override: Override, options: SourceOptions) -> Iterator[MappingProblem]:
    """Yield a problem for the constant, and for each word of `values`, that the column does not allow."""
    destination = field_map.destination
    column = COLUMNS[destination]
    transform = source_transform(override_field(field_map, override), options)
    if override.constant:
        constant_value = cast_text(pl.lit(override.constant), transform, options.time_zone)
        if not _is_allowed(constant_value, column):
            yield MappingProblem((destination, "constant"), _describe_refusal(override.constant, column))
    for file_word, canonical_word in (override.values or {}).items():
        is_allowed = (
            is_boolean_word(canonical_word)
            if transform.kind == "boolean"
            else _is_allowed(pl.lit(canonical_word), column)
        )
        if not is_allowed:
            yield MappingProblem((destination, "values", file_word), _describe_refusal(canonical_word, column))


def _is_allowed(value_expression: pl.Expr, column: Column) -> bool:
    value_row = pl.select(value_expression.cast(column.dtype, strict=False).alias(column.name))
    rule_expressions = [rule.expression() for rule in column.domain_rules]
    return bool(value_row.select(pl.all_horizontal(pl.col(column.name).is_not_null(), *rule_expressions)).item())


def _describe_refusal(refused_text: str, column: Column) -> str:
    return f"{column.name} cannot be {refused_text!r}; allowed: {_describe_allowed_values(column)}"


def _describe_allowed_values(column: Column) -> str:
    if column.allowed:
        return ", ".join(column.allowed)
    limit_phrases = [f"at least {column.minimum:g}"] if column.minimum is not None else []
    limit_phrases += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    kind_phrase = _ALLOWED_BY_KIND.get(transform_for(FieldMap(column.name)).kind, "a number")
    return f"{kind_phrase}, {' and '.join(limit_phrases)}" if limit_phrases else kind_phrase
