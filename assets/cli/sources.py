"""`footsteps sources`: the systems that can be read, what a file is, and what a taxonomy holds.

Belongs here: printing it.
Does not belong here: the systems (`pipelines.sources`), the preview (`pipelines.ingest.preview`).
"""

from dataclasses import asdict, astuple
from datetime import date
from pathlib import Path
from typing import Any

from assets.cli.terminal.console import CommandFailed, print_json, print_table, stdout_console
from assets.cli.terminal.inputs import load_config
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.contracts.shape_columns import list_shape_columns
from pipelines.core.taxonomy import TaxonomyError
from pipelines.ingest.preview import Preview, ShapePreview, find_matching_source, preview_file
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.detect import SystemMatch, describe_systems, rank_systems, suggest_source_block
from pipelines.sources.readers.files import ExportRefused
from pipelines.taxonomies.declared import count_taxonomy_rows


def print_systems(as_json: bool) -> None:
    """Print every system with the columns it requires and can use, and every shape with its columns."""
    system_descriptions = describe_systems()
    if as_json:
        print_json(system_descriptions)
        return
    print_table(
        "Systems",
        {"system": "left", "domain": "left", "formats": "left", "fills": "left", "needs": "left", "can use": "right"},
        [
            [
                system_description["system"],
                system_description["domain"],
                ", ".join(system_description["formats"]),
                ", ".join(system_description["shapes"]),
                ", ".join(system_description["needed"]) or "what footsteps.yaml maps",
                str(len(system_description["optional"])),
            ]
            for system_description in system_descriptions
        ],
    )
    stdout_console.print("`tabular` fills any of these shapes, by `mapping: {COLUMN: HEADER}`.\n")
    for shape_name, shape_columns in list_shape_columns().items():
        print_table(
            f"shape {shape_name}: {CANONICAL_SCHEMAS[shape_name].grain}",
            dict.fromkeys(("column", "needed", "type", "unit", "example", "meaning"), "left"),
            [list(astuple(column_description)) for column_description in shape_columns],
        )


def print_matches(export_path: Path, as_json: bool) -> None:
    """Print which systems may have written the file, and the block of footsteps.yaml for the best match.

    Raises:
        CommandFailed: If the file does not exist or cannot be read.
    """
    _require_file(export_path)
    try:
        system_matches = rank_systems(export_path)
        source_block = suggest_source_block(export_path, system_matches)
    except ExportRefused as refusal:
        raise CommandFailed(str(refusal)) from refusal
    if as_json:
        print_json(
            {
                "file": export_path.name,
                "guesses": [_match_record(system_match) for system_match in system_matches],
                "block": source_block,
            }
        )
        return
    print_table(
        export_path.name,
        {"system": "left", "shape": "left", "score": "right", "why": "left"},
        [
            [system_match.system, system_match.shape or "", f"{system_match.score:.2f}", system_match.explanation]
            for system_match in system_matches[:5]
        ],
    )
    stdout_console.print("For footsteps.yaml:\n", highlight=False)
    stdout_console.out(source_block, highlight=False)


def _match_record(system_match: SystemMatch) -> dict[str, Any]:
    """A match in the keys of `--json`, which scripts of users read."""
    return {
        "system": system_match.system,
        "shape": system_match.shape,
        "score": system_match.score,
        "matching": system_match.matching_headers,
        "missing": system_match.missing_headers,
        "why": system_match.explanation,
    }


def print_preview(
    export_path: Path,
    system_name: str | None,
    config_file: Path | None,
    delivery_day: date,
    row_limit: int,
    as_json: bool,
) -> None:
    """Print what a run would read of a file, set aside and leave out. Nothing is written.

    Args:
        export_path: The export file.
        system_name: System whose adapter reads the file; None to use the source of `config_file`, or else the detected
            system.
        config_file: A footsteps.yaml whose source for the file gives the options of reading; None for the defaults.
        delivery_day: Day of the delivery.
        row_limit: Number of rows printed per shape; the JSON document holds all rows.
        as_json: Whether to print one JSON document.

    Raises:
        CommandFailed: If the file or the configuration cannot be read.
    """
    _require_file(export_path)
    declared_sources = load_config(Settings(config=config_file)).sources if config_file else []
    source = find_matching_source(declared_sources, export_path, system_name)
    if config_file and source is None:
        raise CommandFailed(f"{config_file.name} has no source for {export_path.name}: name its system with --system")
    source_options = source.options() if source else SourceOptions()
    export_preview = preview_file(
        export_path, system_name or (source.system if source else None), source_options, delivery_day
    )
    if as_json:
        print_json(export_preview.as_json())
    elif export_preview.refused is None:
        _print_shapes(export_preview, row_limit)
    if export_preview.refused is not None:
        raise CommandFailed(
            export_preview.refused
            if export_path.name in export_preview.refused
            else f"{export_path.name}: {export_preview.refused}"
        )


