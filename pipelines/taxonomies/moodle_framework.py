"""Competency framework CSV of Moodle: its lowest competencies are micro-skills, those above them are capabilities.

Belongs here: the columns of the framework export.
Does not belong here: who has which competency (a learning source). Cross references are not prerequisites.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, read_rows

_PARENT_HEADER, _ID_HEADER, _NAME_HEADER = "Parent ID number", "ID number", "Short name"


def load_moodle_framework(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read a competency framework of Moodle from its file.

    The capability of a competency directly below the framework is the framework.

    Raises:
        TaxonomyError: If a column is missing or an ID number is repeated.
    """
    file_rows = read_rows(taxonomy_file, (_PARENT_HEADER, _ID_HEADER, _NAME_HEADER), ("Description", "Is framework"))
    is_framework = pl.col("Is framework").fill_null("0").str.to_lowercase().is_in(["1", "true", "yes"])
    competency_rows, framework_rows = file_rows.filter(~is_framework), file_rows.filter(is_framework)
    lowest_competencies = competency_rows.join(
        competency_rows, left_on=_ID_HEADER, right_on=_PARENT_HEADER, how="anti", maintain_order="left"
    )
    capability_names = file_rows.select(capability_id=_ID_HEADER, capability_name=_NAME_HEADER).unique(
        "capability_id", keep="first", maintain_order=True
    )
    plain_description = (
        pl.col("Description").str.replace_all(r"<[^>]*>", " ").str.replace_all(r"\s+", " ").str.strip_chars()
    )
    framework_id = pl.lit(next(iter(framework_rows[_ID_HEADER]), None), pl.String)
    taxonomy = build_taxonomy(
        lowest_competencies.select(
            pl.col(_ID_HEADER).alias("skill_id"),
            pl.col(_NAME_HEADER).alias("name"),
            plain_description.alias("description"),
            pl.col(_PARENT_HEADER).fill_null(framework_id).alias("capability_id"),
        ).join(capability_names, on="capability_id", how="left", maintain_order="left")
    )
    parent_count = competency_rows.height - lowest_competencies.height
    left_out_reason = f"{parent_count} with others below them are capabilities" if parent_count else ""
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("competencies", competency_rows.height, taxonomy.skills.height, left_out_reason),
            TaxonomyCount("frameworks", framework_rows.height, 0, "a framework is no competency"),
        ),
    )
