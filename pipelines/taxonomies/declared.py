"""The taxonomy that footsteps.yaml declares, whatever published it; and the counts of a folder, for a person to see.

Belongs here: which reader is for which system, and recognising a published taxonomy by its files.
Does not belong here: the readers (one file each).
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import Taxonomy, TaxonomyError, build_observed_taxonomy, read_taxonomy
from pipelines.taxonomies.esco import load_esco
from pipelines.taxonomies.lightcast import load_lightcast
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, find_file
from pipelines.taxonomies.moodle_framework import load_moodle_framework
from pipelines.taxonomies.onet import load_onet
from pipelines.taxonomies.sfia import load_sfia

LOADERS: dict[str, Callable[[Path], LoadedTaxonomy]] = {
    "esco": load_esco,
    "onet": load_onet,
    "lightcast": load_lightcast,
    "sfia": load_sfia,
    "moodle_framework": load_moodle_framework,
}
# Files by which a published taxonomy is known.
_KNOWN_BY = {
    "esco": ("occupation_to_skill_relations.csv", "occupationSkillRelations*.csv", "skill_hierarchy.csv"),
    "onet": ("Technology Skills.*", "Technology_Skills.*"),
}


def read_declared_taxonomy(declared: TaxonomyConfig, folder: Path, texts: pl.Series) -> Taxonomy:
    """The taxonomy of the configuration; its paths lie below `folder`, `texts` are what `observed` is made of.

    Raises TaxonomyRefused where it cannot be read.
    """
    if declared.system == "observed":
        return build_observed_taxonomy(texts, declared.capability_parts)
    if declared.system == "tabular":
        paths = (declared.skills, declared.prerequisites, declared.role_profiles)
        skills, prerequisites, role_profiles = (folder / path if path else None for path in paths)
        assert skills is not None
        return read_taxonomy(skills, prerequisites, role_profiles)
    place = declared.folder or declared.skills
    assert place is not None
    return LOADERS[declared.system](folder / place).taxonomy


def count_taxonomy_rows(folder: Path, system: str | None = None) -> list[TaxonomyCount]:
    """One row per kind of row in a published taxonomy's files: how many stood there, how many were taken.

    The system is recognised by the files where it is not given. Raises TaxonomyRefused where none is.
    """
    known = [one for one, patterns in _KNOWN_BY.items() if folder.is_dir() and find_file(folder, *patterns)]
    chosen = system or (known[0] if known else None)
    if chosen not in LOADERS:
        raise TaxonomyError(f"{folder.name} holds no taxonomy that is known by its files: {', '.join(LOADERS)}")
    return list(LOADERS[chosen](folder).counts)
