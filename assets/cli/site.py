"""`footsteps site`: the pages of the current snapshot.

Belongs here: the folder of the pages, and printing it.
Does not belong here: the pages (`pipelines.publish.site`).
"""

import shutil
from pathlib import Path

from assets.cli.terminal.console import print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, load_current_snapshot
from pipelines.publish.site.build import build_site
from pipelines.storage.file_access import readable_by
from pipelines.storage.lake import Lake


def write_site(data_root: Path | None, requested_folder: Path | None, replace_pages: bool, as_json: bool) -> None:
    """Write the pages and print their index; pages that exist are replaced only if `replace_pages` is True."""
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    site_folder = (requested_folder or settings.published_path / "site").expanduser().resolve()
    if replace_pages:
        shutil.rmtree(site_folder / snapshot.snapshot_id, ignore_errors=True)
    config = load_config(settings) if settings.config_path.is_file() else None
    # a folder elsewhere may hold other files, whose permissions this command must not change
    group = config.publish.group if config and site_folder.is_relative_to(settings.published_path) else None
    with readable_by(group, settings.published_path):
        index_path = build_site(snapshot, Lake(settings.lake_path), config.company if config else "", site_folder)
    page_count = sum(1 for _ in index_path.parent.rglob("*.html"))
    document = {"snapshot_id": snapshot.snapshot_id, "index": str(index_path), "pages": page_count}
    print_result(document, f"{page_count:,} pages, beginning with {index_path}", as_json)
