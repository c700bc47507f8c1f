"""Usual headers: columns of people that a file fills under a name which its system's adapter does not declare.

Belongs here: which unread headers of a file fill which columns of a person, and when.
Does not belong here: the names (`vocabularies.person_headers`), other spellings of a declared header
(`header_spelling`).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.sources.declaration import FieldMap
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.json_paths import covers
from pipelines.sources.readers.text_table import TextTable
from pipelines.sources.value_maps import DIGEST
from pipelines.sources.vocabularies.person_headers import USUAL_ACTOR_HEADERS, USUAL_PERSON_HEADERS, UsualHeaders

# Shapes whose records are about one person.
_SHAPES_OF_PEOPLE = ("person", "account", "role_period")
# Shapes whose records say what one person did. In others, such as issues, an `Email` may be that of a customer.
_SHAPES_OF_ACTIONS = ("worklog", "learning_record", "feedback")
# What separates a first and a last name that an adapter joins.
_NAME_SEPARATOR = " "
_DESTINATIONS_BESIDE_NAMES = ("employee_number", "work_email")


def add_usual_headers(
    shape: CanonicalSchemaName,
    variants_by_destination: dict[str, list[FieldMap]],
    mapped_destinations: Collection[str],
    table: TextTable,
) -> None:
    """Let unread headers with a usual name fill columns of which the file has no declared header.

    In a record of what somebody did they only tell who that was, and only if no declared header does, or names alone.

    Args:
        shape: The canonical shape.
        variants_by_destination: The field maps of the shape by destination; changed in place.
        mapped_destinations: Destinations that the configuration maps; they stay as they are.
        table: The file.
    """
    header_by_words = _unread_headers_by_words(variants_by_destination, table)
    if shape in _SHAPES_OF_PEOPLE:
        for destination in USUAL_PERSON_HEADERS.keys() & variants_by_destination.keys() - mapped_destinations:
            variants = variants_by_destination[destination]
            if not any(has_header(field_map, table) for field_map in variants):
                usual_variants = _find_usual_variants(destination, USUAL_PERSON_HEADERS, header_by_words)
                variants_by_destination[destination] = variants + [
                    replace(usual_variant, transform=variants[0].transform) for usual_variant in usual_variants
                ]
    elif shape in _SHAPES_OF_ACTIONS and not mapped_destinations & USUAL_ACTOR_HEADERS.keys():
        _add_actor_headers(variants_by_destination, header_by_words, table)


def has_header(field_map: FieldMap, table: TextTable) -> bool:
    """Return whether the file has any of the headers of the field map."""
    header_keys = [table.key(header) for header in field_map.headers]
    return any(header_key in table.columns for header_key in header_keys) or (
        table.has_open_schema
        and any(covers(header_key, header) for header_key in header_keys for header in table.columns)
    )


def may_have_value(field_map: FieldMap, table: TextTable) -> bool:
    """Return whether the file has a header of the field map, or may have a member that its headers do not list."""
    # Headers of JSON do not list members that only a path reaches, nor those of all elements of a list.
    has_path_header = any(header.startswith("$") or "[*]" in header for header in field_map.headers)
    return has_header(field_map, table) or (table.has_open_schema and has_path_header)


def _unread_headers_by_words(
    variants_by_destination: Mapping[str, list[FieldMap]], table: TextTable
) -> Mapping[str, str]:
    """Return the headers that no field map reads, by their words; of several with the same words the first."""
    read_header_keys = {
        table.key(header)
        for variants in variants_by_destination.values()
        for field_map in variants
        for header in field_map.all_headers
    }
    return {words_of(header): header for header in reversed(table.headers) if table.key(header) not in read_header_keys}


def _find_usual_variants(
    destination: str, usual_headers_by_destination: Mapping[str, UsualHeaders], header_by_words: Mapping[str, str]
) -> list[FieldMap]:
    """Return the field map of the usual headers that the file has, or none."""
    usual_headers = usual_headers_by_destination[destination]
    found_headers = tuple(header_by_words[words] for words in usual_headers.names if words in header_by_words)
    return [FieldMap(destination, found_headers, extract=usual_headers.extract)] if found_headers else []


def _add_actor_headers(
    variants_by_destination: dict[str, list[FieldMap]], header_by_words: Mapping[str, str], table: TextTable
) -> None:
    """Let the most trusted usual header of a person tell who acted, if no declared header does, or names alone."""
    actor_variants = [
        field_map for destination in USUAL_ACTOR_HEADERS for field_map in variants_by_destination.get(destination, ())
    ]
    naming_variants = [
        field_map for field_map in actor_variants if field_map.constant is not None or may_have_value(field_map, table)
    ]
    # A first and a last name tell accounts apart, and lead to nobody.
    if not actor_variants or any(field_map.join != _NAME_SEPARATOR for field_map in naming_variants):
        return
    for destination in _DESTINATIONS_BESIDE_NAMES if naming_variants else USUAL_ACTOR_HEADERS:
        for actor_field in _find_usual_variants(destination, USUAL_ACTOR_HEADERS, header_by_words)[:1]:
            for declared_destination in USUAL_ACTOR_HEADERS.keys() & variants_by_destination.keys():
                variants_by_destination[declared_destination] = [
                    replace(field_map, required=False) for field_map in variants_by_destination[declared_destination]
                ]
            variants_by_destination[destination] = [*variants_by_destination.get(destination, ()), actor_field]
            # Two people who do the same at the same time have a record each.
            variants_by_destination["record_code"] = [
                field_map if field_map.join is None else _add_to_key(field_map, actor_field.headers)
                for field_map in variants_by_destination.get("record_code", ())
            ]
            return


def _add_to_key(key_field: FieldMap, actor_headers: tuple[str, ...]) -> FieldMap:
    """Return the field map of a composed key with further headers.

    A pattern that cuts ids out of the cells of a readable key does not fit other headers: the complete cells are then
    the key, as a digest.
    """
    extended_field = replace(key_field, headers=(*key_field.headers, *actor_headers))
    return extended_field if key_field.transform == DIGEST else replace(extended_field, extract=None, transform=DIGEST)
