"""A declared mapping fitted to one file: overrides applied, absent headers dropped, missing columns named.

Belongs here: which header of the file fills which column, by which transform, and which mappings are refused.
Does not belong here: reading the file (`adapter`), how text becomes values (`casts`).
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NoReturn

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.declaration import (
    ANY_TEXT,
    HEADER_ATTRIBUTES,
    Adapter,
    FieldMap,
    Form,
    Override,
    PassOver,
    ShapeMap,
    SourceOptions,
    Transform,
    TransformKind,
)
from pipelines.sources.file_forms import refuse_records_of_people
from pipelines.sources.header_language import foreign_headers
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.json_paths import is_valid_path
from pipelines.sources.readers.text_table import TextTable, looks_like_value, normalize_header
from pipelines.sources.sensitive_columns import sensitive_class
from pipelines.sources.usual_headers import add_usual_headers, has_header, may_have_value

# The columns of a file that a message lists at most.
MAX_LISTED_COLUMNS = 40
_NO_NEAR_NAME = "none is near"
# Headers, as words, under which a system writes when a record was deleted, and whether it is.
_DELETION_MOMENTS = ("deleted at", "server deleted at", "deleted on", "date deleted", "deletion date", "trashed at")
_DELETION_FLAGS, _TRUE_WORDS = ("deleted", "is deleted", "trashed", "is trashed"), ("true", "1", "yes")
_KIND_BY_UNIT: dict[str | None, TransformKind] = {"hours": "hours", "share": "score"}
_KIND_BY_DTYPE: dict[object, TransformKind] = {
    pl.Date: "date",
    pl.Datetime: "datetime",
    pl.Boolean: "boolean",
    pl.Float64: "number",
    pl.Int64: "integer",
}


def declared_shape_maps(adapter: Adapter, options: SourceOptions) -> tuple[ShapeMap, ...]:
    """Return the shape maps of the adapter, or an empty one of the shape that the options name.

    Raises:
        ExportRefused: If neither the adapter nor the options name a shape.
    """
    if adapter.shapes:
        return adapter.shapes
    if options.shape is None:
        raise ExportRefused(f"{adapter.system} needs `shape`: one of {', '.join(CANONICAL_SCHEMAS)}")
    return (ShapeMap(options.shape, ()),)


def apply_overrides(shape_map: ShapeMap, options: SourceOptions, table: TextTable, file_name: str) -> ShapeMap:
    """Fit a shape map to one file.

    Args:
        shape_map: The declared map.
        options: Options of the source; its mapping overrides the declared one.
        table: The file.
        file_name: Name of the file, for messages.

    Returns:
        A map whose field maps can give a value and name only headers that the file has.

    Raises:
        ExportRefused: If the mapping names a column that does not exist or is sensitive, or the file lacks a required
            column.
    """
    variants_by_destination: dict[str, list[FieldMap]] = {}
    file_form: Form = "json" if table.has_open_schema else "table"
    for field_map in shape_map.fields:
        if field_map.form in (None, file_form):
            variants_by_destination.setdefault(field_map.destination, []).append(field_map)
    shape_columns = CANONICAL_SCHEMAS[shape_map.shape].columns
    headers_and_destinations: list[tuple[str, str]] = []
    for destination, override in options.overrides().items():
        if destination in shape_columns:
            override = replace(override, headers=tuple(map(table.header_like, override.headers)))
            headers_and_destinations += [(header, destination) for header in override.headers]
            variants = variants_by_destination.get(destination, [FieldMap(destination)])
            present_variants = [field_map for field_map in variants if has_header(field_map, table)] or variants
            # Other headers or a constant take the place of all variants.
            overridden_variants = (
                present_variants[:1] if override.headers or override.constant is not None else variants
            )
            variants_by_destination[destination] = [
                override_field(field_map, override) for field_map in overridden_variants
            ]
        elif not any(destination in schema.columns for schema in CANONICAL_SCHEMAS.values()):
            raise ExportRefused(
                f"the mapping names {destination}; nearest column of {shape_map.shape}: "
                f"{nearest_names(destination, shape_columns)}"
            )
    add_usual_headers(shape_map.shape, variants_by_destination, options.mapping.keys(), table)
    shape_map = replace(shape_map, fields=tuple(chain.from_iterable(variants_by_destination.values())))
    if shape_map.shape == "person":
        read_headers = {header for field_map in shape_map.fields for header in field_map.all_headers}
        refuse_records_of_people(read_headers, table, file_name)
    for header, destination in headers_and_destinations:
        _check_header(header, destination, shape_map, table, file_name)
    # A system leaves members without a value out of its JSON, and its records may be of several kinds.
    if options.shape is not None or not table.has_open_schema:
        _check_needed_columns(shape_map, variants_by_destination, table, file_name)
    return replace(
        shape_map,
        fields=tuple(
            fitted_variant
            for variants in variants_by_destination.values()
            for fitted_variant in _fit_variants(variants, shape_map, table, file_name)
        ),
        pass_over=(*shape_map.pass_over, *_deleted_record_rules(shape_map, table)),
    )


def _deleted_record_rules(shape_map: ShapeMap, table: TextTable) -> list[PassOver]:
    """Return the rules that pass over records which their system marks as deleted; people are kept as they are."""
    if shape_map.shape in ("person", "account"):
        return []
    header_by_words = {words_of(header): header for header in reversed(table.headers)}
    words_by_deletion_header = {
        **dict.fromkeys(_DELETION_MOMENTS, (ANY_TEXT,)),
        **dict.fromkeys(_DELETION_FLAGS, _TRUE_WORDS),
    }
    return [
        PassOver("deleted", (header_by_words[deletion_header],), words=deletion_words)
        for deletion_header, deletion_words in words_by_deletion_header.items()
        if deletion_header in header_by_words
    ]


def transform_for(field_map: FieldMap) -> Transform:
    """Return the declared transform, or the one that the destination's type and meaning ask for."""
    if field_map.transform is not None:
        return field_map.transform
    column = COLUMNS[field_map.destination]
    if column.allowed:
        return Transform("category", values={word: word for word in column.allowed})
    if field_map.destination == "work_email":
        return Transform("email")
    if field_map.destination == "employee_number" or field_map.destination.endswith("_code"):
        return Transform("code")
    return Transform(_KIND_BY_UNIT.get(column.unit) or _KIND_BY_DTYPE.get(column.dtype.base_type(), "text"))


