"""Moodle's competency framework CSV: its lowest competencies as micro-skills, what stands above them as capabilities.

Belongs here: the framework export's columns.
Does not belong here: who has which competency (a learning source). Cross references are no prerequisites.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, build_taxonomy, empty_prerequisites, empty_role_profiles
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows

_PARENT, _ID, _NAME = "Parent ID number", "ID number", "Short name"


def read_moodle_framework(skills: Path) -> Taxonomy:
    """The taxonomy in that file. Raises TaxonomyRefused where a column is missing or an ID number repeats."""
    return load_moodle_framework(skills).taxonomy


def load_moodle_framework(skills: Path) -> LoadedTaxonomy:
    """The same with its counts. A competency directly below the framework has the framework as its capability."""
    rows = read_rows(skills, (_PARENT, _ID, _NAME), ("Description", "Is framework"))
    is_framework = pl.col("Is framework").fill_null("0").str.to_lowercase().is_in(["1", "true", "yes"])
    competencies = rows.filter(~is_framework)
    framework = rows.filter(is_framework).head(1)
    lowest = competencies.join(competencies, left_on=_ID, right_on=_PARENT, how="anti", maintain_order="left")
    above = rows.select(pl.col(_ID).alias("capability_id"), pl.col(_NAME).alias("capability_name")).unique(
        "capability_id"
    )
    top = framework[_ID][0] if framework.height else None
    table = lowest.select(
        pl.col(_ID).alias("skill_id"),
        pl.col(_NAME).alias("name"),
        pl.col("Description")
        .str.replace_all(r"<[^>]*>", " ")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars()
        .alias("description"),
        pl.col(_PARENT).fill_null(pl.lit(top, pl.String)).alias("capability_id"),
    ).join(above, on="capability_id", how="left", maintain_order="left")
    taxonomy = build_taxonomy(table, empty_prerequisites(), empty_role_profiles())
    groups = competencies.height - lowest.height
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount(
                "competencies",
                competencies.height,
                taxonomy.skills.height,
                f"{groups} with others below them are capabilities" if groups else "",
            ),
            TaxonomyCount("frameworks", rows.height - competencies.height, 0, "a framework is no competency"),
        ),
    )
