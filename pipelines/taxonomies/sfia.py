"""SFIA-shaped tables: each skill is a capability, each of its levels is a micro-skill that requires the level below.

Belongs here: the columns of SFIA: code, name, level_1 to level_7.
Does not belong here: other taxonomies.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows

_LEVEL_COLUMNS = tuple(f"level_{level}" for level in range(1, 8))


def load_sfia(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read SFIA from its file.

    A skill does not have a level whose cell is blank; `CODE 4` is another name of its level 4.

    Raises:
        TaxonomyError: If a column is missing or a code is repeated.
    """
    skill_rows = read_rows(taxonomy_file, ("code", "name"), _LEVEL_COLUMNS)
    level_rows = skill_rows.unpivot(
        _LEVEL_COLUMNS, index=["code", "name"], variable_name="level", value_name="description"
    )
    level_rows = level_rows.drop_nulls("description").with_columns(pl.col("level").str.strip_prefix("level_"))
    micro_skills = level_rows.sort("code", "level").select(
        pl.format("{}-{}", "code", "level").alias("skill_id"),
        pl.format("{} level {}", "name", "level").alias("name"),
        "description",
        pl.format("{} {}", "code", "level").alias("aliases"),
        pl.col("code").alias("capability_id"),
        pl.col("name").alias("capability_name"),
    )
    lower_level_id = pl.col("skill_id").shift(1).over("capability_id", order_by="skill_id")
    taxonomy = build_taxonomy(
        micro_skills, micro_skills.select("skill_id", lower_level_id.alias("requires_skill_id")).drop_nulls()
    )
    has_skill_without_level = skill_rows.select(pl.all_horizontal(pl.col(_LEVEL_COLUMNS).is_null()).any()).item()
    capability_count = taxonomy.skills["capability_id"].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("skills", skill_rows.height, capability_count, "no level" if has_skill_without_level else ""),
            TaxonomyCount("levels", level_rows.height, taxonomy.skills.height),
        ),
    )
