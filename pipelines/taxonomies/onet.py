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
_FORMS = (
    _Form(
        ("Technology Skills.*", "Technology_Skills.*"), "Example", "Commodity Code", "Commodity Title", "commodities"
    ),
    _Form(("Software Skills.*", "Software_Skills.*"), "Workplace Example", "Element ID", "Element Name", "categories"),
)
SIGNATURE_FILES = tuple(pattern for form in _FORMS for pattern in form.patterns)


def load_onet(folder: Path) -> LoadedTaxonomy:
    """Read the folder.

    The capability of a technology is the group that names it most often, of equals the first by code. In a role, a
    technology that employers ask for now (in demand) or widely (hot) is essential, any other is optional.

    Raises:
        TaxonomyError: If a file or column is missing, or a file is empty.
    """
    form = next((form for form in _FORMS if find_file(folder, *form.patterns)), _FORMS[-1])
    example, group_id, group_name = form.example, form.group_id, form.group_name
    path = require_file(folder, *form.patterns)
    all_rows = require_rows(path, read_rows(path, (_CODE, example, group_id, group_name), (_HOT, _IN_DEMAND)))
    rows = all_rows.drop_nulls(example)
    occupations = read_rows(require_file(folder, "Occupation Data.*", "Occupation_Data.*"), (_CODE, "Title"))
    groups = rows.group_by(example, group_id).agg(pl.len().alias("times"), pl.col(group_name).first())
    most_frequent = groups.sort(example, "times", group_id, descending=[False, True, False]).unique(
        example, keep="first"
    )
    is_essential = (pl.col(_HOT) == "Y") | (pl.col(_IN_DEMAND) == "Y")
    taxonomy = build_taxonomy(
        most_frequent.select(skill_id=example, name=example, capability_id=group_id, capability_name=group_name),
        role_profiles=rows.join(occupations.unique(_CODE), on=_CODE).select(
            role_name="Title",
            skill_id=example,
            importance=pl.when(is_essential).then(pl.lit("essential")).otherwise(pl.lit("optional")),
        ),
        relations=rows.select(from_id=example, relation_name=pl.lit("broader"), to_id=group_id),
    )
    profiles, relations = taxonomy.role_profiles, taxonomy.relations
    with_technologies = rows.join(occupations, on=_CODE, how="semi")[_CODE].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("distinct technologies", rows[example].n_unique(), taxonomy.skills.height),
            TaxonomyCount(f"distinct {form.groups}", rows[group_id].n_unique(), relations["to_id"].n_unique()),
            TaxonomyCount("occupations with technologies", with_technologies, profiles["role_name"].n_unique()),
            count_rows(
                "occupation technologies",
                all_rows.height,
                profiles.height,
                "no example, occupation unknown, or repeated",
            ),
        ),
    )
