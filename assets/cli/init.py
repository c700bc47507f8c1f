"""`footsteps init`: footsteps.yaml for a folder of exports.

Belongs here: where the file is written, and printing what was decided.
Does not belong here: the inspection of the folder (`pipelines.inspection`).
"""

import os
import shlex
from datetime import date
from pathlib import Path
from typing import Any

from rich.markup import escape

from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_note,
    print_table,
    stderr_console,
    stdout_console,
)
from pipelines.inspection.draft import ConfigDraft, draft_config
from pipelines.inspection.draft_text import CHECK, DECIDE, count_marks, render_config
from pipelines.inspection.folder import is_data_root, list_export_files
from pipelines.storage.atomic_write import write_text_atomically

_CONFIG_NAME = "footsteps.yaml"


def write_config(
    exports_folder: Path,
    output_path: Path | None,
    data_root: Path | None,
    today: date,
    is_overwrite_allowed: bool,
    as_json: bool,
) -> None:
    """Inspect a folder of exports, write footsteps.yaml for it, and print what was decided and the next command.

    Args:
        exports_folder: The folder of the exports.
        output_path: The file to write; None for footsteps.yaml in the data root, or in the working directory if there
            is no data root.
        data_root: The data root; None if each configuration has one of its own.
        today: The day of the inspection.
        is_overwrite_allowed: Whether an existing file is replaced.
        as_json: Whether to print one JSON document.

    Raises:
        CommandFailed: If the folder holds no export, or the file exists.
    """
    _check_folder(exports_folder)
    config_path = _resolve_config_path(output_path, data_root)
    if config_path.exists() and not is_overwrite_allowed:
        raise CommandFailed(
            f"{config_path} exists and stays as it is: write to another file with --output, or replace it with --force"
        )
    with stderr_console.status("reading the folder") as reading_status:
        draft = draft_config(
            exports_folder.resolve(), today, lambda file_label: reading_status.update(f"reading {escape(file_label)}")
        )
    if not draft.sources and not draft.undecided_tables:
        for left_out_file, left_out_reason in draft.left_out_files:
            print_note(escape(f"{left_out_file.label}: {left_out_reason}"))
        raise CommandFailed(f"no file in {exports_folder} can be read as an export, so nothing is written")
    yaml_text = render_config(draft, _format_landing_path(exports_folder.resolve(), config_path))
    write_text_atomically(config_path, yaml_text)
    next_command = _build_next_command(config_path, output_path, data_root)
    if as_json:
        print_json(_to_document(draft, config_path, next_command))
    else:
        _print_draft(draft, config_path, next_command)


def _check_folder(exports_folder: Path) -> None:
    if not exports_folder.is_dir():
        folder_problem = "is a file" if exports_folder.exists() else "does not exist"
        raise CommandFailed(f"{exports_folder} {folder_problem}: give the folder with the exports")
    if is_data_root(exports_folder):
        raise CommandFailed(
            f"{exports_folder} is a data root: give the folder with the exports, such as {exports_folder / 'landing'}"
        )
    if not list_export_files(exports_folder):
        raise CommandFailed(f"{exports_folder} holds no file: put the exports of your systems into it")


def _resolve_config_path(output_path: Path | None, data_root: Path | None) -> Path:
    config_path = output_path or (data_root or Path()) / _CONFIG_NAME
    return (config_path / _CONFIG_NAME if config_path.is_dir() else config_path).expanduser()


def _format_landing_path(exports_folder: Path, config_path: Path) -> str:
    """Name the folder as footsteps.yaml does: relative to the file if it lies beside or below it."""
    config_folder = config_path.resolve().parent
    return (
        os.path.relpath(exports_folder, config_folder)
        if exports_folder.is_relative_to(config_folder)
        else str(exports_folder)
    )


def _build_next_command(config_path: Path, output_path: Path | None, data_root: Path | None) -> str:
    command_options = []
    if data_root is None or output_path is not None:
        command_options += ["--config", str(config_path)]
    if data_root is not None:
        command_options += ["--data-root", str(data_root)]
    return shlex.join(["footsteps", "run", *command_options])


def _to_document(draft: ConfigDraft, config_path: Path, next_command: str) -> dict[str, Any]:
    """The stable JSON of an inspection."""
    return {
        "config": str(config_path),
        "landing": str(draft.folder),
        "people": draft.people_count,
        "sources": [
            {
                **{source_key: source.entry.get(source_key) for source_key in ("name", "system", "shape", "path")},
                "files": source.file_count,
                "rows": source.kept_count,
                "set_aside": source.set_aside_count,
                "matched_share": source.matched_rows.matched_share if source.matched_rows else None,
                "check": list(source.questions),
            }
            for source in draft.sources
        ],
        "undecided": [
            {
                "files": [export_file.label for export_file in undecided_table.files],
                "decide": list(undecided_table.proposal.questions),
            }
            for undecided_table in draft.undecided_tables
        ],
        "left_out": [
            {"file": left_out_file.label, "reason": left_out_reason}
            for left_out_file, left_out_reason in draft.left_out_files
        ],
        "next": next_command,
    }


def _print_draft(draft: ConfigDraft, config_path: Path, next_command: str) -> None:
    count_headings = ("files", "rows", "set aside", "with a person")
    print_table(
        f"{draft.folder.name}: {draft.file_count:,} files, {draft.people_count:,} people in HR",
        {"source": "left", "read as": "left", **dict.fromkeys(count_headings, "right")},
        [
            [
                str(source.entry["name"]),
                str(source.entry.get("shape") or source.entry["system"]),
                f"{source.file_count:,}",
                f"{source.kept_count:,}",
                f"{source.set_aside_count:,}",
                f"{source.matched_rows.matched_share:.0%}" if source.matched_rows else "",
            ]
            for source in draft.sources
        ],
    )
    for undecided_table in draft.undecided_tables:
        file_names_text = ", ".join(export_file.label for export_file in undecided_table.files)
        print_note(
            f"[yellow]to decide:[/yellow] {escape(file_names_text)}: "
            f"{escape('; '.join(undecided_table.proposal.questions))}"
        )
    for left_out_file, left_out_reason in draft.left_out_files:
        print_note(f"[yellow]not read:[/yellow] {escape(left_out_file.label)}: {escape(left_out_reason)}")
    check_count, decision_count = count_marks(draft)
    stdout_console.print(
        f"Written: {config_path}, with {check_count} assumptions marked {CHECK} "
        f"and {decision_count} open questions marked {DECIDE}",
        soft_wrap=True,
    )
    stdout_console.print(f"Next:    {next_command}", soft_wrap=True)
