"""The writing of people's pages, by as many processes as there are cores where there are enough pages.

Belongs here: the templates' environment, the pieces that a page repeats most, and which process writes whose page.
Does not belong here: what stands on a page (`pages`), and anything that is slow to import: each process begins with it.
"""

import os
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import jinja2
import polars as pl
from joblib import Parallel, cpu_count, delayed
from markupsafe import Markup, escape

from pipelines.publish.site.page_data import PageData, iterate_people, load_page_data
from pipelines.publish.site.pages import SIGNS, SMALLEST_TEAM, person_page
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

# Starting processes takes as long as writing some hundreds of pages.
FEWEST_PAGES = 1_000
# So many parts a process: the last one to end keeps the others waiting for a part at most, and reading the names once
# a part takes little beside writing its pages.
_PARTS_EACH = 4
# Seconds after which a process that has nothing to do, or whose parent is gone, ends.
_IDLE, _ORPHANED = 10, 0.2
# Cells of tables that are kept: most hold one of a few thousand names, days and shares.
_KEPT_CELLS = 50_000


def write_people(known: PageData, people: list[str], folder: Path, fewest: int = FEWEST_PAGES) -> None:
    """Write the page of each of these people into a folder; which process writes it changes nothing in a page."""
    processes = min(cpu_count(), -(-len(people) // max(fewest, 1)))
    if processes <= 1:
        _write_each(known, people, folder)
        return
    size = -(-len(people) // (processes * _PARTS_EACH))
    parts = [people[start : start + size] for start in range(0, len(people), size)]
    about = (known.snapshot, known.lake, known.company)
    parallel = Parallel(n_jobs=processes, backend="loky", batch_size=1, idle_worker_timeout=_IDLE)
    parallel(delayed(_write_part)(*about, stored, part, folder, os.getpid()) for part, stored in _stored(known, parts))


def create_environment(known: PageData) -> jinja2.Environment:
    """Every value is escaped, whatever the template; a name that a template misspells is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(snapshot=known.snapshot, company=known.company, signs=SIGNS, smallest=SMALLEST_TEAM)
    environment.filters.update(cells=_cells, tiles=_tiles)
    return environment


def _stored(known: PageData, parts: Iterable[list[str]]) -> Iterable[tuple[list[str], pl.DataFrame]]:
    """Each part with what is stored of its people, so that nobody counts all evidence again."""
    for part in parts:
        yield part, known.stored.filter(pl.col("person_id").is_in(part))


def _write_part(
    snapshot: Snapshot, lake: Lake, company: str, stored: pl.DataFrame, people: list[str], folder: Path, parent: int
) -> None:
    _end_with(parent)
    _write_each(load_page_data(snapshot, lake, company, stored), people, folder)


def _write_each(known: PageData, people: list[str], folder: Path) -> None:
    template = create_environment(known).get_template("person.html.j2")
    for one in iterate_people(known, people):
        page = person_page(known, one)
        (folder / page.file).write_bytes(template.render(page=page, root="../").encode())


@lru_cache(maxsize=1)
def _end_with(parent: int) -> None:
    """End this process soon after its parent did, also where that was killed: nobody waits for its pages any more."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHANED)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _cells(texts: Iterable[str]) -> Markup:
    """The cells of a table's row, escaped; most of what stands on a page, so each is put together once."""
    return Markup("".join(map(_cell, texts)))


def _tiles(skills: Iterable[tuple[str, str, str]]) -> Markup:
    """One line each for the sign, the name and the stage of micro-skills, escaped."""
    return Markup("\n".join(map(_tile, skills)))


@lru_cache(maxsize=_KEPT_CELLS)
def _cell(text: str) -> str:
    return f"<td><bdi>{escape(text)}</bdi></td>"


@lru_cache(maxsize=_KEPT_CELLS)
def _tile(skill: tuple[str, str, str]) -> str:
    sign, name, stage = map(escape, skill)
    return (
        f'<li><span class="sign" aria-hidden="true">{sign}</span><bdi>{name}</bdi>'
        f'<span class="stage">{stage}</span></li>'
    )
