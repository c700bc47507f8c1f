"""Competency framework CSV of Moodle: its lowest competencies are micro-skills, those above them are capabilities.

Belongs here: the columns of the framework export.
Does not belong here: who has which competency (a learning source). Cross references are not prerequisites.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows

_PARENT, _ID, _NAME = "Parent ID number", "ID number", "Short name"


def load_moodle_framework(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read a competency framework of Moodle from its file.

    The capability of a competency directly below the framework is the framework.

    Raises:
        TaxonomyError: If a column is missing or an ID number is repeated.
    """
    file_rows = read_rows(taxonomy_file, (_PARENT, _ID, _NAME), ("Description", "Is framework"))
    is_framework = pl.col("Is framework").fill_null("0").str.to_lowercase().is_in(["1", "true", "yes"])
    competencies, frameworks = file_rows.filter(~is_framework), file_rows.filter(is_framework)
    lowest_competencies = competencies.join(
        competencies, left_on=_ID, right_on=_PARENT, how="anti", maintain_order="left"
    )
    parent_names = file_rows.select(capability_id=_ID, capability_name=_NAME).unique("capability_id")
    description = pl.col("Description").str.replace_all(r"<[^>]*>", " ").str.replace_all(r"\s+", " ").str.strip_chars()
    framework_id = pl.lit(next(iter(frameworks[_ID]), None), pl.String)
    taxonomy = build_taxonomy(
        lowest_competencies.select(
            pl.col(_ID).alias("skill_id"),
            pl.col(_NAME).alias("name"),
            description.alias("description"),
            pl.col(_PARENT).fill_null(framework_id).alias("capability_id"),
        ).join(parent_names, on="capability_id", how="left", maintain_order="left")
    )
    group_count = competencies.height - lowest_competencies.height
    left_out_reason = f"{group_count} with others below them are capabilities" if group_count else ""
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("competencies", competencies.height, taxonomy.skills.height, left_out_reason),
            TaxonomyCount("frameworks", frameworks.height, 0, "a framework is no competency"),
        ),
    )