def _require_file(export_path: Path) -> None:
    if not export_path.is_file():
        raise CommandFailed(f"{export_path} does not exist: give an export file")


def _print_shapes(export_preview: Preview, row_limit: int) -> None:
    detected_system_text = export_preview.detected or "no system for certain"
    stdout_console.print(
        f"{export_preview.file}: read as {export_preview.system}; its columns fit {detected_system_text}"
    )
    for shape_name, shape_preview in (export_preview.shapes or {}).items():
        if shape_preview.rows:
            _print_rows(shape_name, shape_preview, row_limit)
        _print_broken_rules(f"{shape_name}: {len(shape_preview.set_aside):,} rows set aside", shape_preview.set_aside)
        left_out_count = len(shape_preview.values_left_out)
        _print_broken_rules(
            f"{shape_name}: {left_out_count:,} rows kept without a value", shape_preview.values_left_out
        )
    if export_preview.passed_over:
        print_table(
            f"{sum(passed_over_reason.count for passed_over_reason in export_preview.passed_over):,} rows passed over",
            {"reason": "left", "rows": "right"},
            [
                [passed_over_reason.why, f"{passed_over_reason.count:,}"]
                for passed_over_reason in export_preview.passed_over
            ],
        )
    if export_preview.unknown_words:
        stdout_console.print("Words that no table declares; a line below the source in footsteps.yaml settles each:")
        for unknown_word in export_preview.unknown_words:
            stdout_console.out(f"  {unknown_word.count:,} records: {unknown_word.sentence}", highlight=False)
    for preview_note in export_preview.notes:
        stdout_console.print(f"Note: {preview_note}")
    if export_preview.columns_left_out:
        stdout_console.print(f"Columns that no mapping uses: {', '.join(export_preview.columns_left_out)}")
    if export_preview.columns_denied:
        denied_columns = ", ".join(
            f"{denied_column} ({denial_kind})" for denied_column, denial_kind in export_preview.columns_denied
        )
        stdout_console.print(f"Columns that are never read: {denied_columns}")


def _print_broken_rules(title: str, broken_rows: list[dict[str, Any]]) -> None:
    if not broken_rows:
        return
    broken_rules = [rule for broken_row in broken_rows for rule in broken_row["rules"]]
    print_table(
        title,
        {"rule": "left", "rows": "right", "first row": "right"},
        [
            [
                rule,
                f"{broken_rules.count(rule):,}",
                str(next(broken_row["row_number"] for broken_row in broken_rows if rule in broken_row["rules"])),
            ]
            for rule in sorted(set(broken_rules))
        ],
    )


def _print_rows(shape_name: str, shape_preview: ShapePreview, row_limit: int) -> None:
    filled_columns = [
        column_name
        for column_name in shape_preview.rows[0]
        if any(preview_row[column_name] is not None for preview_row in shape_preview.rows)
    ]
    shown_rows = shape_preview.rows[:row_limit]
    print_table(
        f"{shape_name}: {len(shape_preview.rows):,} rows would be kept"
        + (f", the first {len(shown_rows)}" if len(shown_rows) < len(shape_preview.rows) else ""),
        {
            column_name: "right" if isinstance(shape_preview.rows[0][column_name], int | float) else "left"
            for column_name in filled_columns
        },
        [
            [
                "" if preview_row[column_name] is None else str(preview_row[column_name])
                for column_name in filled_columns
            ]
            for preview_row in shown_rows
        ],
    )


def print_taxonomy(taxonomy_path: Path, system_name: str | None, as_json: bool) -> None:
    """Print how many rows of each kind the taxonomy's files hold, and how many are used.

    Raises:
        CommandFailed: If the folder does not exist or its files cannot be read.
    """
    if not taxonomy_path.exists():
        raise CommandFailed(f"{taxonomy_path} does not exist: give the folder or file of a taxonomy")
    try:
        taxonomy_system, taxonomy_counts = count_taxonomy_rows(taxonomy_path, system_name)
    except (TaxonomyError, ExportRefused) as refusal:
        raise CommandFailed(str(refusal)) from refusal
    count_records = [asdict(taxonomy_count) for taxonomy_count in taxonomy_counts]
    if as_json:
        print_json({"system": taxonomy_system, "counts": count_records})
        return
    print_table(
        f"{taxonomy_path.name}: {taxonomy_system}",
        {
            count_heading: "right" if isinstance(count_cell, int) else "left"
            for count_heading, count_cell in count_records[0].items()
        },
        [
            [
                f"{count_cell:,}" if isinstance(count_cell, int) else str(count_cell)
                for count_cell in count_record.values()
            ]
            for count_record in count_records
        ],
    )
