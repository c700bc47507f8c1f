"""A declared mapping fitted to one file: overrides laid over it, variants chosen, missing columns named.

Belongs here: which header of the file fills which column, by which transform, and what is refused.
Does not belong here: reading the file (`adapter`), how text becomes values (`transforms`).
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.declaration import (
    Adapter,
    ExportRefused,
    FieldMap,
    Override,
    ShapeMap,
    SourceOptions,
    Transform,
)
from pipelines.sources.readers.text_table import TextTable, normalize_header
from pipelines.sources.sensitive_columns import sensitive_class


def declared_shape_maps(adapter: Adapter, options: SourceOptions) -> tuple[ShapeMap, ...]:
    """The shapes the adapter declares, or the one the options name. Raises ExportRefused where neither does."""
    if adapter.shapes:
        return adapter.shapes
    if options.shape is None:
        raise ExportRefused(f"{adapter.system} needs `shape`: one of {', '.join(CANONICAL_SCHEMAS)}")
    return (ShapeMap(options.shape, ()),)


def headers_read_by(shape: ShapeMap) -> list[str]:
    """Every header that the shape map reads, for a value or a condition."""
    conditions = [shape.where, shape.unless]
    for one in shape.fields:
        conditions += [one.when, one.unless, *(one.fallback[1:] if one.fallback else ())]
    sources = [source for one in shape.fields for source in one.sources]
    fallbacks = [one.fallback[0] for one in shape.fields if one.fallback]
    return sources + fallbacks + [one[0] for one in conditions if one]


def apply_overrides(shape: ShapeMap, options: SourceOptions, table: TextTable, name: str) -> ShapeMap:
    """The shape map with the configuration's overrides laid over it and its sources checked against the file."""
    fields = _chosen_variants(shape.fields, table)
    columns = CANONICAL_SCHEMAS[shape.shape].columns
    for destination, override in options.overrides().items():
        if destination not in columns:
            if any(destination in one.columns for one in CANONICAL_SCHEMAS.values()):
                continue
            raise ExportRefused(
                f"the mapping names {destination}; "
                f"nearest column of {shape.shape}: {nearest_names(destination, columns)}"
            )
        for column in override.columns:
            _check_column(column, destination, table, name)
        fields[destination] = _overridden(fields.get(destination, FieldMap(destination)), override)
    return replace(shape, fields=tuple(_present(one, table, name) for one in fields.values()))


def _chosen_variants(fields: Iterable[FieldMap], table: TextTable) -> dict[str, FieldMap]:
    chosen: dict[str, FieldMap] = {}
    for one in fields:
        before = chosen.get(one.destination)
        if before is None or (not _is_seen(before, table) and _is_seen(one, table)):
            chosen[one.destination] = one
    return chosen


def _is_seen(one: FieldMap, table: TextTable) -> bool:
    return any(normalize_header(source) in table.columns for source in one.sources)


def _check_column(column: str, destination: str, table: TextTable, name: str) -> None:
    if found := sensitive_class(column):
        raise ExportRefused(
            f"the column {column} mapped to {destination} is never read (class {found}): take it out of the mapping"
        )
    if normalize_header(column) not in table.columns and not table.is_open:
        raise ExportRefused(
            f"{name} has no column {column}, which the mapping gives for {destination}; "
            f"nearest: {nearest_names(column, table.headers)}"
        )


def _overridden(one: FieldMap, override: Override) -> FieldMap:
    transform = transform_for(one)
    transform = replace(
        transform,
        scale=override.scale or transform.scale,
        date_order=override.date_order or transform.date_order,
        formats=(override.format,) if override.format else transform.formats,
        unit=override.unit or transform.unit,
    )
    if override.values is not None:
        kind = transform.kind if transform.kind == "boolean" else "word"
        transform = replace(transform, kind=kind, values={**transform.values, **override.values})
    sources = override.columns or one.sources
    if override.constant is not None and not override.columns:
        sources = ()
    join = "|" if len(override.columns) > 1 else one.join
    changed = replace(one, sources=sources, transform=transform, join=join, constant=override.constant or one.constant)
    # How the declared headers' cells are cut says nothing of other headers.
    return replace(changed, part=None, split=None, value_is_header=False) if override.columns else changed


def transform_for(one: FieldMap) -> Transform:
    """The declared transform, or the one that the destination's type and meaning ask for."""
    if one.transform is not None:
        return one.transform
    column = COLUMNS[one.destination]
    if one.destination == "work_email":
        return Transform("lower_email")
    if column.unit == "hours":
        return Transform("hours")
    if column.unit == "share":
        return Transform("score")
    if column.allowed:
        return Transform("word", values={word: word for word in column.allowed})
    kinds = {pl.Date: "date", pl.Datetime: "moment", pl.Boolean: "boolean", pl.Float64: "number"}
    for dtype, kind in kinds.items():
        if column.dtype == dtype:
            return Transform(kind)  # type: ignore[arg-type]
    return Transform("text")


def _present(one: FieldMap, table: TextTable, name: str) -> FieldMap:
    """The field map with only the sources that the file has. Raises ExportRefused where it is needed and has none."""
    found = tuple(source for source in one.sources if normalize_header(source) in table.columns)
    if one.required and one.sources and not found:
        raise ExportRefused(
            f"{name} has no column {' or '.join(one.sources)}, needed for {one.destination}; nearest: "
            f"{nearest_names(one.sources[0], table.headers)}; set it by `mapping: {{{one.destination}: …}}`"
        )
    return one if table.is_open else replace(one, sources=found)


def nearest_names(wanted: str, known: Iterable[str]) -> str:
    """The known names nearest to the one wanted, for a message."""
    by_form = {normalize_header(one): one for one in known if not sensitive_class(one)}
    close = difflib.get_close_matches(normalize_header(wanted), list(by_form), 3, 0.5)
    return ", ".join(by_form[one] for one in close) or "none is near"
