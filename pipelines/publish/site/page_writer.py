"""Writing people's pages, in several processes if there are many.

Belongs here: the templates' environment, the cache of repeated pieces, and which process writes whose page.
Does not belong here: the text of a page (`pages`), and any slow import: every process starts with this module.
"""

import os
import re
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import jinja2
import polars as pl
from jinja2.ext import Extension
from joblib import Parallel, cpu_count, delayed
from markupsafe import Markup, escape

from pipelines.publish.site.capability_picture import CapabilityView, HeldSkill
from pipelines.publish.site.language import ENGLISH, PageLanguage
from pipelines.publish.site.page_data import SMALLEST_TEAM, PageData, iterate_people, load_page_data
from pipelines.publish.site.pages import StepView, render_person_page
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.file_access import current_umask, use_umask
from pipelines.storage.lake import Lake
from pipelines.validation.page_templates import open_page_templates

# The page in a person's folder.
PERSON_PAGE = "index.html"
TEMPLATES = Path(__file__).parent / "templates"
# Starting processes takes as long as writing some hundreds of pages.
_MIN_PAGES_PER_PROCESS = 1_000
# Parts per process: few enough to read the names rarely, enough that no process waits long for the last one.
_PARTS_PER_PROCESS = 4
# Seconds after which a process ends if it has nothing to do, and between two looks at its parent.
_IDLE_SECONDS, _WATCH_SECONDS = 10, 0.2
# Cached pieces, such as pictures of capabilities: many people hold the same stages of one.
_CACHED_PIECE_COUNT = 20_000
_FIXED_TEXT_PATTERN = re.compile(r'\{\{ _\("(?P<text>[^"]+)"\) \}\}')
# Steps that are shown at first; the others open on request.
_SHOWN_STEP_COUNT = 3


class FixedTexts(Extension):  # type: ignore[misc]
    """Translates the texts without placeholders when a template is compiled, not whenever it is rendered."""

    def preprocess(self, source: str, *_: str | None) -> str:
        """Replace each `{{ _("text") }}` by the escaped text in the language of the environment."""
        language: PageLanguage = self.environment.globals["language"]
        return _FIXED_TEXT_PATTERN.sub(lambda match: str(escape(language.translate(match["text"]))), source)


def write_people(
    page_data: PageData, person_ids: list[str], people_folder: Path, min_pages_per_process: int = _MIN_PAGES_PER_PROCESS
) -> None:
    """Write the page of each person; the number of processes changes nothing in a page.

    Args:
        page_data: The input of the pages.
        person_ids: person_id of each person.
        people_folder: Folder of people's pages; it exists.
        min_pages_per_process: Number of pages beyond which another process pays off.
    """
    process_count = min(cpu_count(), -(-len(person_ids) // min_pages_per_process))
    if process_count <= 1:
        _write_pages(page_data, person_ids, people_folder)
        return
    people_per_part = -(-len(person_ids) // (process_count * _PARTS_PER_PROCESS))
    person_id_parts = (
        person_ids[part_start : part_start + people_per_part]
        for part_start in range(0, len(person_ids), people_per_part)
    )
    # each part gets the evidence counts of its people, so that no process counts all evidence again
    Parallel(n_jobs=process_count, backend="loky", batch_size=1, idle_worker_timeout=_IDLE_SECONDS)(
        delayed(_write_part)(
            page_data.snapshot,
            page_data.lake,
            page_data.company_name,
            page_data.evidence_counts.filter(pl.col("person_id").is_in(person_id_part)),
            page_data.language,
            page_data.smallest_team,
            person_id_part,
            people_folder,
            os.getpid(),
            current_umask(),
        )
        for person_id_part in person_id_parts
    )


def create_environment(
    snapshot: Snapshot,
    company_name: str,
    *,
    language: PageLanguage = ENGLISH,
    smallest_team: int = SMALLEST_TEAM,
) -> jinja2.Environment:
    """Create the environment of the templates: it escapes every value and rejects unknown names.

    Args:
        snapshot: The snapshot that the pages show.
        company_name: Name of the company.
        language: The language of the pages.
        smallest_team: The smallest number of people that a page states.

    Returns:
        An environment with the globals and filters that the templates use.
    """
    environment = open_page_templates(TEMPLATES, keep_trailing_newline=False)
    environment.add_extension(FixedTexts)
    environment.globals.update(
        snapshot=snapshot,
        company=company_name,
        language=language,
        smallest=smallest_team,
        shown_steps=_SHOWN_STEP_COUNT,
        _=language.translate,
        count_text=language.translate_count,
    )
    pieces = environment.get_template("pieces.html.j2").module
    # pieces that pages repeat are rendered once
    draw_picture, list_texts, describe_fit, describe_held = (
        lru_cache(_CACHED_PIECE_COUNT)(macro) for macro in (pieces.picture, pieces.lines, pieces.fit, pieces.held)
    )

    def draw_capability(capability: CapabilityView) -> Markup:
        return Markup(draw_picture(capability.blocks, capability.total, capability.summary))

    def describe_step_fit(step: StepView) -> Markup:
        return Markup(describe_fit(step.likelihood, step.motives))

    def list_held_skills(held_skills: Iterable[HeldSkill]) -> Markup:
        return Markup("".join(map(describe_held, held_skills)))

    environment.filters.update(picture=draw_capability, lines=list_texts, fit=describe_step_fit, held=list_held_skills)
    environment.globals["legend_picture"] = lru_cache(pieces.legend)
    return environment


def _write_part(
    snapshot: Snapshot,
    lake: Lake,
    company_name: str,
    evidence_counts: pl.DataFrame,
    language: PageLanguage,
    smallest_team: int,
    person_ids: list[str],
    people_folder: Path,
    parent_pid: int,
    umask: int,
) -> None:
    """Write the pages of some people in a separate process, which may have started before its parent set the umask."""
    _end_with_parent(parent_pid)
    use_umask(umask)
    page_data = load_page_data(
        snapshot, lake, company_name, evidence_counts, language=language, smallest_team=smallest_team
    )
    _write_pages(page_data, person_ids, people_folder)


def _write_pages(page_data: PageData, person_ids: list[str], people_folder: Path) -> None:
    environment = create_environment(page_data.snapshot, page_data.company_name, language=page_data.language)
    template = environment.get_template("person.html.j2")
    for person_rows in iterate_people(page_data, person_ids):
        page_html = render_person_page(template, page_data, person_rows)
        person_folder = people_folder / page_data.page_names.folder_of(person_rows.person_id)
        person_folder.mkdir()
        (person_folder / PERSON_PAGE).write_bytes(page_html.encode())


@lru_cache(maxsize=1)
def _end_with_parent(parent_pid: int) -> None:
    """End this process soon after its parent ends, even if the parent is killed."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
