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
    build_count,
    find_file,
    read_rows,
    require_file,
    require_rows,
)

_CODE_HEADER, _HOT_HEADER, _IN_DEMAND_HEADER = "O*NET-SOC Code", "Hot Technology", "In Demand"


@dataclass(frozen=True)
class _SoftwareFileForm:
    """The file of software skills in one range of releases: its names, its columns, and what its groups are called."""

    patterns: tuple[str, ...]
    example_header: str
    group_id_header: str
    group_name_header: str
    group_noun: str


# Release 30.3 (content model modernised) replaced Technology Skills by Software Skills; onetcenter.org/dev_db.html.
_FILE_FORMS = (
    _SoftwareFileForm(
        ("Technology Skills.*", "Technology_Skills.*"), "Example", "Commodity Code", "Commodity Title", "commodities"
    ),
    _SoftwareFileForm(
        ("Software Skills.*", "Software_Skills.*"), "Workplace Example", "Element ID", "Element Name", "categories"
    ),
)
SIGNATURE_FILES = tuple(pattern for file_form in _FILE_FORMS for pattern in file_form.patterns)


def load_onet(taxonomy_folder: Path) -> LoadedTaxonomy:
    """Read O*NET from the folder of its files.

    The capability of a technology is the group that names it most often, of equals the first by code. In a role, a
    technology that employers ask for now (in demand) or widely (hot) is essential, any other is optional.

    Raises:
        TaxonomyError: If a file or column is missing, or a file is empty.
    """
    # A folder over which a newer release was laid holds the files of both.
    present_forms = (form for form in reversed(_FILE_FORMS) if find_file(taxonomy_folder, *form.patterns))
    file_form = next(present_forms, _FILE_FORMS[-1])
    example_header, group_id_header = file_form.example_header, file_form.group_id_header
    software_rows = _read_software_rows(taxonomy_folder, file_form)
    technology_rows = software_rows.drop_nulls(example_header)
    occupation_rows = read_rows(
        require_file(taxonomy_folder, "Occupation Data.*", "Occupation_Data.*"), (_CODE_HEADER, "Title")
    )
    is_essential = (pl.col(_HOT_HEADER) == "Y") | (pl.col(_IN_DEMAND_HEADER) == "Y")
    taxonomy = build_taxonomy(
        _find_most_frequent_groups(technology_rows, file_form).select(
            skill_id=example_header,
            name=example_header,
            capability_id=group_id_header,
            capability_name=file_form.group_name_header,
        ),
        role_profiles=technology_rows.join(occupation_rows.unique(_CODE_HEADER), on=_CODE_HEADER).select(
            role_name="Title",
            skill_id=example_header,
            importance=pl.when(is_essential).then(pl.lit("essential")).otherwise(pl.lit("optional")),
        ),
        relations=technology_rows.select(
            from_id=example_header, relation_name=pl.lit("broader"), to_id=group_id_header
        ),
    )
    role_technologies, group_relations = taxonomy.role_profiles, taxonomy.relations
    occupation_count = technology_rows.join(occupation_rows, on=_CODE_HEADER, how="semi")[_CODE_HEADER].n_unique()
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("distinct technologies", technology_rows[example_header].n_unique(), taxonomy.skills.height),
            TaxonomyCount(
                f"distinct {file_form.group_noun}",
                technology_rows[group_id_header].n_unique(),
                group_relations["to_id"].n_unique(),
            ),
            TaxonomyCount("occupations with technologies", occupation_count, role_technologies["role_name"].n_unique()),
            build_count(
                "occupation technologies",
                software_rows.height,
                role_technologies.height,
                "no example, occupation unknown, or repeated",
            ),
        ),
    )


def _read_software_rows(taxonomy_folder: Path, file_form: _SoftwareFileForm) -> pl.DataFrame:
    """One row per occupation and example of its software."""
    software_file = require_file(taxonomy_folder, *file_form.patterns)
    required_headers = (
        _CODE_HEADER,
        file_form.example_header,
        file_form.group_id_header,
        file_form.group_name_header,
    )
    return require_rows(software_file, read_rows(software_file, required_headers, (_HOT_HEADER, _IN_DEMAND_HEADER)))


def _find_most_frequent_groups(technology_rows: pl.DataFrame, file_form: _SoftwareFileForm) -> pl.DataFrame:
    """One row per technology, with the id and name of the group that names it most often."""
    example_header, group_id_header = file_form.example_header, file_form.group_id_header
    group_frequencies = technology_rows.group_by(example_header, group_id_header).agg(
        pl.len().alias("times"), pl.col(file_form.group_name_header).first()
    )
    return group_frequencies.sort(example_header, "times", group_id_header, descending=[False, True, False]).unique(
        example_header, keep="first"
    )
