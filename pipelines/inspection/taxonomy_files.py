"""The taxonomy that a folder of exports holds: a published one, or the company's own tables.

Belongs here: finding its files, and the section of footsteps.yaml for it.
Does not belong here: reading a taxonomy (`pipelines.taxonomies`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import Taxonomy, TaxonomyError, normalise_name
from pipelines.inspection.folder import ExportFile
from pipelines.sources.adapter import open_table
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import normalize_header
from pipelines.taxonomies.declared import SINGLE_FILES, detect_taxonomy, read_declared_taxonomy

# Headers, in lower case, by which a file is a taxonomy of its own: the system, or the key of `taxonomy` for own tables.
_HEADERS_BY_SYSTEM: dict[str, frozenset[str]] = {
    "moodle_framework": frozenset({"parent id number", "id number", "short name"}),
    "sfia": frozenset({"code", "name", "level_3", "level_4"}),
    "lightcast": frozenset({"id", "name", "subcategory_name"}),
}
# The most special first: its headers hold those of the next.
_HEADERS_BY_OWN_TABLE: dict[str, frozenset[str]] = {
    "prerequisites": frozenset({"skill_id", "requires_skill_id"}),
    "role_profiles": frozenset({"role_name", "skill_id", "importance"}),
    "skills": frozenset({"skill_id", "name"}),
}
_NO_SKILL_TEXTS = pl.Series("skill_text", [], pl.String)


@dataclass(frozen=True)
class FolderTaxonomy:
    """The taxonomy of a folder.

    Attributes:
        taxonomy_section: The section `taxonomy` of footsteps.yaml.
        taxonomy: The taxonomy as a run would read it; None if the folder holds none.
        files: The files that belong to it, also those that cannot be read.
        comments: What was decided and from what.
        questions: What could not be decided.
    """

    taxonomy_section: dict[str, Any]
    taxonomy: Taxonomy | None = None
    files: frozenset[ExportFile] = frozenset()
    comments: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def skill_names(self) -> set[str]:
        """The normalised names and ids of the micro-skills; empty without a taxonomy."""
        if self.taxonomy is None:
            return set()
        normalised_ids = self.taxonomy.skills.select(normalise_name(pl.col("skill_id"))).to_series()
        return {*self.taxonomy.aliases["alias_text"], *normalised_ids}


# A section of footsteps.yaml that the files allow, and these files.
_Candidate = tuple[dict[str, Any], frozenset[ExportFile]]


def find_taxonomy(folder: Path, files: Sequence[ExportFile]) -> FolderTaxonomy:
    """Find the taxonomy among the files of a folder.

    Args:
        folder: The folder of the exports.
        files: Its files.

    Returns:
        The first published taxonomy, or else the company's own tables, or else the section that takes the skill texts
        themselves.
    """
    taxonomy_candidates = [*_find_published(folder, files), *_find_by_headers(folder, files)]
    claimed_files = frozenset[ExportFile]().union(*(candidate_files for _, candidate_files in taxonomy_candidates))
    questions: list[str] = []
    for taxonomy_section, _ in taxonomy_candidates:
        try:
            loaded_taxonomy = read_declared_taxonomy(TaxonomyConfig(**taxonomy_section), folder, _NO_SKILL_TEXTS)
        except TaxonomyError as error:
            questions.append(f"files that look like a taxonomy are not used: {error}")
            continue
        other_names = [
            _name_taxonomy(another_section)
            for another_section, _ in taxonomy_candidates
            if another_section is not taxonomy_section
        ]
        if other_names:
            questions.append(
                f"the folder holds another taxonomy ({', '.join(other_names)}): use the one of the company"
            )
        comment = f"{taxonomy_section['system']}, by its files: {loaded_taxonomy.taxonomy.skills.height:,} micro-skills"
        return FolderTaxonomy(taxonomy_section, loaded_taxonomy.taxonomy, claimed_files, (comment,), tuple(questions))
    comment = "the folder holds no taxonomy: each skill text of the exports counts as a micro-skill"
    return FolderTaxonomy({"system": "observed"}, None, claimed_files, (comment,), tuple(questions))


def _name_taxonomy(taxonomy_section: dict[str, Any]) -> str:
    return str(taxonomy_section.get("folder") or taxonomy_section.get("skills"))


def _find_published(folder: Path, files: Sequence[ExportFile]) -> Iterator[_Candidate]:
    """Find published taxonomies by the names of their files."""
    plain_files = [file for file in files if file.member is None]
    for parent_folder in sorted({str(PurePosixPath(file.path).parent) for file in plain_files}):
        system = detect_taxonomy(folder / parent_folder)
        if system is None:
            continue
        folder_files = frozenset(file for file in plain_files if str(PurePosixPath(file.path).parent) == parent_folder)
        taxonomy_files = (
            folder_files
            if parent_folder != "."
            else frozenset(file for file in folder_files if detect_taxonomy(folder / file.path) == system)
        )
        if system in SINGLE_FILES:
            taxonomy_files = frozenset(file for file in folder_files if detect_taxonomy(folder / file.path) == system)
            yield {"system": system, "skills": min(taxonomy_files).path}, taxonomy_files
        else:
            yield {"system": system, "folder": parent_folder}, taxonomy_files


def _find_by_headers(folder: Path, files: Sequence[ExportFile]) -> Iterator[_Candidate]:
    """Find taxonomies of one file, and the company's own tables, by their headers."""
    file_by_kind: dict[str, ExportFile] = {}
    for file in files:
        file_headers = _read_headers(folder, file)
        for system, identifying_headers in _HEADERS_BY_SYSTEM.items():
            if identifying_headers <= file_headers:
                yield {"system": system, "skills": file.path}, frozenset({file})
        table_kind = next(
            (
                table_kind
                for table_kind, identifying_headers in _HEADERS_BY_OWN_TABLE.items()
                if identifying_headers <= file_headers
            ),
            None,
        )
        if table_kind is not None:
            file_by_kind.setdefault(table_kind, file)
    if "skills" in file_by_kind:
        path_by_kind = {
            table_kind: file_by_kind[table_kind].path
            for table_kind in reversed(_HEADERS_BY_OWN_TABLE)
            if table_kind in file_by_kind
        }
        yield {"system": "tabular", **path_by_kind}, frozenset(file_by_kind.values())


def _read_headers(folder: Path, file: ExportFile) -> frozenset[str]:
    if file.member is not None:
        return frozenset()
    try:
        return frozenset(map(normalize_header, open_table(folder / file.path).headers))
    except ExportRefused:
        return frozenset()
