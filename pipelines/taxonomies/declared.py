"""The taxonomy that footsteps.yaml declares, and the row counts of a folder for a person to read.

Belongs here: which reader reads which system, and the detection of a published taxonomy by its files.
Does not belong here: the readers (one module each).
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import TaxonomyError, add_aliases, build_observed_taxonomy, normalise_name
from pipelines.taxonomies import digcomp, esco, nice, onet
from pipelines.taxonomies.digcomp import load_digcomp
from pipelines.taxonomies.esco import load_esco
from pipelines.taxonomies.lightcast import load_lightcast
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, build_count, find_file, read_rows, require_file
from pipelines.taxonomies.moodle_framework import load_moodle_framework
from pipelines.taxonomies.nice import load_nice
from pipelines.taxonomies.onet import load_onet
from pipelines.taxonomies.own_tables import load_own_tables
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
SIGNATURE_FILES = {
    "esco": esco.SIGNATURE_FILES,
    "onet": onet.SIGNATURE_FILES,
    "nice": nice.SIGNATURE_FILES,
    "digcomp": digcomp.SIGNATURE_FILES,
}
# Files whose names others have too: the patterns of the name, and the headers that identify the publisher.
MAIN_FILES = {"esco": esco.MAIN_FILES}
# Systems whose taxonomy is one file, not a folder.
SINGLE_FILES = frozenset({"lightcast", "sfia", "moodle_framework", "nice", "digcomp"})


def read_declared_taxonomy(
    taxonomy_config: TaxonomyConfig, landing_folder: Path, skill_texts: pl.Series
) -> LoadedTaxonomy:
    """Read the taxonomy of the configuration, and the names that the company adds to it.

    Args:
        taxonomy_config: The section `taxonomy` of footsteps.yaml.
        landing_folder: The landing folder; the paths of the section are relative to it.
        skill_texts: The skill texts of the exports, for the system `observed`. A text that `aliases` names is another
            name of a micro-skill there, and no micro-skill.

    Returns:
        The taxonomy, and the counts of its files.

    Raises:
        TaxonomyError: If the taxonomy cannot be read.
    """
    alias_rows = (
        read_rows(landing_folder / taxonomy_config.aliases, ("name", "skill_id")) if taxonomy_config.aliases else None
    )
    loaded_taxonomy = _read_published_or_own(
        taxonomy_config, landing_folder, skill_texts if alias_rows is None else _drop_aliases(skill_texts, alias_rows)
    )
    if alias_rows is None:
        return loaded_taxonomy
    taxonomy, accepted_alias_count = add_aliases(loaded_taxonomy.taxonomy, alias_rows)
    alias_count = build_count(
        "aliases", alias_rows.height, accepted_alias_count, "the taxonomy has no such micro-skill"
    )
    return LoadedTaxonomy(taxonomy, (*loaded_taxonomy.counts, alias_count))


def _read_published_or_own(
    taxonomy_config: TaxonomyConfig, landing_folder: Path, skill_texts: pl.Series
) -> LoadedTaxonomy:
    if taxonomy_config.system == "observed":
        taxonomy = build_observed_taxonomy(skill_texts, taxonomy_config.capability_parts)
        return LoadedTaxonomy(taxonomy, (TaxonomyCount("texts", skill_texts.n_unique(), taxonomy.skills.height),))
    taxonomy_path = landing_folder / (taxonomy_config.folder or taxonomy_config.skills or "")
    if taxonomy_config.system == "tabular":
        return load_own_tables(
            taxonomy_path,
            *(
                landing_folder / file_name if file_name else None
                for file_name in (taxonomy_config.prerequisites, taxonomy_config.role_profiles)
            ),
        )
    return _LOADERS[taxonomy_config.system](taxonomy_path)


def _drop_aliases(skill_texts: pl.Series, alias_rows: pl.DataFrame) -> pl.Series:
    """The texts that no alias names."""
    is_alias = normalise_name(pl.col("text")).is_in(alias_rows.select(normalise_name(pl.col("name")))["name"].implode())
    return skill_texts.to_frame("text").filter(~is_alias)["text"].rename(skill_texts.name)


def count_taxonomy_rows(folder_or_file: Path, publisher: str | None = None) -> tuple[str, list[TaxonomyCount]]:
    """Count the rows in the files of a published taxonomy, and the rows taken.

    Args:
        folder_or_file: The folder or file of the taxonomy.
        publisher: Publisher of the taxonomy; None to detect it by the file, or the files of the folder.

    Returns:
        The publisher, and one count per kind of row.

    Raises:
        TaxonomyError: If the files identify no publisher, or cannot be read.
    """
    publisher = publisher or detect_taxonomy(folder_or_file)
    if publisher not in _LOADERS:
        raise TaxonomyError(f"{folder_or_file.name} holds no taxonomy that its files identify: {', '.join(_LOADERS)}")
    taxonomy_path = folder_or_file
    if publisher in SINGLE_FILES and folder_or_file.is_dir():
        taxonomy_path = require_file(folder_or_file, *SIGNATURE_FILES.get(publisher, ("*",)))
    return publisher, list(_LOADERS[publisher](taxonomy_path).counts)


def detect_taxonomy(folder_or_file: Path) -> str | None:
    """The publisher whose files the folder holds, or whose name the file has; None if they show none.

    A main file alone, whose name says little, is identified by its headers.
    """
    for publisher, patterns in SIGNATURE_FILES.items():
        is_publisher_file = folder_or_file.is_file() and any(folder_or_file.match(pattern) for pattern in patterns)
        if is_publisher_file or (folder_or_file.is_dir() and find_file(folder_or_file, *patterns)):
            return publisher
    for publisher, main_files in MAIN_FILES.items():
        if any(_has_main_file(folder_or_file, *main_file) for main_file in main_files):
            return publisher
    return None


def _has_main_file(folder_or_file: Path, patterns: tuple[str, ...], *headers: str) -> bool:
    is_main_file = folder_or_file.is_file() and any(map(folder_or_file.match, patterns))
    main_file = folder_or_file if is_main_file else find_file(folder_or_file, *patterns)
    if main_file is None:
        return False
    try:
        read_rows(main_file, headers)
    except TaxonomyError:
        return False
    return True
