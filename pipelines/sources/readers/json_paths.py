"""Paths to members of a JSON record, as adapters write them, and the DuckDB expression that reads each.

Belongs here: the forms of a path.
    `a.b`            the member b of the object a
    `a[*].b`         the member b of each element of the list a, joined by |
    `a[*]`           the texts of the list a, joined by |, or the text a
    `a[k=x|y].b`     the same, of the elements whose member k is x or y; an empty word stands for a missing member
    `a[k.m=x].b`     the same by a member m of the member k
    `a[0].b`         the member b of the first element of the list a
    `a[=x|y]`        the elements x and y of the list a, or the text a if it is one of them
    `a.*`            every member of the object a, joined by |: the names in all languages
    `a::b`           the member b of the object a, which may be written as text that holds JSON
    `$.a."b.c"`      a path of DuckDB, for keys with a dot in them
Does not belong here: reading files (`json_lines`), which path fills which column (the adapters).
"""

import re
from collections.abc import Sequence
from functools import cache

import duckdb

from pipelines.sources.casts.placeholders import PLACEHOLDERS

_FILTER = re.compile(r"^(.*?)\[([\w.]*)=([^\]]*)\](?:\.(.+))?$")
_EMPTY_KEY = re.compile(r"(?:^|\.)(?:$|\.|\[)")
_INSIDE_TEXT, _ANY_MEMBER = "::", "*"
_PATH_SIGN = re.compile(r"[\[\]*\\]|::")
_BARE_KEY = re.compile(r"\w+(?:\[\*\])?")
ELEMENT_INDEX = re.compile(r"\[\d+\]")
_LIST_KEY = re.compile(r"(.*?)(\[(?:\*|\d+)\])?", re.DOTALL)


def is_valid_path(path: str) -> bool:
    """Return whether the path has one of the forms: an empty key leads nowhere."""
    if _EMPTY_KEY.search(path):
        return False
    path_query = text_unless_object(path) if is_plain(path) else text_query(path)
    with duckdb.connect() as connection:
        try:
            connection.execute(f"SELECT {path_query} FROM (SELECT '{{}}' AS line)")
        except duckdb.BinderException:  # DuckDB has no function that checks a path
            return False
    return True


def is_plain(path: str) -> bool:
    """Return whether the path leads to at most one text."""
    return not ("[*]" in path or path.endswith(f".{_ANY_MEMBER}") or _INSIDE_TEXT in path or _FILTER.match(path))


def plain_query(path: str, document_column: str = "line") -> str:
    """Return the DuckDB expression of the text under a path that is plain.

    Args:
        path: The path.
        document_column: The column that holds the JSON.
    """
    return f"TRY(json_extract_string({document_column}, {quoted(duckdb_path(path))}))"


def text_query(path: str, document_column: str = "line") -> str:
    """Return the DuckDB expression of the text under a path that is not plain; null if the document is no JSON.

    The arguments are those of `plain_query`.
    """
    if filter_match := _FILTER.match(path):
        return _filter_query(document_column, *filter_match.groups(default=""))
    outer_path, _, inner_path = path.partition(_INSIDE_TEXT)
    outer_query = plain_query(outer_path, document_column)
    if inner_path:
        return f"TRY(json_extract_string({outer_query}, {quoted(duckdb_path(inner_path))}))"
    if path.endswith("[*]") and path.count("[*]") == 1:
        list_path = path.removesuffix("[*]")
        list_type_query = f"TRY(json_type({document_column}, {quoted(duckdb_path(list_path))}))"
        single_text_query = text_unless_object(list_path, document_column)
        return f"CASE {list_type_query} WHEN 'ARRAY' THEN {_join_texts(outer_query)} ELSE {single_text_query} END"
    return _join_texts(outer_query)


def text_unless_object(path: str, document_column: str = "line") -> str:
    """Return the DuckDB expression of a member's text; null if the member is an object or a list of objects.

    The arguments are those of `plain_query`.
    """
    type_queries = (
        f"TRY(json_type({document_column}, {quoted(duckdb_path(path) + path_suffix)}))" for path_suffix in ("", "[0]")
    )
    is_object_query = f"'OBJECT' IN ({', '.join(type_queries)})"
    return f"CASE WHEN {is_object_query} THEN NULL ELSE {plain_query(path, document_column)} END"


def duckdb_path(path: str) -> str:
    """Return the path as DuckDB writes it."""
    if not path:
        return "$"
    return path if path.startswith("$") else "$" + "".join(_quote_key(key) for key in path.split("."))


def is_readable_key(key: str) -> bool:
    """Return whether a path can lead to members under a key: with a dot in it, it must hold no sign of paths."""
    return bool(key) and '"' not in key and not ("." in key and _PATH_SIGN.search(key))


