"""Lightcast Open Skills as a table: skills are micro-skills, their subcategories are capabilities.

Belongs here: the columns of Lightcast.
Does not belong here: other taxonomies. The table has no prerequisites and no roles.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, build_count, read_rows


def load_lightcast(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read the skills of Lightcast from their file. Of several versions of a skill the last row is taken.

    Raises:
        TaxonomyError: If a column is missing.
    """
    optional_headers = ("DESCRIPTION", "CATEGORY", "CATEGORY_NAME", "SUBCATEGORY", "SUBCATEGORY_NAME")
    skill_rows = read_rows(taxonomy_file, ("ID", "NAME"), optional_headers)
    taxonomy = build_taxonomy(
        skill_rows.unique("ID", keep="last", maintain_order=True).select(
            pl.col("ID").alias("skill_id"),
            pl.col("NAME").alias("name"),
            pl.col("DESCRIPTION").alias("description"),
            pl.coalesce("SUBCATEGORY", "SUBCATEGORY_NAME", "CATEGORY", "CATEGORY_NAME").alias("capability_id"),
            pl.coalesce("SUBCATEGORY_NAME", "SUBCATEGORY", "CATEGORY_NAME", "CATEGORY").alias("capability_name"),
        )
    )
    skill_count = build_count("skills", skill_rows.height, taxonomy.skills.height, "an earlier version of a skill")
    return LoadedTaxonomy(taxonomy, (skill_count,))
