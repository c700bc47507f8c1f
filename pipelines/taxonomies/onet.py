"""O*NET text files: technology skills as micro-skills, their commodities as capabilities, occupations as roles.

Belongs here: O*NET's files and columns.
Does not belong here: other taxonomies. O*NET says nothing of what comes before what: there are no prerequisites.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, build_taxonomy, empty_prerequisites
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, needed_file, read_rows

_CODE, _EXAMPLE, _COMMODITY, _TITLE = "O*NET-SOC Code", "Example", "Commodity Code", "Commodity Title"
_HOT, _IN_DEMAND = "Hot Technology", "In Demand"


def read_onet(folder: Path) -> Taxonomy:
    """The taxonomy in that folder. Raises TaxonomyRefused where files or columns are missing."""
    return load_onet(folder).taxonomy


def load_onet(folder: Path) -> LoadedTaxonomy:
    """The same with the counts of every file.

    A technology named under several commodities belongs to the one that names it most often, of equals the first by
    code. In a role, what employers ask for now (in demand) or widely (hot) is essential, all else optional.
    """
    rows = read_rows(
        needed_file(folder, "Technology Skills.*", "Technology_Skills.*"),
        (_CODE, _EXAMPLE, _COMMODITY, _TITLE),
        (_HOT, _IN_DEMAND),
    )
    occupations = read_rows(needed_file(folder, "Occupation Data.*", "Occupation_Data.*"), (_CODE, "Title"))
    often = rows.group_by(_EXAMPLE, _COMMODITY).agg(pl.len().alias("often"), pl.col(_TITLE).first())
    first = often.sort(_EXAMPLE, "often", _COMMODITY, descending=[False, True, False]).unique(_EXAMPLE, keep="first")
    skills = first.select(
        pl.col(_EXAMPLE).alias("skill_id"),
        pl.col(_EXAMPLE).alias("name"),
        pl.col(_COMMODITY).alias("capability_id"),
        pl.col(_TITLE).alias("capability_name"),
    )
    is_asked_for = (pl.col(_HOT) == "Y") | (pl.col(_IN_DEMAND) == "Y")
    profiles = rows.join(occupations.unique(_CODE), on=_CODE).select(
        pl.col("Title").alias("role_name"),
        pl.col(_EXAMPLE).alias("skill_id"),
        pl.when(is_asked_for).then(pl.lit("essential")).otherwise(pl.lit("optional")).alias("importance"),
    )
    under = rows.select(
        pl.col(_EXAMPLE).alias("from_id"), pl.lit("broader").alias("relation_name"), pl.col(_COMMODITY).alias("to_id")
    )
    taxonomy = build_taxonomy(skills, empty_prerequisites(), profiles, under)
    said = "" if taxonomy.role_profiles.height == rows.height else "occupation unknown, or said twice"
    named = rows.join(occupations, on=_CODE, how="semi")[_CODE].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("distinct technologies", rows[_EXAMPLE].n_unique(), taxonomy.skills.height),
            TaxonomyCount("distinct commodities", rows[_COMMODITY].n_unique(), taxonomy.relations["to_id"].n_unique()),
            TaxonomyCount("occupations with technologies", named, taxonomy.role_profiles["role_name"].n_unique()),
            TaxonomyCount("occupation technologies", rows.height, taxonomy.role_profiles.height, said),
        ),
    )
