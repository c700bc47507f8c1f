"""The site as files: a page per person, a page per team, the page about the run, and an index.

Belongs here: which files there are, and replacing the last snapshot's pages by a complete set.
Does not belong here: the text of a page (`pages`, `run_page`), writing people's pages (`page_writer`).
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import jinja2
import polars as pl

from pipelines.contracts.output_tables import OUT_MASTERY
from pipelines.publish.site.page_data import PageData, list_people, load_page_data, page_name
from pipelines.publish.site.page_reuse import FINGERPRINTS_FILE, fingerprint_pages, reuse_pages
from pipelines.publish.site.page_writer import create_environment, write_people
from pipelines.publish.site.pages import render_team_pages
from pipelines.publish.site.run_page import build_run_sections
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.atomic_write import UNFINISHED, write_text_atomically
from pipelines.storage.lake import Lake

# A browser does not show an index of more people; a portal links to the pages by person_id.
_MAX_LISTED_PEOPLE = 20_000
_MARKER_FILE = "snapshot.txt"


def build_site(snapshot: Snapshot, lake: Lake, company: str, folder: Path) -> Path:
    """Write the pages of a snapshot into a folder of their own, unless they exist.

    `folder/index.html` leads to the newest snapshot's pages. Pages of snapshots that are no longer kept are removed.

    Args:
        snapshot: The snapshot to show.
        lake: The lake it was made from.
        company: Name of the company.
        folder: Folder of the site.

    Returns:
        The index of the snapshot's pages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = folder / snapshot.snapshot_id
    environment = create_environment(snapshot, company)
    if not (pages / "index.html").exists():
        for leftover in folder.glob(f".*{UNFINISHED}"):
            # processes of a killed run may still write into it: the next run removes what remains
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished = folder / f".{snapshot.snapshot_id}.{os.getpid()}{UNFINISHED}"
        _write_pages(load_page_data(snapshot, lake, company), environment, unfinished, _newest_pages(folder))
        unfinished.replace(pages)
    write_text_atomically(
        folder / "index.html",
        environment.get_template("redirect.html.j2").render(target=f"{snapshot.snapshot_id}/index.html"),
    )
    retained = {snapshot.snapshot_id, *(version.snapshot_id for version in list_snapshots(snapshot.folder))}
    for entry in folder.iterdir():
        # only folders with our marker: the folder may belong to a web server and hold other things
        if (entry / _MARKER_FILE).is_file() and entry.name not in retained:
            shutil.rmtree(entry)
    return pages / "index.html"


def _newest_pages(folder: Path) -> Path | None:
    """The folder of the pages that were written last."""
    markers = sorted(folder.glob(f"*/{_MARKER_FILE}"), key=lambda marker: marker.stat().st_mtime_ns)
    return markers[-1].parent if markers else None


def _write_pages(data: PageData, environment: jinja2.Environment, folder: Path, earlier: Path | None) -> None:
    for name in ("people", "teams"):
        (folder / name).mkdir(parents=True)
    people = list_people(data)
    fingerprints = fingerprint_pages(data, people)
    reused = reuse_pages(fingerprints, earlier, folder)
    write_people(data, [person_id for person_id in people if page_name(person_id) not in reused], folder / "people")
    units = {person_id: data.people.get(person_id, {}).get("unit_name") for person_id in people}
    sizes = Counter(unit for unit in units.values() if unit)
    teams = render_team_pages(environment.get_template("team.html.j2"), data, _count_holders(data, units), sizes)
    for unit, page in teams.items():
        (folder / "teams" / page_name(unit)).write_text(page)
    (folder / "run.html").write_text(
        environment.get_template("run.html.j2").render(sections=build_run_sections(data), root="")
    )
    listed_teams = [(page_name(unit), unit, sizes[unit]) for unit in teams]
    listed_people = _list_by_unit(data, units) if len(people) <= _MAX_LISTED_PEOPLE else {}
    (folder / "index.html").write_text(
        environment.get_template("index.html.j2").render(teams=listed_teams, units=listed_people, root="")
    )
    fingerprints.write_parquet(folder / FINGERPRINTS_FILE)
    (folder / _MARKER_FILE).write_text(f"{data.snapshot.snapshot_id}\n")


def _count_holders(data: PageData, units: dict[str, str | None]) -> dict[str, Counter[str]]:
    """Number of people at journeyman or above by unit and micro-skill, without people who hide the micro-skill."""
    holders: dict[str, Counter[str]] = {}
    if data.snapshot.has_table(OUT_MASTERY.name):
        people = pl.LazyFrame(list(units.items()), {"person_id": pl.String, "unit_name": pl.String}, orient="row")
        held = data.snapshot.scan(OUT_MASTERY.name).filter(
            pl.col("stage").is_in(["journeyman", "master"]), ~pl.col("is_hidden").fill_null(False)
        )
        counts = held.join(people, on="person_id").group_by("unit_name", "skill_id").len().sort("unit_name", "skill_id")
        for unit, skill_id, count in counts.drop_nulls().collect().iter_rows():
            holders.setdefault(unit, Counter())[skill_id] = count
    return holders


def _list_by_unit(data: PageData, units: dict[str, str | None]) -> dict[str, list[tuple[str, str]]]:
    """File and name of each person's page by unit, sorted by name."""
    people_by_unit: dict[str, list[tuple[str, str]]] = {}
    for person_id, unit in units.items():
        people_by_unit.setdefault(unit or "No unit", []).append((page_name(person_id), data.person_name(person_id)))
    return {
        unit: sorted(people, key=lambda person: person[1].casefold()) for unit, people in sorted(people_by_unit.items())
    }
