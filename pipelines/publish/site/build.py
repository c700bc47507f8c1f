"""The site as files: a page a person, a page a team, the night's page and an index, put in place when all are whole.

Belongs here: which files there are.
Does not belong here: what stands on a page (`pages`, `night`), the writing of people's pages (`writing`).
"""

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from pipelines.contracts.output_tables import OUT_MASTERY
from pipelines.publish.site.page_data import PageData, list_people, load_page_data, page_name
from pipelines.publish.site.page_reuse import PRINTS, print_pages, take_over
from pipelines.publish.site.page_writer import create_environment, write_people
from pipelines.publish.site.pages import team_pages
from pipelines.publish.site.run_page import build_run_page
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.lake import Lake

# An index of more people than this is no page that a browser shows; their portal links to the pages by their ids.
_MOST_LISTED = 20_000
_MARK = "snapshot.txt"
_UNFINISHED = ".unfinished"


def build_site(snapshot: Snapshot, lake: Lake, company: str, folder: Path) -> Path:
    """Write the pages of a snapshot into a folder of its own; its index comes back. Nothing where it is there already.

    `folder/index.html` leads to the newest snapshot's pages; pages of snapshots that are no longer kept are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / snapshot.snapshot_id
    if not (place / "index.html").exists():
        for left in folder.glob(f".*{_UNFINISHED}"):
            # a killed night's processes may write into theirs for a moment yet: what stays, the next night removes
            shutil.rmtree(left, ignore_errors=True)
        unfinished = folder / f".{snapshot.snapshot_id}.{os.getpid()}{_UNFINISHED}"
        _write_pages(load_page_data(snapshot, lake, company), unfinished, _newest(folder))
        unfinished.replace(place)
    _lead_to(folder, snapshot.snapshot_id)
    kept = {one.snapshot_id for one in list_snapshots(snapshot.folder)} | {snapshot.snapshot_id}
    for old in folder.iterdir():
        # only what carries our mark: the folder may be a web server's and hold other things
        if (old / _MARK).is_file() and old.name not in kept:
            shutil.rmtree(old)
    return place / "index.html"


def _newest(folder: Path) -> Path | None:
    """The pages written last, of whatever snapshot."""
    marks = sorted(folder.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime_ns)
    return marks[-1].parent if marks else None


def _write_pages(known: PageData, folder: Path, earlier: Path | None) -> None:
    environment = create_environment(known)
    for name in ("people", "teams"):
        (folder / name).mkdir(parents=True)
    people = list_people(known)
    prints = print_pages(known, people)
    taken = take_over(prints, earlier, folder)
    write_people(known, [one for one in people if page_name(one) not in taken], folder / "people")
    teams = team_pages(known, *_holders(known, people))
    team = environment.get_template("team.html.j2")
    for one_team in teams:
        (folder / "teams" / one_team.file).write_text(team.render(page=one_team, root="../"))
    (folder / "night.html").write_text(
        environment.get_template("night.html.j2").render(page=build_run_page(known), root="")
    )
    index = environment.get_template("index.html.j2")
    (folder / "index.html").write_text(index.render(teams=teams, units=_listed(known, people), root=""))
    prints.write_parquet(folder / PRINTS)
    (folder / _MARK).write_text(known.snapshot.snapshot_id + "\n")


def _holders(known: PageData, people: list[str]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """By unit: people at journeyman or above by micro-skill, without who hides it, and how many people there are."""
    units = {one: known.people.get(one, {}).get("unit_name") for one in people}
    sizes = Counter(unit for unit in units.values() if unit)
    if not known.snapshot.has_table(OUT_MASTERY.name):
        return {}, sizes
    named = pl.LazyFrame(list(units.items()), schema={"person_id": pl.String, "unit_name": pl.String}, orient="row")
    is_hidden = pl.col("is_hidden").fill_null(False)
    held = known.snapshot.scan(OUT_MASTERY.name).filter(pl.col("stage").is_in(["journeyman", "master"]), ~is_hidden)
    counts = held.join(named, on="person_id").group_by("unit_name", "skill_id").len().sort("unit_name", "skill_id")
    holders: dict[str, Counter[str]] = {}
    for unit, skill, count in counts.drop_nulls().collect().iter_rows():
        holders.setdefault(unit, Counter())[skill] = count
    return holders, sizes


def _listed(known: PageData, people: list[str]) -> Mapping[str, list[tuple[str, str]]]:
    """By unit: the page and the name of each person; nobody where there are too many."""
    listed: dict[str, list[tuple[str, str]]] = {}
    for one in people if len(people) <= _MOST_LISTED else ():
        unit = known.people.get(one, {}).get("unit_name") or "No unit"
        listed.setdefault(unit, []).append((page_name(one), known.person_name(one)))
    return {unit: sorted(rows, key=lambda row: row[1].casefold()) for unit, rows in sorted(listed.items())}


def _lead_to(folder: Path, snapshot_id: str) -> None:
    values: dict[str, Any] = {"target": f"{snapshot_id}/index.html"}
    page = jinja2.Template(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Footsteps</title>'
        '<meta http-equiv="refresh" content="0; url={{ target }}"></head>'
        '<body><main><h1>Footsteps</h1><p><a href="{{ target }}">The newest pages</a></p></main></body></html>\n',
        autoescape=True,
    ).render(**values)
    unfinished = folder / ".index.unfinished"
    unfinished.write_text(page)
    unfinished.replace(folder / "index.html")
