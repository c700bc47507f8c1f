"""Members of JSON records as columns of one DuckDB query, which parses each record once.

Belongs here: the query for paths in the forms of `json_paths`.
Does not belong here: reading files, records that are no JSON (`json_lines`), what the members mean (the adapters).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.sources.readers.json_paths import (
    ELEMENT_INDEX,
    duckdb_path,
    is_plain,
    plain_query,
    quoted,
    text_query,
    text_unless_object,
)

_KEY_OF_DUCKDB = re.compile(r'\.(?:"([^"]+)"|([^."\[\]*]+))')
_NOT_PLAIN = re.compile(r"\[\*\]|\[[\w.]*=|::|\.\*$")


@dataclass(frozen=True)
class _Location:
    """Where the text of a path lies.

    Attributes:
        keys: The keys of the objects down to a member.
        inner_path: The path from there on, which is no key alone; None if the text is that of the member.
        is_plain: Whether there is at most one text.
    """

    keys: tuple[str, ...]
    inner_path: str | None
    is_plain: bool


def member_columns_query(lines_path: Path, paths: Sequence[str], max_record_bytes: int) -> str | None:
    """Return a query with one row per record and one column of text per path: `c0`, `c1`, ….

    A record that is no JSON object has a null in every column; a blank line is no record.

    Args:
        lines_path: A file with one record per line.
        paths: Paths in the forms of `json_paths`.
        max_record_bytes: The greatest length of a record.

    Returns:
        The query; None if a path does not begin with a key, or two keys of one object differ in case alone, which
        DuckDB takes for one column.
    """
    locations = [_locate(path) for path in paths]
    if not all(location.keys for location in locations) or _has_keys_differing_in_case(locations):
        return None
    document_keys = _find_documents(locations)
    select_expressions = [
        f"{_text_query(location, locations, document_keys)} AS c{position}"
        for position, location in enumerate(locations)
    ]
    read_member_keys = {
        _find_document_of_member(location.keys, document_keys) or location.keys for location in locations
    }
    column_types_sql = ", ".join(
        f"{quoted(key)}: {quoted(column_type)}"
        for key, column_type in _column_types(read_member_keys, document_keys).items()
    )
    return (
        f"SELECT {', '.join(select_expressions)} FROM read_json({quoted(str(lines_path))}, "
        f"columns={{{column_types_sql}}}, ignore_errors=true, "
        f"records=true, format='newline_delimited', compression='none', maximum_object_size={max_record_bytes})"
    )


def _locate(json_path: str) -> _Location:
    if ELEMENT_INDEX.search(json_path) and is_plain(json_path):
        json_path = duckdb_path(json_path)
    if json_path.startswith("$"):
        keys, key_end = [], 1
        while key_match := _KEY_OF_DUCKDB.match(json_path, key_end):
            keys.append(key_match[1] or key_match[2])
            key_end = key_match.end()
        return _Location(tuple(keys), f"${json_path[key_end:]}" if json_path[key_end:] else None, is_plain(json_path))
    special_sign_match = None if is_plain(json_path) else _NOT_PLAIN.search(json_path)
    if special_sign_match is None:
        return _Location(tuple(json_path.split(".")), None, is_plain=True)
    sign_start = special_sign_match.start()
    return _Location(tuple(json_path[:sign_start].split(".")), json_path[sign_start:].removeprefix("."), is_plain=False)


def _has_keys_differing_in_case(locations: Iterable[_Location]) -> bool:
    key_prefixes = {
        location.keys[:prefix_length] for location in locations for prefix_length in range(1, len(location.keys) + 1)
    }
    return len({tuple(key.lower() for key in key_prefix) for key_prefix in key_prefixes}) < len(key_prefixes)


def _find_documents(locations: Iterable[_Location]) -> set[tuple[str, ...]]:
    """Return the members that are read as JSON: those with a path into them that is no key, or with a text of their own
    beside their members."""
    key_paths = {location.keys for location in locations}
    parent_paths = {key_path[:parent_length] for key_path in key_paths for parent_length in range(1, len(key_path))}
    return {location.keys for location in locations if location.inner_path is not None} | (key_paths & parent_paths)


def _find_document_of_member(keys: tuple[str, ...], document_keys: set[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the outermost of the documents in which a member lies; None if it lies in none."""
    return next(
        (keys[:prefix_length] for prefix_length in range(1, len(keys) + 1) if keys[:prefix_length] in document_keys),
        None,
    )


def _text_query(location: _Location, all_locations: Sequence[_Location], document_keys: set[tuple[str, ...]]) -> str:
    enclosing_document_keys = _find_document_of_member(location.keys, document_keys)
    if enclosing_document_keys is None:
        return _member_expression(location.keys)
    inner_keys = location.keys[len(enclosing_document_keys) :]
    path_in_document = "$" + "".join(f'."{key}"' for key in inner_keys)
    if location.inner_path is None:
        is_parent_of_other = any(
            other_location.keys[: len(location.keys)] == location.keys != other_location.keys
            for other_location in all_locations
        )
        return (text_unless_object if is_parent_of_other else plain_query)(
            path_in_document, _member_expression(enclosing_document_keys)
        )
    if location.inner_path.startswith("$"):
        return (plain_query if location.is_plain else text_query)(
            path_in_document + location.inner_path[1:], _member_expression(enclosing_document_keys)
        )
    separator = "." if inner_keys and location.inner_path == "*" else ""
    return text_query(
        ".".join(inner_keys) + separator + location.inner_path, _member_expression(enclosing_document_keys)
    )


def _member_expression(keys: Sequence[str]) -> str:
    return ".".join('"' + key.replace('"', '""') + '"' for key in keys)


def _column_types(
    member_key_paths: Iterable[tuple[str, ...]], document_keys: set[tuple[str, ...]]
) -> Mapping[str, str]:
    """Return the type of each top member: text, JSON, or an object of the members that are read."""
    inner_paths_by_key: dict[str, list[tuple[str, ...]]] = {}
    for member_key_path in sorted(member_key_paths):
        inner_paths_by_key.setdefault(member_key_path[0], []).append(member_key_path[1:])

    def type_of(key: str, inner_paths: list[tuple[str, ...]], parent_keys: tuple[str, ...]) -> str:
        key_path = (*parent_keys, key)
        if inner_paths == [()]:
            return "JSON" if key_path in document_keys else "VARCHAR"
        inner_paths_by_member: dict[str, list[tuple[str, ...]]] = {}
        for inner_path in inner_paths:
            inner_paths_by_member.setdefault(inner_path[0], []).append(inner_path[1:])
        struct_fields = ", ".join(
            f"{_member_expression([member])} {type_of(member, member_inner_paths, key_path)}"
            for member, member_inner_paths in inner_paths_by_member.items()
        )
        return f"STRUCT({struct_fields})"

    return {key: type_of(key, inner_paths, ()) for key, inner_paths in inner_paths_by_key.items()}
