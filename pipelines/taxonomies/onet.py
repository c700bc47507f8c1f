"""O*NET text files: technology skills are micro-skills, their commodities are capabilities, occupations are roles.

Belongs here: the files and columns of O*NET.
Does not belong here: other taxonomies. O*NET has no prerequisites.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, count_rows, read_rows, require_file

_CODE, _EXAMPLE, _COMMODITY, _TITLE = "O*NET-SOC Code", "Example", "Commodity Code", "Commodity Title"
_HOT, _IN_DEMAND = "Hot Technology", "In Demand"


def load_onet(folder: Path) -> LoadedTaxonomy:
    """Read the folder.

    The capability of a technology is the commodity that names it most often, of equals the first by code. In a role, a
    technology that employers ask for now (in demand) or widely (hot) is essential, any other is optional.

    Raises:
        TaxonomyError: If a file or column is missing.
    """
    rows = read_rows(
        require_file(folder, "Technology Skills.*", "Technology_Skills.*"),
        (_CODE, _EXAMPLE, _COMMODITY, _TITLE),
        (_HOT, _IN_DEMAND),
    )
    occupations = read_rows(require_file(folder, "Occupation Data.*", "Occupation_Data.*"), (_CODE, "Title"))
    commodities = rows.group_by(_EXAMPLE, _COMMODITY).agg(pl.len().alias("times"), pl.col(_TITLE).first())
    most_frequent = commodities.sort(_EXAMPLE, "times", _COMMODITY, descending=[False, True, False]).unique(
        _EXAMPLE, keep="first"
    )
    is_essential = (pl.col(_HOT) == "Y") | (pl.col(_IN_DEMAND) == "Y")
    taxonomy = build_taxonomy(
        most_frequent.select(skill_id=_EXAMPLE, name=_EXAMPLE, capability_id=_COMMODITY, capability_name=_TITLE),
        role_profiles=rows.join(occupations.unique(_CODE), on=_CODE).select(
            role_name="Title",
            skill_id=_EXAMPLE,
            importance=pl.when(is_essential).then(pl.lit("essential")).otherwise(pl.lit("optional")),
        ),
        relations=rows.select(from_id=_EXAMPLE, relation_name=pl.lit("broader"), to_id=_COMMODITY),
    )
    profiles, relations = taxonomy.role_profiles, taxonomy.relations
    with_technologies = rows.join(occupations, on=_CODE, how="semi")[_CODE].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("distinct technologies", rows[_EXAMPLE].n_unique(), taxonomy.skills.height),
            TaxonomyCount("distinct commodities", rows[_COMMODITY].n_unique(), relations["to_id"].n_unique()),
            TaxonomyCount("occupations with technologies", with_technologies, profiles["role_name"].n_unique()),
            count_rows("occupation technologies", rows.height, profiles.height, "occupation unknown, or repeated"),
        ),
    )
