"""Headers of a table as its system spells them elsewhere: `Workday ID`, `Workday_ID` and `workdayID` are one header.

Belongs here: the words of a header, and shape maps whose headers are spelled as a file spells them.
Does not belong here: other names of the same column (`vocabularies.person_headers`), other languages
(`header_language`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipelines.sources.casts.transform import NUMERIC_KINDS
from pipelines.sources.declaration import HEADER_ATTRIBUTES, FieldMap, ShapeMap
from pipelines.sources.readers.text_table import TextTable


def words_of(header: str) -> str:
    """Return the words of a header in lower case: Job_Title, jobTitle and JOB TITLE are job title."""
    spaced_header = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header.strip())
    return re.sub(r"[\s_\-]+", " ", spaced_header).casefold().strip()


def spell_headers(shape_maps: Sequence[ShapeMap], table: TextTable) -> tuple[ShapeMap, ...]:
    """Return the shape maps with headers that a table spells otherwise as the table spells them.

    A header of the table that a map declares as it stands keeps its meaning. Members of JSON records are never
    respelled, and neither are headers of numbers: a label and the name of its column in an API can differ in the unit.

    Args:
        shape_maps: The maps of an adapter.
        table: The file.
    """
    if table.has_open_schema:
        return tuple(shape_maps)
    declared_keys = {table.key(header) for shape_map in shape_maps for header in _declared_headers(shape_map)}
    headers_by_words: dict[str, list[str]] = {}
    for header in table.headers:
        if header.strip() and table.key(header) not in declared_keys:
            headers_by_words.setdefault(words_of(header), []).append(header)
    spelling_by_header = {
        header: alike_headers[0]
        for shape_map in shape_maps
        for header in _declared_headers(shape_map)
        if table.key(header) not in table.columns
        and len(alike_headers := headers_by_words.get(words_of(header), [])) == 1
    }
    return (
        tuple(_respell_shape_map(shape_map, spelling_by_header) for shape_map in shape_maps)
        if spelling_by_header
        else tuple(shape_maps)
    )


def _declared_headers(shape_map: ShapeMap) -> list[str]:
    headers = [header for field_map in shape_map.fields for header in field_map.all_headers]
    return [*headers, *shape_map.signature]


def _respell_shape_map(shape_map: ShapeMap, spelling_by_header: dict[str, str]) -> ShapeMap:
    def respell_headers(headers: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(spelling_by_header.get(header, header) for header in headers))

    def respell_field(field_map: FieldMap) -> FieldMap:
        transform = field_map.transform
        if transform is not None and transform.kind in NUMERIC_KINDS:
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
        shape_map, fields=tuple(map(respell_field, shape_map.fields)), signature=respell_headers(shape_map.signature)
    )
