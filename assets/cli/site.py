"""`footsteps site`: the pages of the current snapshot, and the address of a person's page.

Belongs here: the folder of the pages, and printing it.
Does not belong here: the pages (`pipelines.publish.site`).
"""

import shutil
from pathlib import Path

from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, load_current_snapshot
from pipelines.publish.site.build import build_site
from pipelines.publish.site.language import ENGLISH, choose_language
from pipelines.publish.site.page_data import SMALLEST_TEAM
from pipelines.publish.site.page_names import read_page_names, write_page_names
from pipelines.publish.site.page_writer import PERSON_PAGE
from pipelines.storage.file_access import readable_by
from pipelines.storage.lake import Lake


def write_site(
    data_root: Path | None,
    requested_folder: Path | None,
    replace_pages: bool,
    as_json: bool,
    person_id: str | None = None,
    is_address_renewed: bool = False,
) -> None:
    """Write the pages and print their index, or the page of a person.

    Args:
        data_root: The data root of the command.
        requested_folder: Folder of the pages; `published/site` if None.
        replace_pages: Whether pages that exist are replaced.
        as_json: Whether to print JSON.
        person_id: The person whose page is printed.
        is_address_renewed: Whether the person's page gets a new address; the old address ends at once.

    Raises:
        CommandFailed: Nothing is published, the person has no page, or `is_address_renewed` names nobody.
    """
    if is_address_renewed and person_id is None:
        raise CommandFailed("name the person whose page gets a new address: --person PERSON --renew")
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    site_folder = (requested_folder or settings.published_path / "site").expanduser().resolve()
    if is_address_renewed and person_id is not None:
        write_page_names(settings.root, read_page_names(settings.root).renew(person_id))
    if replace_pages or is_address_renewed:
        shutil.rmtree(site_folder / snapshot.snapshot_id, ignore_errors=True)
    config = load_config(settings) if settings.config_path.is_file() else None
    # outside `published/` a folder may hold other files, which the group must not read because of this command
    reader_group = config.publish.group if config and site_folder.is_relative_to(settings.published_path) else None
    with readable_by(reader_group, settings.published_path):
        index_path = build_site(
            snapshot,
            Lake(settings.lake_path),
            config.company if config else "",
            site_folder,
            language=choose_language(config.publish.pages) if config else ENGLISH,
            smallest_team=config.policy.team_people if config else SMALLEST_TEAM,
        )
    page_count = sum(1 for _ in index_path.parent.rglob("*.html"))
    site_document = {"snapshot_id": snapshot.snapshot_id, "index": str(index_path), "pages": page_count}
    summary_sentence = f"{page_count:,} pages, beginning with {index_path}"
    if person_id is not None:
        person_folder = index_path.parent / "people" / read_page_names(settings.root).folder_of(person_id)
        if not person_folder.is_dir():
            raise CommandFailed("nobody in this snapshot has this person_id")
        site_document["person_page"] = summary_sentence = str(person_folder / PERSON_PAGE)
    print_result(site_document, summary_sentence, as_json)