def member_path(keys: Sequence[str]) -> str:
    """Return the path of a member, in the form of DuckDB if one of the keys has a dot in it.

    Args:
        keys: The keys down to the member; `[*]` stands behind the key of a list.
    """
    if not any("." in key for key in keys):
        return ".".join(keys)
    return "$" + "".join(f".{key}" if _BARE_KEY.fullmatch(key) else _quote_key(key) for key in keys)


def covers(path: str, header: str) -> bool:
    """Return whether an adapter that reads a path reads a header of a file; both are normalized."""
    if path.endswith(".*"):
        return header.startswith(path[:-1]) and "." not in header[len(path) - 1 :]
    return header in _covered_headers(path)


@cache  # of the few paths that adapters and the configuration declare, each is compared with every header of a file
def _covered_headers(path: str) -> frozenset[str]:
    if _INSIDE_TEXT in path:
        return frozenset((path.partition(_INSIDE_TEXT)[0], path.replace(_INSIDE_TEXT, ".")))
    if filter_match := _FILTER.match(path):
        list_path, filter_path, _, text_path = filter_match.groups(default="")
        text_path = ELEMENT_INDEX.sub("[*]", text_path)
        inner_paths = (
            f"{list_prefix}.{inner_path}"
            for list_prefix in (list_path, f"{list_path}[*]")
            for inner_path in (filter_path, text_path)
        )
        return frozenset((list_path, *inner_paths))
    return frozenset((path, path.removesuffix("[*]")))


def quoted(text: str) -> str:
    """Return the text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


# All placeholders in one text, each between two of these signs: DuckDB plans and searches one text much faster than a
# list of constants.
_UNIT_SEPARATOR = "\x1f"
_PLACEHOLDERS = quoted(_UNIT_SEPARATOR.join(("", *sorted(PLACEHOLDERS), "")))
_LONGEST_PLACEHOLDER = max(len(text.encode()) for text in PLACEHOLDERS)


def _quote_key(key: str) -> str:
    if key == _ANY_MEMBER:
        return ".*"
    list_key, elements = _LIST_KEY.fullmatch(key).groups(default="")  # type: ignore[union-attr]  # it matches any key
    plain_key = list_key.replace('"', r"\"")
    return f'."{plain_key}"{elements}' if plain_key else key


def _filter_query(document_column: str, list_path: str, filter_path: str, joined_words: str, text_path: str) -> str:
    """Return the DuckDB expression of texts of those elements of a list whose member is one of some words.

    Args:
        document_column: The column that holds the JSON.
        list_path: Path of the list; a single value counts as a list of one element.
        filter_path: Path of the member inside an element; "" for the element itself.
        joined_words: The words, joined by |.
        text_path: Path of the text inside an element; "" for the element itself.
    """
    list_query, single_query = (
        f"TRY(json_extract({document_column}, {quoted(duckdb_path(list_path) + path_suffix)}))"
        for path_suffix in ("[*]", "")
    )
    elements_query = f"CASE json_type({single_query}) WHEN 'ARRAY' THEN {list_query} ELSE [{single_query}] END"
    quoted_words = ", ".join(quoted(word.lower()) for word in joined_words.split("|"))
    quoted_filter_path, quoted_text_path = (
        quoted(duckdb_path(inner_path) if inner_path else "$") for inner_path in (filter_path, text_path)
    )
    filter_text_query = f"lower(coalesce(json_extract_string(element, {quoted_filter_path}), ''))"
    chosen_query = f"list_filter({elements_query}, lambda element: {filter_text_query} IN ({quoted_words}))"
    return _join_texts(
        f"list_transform({chosen_query}, lambda element: json_extract_string(element, {quoted_text_path}))"
    )


def _join_texts(texts_query: str) -> str:
    """Return the DuckDB expression of the texts of a list, joined by |, without blanks, placeholders and objects.

    It is null if no text is left.
    """
    # most texts are long and hold no brace: what is slow looks at the others alone
    is_object_query = (
        "CASE WHEN contains(text, '{') AND json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END"
    )
    is_placeholder_query = f"contains({_PLACEHOLDERS}, '{_UNIT_SEPARATOR}' || trim(text) || '{_UNIT_SEPARATOR}')"
    is_filled_query = (
        f"CASE WHEN strlen(trim(text)) <= {_LONGEST_PLACEHOLDER} THEN trim(text) <> '' AND NOT {is_placeholder_query} "
        "ELSE true END"
    )
    is_text_query = f"{is_filled_query} AND NOT {is_object_query}"
    return f"nullif(array_to_string(list_filter({texts_query}, lambda text: {is_text_query}), '|'), '')"