def source_transform(field_map: FieldMap, options: SourceOptions) -> Transform:
    """Return the transform of the field map with the decimal sign and the date order that its source declares."""
    return with_options(transform_for(field_map), options)


def with_options(transform: Transform, options: SourceOptions) -> Transform:
    """Return the transform with the decimal sign and the date order that its source declares."""
    if options.decimal_comma is not None:
        transform = replace(transform, decimal_comma=options.decimal_comma)
    if transform.kind in ("date", "datetime") and not transform.formats and transform.date_order is None:
        transform = replace(transform, date_order=options.date_order)
    return transform


def override_field(field_map: FieldMap, override: Override) -> FieldMap:
    """Return the field map with the parts that the configuration overrides."""
    transform = transform_for(field_map)
    transform = replace(
        transform,
        scale=override.scale or transform.scale,
        date_order=override.date_order or transform.date_order,
        formats=(override.format,) if override.format else transform.formats,
        unit=override.unit or transform.unit,
    )
    if override.values is not None:
        transform_kind: TransformKind = "boolean" if transform.kind == "boolean" else "category"
        transform = replace(transform, kind=transform_kind, values={**transform.values, **override.values})
    overridden_map = replace(field_map, transform=transform, constant=override.constant or field_map.constant)
    if override.headers:
        # How cells of the declared headers are cut does not apply to other headers.
        # A day and a time of day in two columns are one moment; texts of several columns stay apart.
        default_separator = " " if transform.kind in ("date", "datetime") else "|"
        join_separator = default_separator if len(override.headers) > 1 else field_map.join
        remapped_map = replace(overridden_map, headers=override.headers, join=join_separator, extract=None, split=None)
        return replace(
            remapped_map, value_is_header=False, lowest_headers=(), highest_headers=(), start_headers=(), end_headers=()
        )
    return replace(overridden_map, headers=()) if override.constant is not None else overridden_map


