"""Headers of a file as its system spells them elsewhere: `Workday ID`, `Workday_ID` and `workdayID` are one header.

Belongs here: the words of a header, and shape maps whose headers are spelled as a file spells them.
Does not belong here: other names of the same column (`vocabularies.person_headers`), other languages
(`header_language`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pipelines.sources.casts.transform import NUMERIC_KINDS
from pipelines.sources.declaration import HEADER_ATTRIBUTES, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.readers.text_table import TextTable

# Objects that hold the fields of a record beside its id.
_FIELD_ENVELOPES = ("root", "attributes")
# Signs of a path that leads to several members.
_PATH_SIGN = re.compile(r"[\[*$@/]|::")
_ConditionType = TypeVar("_ConditionType", Condition, PassOver)


def words_of(header: str) -> str:
    """Return the words of a header in lower case: Job_Title, jobTitle and JOB TITLE are job title."""
    spaced_header = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header.strip())
    return re.sub(r"[\s_\-]+", " ", spaced_header).casefold().strip()


def spell_headers(shape_maps: Sequence[ShapeMap], table: TextTable) -> tuple[ShapeMap, ...]:
    """Return the shape maps with headers that a file spells otherwise as the file spells them.

    A header of the file that a map declares as it stands keeps its meaning. Headers of numbers of a table are never
    respelled: a label and the name of its column in an API can differ in the unit. A member of JSON is also read where
    the records have it in an object of their own fields, under its path, or in an object with its value.

    Args:
        shape_maps: The maps of an adapter.
        table: The file.
    """
    if table.has_open_schema:
        spelling_by_header = _find_member_spellings(shape_maps, table)
    else:
        spelling_by_header = _find_label_spellings(shape_maps, table)
    if not spelling_by_header:
        return tuple(shape_maps)
    return tuple(_respell_shape_map(shape_map, spelling_by_header, table.has_open_schema) for shape_map in shape_maps)


def _find_label_spellings(shape_maps: Sequence[ShapeMap], table: TextTable) -> dict[str, str]:
    declared_keys = {table.key(header) for shape_map in shape_maps for header in _declared_headers(shape_map)}
    headers_by_words: dict[str, list[str]] = {}
    for header in table.headers:
        if header.strip() and table.key(header) not in declared_keys:
            headers_by_words.setdefault(words_of(header), []).append(header)
    return {
        header: alike_headers[0]
        for shape_map in shape_maps
        for header in _declared_headers(shape_map)
        if table.key(header) not in table.columns
        and len(alike_headers := headers_by_words.get(words_of(header), [])) == 1
    }


def _find_member_spellings(shape_maps: Sequence[ShapeMap], table: TextTable) -> dict[str, str]:
    """Return the other place of each member of which the records have no declared one."""
    absent_headers = {
        header
        for shape_map in shape_maps
        for header in _declared_headers(shape_map)
        if header not in table.columns and not _PATH_SIGN.search(header)
    }
    return {
        header: places[0]
        for header in absent_headers
        if (places := [place for place in other_places_of(header) if place in table.columns])
    }


def other_places_of(header: str) -> Iterator[str]:
    """Yield where records may have a member: `work.title` as `root.work.title`, `/work/title` or `work.title.value`."""
    parent, _, member = header.partition(".")
    names = [header, *(f"{envelope}.{header}" for envelope in _FIELD_ENVELOPES), f"/{header.replace('.', '/')}"]
    names += [f"/{envelope}/{header}" for envelope in _FIELD_ENVELOPES if not member]
    names += [f"{parent}./{member.replace('.', '/')}"] if member else []
    for name in names:
        yield from (name, f"{name}.value")


def _declared_headers(shape_map: ShapeMap) -> list[str]:
    headers = [header for field_map in shape_map.fields for header in field_map.all_headers]
    conditions: list[Condition | PassOver] = [
        *shape_map.pass_over,
        *(condition for field_map in shape_map.fields for condition in (field_map.when, field_map.unless) if condition),
    ]
    condition_headers = [
        header for condition in conditions if isinstance(condition.column, tuple) for header in condition.column
    ]
    return [*headers, *condition_headers, *shape_map.signature]


def _respell_shape_map(shape_map: ShapeMap, spelling_by_header: Mapping[str, str], is_open: bool) -> ShapeMap:
    """Return the shape map with the spelling of the file.

    Args:
        shape_map: The map.
        spelling_by_header: How the file spells declared headers.
        is_open: Whether later records may spell a header as it is declared, so that both are read.
    """

    def respell_headers(headers: Sequence[str]) -> tuple[str, ...]:
        spellings = _replace_all(headers, spelling_by_header)
        both_spellings = [spelling for pair in zip(headers, spellings, strict=True) for spelling in pair]
        return tuple(dict.fromkeys(both_spellings if is_open else spellings))

    def respell_condition(condition: _ConditionType) -> _ConditionType:
        if isinstance(condition.column, str):  # the column of a shape, whose headers are respelled
            return condition
        return replace(condition, column=respell_headers(condition.column))

    def respell_field(field_map: FieldMap) -> FieldMap:
        field_map = replace(
            field_map,
            when=field_map.when and respell_condition(field_map.when),
            unless=field_map.unless and respell_condition(field_map.unless),
        )
        transform = field_map.transform
        if transform is not None and transform.kind in NUMERIC_KINDS and not is_open:
            return field_map
        if transform is not None and field_map.value_is_header:
            word_by_spelled_header = {
                spelling_by_header[header]: word
                for header, word in transform.values.items()
                if header in spelling_by_header
            }
            field_map = replace(
                field_map, transform=replace(transform, values={**transform.values, **word_by_spelled_header})
            )
        headers_by_attribute: dict[str, Any] = {
            header_attribute: respell_headers(getattr(field_map, header_attribute))
            for header_attribute in HEADER_ATTRIBUTES
        }
        return replace(field_map, **headers_by_attribute)

    return replace(
        shape_map,
        fields=tuple(map(respell_field, shape_map.fields)),
        pass_over=tuple(map(respell_condition, shape_map.pass_over)),
        signature=tuple(dict.fromkeys(_replace_all(shape_map.signature, spelling_by_header))),
    )


def _replace_all(headers: Sequence[str], spelling_by_header: Mapping[str, str]) -> list[str]:
    return [spelling_by_header.get(header, header) for header in headers]
