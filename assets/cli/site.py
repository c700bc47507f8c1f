"""`footsteps site`: the pages of the current snapshot.

Belongs here: where they are written, and what is said of it.
Does not belong here: the pages (`pipelines.publish.site`).
"""

import shutil
from pathlib import Path

from assets.cli.console import print_json, resolve_settings, stdout_console
from assets.cli.show import load_current_snapshot
from pipelines.config.company import read_config
from pipelines.publish.site.build import build_site
from pipelines.storage.lake import Lake


def write_site(data_root: Path | None, folder: Path | None, again: bool, as_json: bool) -> None:
    """Write the pages and print where they begin."""
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    place = (folder or settings.published_path / "site").expanduser().resolve()
    if again:
        shutil.rmtree(place / snapshot.snapshot_id, ignore_errors=True)
    company = read_config(settings.config_path).company if settings.config_path.is_file() else ""
    place.mkdir(parents=True, exist_ok=True)
    index = build_site(snapshot, Lake(settings.lake_path), company, place)
    pages = sum(1 for _ in index.parent.rglob("*.html"))
    if as_json:
        print_json({"snapshot_id": snapshot.snapshot_id, "index": str(index), "pages": pages})
        return
    stdout_console.print(f"{pages:,} pages, beginning with {index}", soft_wrap=True)
