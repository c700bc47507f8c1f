"""Which system wrote a file, by its columns; and which columns each system needs and can use.

Belongs here: ranking the systems for a file, the block of footsteps.yaml for the best one, the list of systems.
Does not belong here: reading a file by the chosen adapter (`adapter`).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.shape_columns import list_shape_columns
from pipelines.sources.adapter import NO_OPTIONS, all_adapters, headers_wanted, open_export, open_table
from pipelines.sources.declaration import FILE_NAME, Adapter, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.field_text import field_text, frame_columns, headers_read_by, scan_cells
from pipelines.sources.file_forms import refuse_unread_form
from pipelines.sources.header_spelling import other_places_of, spell_headers
from pipelines.sources.mapping import nearest_names
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import TextTable
from pipelines.sources.reshape import unpivoted_headers
from pipelines.sources.usual_headers import has_header

# A system is suggested only from this score on.
MIN_MATCH_SCORE = 0.5
# Columns by which a record names its person.
PERSON_COLUMNS = ("employee_number", "work_email", "account_code")
# Rows in which a file proves that a column holds what its pattern reads.
PROOF_ROWS = 1000


@dataclass(frozen=True, slots=True)
class SystemMatch:
    """How well a file fits one shape of one system.

    Attributes:
        system: Name of the system.
        shape: The canonical shape that the file would fill.
        score: 0..1; 1 if the file has all that marks the system.
        matching_headers: Headers of the signature that the file has.
        missing_headers: Required headers that the file lacks or, if it lacks a part of the signature, of which it holds
            no readable text; and those of the measure of the shape if it has none of them; alternatives are joined by
            ` or `.
        explanation: The reasons in one sentence.
    """

    system: str
    shape: CanonicalSchemaName | None
    score: float
    matching_headers: tuple[str, ...]
    missing_headers: tuple[str, ...]
    explanation: str


def describe_systems() -> list[dict[str, Any]]:
    """Return what each system exports, and the columns it needs and can use.

    Returns:
        One mapping per system, in alphabetical order, with the keys `system`, `title`, `domain`, `formats`, `shapes`,
        `needed`, `optional` (headers; alternatives are joined by ` or `), `columns` (per shape what its columns mean,
        of `tabular` per shape of all) and `notes`.
    """
    return [_describe_system(adapter) for adapter in all_adapters().values()]


def rank_systems(
    path: Path, options: SourceOptions = NO_OPTIONS, systems: Collection[str] | None = None
) -> list[SystemMatch]:
    """Rank the systems that may have written a file.

    Args:
        path: The file.
        options: How the file is opened; `member` selects one file of an archive.
        systems: The systems to rank; None for all.

    Returns:
        One match per system and shape that can open the file and shares a column with it, the best first. The score is
        the share of the signature that the file has or, if that is more, of the fields that it can fill; each missing
        required column halves it.

    Raises:
        ExportRefused: If no system can open the file, with the reason of the first reader; or if a system declares the
            form of the file as one that is not read.
    """
    matches: list[SystemMatch] = []
    refusals: list[ExportRefused] = []
    table_by_reading_key: dict[object, TextTable] = {}
    adapters = [adapter for adapter in all_adapters().values() if systems is None or adapter.system in systems]
    known_headers = {header for adapter in adapters for header in headers_wanted(adapter, options)}
    for adapter in adapters:
        # Systems whose files are read alike share one table.
        reading_key = (adapter.formats, adapter.records_path, adapter.record_terminator)
        try:
            if reading_key not in table_by_reading_key:
                table_by_reading_key[reading_key] = open_export(path, adapter, options, known_headers=known_headers)
        except ExportRefused as refusal:
            refusals.append(refusal)
            continue
        table = table_by_reading_key[reading_key]
        refuse_unread_form(table, adapter, path.name)
        shape_maps = spell_headers(adapter.shapes, table) if table.has_open_schema else adapter.shapes
        matches += [match for shape_map in shape_maps if (match := _match_shape(adapter, shape_map, table, path))]
    if not table_by_reading_key:
        raise refusals[0]
    return sorted(
        matches,
        key=lambda match: (-match.score, len(match.missing_headers), -len(match.matching_headers), match.system),
    )


def best_match(matches: Sequence[SystemMatch]) -> SystemMatch | None:
    """Return the match that is certain enough to be suggested, of the matches in the order of `rank_systems`."""
    first_match = matches[0] if matches else None
    return (
        first_match
        if first_match and first_match.score >= MIN_MATCH_SCORE and not first_match.missing_headers
        else None
    )


def suggest_source_block(path: Path, matches: Sequence[SystemMatch] | None = None) -> str:
    """Return the `sources:` entry of footsteps.yaml for a file, with the reasons as comments.

    Args:
        path: The file.
        matches: The matches of the file in the order of `rank_systems`; None to rank the systems here.

    Returns:
        YAML text. If no system fits, the entry is one of the system `tabular`, for the user to complete.

    Raises:
        ExportRefused: If no system can open the file.
    """
    matches = rank_systems(path) if matches is None else matches
    chosen_match = best_match(matches)
    source_name = re.sub(
        r"[^a-z0-9]+", "_", (chosen_match.system if chosen_match else path.name.split(".")[0]).lower()
    ).strip("_")
    source_name = source_name if source_name[:1].isalpha() else f"source_{source_name}".rstrip("_")
    source_entry: dict[str, object] = {
        "name": source_name,
        "system": chosen_match.system if chosen_match else "tabular",
        "path": f"{source_name}/*{''.join(path.suffixes[-2:])}",
    }
    if chosen_match:
        comment_lines = [f"# {chosen_match.explanation}"]
        tied_systems = dict.fromkeys(
            match.system for match in matches if match.score == chosen_match.score and not match.missing_headers
        )
        comment_lines += [
            f"# tie: {system_name} fits as well" for system_name in tied_systems if system_name != chosen_match.system
        ]
    else:
        source_entry.update(
            shape="skill_mention", mapping=dict.fromkeys(("account_code", "skill_text", "occurred_at"), "?")
        )
        comment_lines = [
            "# no system fits: choose a shape and map its columns",
            f"# columns of the file: {', '.join(open_table(path).headers[:40])}",
            *(f"# nearest guess: {match.explanation}" for match in matches[:1]),
        ]
    entry_yaml = yaml.safe_dump([source_entry], sort_keys=False, allow_unicode=True).rstrip()
    return "\n".join([*comment_lines, "sources:", *(f"  {yaml_line}" for yaml_line in entry_yaml.splitlines()), ""])


def _match_shape(adapter: Adapter, shape_map: ShapeMap, table: TextTable, path: Path) -> SystemMatch | None:
    preferred_headers = dict.fromkeys(field_map.headers[0] for field_map in shape_map.fields if field_map.headers)
    signature = shape_map.signature or adapter.signature or tuple(preferred_headers)
    # The parent of a nested member counts as present.
    present_header_keys = {*table.columns, *(header.split(".")[0] for header in table.columns)}
    matching_headers = tuple(
        header
        for header in signature
        if table.key(header) in present_header_keys
        or (table.has_open_schema and not present_header_keys.isdisjoint(other_places_of(header)))
    )
    filled_field_maps = [field_map for field_map in shape_map.fields if has_header(field_map, table)]
    if not matching_headers and not filled_field_maps:
        return None
    filled_columns = {field_map.destination for field_map in filled_field_maps}
    missing_headers = tuple(
        " or ".join(field_map.headers)
        for field_map in shape_map.fields
        if field_map.required and field_map.headers and field_map.destination not in filled_columns
    )
    if not missing_headers and not _has_measure(shape_map, table):
        missing_headers += (
            " or ".join(header for field_map in _measure_fields(shape_map) for header in field_map.headers),
        )
    if not missing_headers:
        missing_headers = _missing_day_headers(shape_map, table, path)
    if not missing_headers and not matching_headers:
        missing_headers = _missing_person_headers(shape_map, table)
    used_header_keys = {table.key(header) for header in headers_read_by(shape_map)}
    signature_share = len(matching_headers) / max(len(signature), 1)
    filled_share = len(filled_columns) / max(len({field_map.destination for field_map in shape_map.fields}), 1)
    used_share = len(used_header_keys & set(table.columns)) / max(len(table.columns), 1)
    unreadable_headers = _unreadable_headers(shape_map, table) if not missing_headers and signature_share < 1 else ()
    match_score = max(0.7 * signature_share + 0.3 * filled_share, 0.7 * filled_share + 0.3 * used_share)
    headers_clause = f" ({', '.join(matching_headers)})" if matching_headers else ""
    explanation = (
        f"{adapter.title}: has {len(matching_headers)} of {len(signature)} columns that mark it{headers_clause} and "
        f"fills {len(filled_field_maps)} columns of {shape_map.shape}"
    )
    for joined_alternatives in missing_headers:
        nearest_headers = nearest_names(joined_alternatives.split(" or ")[0], table.headers)
        explanation += f"; lacks {joined_alternatives}, nearest: {nearest_headers}"
    explanation += "".join(
        f"; {joined_alternatives} holds nothing that it reads" for joined_alternatives in unreadable_headers
    )
    missing_headers += unreadable_headers
    return SystemMatch(
        adapter.system,
        shape_map.shape,
        round(match_score * 0.5 ** len(missing_headers), 3),
        matching_headers,
        missing_headers,
        explanation,
    )


def _missing_day_headers(shape_map: ShapeMap, table: TextTable, path: Path) -> tuple[str, ...]:
    """Return the headers of a needed field that only the name of the file could fill, and does not."""
    for alternative_destinations in CANONICAL_SCHEMAS[shape_map.shape].needed_column_groups:
        field_maps = [field_map for field_map in shape_map.fields if field_map.destination in alternative_destinations]
        file_name_maps = [field_map for field_map in field_maps if FILE_NAME in field_map.headers and field_map.extract]
        other_field_maps = [field_map for field_map in field_maps if field_map not in file_name_maps]
        if not file_name_maps or any(
            field_map.constant or has_header(field_map, table) for field_map in other_field_maps
        ):
            continue
        if not any(re.search(field_map.extract or "", path.name) for field_map in file_name_maps):
            return (
                " or ".join(header for field_map in other_field_maps for header in field_map.headers)
                or "a day in its name",
            )
    return ()


def _missing_person_headers(shape_map: ShapeMap, table: TextTable) -> tuple[str, ...]:
    """Return the headers of which one must name the person; empty if the file has one of them, or needs none."""
    person_field_maps = [field_map for field_map in shape_map.fields if field_map.destination in PERSON_COLUMNS]
    if not person_field_maps or any(
        field_map.constant or FILE_NAME in field_map.headers or has_header(field_map, table)
        for field_map in person_field_maps
    ):
        return ()
    return (" or ".join(header for field_map in person_field_maps for header in field_map.headers),)


def _unreadable_headers(shape_map: ShapeMap, table: TextTable) -> tuple[str, ...]:
    """Return the headers of each required field whose pattern matches none of the first rows."""
    pattern_field_maps = [field_map for field_map in shape_map.fields if field_map.required and field_map.extract]
    if not pattern_field_maps:
        return ()
    pattern_headers = [header for field_map in pattern_field_maps for header in field_map.headers]
    frame_column_names = {column for header in pattern_headers for column in frame_columns(header, table)}
    cells = scan_cells(table, sorted(frame_column_names & set(chain.from_iterable(table.columns.values()))))
    has_text_expressions = [
        field_text(field_map, shape_map, table).is_not_null().any() for field_map in pattern_field_maps
    ]
    has_text_per_field = (
        cells.head(PROOF_ROWS).select(pl.concat_list(has_text_expressions).alias("has_text")).collect()["has_text"][0]
    )
    return tuple(
        " or ".join(field_map.headers)
        for field_map, has_text in zip(pattern_field_maps, has_text_per_field, strict=True)
        if not has_text
    )


def _measure_fields(shape_map: ShapeMap) -> list[FieldMap]:
    """Return the field maps of what a record of the shape measures."""
    measure_column = CANONICAL_SCHEMAS[shape_map.shape].measure_column
    return [field_map for field_map in shape_map.fields if field_map.destination == measure_column]


def _has_measure(shape_map: ShapeMap, table: TextTable) -> bool:
    """Return whether the file fills the measure of the shape, if the shape map reads one from headers."""
    measure_field_maps = _measure_fields(shape_map)
    if not any(field_map.headers for field_map in measure_field_maps) or unpivoted_headers(table, shape_map.unpivot):
        return True
    return any(
        field_map.constant is not None
        or has_header(field_map, table)
        or all(
            has_header(FieldMap(field_map.destination, moment_headers), table)
            for moment_headers in (field_map.start_headers, field_map.end_headers)
        )
        for field_map in measure_field_maps
    )


def _describe_system(adapter: Adapter) -> dict[str, Any]:
    field_maps = [field_map for shape_map in adapter.shapes for field_map in shape_map.fields if field_map.headers]
    needed_headers = dict.fromkeys(" or ".join(field_map.headers) for field_map in field_maps if field_map.required)
    optional_headers = dict.fromkeys(
        " or ".join(field_map.headers) for field_map in field_maps if not field_map.required
    )
    shape_names = tuple(dict.fromkeys(shape_map.shape for shape_map in adapter.shapes))
    return {
        "system": adapter.system,
        "title": adapter.title,
        "domain": adapter.domain,
        "formats": adapter.formats,
        "shapes": shape_names,
        "needed": tuple(needed_headers),
        "optional": tuple(
            joined_alternatives for joined_alternatives in optional_headers if joined_alternatives not in needed_headers
        ),
        "columns": {
            shape: [asdict(column) for column in shape_columns]
            for shape, shape_columns in list_shape_columns().items()
            if shape in shape_names or not shape_names
        },
        "notes": adapter.notes,
    }
