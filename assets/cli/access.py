"""`footsteps access`: the copy of everything that is stored about a person.

Belongs here: reading the configuration, writing the copy, printing what it holds.
Does not belong here: where the data lie (`pipelines.privacy`).
"""

import json
import os
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings, stdout_console
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.privacy.access_copy import AccessCopy, collect_access_copy
from pipelines.privacy.identity import UnknownPerson
from pipelines.storage.atomic_write import write_text_atomically


def write_access_copy(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    person_key: str,
    copy_folder: Path | None,
    as_json: bool,
) -> None:
    """Write or print the copy.

    Args:
        data_root: The data root of the command.
        config_file: footsteps.yaml, if it is not in the data root.
        landing_folder: Folder with the exports, if it is not the configured one.
        person_key: person_id, employee number or e-mail address.
        copy_folder: Folder for the files `access-<person_id>.json` and `.html`.
        as_json: Whether to print the copy as JSON.

    Raises:
        CommandFailed: Nobody has the key, or several people have it, or there is nowhere to write to.
    """
    if copy_folder is None and not as_json:
        raise CommandFailed("name a folder for the copy: --output FOLDER, or print it: --json")
    settings = resolve_settings(data_root, config_file, landing_folder)
    config = load_config(settings)
    settings = settings.model_copy(update={"landing": resolve_landing_folder(settings, config)})
    postgresql_options = config.publish.postgresql
    postgresql_uri = os.environ.get(postgresql_options.uri_variable) if postgresql_options else None
    try:
        access_copy = collect_access_copy(settings, config, person_key, postgresql_uri)
    except UnknownPerson as error:
        raise CommandFailed(str(error)) from error
    copy_document = access_copy.to_document()
    if copy_folder is not None:
        copy_folder.mkdir(parents=True, exist_ok=True)
        copy_json = json.dumps(copy_document, default=str, ensure_ascii=False, indent=1)
        write_text_atomically(build_copy_path(copy_folder, access_copy.identity.person_id, "json"), copy_json)
        write_text_atomically(
            build_copy_path(copy_folder, access_copy.identity.person_id, "html"), access_copy.to_page()
        )
    if as_json:
        print_json(copy_document)
    else:
        _print_summary(access_copy, copy_folder)


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