def nearest_names(unknown_name: str, known_names: Iterable[str]) -> str:
    """Return the names that are most similar to the unknown one, for a message; sensitive names are left out."""
    name_by_normalized_name = {
        normalize_header(candidate_name): candidate_name
        for candidate_name in known_names
        if not sensitive_class(candidate_name)
    }
    close_names = difflib.get_close_matches(normalize_header(unknown_name), list(name_by_normalized_name), 3, 0.5)
    return ", ".join(name_by_normalized_name[candidate_name] for candidate_name in close_names) or _NO_NEAR_NAME


def _nearest_or_unread_headers(unknown_name: str, shape_map: ShapeMap, table: TextTable) -> str:
    """Return the nearest headers of the file or, if none is near, those that the shape map does not read.

    Sensitive headers are counted and not named. None is named if the first row may hold values.
    """
    nearest_headers = nearest_names(unknown_name, table.headers)
    if nearest_headers != _NO_NEAR_NAME:
        return nearest_headers
    filled_headers = [header.strip() for header in table.headers if header.strip()]
    if not table.has_open_schema and any(map(looks_like_value, filled_headers)):
        return f"{_NO_NEAR_NAME}; its first row may hold values in place of column names"
    read_header_keys = {table.key(header) for field_map in shape_map.fields for header in field_map.all_headers}
    unread_headers = [header for header in filled_headers if table.key(header) not in read_header_keys]
    readable_headers = [header for header in unread_headers if not sensitive_class(header)]
    sensitive_header_count = len(unread_headers) - len(readable_headers)
    listed_headers = readable_headers[:MAX_LISTED_COLUMNS]
    if len(readable_headers) > MAX_LISTED_COLUMNS:
        listed_headers.append(f"and {len(readable_headers) - MAX_LISTED_COLUMNS} more")
    if sensitive_header_count:
        verb = "is" if sensitive_header_count == 1 else "are"
        listed_headers.append(f"and {sensitive_header_count} that {verb} never read")
    return f"{_NO_NEAR_NAME}; columns that nothing reads: {', '.join(listed_headers) or 'none'}"


def _describe_envelope(wanted_headers: Iterable[str], shape_map: ShapeMap, table: TextTable) -> str:
    """Return which member of a JSON file encloses its records, and the wanted headers inside; "" if none does."""
    if not table.has_open_schema:
        return ""
    nested_headers = [
        header
        for header in table.headers
        if "." in header and "[" not in header and not header.startswith("$") and not sensitive_class(header)
    ]
    wanted_endings = tuple(f".{header}" for header in wanted_headers)
    nested_wanted_headers = [header for header in nested_headers if header.endswith(wanted_endings)]
    declared_headers = {header for field_map in shape_map.fields for header in field_map.all_headers}
    nested_declared_headers = [header for header in nested_headers if header.split(".", 1)[1] in declared_headers]
    envelope_members = {header.split(".")[0] for header in nested_wanted_headers or nested_declared_headers}
    if len(envelope_members) != 1 or (not nested_wanted_headers and declared_headers.intersection(table.headers)):
        return ""
    nearest_headers = ", ".join(nested_wanted_headers[:3]) or _NO_NEAR_NAME
    return f"{nearest_headers} (each record lies inside `{envelope_members.pop()}`: export the records themselves)"


def _check_header(header: str, destination: str, shape_map: ShapeMap, table: TextTable, file_name: str) -> None:
    """Refuse a header of the mapping that is sensitive, no valid path, or not in the file."""
    if class_name := sensitive_class(header):
        raise ExportRefused(
            f"the column {header} mapped to {destination} is never read (class {class_name}): take it out of the "
            "mapping"
        )
    if table.has_open_schema and not is_valid_path(header):
        raise ExportRefused(
            f"{header}, which the mapping gives for {destination}, is no path into a record of {file_name}"
        )
    if table.key(header) not in table.columns and not table.has_open_schema:
        raise ExportRefused(
            f"{file_name} has no column {header}, which the mapping gives for {destination}; "
            f"nearest: {_nearest_or_unread_headers(header, shape_map, table)}"
        )


