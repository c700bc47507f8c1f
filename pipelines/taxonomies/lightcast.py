"""Lightcast Open Skills as a table: skills, their subcategories as capabilities.

Belongs here: Lightcast's columns.
Does not belong here: other taxonomies. The table says nothing of prerequisites or roles.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, build_taxonomy, empty_prerequisites, empty_role_profiles
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows


def read_lightcast(skills: Path) -> Taxonomy:
    """The taxonomy in that file. Raises TaxonomyRefused where ID or NAME is missing or an id repeats."""
    return load_lightcast(skills).taxonomy


def load_lightcast(skills: Path) -> LoadedTaxonomy:
    """The same with its counts. Where a file holds several versions of a skill, the last row counts."""
    optional = ("DESCRIPTION", "CATEGORY", "CATEGORY_NAME", "SUBCATEGORY", "SUBCATEGORY_NAME")
    rows = read_rows(skills, ("ID", "NAME"), optional)
    last = rows.unique("ID", keep="last", maintain_order=True)
    table = last.select(
        pl.col("ID").alias("skill_id"),
        pl.col("NAME").alias("name"),
        pl.col("DESCRIPTION").alias("description"),
        pl.coalesce("SUBCATEGORY", "SUBCATEGORY_NAME", "CATEGORY", "CATEGORY_NAME").alias("capability_id"),
        pl.coalesce("SUBCATEGORY_NAME", "SUBCATEGORY", "CATEGORY_NAME", "CATEGORY").alias("capability_name"),
    )
    taxonomy = build_taxonomy(table, empty_prerequisites(), empty_role_profiles())
    said = "" if rows.height == last.height else "an earlier version of a skill"
    return LoadedTaxonomy(taxonomy, (TaxonomyCount("skills", rows.height, taxonomy.skills.height, said),))
