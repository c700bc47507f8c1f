"""Which system wrote a file, by its columns; and which columns each system needs and can use.

Belongs here: ranking the systems for a file, the block of footsteps.yaml for the best one, the list of systems.
Does not belong here: reading a file by the chosen adapter (`adapter`).
"""

import re
from collections.abc import Collection
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
from pipelines.sources.mapping import has_header, nearest_names
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import TextTable
from pipelines.sources.reshape import unpivoted_headers

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
        matching: Headers of the signature that the file has.
        missing: Required headers that the file lacks or, if it lacks a part of the signature, of which it holds no
            readable text; and those of the measure of the shape if it has none of them; alternatives are joined by
            ` or `.
        why: The reasons in one sentence.
    """

    system: str
    shape: CanonicalSchemaName | None
    score: float
    matching: tuple[str, ...]
    missing: tuple[str, ...]
    why: str


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
    table_by_reading: dict[object, TextTable] = {}
    adapters = [adapter for adapter in all_adapters().values() if systems is None or adapter.system in systems]
    known_headers = {header for adapter in adapters for header in headers_wanted(adapter, options)}
    for adapter in adapters:
        # Systems whose files are read alike share one table.
        reading_key = (adapter.formats, adapter.records_path, adapter.record_terminator)
        try:
            if reading_key not in table_by_reading:
                table_by_reading[reading_key] = open_export(path, adapter, options, known_headers=known_headers)
        except ExportRefused as refusal:
            refusals.append(refusal)
            continue
        refuse_unread_form(table_by_reading[reading_key], adapter, path.name)
        matches += [
            match
            for shape_map in adapter.shapes
            if (match := _match_shape(adapter, shape_map, table_by_reading[reading_key], path))
        ]
    if not table_by_reading:
        raise refusals[0]
    return sorted(matches, key=lambda match: (-match.score, len(match.missing), -len(match.matching), match.system))


def best_match(matches: list[SystemMatch]) -> SystemMatch | None:
    """Return the match that is certain enough to be suggested, of the matches in the order of `rank_systems`."""
    first_match = matches[0] if matches else None
    return first_match if first_match and first_match.score >= MIN_MATCH_SCORE and not first_match.missing else None


def suggest_source_block(path: Path) -> str:
    """Return the `sources:` entry of footsteps.yaml for a file, with the reasons as comments.

    Args:
        path: The file.

    Returns:
        YAML text. If no system fits, the entry is one of the system `tabular`, for the user to complete.

    Raises:
        ExportRefused: If no system can open the file.
    """
    matches = rank_systems(path)
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
        comment_lines = [f"# {chosen_match.why}"]
        tied_systems = dict.fromkeys(
            match.system for match in matches if match.score == chosen_match.score and not match.missing
        )
        comment_lines += [f"# tie: {system} fits as well" for system in tied_systems if system != chosen_match.system]
    else:
        source_entry.update(
            shape="skill_mention", mapping=dict.fromkeys(("account_code", "skill_text", "occurred_at"), "?")
        )
        comment_lines = [
            "# no system fits: choose a shape and map its columns",
            f"# columns of the file: {', '.join(open_table(path).headers[:40])}",
            *(f"# nearest guess: {match.why}" for match in matches[:1]),
        ]
    entry_yaml = yaml.safe_dump([source_entry], sort_keys=False, allow_unicode=True).rstrip()
    return "\n".join([*comment_lines, "sources:", *(f"  {yaml_line}" for yaml_line in entry_yaml.splitlines()), ""])


def _match_shape(adapter: Adapter, shape_map: ShapeMap, table: TextTable, path: Path) -> SystemMatch | None:
    first_headers = dict.fromkeys(field_map.headers[0] for field_map in shape_map.fields if field_map.headers)
    signature = shape_map.signature or adapter.signature or tuple(first_headers)
    # The parent of a nested member counts as present.
    present_headers = {*table.columns, *(header.split(".")[0] for header in table.columns)}
    matching_headers = tuple(header for header in signature if table.key(header) in present_headers)
    mapped_fields = [field_map for field_map in shape_map.fields if has_header(field_map, table)]
    if not matching_headers and not mapped_fields:
        return None
    filled_columns = {field_map.destination for field_map in mapped_fields}
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
        missing_headers = _unnamed_days(shape_map, table, path)
    if not missing_headers and not matching_headers:
        missing_headers = _unnamed_people(shape_map, table)
    read_keys = {table.key(header) for header in headers_read_by(shape_map)}
    signature_share = len(matching_headers) / max(len(signature), 1)
    filled_share = len(filled_columns) / max(len({field_map.destination for field_map in shape_map.fields}), 1)
    read_share = len(read_keys & set(table.columns)) / max(len(table.columns), 1)
    unread_headers = _unread_headers(shape_map, table) if not missing_headers and signature_share < 1 else ()
    score = max(0.7 * signature_share + 0.3 * filled_share, 0.7 * filled_share + 0.3 * read_share)
    listed_headers = f" ({', '.join(matching_headers)})" if matching_headers else ""
    explanation = (
        f"{adapter.title}: has {len(matching_headers)} of {len(signature)} columns that mark it{listed_headers} and "
        f"fills {len(mapped_fields)} columns of {shape_map.shape}"
    )
    for alternative_headers in missing_headers:
        nearest_headers = nearest_names(alternative_headers.split(" or ")[0], table.headers)
        explanation += f"; lacks {alternative_headers}, nearest: {nearest_headers}"
    explanation += "".join(
        f"; {alternative_headers} holds nothing that it reads" for alternative_headers in unread_headers
    )
    missing_headers += unread_headers
    return SystemMatch(
        adapter.system,
        shape_map.shape,
        round(score * 0.5 ** len(missing_headers), 3),
        matching_headers,
        missing_headers,
        explanation,
    )


def _unnamed_days(shape_map: ShapeMap, table: TextTable, path: Path) -> tuple[str, ...]:
    """Return the headers of a needed field that only the name of the file could fill, and does not."""
    for destinations in CANONICAL_SCHEMAS[shape_map.shape].needed_columns:
        field_maps = [field_map for field_map in shape_map.fields if field_map.destination in destinations]
        named_maps = [field_map for field_map in field_maps if FILE_NAME in field_map.headers and field_map.extract]
        others = [field_map for field_map in field_maps if field_map not in named_maps]
        if not named_maps or any(field_map.constant or has_header(field_map, table) for field_map in others):
            continue
        if not any(re.search(field_map.extract or "", path.name) for field_map in named_maps):
            return (" or ".join(header for field_map in others for header in field_map.headers) or "a day in its name",)
    return ()


def _unnamed_people(shape_map: ShapeMap, table: TextTable) -> tuple[str, ...]:
    """Return the headers that could name the person of a record, if the file has none of them."""
    people_maps = [field_map for field_map in shape_map.fields if field_map.destination in PERSON_COLUMNS]
    if not people_maps or any(
        field_map.constant or FILE_NAME in field_map.headers or has_header(field_map, table)
        for field_map in people_maps
    ):
        return ()
    return (" or ".join(header for field_map in people_maps for header in field_map.headers),)


def _unread_headers(shape_map: ShapeMap, table: TextTable) -> tuple[str, ...]:
    """Return the headers of each required field of which the pattern reads none of the first rows."""
    pattern_fields = [field_map for field_map in shape_map.fields if field_map.required and field_map.extract]
    if not pattern_fields:
        return ()
    headers = [header for field_map in pattern_fields for header in field_map.headers]
    columns = {column for header in headers for column in frame_columns(header, table)}
    cells = scan_cells(table, sorted(columns & set(chain.from_iterable(table.columns.values()))))
    is_any_read = [field_text(field_map, shape_map, table).is_not_null().any() for field_map in pattern_fields]
    is_read = cells.head(PROOF_ROWS).select(pl.concat_list(is_any_read).alias("is_read")).collect()["is_read"][0]
    return tuple(
        " or ".join(field_map.headers)
        for field_map, is_field_read in zip(pattern_fields, is_read, strict=True)
        if not is_field_read
    )


def _measure_fields(shape_map: ShapeMap) -> list[FieldMap]:
    """Return the field maps of what a record of the shape measures."""
    measure = CANONICAL_SCHEMAS[shape_map.shape].measure
    return [field_map for field_map in shape_map.fields if field_map.destination == measure]


def _has_measure(shape_map: ShapeMap, table: TextTable) -> bool:
    """Return whether the file fills the measure of the shape, if the shape map reads one from headers."""
    measure_fields = _measure_fields(shape_map)
    if not any(field_map.headers for field_map in measure_fields) or unpivoted_headers(table, shape_map.unpivot):
        return True
    return any(
        field_map.constant is not None
        or has_header(field_map, table)
        or all(
            has_header(FieldMap(field_map.destination, moment_headers), table)
            for moment_headers in (field_map.start_headers, field_map.end_headers)
        )
        for field_map in measure_fields
    )


def _describe_system(adapter: Adapter) -> dict[str, Any]:
    field_maps = [field_map for shape_map in adapter.shapes for field_map in shape_map.fields if field_map.headers]
    needed_headers = dict.fromkeys(" or ".join(field_map.headers) for field_map in field_maps if field_map.required)
    optional_headers = dict.fromkeys(
        " or ".join(field_map.headers) for field_map in field_maps if not field_map.required
    )
    shapes = tuple(dict.fromkeys(shape_map.shape for shape_map in adapter.shapes))
    return {
        "system": adapter.system,
        "title": adapter.title,
        "domain": adapter.domain,
        "formats": adapter.formats,
        "shapes": shapes,
        "needed": tuple(needed_headers),
        "optional": tuple(headers for headers in optional_headers if headers not in needed_headers),
        "columns": {
            shape: [asdict(column) for column in shape_columns]
            for shape, shape_columns in list_shape_columns().items()
            if shape in shapes or not shapes
        },
        "notes": adapter.notes,
    }
