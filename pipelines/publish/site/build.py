"""The site as files: a page per person, a page per team, the page about the run, and an index without names.

Belongs here: which files there are, and replacing the last snapshot's pages by a complete set.
Does not belong here: the text of a page (`pages`, `run_page`), writing people's pages (`page_writer`).
"""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import jinja2
import polars as pl

from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.site.craft_page import has_craft_page, view_crafts
from pipelines.publish.site.drawn_charts import read_charts, write_charts
from pipelines.publish.site.language import ENGLISH, PageLanguage
from pipelines.publish.site.page_data import SMALLEST_TEAM, PageData, list_people, load_page_data, name_team_page
from pipelines.publish.site.page_reuse import FINGERPRINTS_FILE, fingerprint_pages, reuse_pages, write_fingerprints
from pipelines.publish.site.page_writer import create_environment, write_people
from pipelines.publish.site.pages import render_team_pages
from pipelines.publish.site.run_page import build_run_sections
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.atomic_write import UNFINISHED, write_text_atomically
from pipelines.storage.lake import Lake

_MARKER_FILE = "snapshot.txt"


def build_site(
    snapshot: Snapshot,
    lake: Lake,
    company_name: str,
    site_folder: Path,
    *,
    language: PageLanguage = ENGLISH,
    smallest_team: int = SMALLEST_TEAM,
) -> Path:
    """Write the pages of a snapshot into a folder of their own, unless they exist in this language.

    `site_folder/index.html` leads to the newest snapshot's pages. The pages of all other snapshots are removed.

    Args:
        snapshot: The snapshot to show.
        lake: The lake it was made from.
        company_name: Name of the company.
        site_folder: Folder of the site.
        language: The language of the pages.
        smallest_team: The smallest number of people that a page may state, as the policy declares it.

    Returns:
        The index of the snapshot's pages.
    """
    site_folder.mkdir(parents=True, exist_ok=True)
    pages_folder = site_folder / snapshot.snapshot_id
    environment = create_environment(
        snapshot, company_name, language=language, smallest_team=max(smallest_team, SMALLEST_TEAM)
    )
    marker_text = f"{snapshot.snapshot_id}\n{language.code} {json.dumps(language.stage_words)}\n"
    if not (pages_folder / FINGERPRINTS_FILE).exists() or _read_marker(pages_folder) != marker_text:
        for leftover_folder in site_folder.glob(f".*{UNFINISHED}"):
            # processes of a killed run may still write into it: the next run removes what remains
            shutil.rmtree(leftover_folder, ignore_errors=True)
        unfinished_folder = site_folder / f".{snapshot.snapshot_id}.{os.getpid()}{UNFINISHED}"
        _write_pages(
            load_page_data(snapshot, lake, company_name, language=language, smallest_team=smallest_team),
            environment,
            unfinished_folder,
            _find_newest_pages(site_folder),
        )
        (unfinished_folder / _MARKER_FILE).write_text(marker_text)
        # pages in another language, or of an earlier version, which listed everybody
        shutil.rmtree(pages_folder, ignore_errors=True)
        unfinished_folder.replace(pages_folder)
    write_text_atomically(
        site_folder / "index.html",
        environment.get_template("redirect.html.j2").render(target=f"{snapshot.snapshot_id}/index.html"),
    )
    for subfolder in site_folder.iterdir():
        # only folders with our marker: the folder may belong to a web server and hold other things
        if (subfolder / _MARKER_FILE).is_file() and subfolder.name != snapshot.snapshot_id:
            shutil.rmtree(subfolder)
    return pages_folder / "index.html"


def _read_marker(pages_folder: Path) -> str:
    """Snapshot and language of a folder of pages; empty if the folder has no marker."""
    marker_file = pages_folder / _MARKER_FILE
    return marker_file.read_text() if marker_file.is_file() else ""


def _find_newest_pages(site_folder: Path) -> Path | None:
    """The folder of the pages that were written last."""
    marker_files = sorted(site_folder.glob(f"*/{_MARKER_FILE}"), key=lambda marker_file: marker_file.stat().st_mtime_ns)
    return marker_files[-1].parent if marker_files else None


