"""`footsteps access`: the copy of everything that is stored about a person.

Belongs here: reading the configuration, writing the copy, printing what it holds.
Does not belong here: where the data lie (`pipelines.privacy`).
"""

import json
import os
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_result,
    print_table,
    resolve_settings,
    stdout_console,
)
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.ingest.landing import list_landing_files
from pipelines.privacy.access_copy import AccessCopy, collect_access_copy
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.erasure_requests import read_request_keys
from pipelines.privacy.identity import UnknownPerson
from pipelines.storage.atomic_write import write_text_atomically


def write_access_copy(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    person_key: str | None,
    copy_folder: Path | None,
    as_json: bool,
) -> None:
    """Write or print the copy of one person, or write the copies that landing files ask for.

    Args:
        data_root: The data root of the command.
        config_file: footsteps.yaml, if it is not in the data root.
        landing_folder: Folder with the exports, if it is not the configured one.
        person_key: person_id, employee number or e-mail address; None for everybody whom
            `privacy.access_requests` names. The files of such requests are deleted once their copies are written.
        copy_folder: Folder for the files `access-<person_id>.json` and `.html`.
        as_json: Whether to print the copy as JSON.

    Raises:
        CommandFailed: Nobody has the key, or several people have it, or there is nowhere to write to.
    """
    if copy_folder is None and (person_key is None or not as_json):
        raise CommandFailed("name a folder for the copy: --output FOLDER, or print that of one person: --json")
    settings = resolve_settings(data_root, config_file, landing_folder)
    config = load_config(settings)
    settings = settings.model_copy(update={"landing": resolve_landing_folder(settings, config)})
    postgresql_options = config.publish.postgresql
    postgresql_uri = os.environ.get(postgresql_options.uri_variable) if postgresql_options else None
    if person_key is None and copy_folder is not None:
        _write_requested_copies(settings, config, postgresql_uri, copy_folder, as_json)
        return
    access_copy = _collect_copy(settings, config, str(person_key), postgresql_uri)
    if copy_folder is not None:
        _write_files(access_copy, copy_folder)
    if as_json:
        print_json(access_copy.to_document())
    else:
        _print_summary(access_copy, copy_folder)


def _write_requested_copies(
    settings: Settings, config: Config, postgresql_uri: str | None, copy_folder: Path, as_json: bool
) -> None:
    """Write the copy of everybody whom a landing file names, then delete the file.

    A file with a line that cannot be answered stays; the others are answered all the same.
    """
    written_ids: list[str] = []
    problems: list[str] = []
    for request_path in list_access_requests(settings, config):
        problem_count = len(problems)
        try:
            for line_number, _, request_key in list(read_request_keys(request_path)):
                try:
                    access_copy = collect_access_copy(settings, config, request_key, postgresql_uri)
                except UnknownPerson:
                    problems.append(f"{request_path.name}, line {line_number}: no person is known by this key")
                    continue
                _write_files(access_copy, copy_folder)
                written_ids.append(access_copy.identity.person_id)
        except ErasureUnavailable as error:
            problems.append(str(error))
        if len(problems) == problem_count:
            request_path.unlink(missing_ok=True)
    print_result(
        {"folder": str(copy_folder), "person_ids": written_ids, "problems": problems},
        f"{len(written_ids)} copies written to {copy_folder}",
        as_json,
    )
    if problems:
        raise CommandFailed("; ".join(problems))


def list_access_requests(settings: Settings, config: Config) -> list[Path]:
    """List the landing files that ask for copies, as `privacy.access_requests` declares them.

    Args:
        settings: The landing folder.
        config: The declared pattern.
    """
    pattern = config.privacy.access_requests
    return list_landing_files(settings.landing, pattern) if pattern and settings.landing else []


def _collect_copy(settings: Settings, config: Config, person_key: str, postgresql_uri: str | None) -> AccessCopy:
    try:
        return collect_access_copy(settings, config, person_key, postgresql_uri)
    except UnknownPerson as error:
        raise CommandFailed(str(error)) from error


def _write_files(access_copy: AccessCopy, copy_folder: Path) -> None:
    copy_folder.mkdir(parents=True, exist_ok=True)
    copy_json = json.dumps(access_copy.to_document(), default=str, ensure_ascii=False, indent=1)
    write_text_atomically(build_copy_path(copy_folder, access_copy.identity.person_id, "json"), copy_json)
    write_text_atomically(build_copy_path(copy_folder, access_copy.identity.person_id, "html"), access_copy.to_page())


def build_copy_path(copy_folder: Path, person_id: str, file_suffix: str) -> Path:
    """The file of a person's copy; no person_id leads to another person's file or to another folder."""
    return copy_folder / f"access-{quote(person_id, safe='@')}.{file_suffix}"


def _print_summary(access_copy: AccessCopy, copy_folder: Path | None) -> None:
    entry_count_by_place: Counter[str] = Counter()
    for copy_part in access_copy.parts:
        entry_count_by_place[copy_part.place.name] += len(copy_part.rows) + len(copy_part.lines)
    table_rows = [[place_name, f"{entry_count:,}"] for place_name, entry_count in entry_count_by_place.items()]
    print_table("Stored about the person", {"place": "left", "entries": "right"}, table_rows)
    for unread_reason in access_copy.not_read:
        stdout_console.print(f"Not read: {unread_reason}")
    stdout_console.print(f"The copy is in {copy_folder}.")
