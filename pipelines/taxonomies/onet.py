"""O*NET text files: software is micro-skills, its commodities or categories are capabilities, occupations are roles.

Belongs here: the files and columns of O*NET, up to release 30.2 and from 30.3 on.
Does not belong here: other taxonomies. O*NET has no prerequisites.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import (
    LoadedTaxonomy,
    TaxonomyCount,
    count_rows,
    find_file,
    read_rows,
    require_file,
    require_rows,
)

_CODE, _HOT, _IN_DEMAND = "O*NET-SOC Code", "Hot Technology", "In Demand"


@dataclass(frozen=True)
class _Form:
    """The file of software skills in one range of releases: its names, its columns, and what its groups are called."""

    patterns: tuple[str, ...]
    example: str
    group_id: str
    group_name: str
    groups: str


# Release 30.3 (content model modernised) replaced Technology Skills by Software Skills; onetcenter.org/dev_db.html.
_FILE_FORMS = (
    _Form(
        ("Technology Skills.*", "Technology_Skills.*"), "Example", "Commodity Code", "Commodity Title", "commodities"
    ),
    _Form(("Software Skills.*", "Software_Skills.*"), "Workplace Example", "Element ID", "Element Name", "categories"),
)
SIGNATURE_FILES = tuple(pattern for form in _FILE_FORMS for pattern in form.patterns)


def load_onet(folder: Path) -> LoadedTaxonomy:
    """Read O*NET from the folder of its files.

    The capability of a technology is the group that names it most often, of equals the first by code. In a role, a
    technology that employers ask for now (in demand) or widely (hot) is essential, any other is optional.

    Raises:
        TaxonomyError: If a file or column is missing, or a file is empty.
    """
    # A folder over which a newer release was laid holds the files of both.
    form = next((form for form in reversed(_FILE_FORMS) if find_file(folder, *form.patterns)), _FILE_FORMS[-1])
    example_column, group_id_column, group_name_column = form.example, form.group_id, form.group_name
    software_file = require_file(folder, *form.patterns)
    all_rows = require_rows(
        software_file,
        read_rows(software_file, (_CODE, example_column, group_id_column, group_name_column), (_HOT, _IN_DEMAND)),
    )
    technology_rows = all_rows.drop_nulls(example_column)
    occupations = read_rows(require_file(folder, "Occupation Data.*", "Occupation_Data.*"), (_CODE, "Title"))
    group_counts = technology_rows.group_by(example_column, group_id_column).agg(
        pl.len().alias("times"), pl.col(group_name_column).first()
    )
    common_groups = group_counts.sort(example_column, "times", group_id_column, descending=[False, True, False]).unique(
        example_column, keep="first"
    )
    is_essential = (pl.col(_HOT) == "Y") | (pl.col(_IN_DEMAND) == "Y")
    taxonomy = build_taxonomy(
        common_groups.select(
            skill_id=example_column,
            name=example_column,
            capability_id=group_id_column,
            capability_name=group_name_column,
        ),
        role_profiles=technology_rows.join(occupations.unique(_CODE), on=_CODE).select(
            role_name="Title",
            skill_id=example_column,
            importance=pl.when(is_essential).then(pl.lit("essential")).otherwise(pl.lit("optional")),
        ),
        relations=technology_rows.select(
            from_id=example_column, relation_name=pl.lit("broader"), to_id=group_id_column
        ),
    )
    profiles, relations = taxonomy.role_profiles, taxonomy.relations
    occupation_count = technology_rows.join(occupations, on=_CODE, how="semi")[_CODE].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("distinct technologies", technology_rows[example_column].n_unique(), taxonomy.skills.height),
            TaxonomyCount(
                f"distinct {form.groups}", technology_rows[group_id_column].n_unique(), relations["to_id"].n_unique()
            ),
            TaxonomyCount("occupations with technologies", occupation_count, profiles["role_name"].n_unique()),
            count_rows(
                "occupation technologies",
                all_rows.height,
                profiles.height,
                "no example, occupation unknown, or repeated",
            ),
        ),
    )