def _write_pages(
    page_data: PageData, environment: jinja2.Environment, pages_folder: Path, earlier_pages_folder: Path | None
) -> None:
    for subfolder in ("people", "teams"):
        (pages_folder / subfolder).mkdir(parents=True)
    person_ids = list_people(page_data)
    page_fingerprints = fingerprint_pages(page_data, person_ids)
    reused_folder_names = reuse_pages(page_fingerprints, earlier_pages_folder, pages_folder)
    write_people(
        page_data,
        [person_id for person_id in person_ids if page_data.page_names.folder_of(person_id) not in reused_folder_names],
        pages_folder / "people",
    )
    unit_by_person = list_units(page_data)
    people_count_by_unit = Counter(unit_name for unit_name in unit_by_person.values() if unit_name)
    page_by_unit = render_team_pages(
        environment.get_template("team.html.j2"),
        page_data,
        count_holders(page_data, unit_by_person),
        people_count_by_unit,
    )
    for unit_name, page_html in page_by_unit.items():
        (pages_folder / "teams" / name_team_page(unit_name)).write_text(page_html)
    drawn_charts = read_charts(earlier_pages_folder)
    run_sections = build_run_sections(page_data, drawn_charts)
    (pages_folder / "run.html").write_text(
        environment.get_template("run.html.j2").render(sections=run_sections, root="")
    )
    write_charts(drawn_charts, pages_folder)
    team_links = [(name_team_page(unit_name), unit_name, people_count_by_unit[unit_name]) for unit_name in page_by_unit]
    has_crafts = has_craft_page(page_data)
    if has_crafts:
        craft_html = environment.get_template("craft.html.j2").render(craft=view_crafts(page_data), root="")
        (pages_folder / "craft.html").write_text(craft_html)
    (pages_folder / "index.html").write_text(
        environment.get_template("index.html.j2").render(teams=team_links, has_crafts=has_crafts, root="")
    )
    # a server that lists folders without an index shows this page instead of the names
    (pages_folder / "people" / "index.html").write_text(environment.get_template("people.html.j2").render(root="../"))
    write_fingerprints(page_fingerprints, pages_folder)


def list_units(page_data: PageData) -> dict[str, str | None]:
    """The unit of everyone who gets a page, by person_id.

    Args:
        page_data: The input of the pages.
    """
    return {
        person_id: page_data.person_row_by_id.get(person_id, {}).get("unit_name")
        for person_id in list_people(page_data)
    }


def count_holders(page_data: PageData, unit_by_person: dict[str, str | None]) -> dict[str, Counter[str]]:
    """Count the people at journeyman or above by unit and micro-skill, without people who object to being counted.

    Args:
        page_data: The input of the pages.
        unit_by_person: The unit of each person, by person_id.
    """
    holder_counts_by_unit: dict[str, Counter[str]] = {}
    if page_data.snapshot.has_table(OUT_MASTERY.name):
        person_units = pl.LazyFrame(
            list(unit_by_person.items()), {"person_id": pl.String, "unit_name": pl.String}, orient="row"
        )
        held_skills = page_data.snapshot.scan(OUT_MASTERY.name).filter(
            pl.col("stage").is_in(["journeyman", "master"]), ~pl.col("is_hidden").fill_null(False)
        )
        opted_out_people = page_data.snapshot.scan(NEXT_SKILL.name).filter(no_recommendation_reason="opted_out")
        counted_holders = (
            held_skills.join(person_units, on="person_id")
            .join(opted_out_people, on="person_id", how="anti")
            .group_by("unit_name", "skill_id")
            .len()
            .sort("unit_name", "skill_id")
        )
        for unit_name, skill_id, holder_count in counted_holders.drop_nulls().collect().iter_rows():
            holder_counts_by_unit.setdefault(unit_name, Counter())[skill_id] = holder_count
    return holder_counts_by_unit
