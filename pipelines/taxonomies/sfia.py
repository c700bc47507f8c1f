"""SFIA-shaped tables: each skill is a capability, each of its levels a micro-skill that the next lower one precedes.

Belongs here: SFIA's columns: code, name, description, category, subcategory, level_1 to level_7.
Does not belong here: other taxonomies.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, build_taxonomy, empty_role_profiles
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows

LEVELS = tuple(f"level_{i}" for i in range(1, 8))


def read_sfia(skills: Path) -> Taxonomy:
    """The taxonomy in that file. Raises TaxonomyRefused where a column is missing or a code repeats."""
    return load_sfia(skills).taxonomy


def load_sfia(skills: Path) -> LoadedTaxonomy:
    """The same with its counts. A blank level is one that the skill does not have; `CODE 4` is another name of it."""
    rows = read_rows(skills, ("code", "name"), LEVELS)
    levels = rows.unpivot(LEVELS, index=["code", "name"], variable_name="level", value_name="description")
    levels = levels.drop_nulls("description").with_columns(pl.col("level").str.strip_prefix("level_"))
    table = levels.sort("code", "level").select(
        pl.format("{}-{}", "code", "level").alias("skill_id"),
        pl.format("{} level {}", "name", "level").alias("name"),
        "description",
        pl.format("{} {}", "code", "level").alias("aliases"),
        pl.col("code").alias("capability_id"),
        pl.col("name").alias("capability_name"),
    )
    lower = pl.col("skill_id").shift(1).over("capability_id", order_by="skill_id")
    needs = table.select("skill_id", lower.alias("requires_skill_id")).drop_nulls()
    taxonomy = build_taxonomy(table, needs, empty_role_profiles())
    bare = rows.filter(pl.all_horizontal(pl.col(LEVELS).is_null())).height
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("skills", rows.height, taxonomy.skills["capability_id"].n_unique(), "no level" * (bare > 0)),
            TaxonomyCount("levels", levels.height, taxonomy.skills.height),
        ),
    )