def _check_needed_columns(
    shape_map: ShapeMap, variants_by_destination: Mapping[str, Sequence[FieldMap]], table: TextTable, file_name: str
) -> None:
    """Refuse a file in which every row lacks a value that the shape needs."""
    for alternative_columns in CANONICAL_SCHEMAS[shape_map.shape].needed_column_groups:
        field_maps = [
            field_map
            for alternative_column in alternative_columns
            for field_map in variants_by_destination.get(alternative_column, ())
            if field_map.is_mapped
        ]
        if field_maps and not any(field_map.constant or may_have_value(field_map, table) for field_map in field_maps):
            _refuse_missing_columns(field_maps, shape_map, table, file_name)


def _refuse_missing_columns(
    field_maps: Sequence[FieldMap], shape_map: ShapeMap, table: TextTable, file_name: str
) -> NoReturn:
    missing_headers = [header for field_map in field_maps for header in field_map.headers]
    destinations = list(dict.fromkeys(field_map.destination for field_map in field_maps))
    nearest_headers = _describe_envelope(missing_headers, shape_map, table) or _nearest_or_unread_headers(
        missing_headers[0], shape_map, table
    )
    missing_message = (
        f"{file_name} has no column {' or '.join(missing_headers)}, needed for {' or '.join(destinations)}; "
        f"nearest: {nearest_headers}; set it by `mapping: {{{destinations[0]}: …}}`"
    )
    read_headers = [header for field_map in shape_map.fields for header in field_map.all_headers]
    language_proof = foreign_headers([header for header in table.headers if not sensitive_class(header)], read_headers)
    if language_proof is None:
        raise ExportRefused(missing_message)
    language, proving_headers = language_proof
    language_message = (
        f"its header is in {language} ({', '.join(proving_headers)}), and its columns are read by the names that the "
        "system writes in English: export it in English"
    )
    has_read_header = any(table.key(header) in table.columns for header in read_headers)
    raise ExportRefused(
        f"{missing_message}; {language_message}"
        if has_read_header
        else f"{file_name} cannot be read: {language_message}"
    )


def _fit_variants(variants: list[FieldMap], shape_map: ShapeMap, table: TextTable, file_name: str) -> list[FieldMap]:
    """Return the variants of one destination that can give a value, with only the headers that the file has."""
    required_variants = [field_map for field_map in variants if field_map.required and field_map.headers]
    if required_variants and not any(has_header(field_map, table) for field_map in variants):
        _refuse_missing_columns(required_variants, shape_map, table, file_name)
    if table.has_open_schema:
        return [_with_plain_lists(field_map, table) for field_map in variants if field_map.is_mapped]
    fitted_variants = []
    for field_map in variants:
        headers_by_attribute: dict[str, Any] = {
            attribute: _present_headers(getattr(field_map, attribute), table) for attribute in HEADER_ATTRIBUTES
        }
        # Without highest scores another variant stands in; without another the scores stay unread.
        if headers_by_attribute["highest_headers"] or not field_map.highest_headers or field_map is variants[-1]:
            headers_by_attribute["highest_headers"] = (
                headers_by_attribute["highest_headers"] or field_map.highest_headers
            )
            fitted_variants.append(replace(field_map, **headers_by_attribute))
    return [field_map for field_map in fitted_variants if field_map.is_mapped]


def _with_plain_lists(field_map: FieldMap, table: TextTable) -> FieldMap:
    """Let a list of names stand in for a list of objects with names: `labels[*]` for `labels[*].name`."""
    header_parts = [
        header.rpartition("[*].") for header in field_map.headers if header.endswith(("[*].name", "[*].title"))
    ]
    plain_list_headers = [
        f"{list_path}[*]"
        for list_path, _, _ in header_parts
        if list_path in table.columns and not any(header.startswith(f"{list_path}[*]") for header in table.headers)
    ]
    return replace(field_map, headers=tuple(dict.fromkeys((*field_map.headers, *plain_list_headers))))


def _present_headers(headers: Sequence[str], table: TextTable) -> tuple[str, ...]:
    """Return the headers that the file has; of several that are the same header in this file, the first."""
    header_by_key = {table.key(header): header for header in reversed(headers)}
    return tuple(
        header
        for header in headers
        if header_by_key[table.key(header)] == header and table.key(header) in table.columns
    )
