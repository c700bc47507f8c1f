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


def member_columns_query(lines: Path, paths: Sequence[str], max_record_bytes: int) -> str | None:
    """Return a query with one row per record and one column of text per path: `c0`, `c1`, ….

    A record that is no JSON object has a null in every column; a blank line is no record.

    Args:
        lines: A file with one record per line.
        paths: Paths in the forms of `json_paths`.
        max_record_bytes: The greatest length of a record.

    Returns:
        The query; None if a path does not begin with a key, or two keys of one object differ in case alone, which
        DuckDB takes for one column.
    """
    locations = [_locate(path) for path in paths]
    if not all(location.keys for location in locations) or _differ_in_case(locations):
        return None
    documents = _find_documents(locations)
    columns = [
        f"{_text_of(location, locations, documents)} AS c{position}" for position, location in enumerate(locations)
    ]
    members = {_document_of(location.keys, documents) or location.keys for location in locations}
    types = ", ".join(f"{quoted(key)}: {quoted(type_)}" for key, type_ in _column_types(members, documents).items())
    return (
        f"SELECT {', '.join(columns)} FROM read_json({quoted(str(lines))}, columns={{{types}}}, ignore_errors=true, "
        f"records=true, format='newline_delimited', compression='none', maximum_object_size={max_record_bytes})"
    )


def _locate(path: str) -> _Location:
    if path.startswith("$"):
        keys, end = [], 1
        while match := _KEY_OF_DUCKDB.match(path, end):
            keys.append(match[1] or match[2])
            end = match.end()
        return _Location(tuple(keys), f"${path[end:]}" if path[end:] else None, is_plain(path))
    special_sign = None if is_plain(path) else _NOT_PLAIN.search(path)
    if special_sign is None:
        return _Location(tuple(path.split(".")), None, is_plain=True)
    start = special_sign.start()
    return _Location(tuple(path[:start].split(".")), path[start:].removeprefix("."), is_plain=False)


def _differ_in_case(locations: Iterable[_Location]) -> bool:
    members = {location.keys[:length] for location in locations for length in range(1, len(location.keys) + 1)}
    return len({tuple(key.lower() for key in keys) for keys in members}) < len(members)


def _find_documents(locations: Iterable[_Location]) -> set[tuple[str, ...]]:
    """Return the members that are read as JSON: those with a path into them that is no key, or with a text of their own
    beside their members."""
    keys = {location.keys for location in locations}
    parents = {child[:length] for child in keys for length in range(1, len(child))}
    return {location.keys for location in locations if location.inside is not None} | (keys & parents)


def _document_of(keys: tuple[str, ...], documents: set[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the outermost of the documents in which a member lies; None if it lies in none."""
    return next((keys[:length] for length in range(1, len(keys) + 1) if keys[:length] in documents), None)


def _text_of(location: _Location, locations: Sequence[_Location], documents: set[tuple[str, ...]]) -> str:
    document = _document_of(location.keys, documents)
    if document is None:
        return _member(location.keys)
    keys = location.keys[len(document) :]
    key_path = "$" + "".join(f'."{key}"' for key in keys)
    if location.inside is None:
        is_above_others = any(
            location_of_other.keys[: len(location.keys)] == location.keys != location_of_other.keys
            for location_of_other in locations
        )
        return (text_unless_object if is_above_others else plain_query)(key_path, _member(document))
    if location.inside.startswith("$"):
        return (plain_query if location.is_plain else text_query)(key_path + location.inside[1:], _member(document))
    link = "." if keys and location.inside == "*" else ""
    return text_query(".".join(keys) + link + location.inside, _member(document))


def _member(keys: Sequence[str]) -> str:
    return ".".join('"' + key.replace('"', '""') + '"' for key in keys)


def _column_types(members: Iterable[tuple[str, ...]], documents: set[tuple[str, ...]]) -> Mapping[str, str]:
    """Return the type of each top member: text, JSON, or an object of the members that are read."""
    rests_by_key: dict[str, list[tuple[str, ...]]] = {}
    for keys in sorted(members):
        rests_by_key.setdefault(keys[0], []).append(keys[1:])

    def type_of(key: str, rests: list[tuple[str, ...]], parent_keys: tuple[str, ...]) -> str:
        path = (*parent_keys, key)
        if rests == [()]:
            return "JSON" if path in documents else "VARCHAR"
        rests_by_member: dict[str, list[tuple[str, ...]]] = {}
        for rest in rests:
            rests_by_member.setdefault(rest[0], []).append(rest[1:])
        fields = ", ".join(
            f"{_member([member])} {type_of(member, member_rests, path)}"
            for member, member_rests in rests_by_member.items()
        )
        return f"STRUCT({fields})"

    return {key: type_of(key, rests, ()) for key, rests in rests_by_key.items()}
