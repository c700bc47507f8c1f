"""The taxonomy that footsteps.yaml declares, and the row counts of a folder for a person to read.

Belongs here: which reader reads which system, and the detection of a published taxonomy by its files.
Does not belong here: the readers (one module each).
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import Taxonomy, TaxonomyError, build_observed_taxonomy, read_taxonomy
from pipelines.taxonomies import digcomp, esco, nice, onet
from pipelines.taxonomies.digcomp import load_digcomp
from pipelines.taxonomies.esco import load_esco
from pipelines.taxonomies.lightcast import load_lightcast
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, find_file, require_file
from pipelines.taxonomies.moodle_framework import load_moodle_framework
from pipelines.taxonomies.nice import load_nice
from pipelines.taxonomies.onet import load_onet
from pipelines.taxonomies.sfia import load_sfia

_LOADERS: dict[str, Callable[[Path], LoadedTaxonomy]] = {
    "esco": load_esco,
    "onet": load_onet,
    "lightcast": load_lightcast,
    "sfia": load_sfia,
    "moodle_framework": load_moodle_framework,
    "nice": load_nice,
    "digcomp": load_digcomp,
}
# Files that identify a published taxonomy; the first that has one counts.
_SIGNATURE_FILES = {
    "esco": esco.SIGNATURE_FILES,
    "onet": onet.SIGNATURE_FILES,
    "nice": nice.SIGNATURE_FILES,
    "digcomp": digcomp.SIGNATURE_FILES,
}
# Systems whose taxonomy is one file, not a folder.
_SINGLE_FILES = frozenset({"lightcast", "sfia", "moodle_framework", "nice", "digcomp"})


def read_declared_taxonomy(declared: TaxonomyConfig, folder: Path, texts: pl.Series) -> Taxonomy:
    """Read the taxonomy of the configuration.

    Args:
        declared: The section `taxonomy` of footsteps.yaml.
        folder: The landing folder; the paths of the section are relative to it.
        texts: The skill texts of the exports, for the system `observed`.

    Raises:
        TaxonomyError: If the taxonomy cannot be read.
    """
    if declared.system == "observed":
        return build_observed_taxonomy(texts, declared.capability_parts)
    path = folder / (declared.folder or declared.skills or "")
    if declared.system == "tabular":
        others = (declared.prerequisites, declared.role_profiles)
        return read_taxonomy(path, *(folder / name if name else None for name in others))
    return _LOADERS[declared.system](path).taxonomy


def count_taxonomy_rows(folder: Path, system: str | None = None) -> tuple[str, list[TaxonomyCount]]:
    """Count the rows in the files of a published taxonomy, and the rows taken.

    Args:
        folder: The folder or file of the taxonomy.
        system: Publisher of the taxonomy; None to detect it by the file, or the files of the folder.

    Returns:
        The publisher, and one count per kind of row.

    Raises:
        TaxonomyError: If the files identify no publisher, or cannot be read.
    """
    system = system or _detect(folder)
    if system not in _LOADERS:
        raise TaxonomyError(f"{folder.name} holds no taxonomy that its files identify: {', '.join(_LOADERS)}")
    path = folder
    if system in _SINGLE_FILES and folder.is_dir():
        path = require_file(folder, *_SIGNATURE_FILES.get(system, ("*",)))
    return system, list(_LOADERS[system](path).counts)


def _detect(path: Path) -> str | None:
    """The publisher whose files the folder holds, or whose name the file has."""
    for system, patterns in _SIGNATURE_FILES.items():
        is_named = path.is_file() and any(path.match(pattern) for pattern in patterns)
        if is_named or (path.is_dir() and find_file(path, *patterns)):
            return system
    return None
