"""The export that a command adds rows to, found from the options of the command.

Belongs here: what commands share around the rows: settings, failures, the printed outcome.
Does not belong here: the export and its rows (`assets.answers.landing_rows`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.answers.landing_rows import AnswerRefused, ExportFile, find_export
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.contracts.canonical_schemas import CanonicalSchemaName


@contextmanager
def report_refusals() -> Iterator[None]:
    """Let a command, or a block, fail with the sentence of an answer that is refused.

    Raises:
        CommandFailed: If the answer cannot be written.
    """
    try:
        yield
    except AnswerRefused as refusal:
        raise CommandFailed(str(refusal)) from refusal


def open_export(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    schema_name: CanonicalSchemaName,
    required_columns: tuple[str, ...],
    declaration_example: str,
) -> ExportFile:
    """Find the export for rows of a canonical schema.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        schema_name: The canonical schema of the rows.
        required_columns: Canonical columns that the source must map.
        declaration_example: The part of footsteps.yaml that declares such a source.

    Returns:
        The export.

    Raises:
        AnswerRefused: If there is no such source, or it maps too few columns.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    company_config = load_config(settings)
    exports_folder = resolve_landing_folder(settings, company_config)
    return find_export(settings, company_config, exports_folder, schema_name, required_columns, declaration_example)


def print_written(written_values: dict[str, object], csv_file: Path, is_written: bool, as_json: bool) -> None:
    """Print where a row was written, or that the file holds it already.

    Args:
        written_values: The content of the row, for the JSON document.
        csv_file: The export.
        is_written: Whether the row was added.
        as_json: Whether to print JSON.
    """
    outcome_text = "Written to" if is_written else "Nothing to do: it is already in"
    print_result(
        {"file": str(csv_file), **written_values, "written": is_written},
        f"{outcome_text} {csv_file}\nNext: footsteps run",
        as_json,
    )
