"""Members of JSON records as columns of one DuckDB query, which parses each record once.

Belongs here: the query for paths in the forms of `json_paths`.
Does not belong here: reading files, records that are no JSON (`json_lines`), what the members mean (the adapters).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.sources.readers.json_paths import is_plain, plain_query, quoted, text_query, text_unless_object

_KEY_OF_DUCKDB = re.compile(r'\.(?:"([^"]+)"|([^."\[\]*]+))')
_NOT_PLAIN = re.compile(r"\[\*\]|\[\w*=|::|\.\*$")


@dataclass(frozen=True)
class _Location:
    """Where the text of a path lies.

    Attributes:
        keys: The keys of the objects down to a member.
        inside: The path from there on, which is no key alone; None if the text is that of the member.
        is_plain: Whether there is at most one text.
    """

    keys: tuple[str, ...]
    inside: str | None
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
    if not all(location.keys for location in locations) or _differ_in_case(locations):
        return None
    document_keys = _find_documents(locations)
    columns = [
        f"{_text_query(location, locations, document_keys)} AS c{position}"
        for position, location in enumerate(locations)
    ]
    member_keys = {_document_of(location.keys, document_keys) or location.keys for location in locations}
    typed_columns = ", ".join(
        f"{quoted(key)}: {quoted(column_type)}"
        for key, column_type in _column_types(member_keys, document_keys).items()
    )
    return (
        f"SELECT {', '.join(columns)} FROM read_json({quoted(str(lines_path))}, columns={{{typed_columns}}}, "
        "ignore_errors=true, "
        f"records=true, format='newline_delimited', compression='none', maximum_object_size={max_record_bytes})"
    )


def _locate(path: str) -> _Location:
    if path.startswith("$"):
        keys, key_end = [], 1
        while match := _KEY_OF_DUCKDB.match(path, key_end):
            keys.append(match[1] or match[2])
            key_end = match.end()
        return _Location(tuple(keys), f"${path[key_end:]}" if path[key_end:] else None, is_plain(path))
    special_sign = None if is_plain(path) else _NOT_PLAIN.search(path)
    if special_sign is None:
        return _Location(tuple(path.split(".")), None, is_plain=True)
    sign_start = special_sign.start()
    return _Location(tuple(path[:sign_start].split(".")), path[sign_start:].removeprefix("."), is_plain=False)


def _differ_in_case(locations: Iterable[_Location]) -> bool:
    member_keys = {location.keys[:length] for location in locations for length in range(1, len(location.keys) + 1)}
    return len({tuple(key.lower() for key in keys) for keys in member_keys}) < len(member_keys)


def _find_documents(locations: Iterable[_Location]) -> set[tuple[str, ...]]:
    """Return the members that are read as JSON: those with a path into them that is no key, or with a text of their own
    beside their members."""
    key_paths = {location.keys for location in locations}
    parent_paths = {key_path[:length] for key_path in key_paths for length in range(1, len(key_path))}
    return {location.keys for location in locations if location.inside is not None} | (key_paths & parent_paths)


def _document_of(keys: tuple[str, ...], document_keys: set[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the outermost of the documents in which a member lies; None if it lies in none."""
    return next((keys[:length] for length in range(1, len(keys) + 1) if keys[:length] in document_keys), None)


def _text_query(location: _Location, locations: Sequence[_Location], document_keys: set[tuple[str, ...]]) -> str:
    document_path = _document_of(location.keys, document_keys)
    if document_path is None:
        return _member_expression(location.keys)
    inner_keys = location.keys[len(document_path) :]
    key_path = "$" + "".join(f'."{key}"' for key in inner_keys)
    if location.inside is None:
        is_above_others = any(
            location_of_other.keys[: len(location.keys)] == location.keys != location_of_other.keys
            for location_of_other in locations
        )
        return (text_unless_object if is_above_others else plain_query)(key_path, _member_expression(document_path))
    if location.inside.startswith("$"):
        return (plain_query if location.is_plain else text_query)(
            key_path + location.inside[1:], _member_expression(document_path)
        )
    separator = "." if inner_keys and location.inside == "*" else ""
    return text_query(".".join(inner_keys) + separator + location.inside, _member_expression(document_path))


def _member_expression(keys: Sequence[str]) -> str:
    return ".".join('"' + key.replace('"', '""') + '"' for key in keys)


def _column_types(member_keys: Iterable[tuple[str, ...]], document_keys: set[tuple[str, ...]]) -> Mapping[str, str]:
    """Return the type of each top member: text, JSON, or an object of the members that are read."""
    inner_paths_by_key: dict[str, list[tuple[str, ...]]] = {}
    for keys in sorted(member_keys):
        inner_paths_by_key.setdefault(keys[0], []).append(keys[1:])

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
