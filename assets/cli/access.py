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
    config_path: Path | None,
    landing: Path | None,
    person: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write or print the copy.

    Args:
        data_root: The data root of the command.
        config_path: footsteps.yaml, if it is not in the data root.
        landing: Folder with the exports, if it is not the configured one.
        person: person_id, employee number or e-mail address.
        output: Folder for the files `access-<person_id>.json` and `.html`.
        as_json: Whether to print the copy as JSON.

    Raises:
        CommandFailed: Nobody has the key, or several people have it, or there is nowhere to write to.
    """
    if output is None and not as_json:
        raise CommandFailed("name a folder for the copy: --output FOLDER, or print it: --json")
    settings = resolve_settings(data_root, config_path, landing)
    config = load_config(settings)
    settings = settings.model_copy(update={"landing": resolve_landing_folder(settings, config)})
    postgresql = config.publish.postgresql
    uri = os.environ.get(postgresql.uri_variable) if postgresql else None
    try:
        access_copy = collect_access_copy(settings, config, person, uri)
    except UnknownPerson as error:
        raise CommandFailed(str(error)) from error
    document = access_copy.to_document()
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, default=str, ensure_ascii=False, indent=1)
        write_text_atomically(name_copy(output, access_copy.identity.person_id, "json"), text)
        write_text_atomically(name_copy(output, access_copy.identity.person_id, "html"), access_copy.to_page())
    if as_json:
        print_json(document)
    else:
        _print_summary(access_copy, output)


def name_copy(folder: Path, person_id: str, suffix: str) -> Path:
    """The file of a person's copy: of nobody else, and in no other folder, whatever the person_id holds."""
    return folder / f"access-{quote(person_id, safe='@')}.{suffix}"


def _print_summary(access_copy: AccessCopy, output: Path | None) -> None:
    entries: Counter[str] = Counter()
    for part in access_copy.parts:
        entries[part.place.name] += len(part.rows) + len(part.lines)
    rows = [[name, f"{count:,}"] for name, count in entries.items()]
    print_table("Stored about the person", {"place": "left", "entries": "right"}, rows)
    for reason in access_copy.not_read:
        stdout_console.print(f"Not read: {reason}")
    stdout_console.print(f"The copy is in {output}.")
