"""ESCO: the download of the European Commission (v1.2.x, any language), and Tabiya's form under both its file names.

Belongs here: the files and columns of ESCO, essential and optional relations, the hierarchy as capabilities.
Does not belong here: other taxonomies. The hierarchy says what a skill is part of, never what comes before it.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import build_taxonomy
from pipelines.taxonomies.loaded import (
    LoadedTaxonomy,
    TaxonomyCount,
    build_count,
    count_missing_file,
    filter_known_pairs,
    find_file,
    read_rows,
    require_file,
    require_rows,
)

_LEFT_OUT_REASON = "an unknown entry, or repeated"
# Patterns of the file's name, and its headers.
_FileLayout = tuple[tuple[str, ...], *tuple[str, ...]]
# The columns of each kind of file, as the code below names them.
_COLUMNS_BY_FILE_KIND = {
    "skills": ("skill_id", "name", "aliases", "description"),
    "groups": ("group_id", "group_name"),
    "relations": ("skill_id", "related_skill_id", "kind"),
    "hierarchy": ("child_id", "parent_id"),
    "profiles": ("role_id", "skill_id", "kind"),
    "occupations": ("role_id", "role_name"),
}
# File names and headers of each kind of file.
_COMMISSION_LAYOUTS: dict[str, _FileLayout] = {
    "skills": (("skills_*.csv",), "conceptUri", "preferredLabel", "altLabels", "description"),
    "groups": (("skillGroups_*.csv",), "conceptUri", "preferredLabel"),
    "relations": (("skillSkillRelations*.csv",), "originalSkillUri", "relatedSkillUri", "relationType"),
    "hierarchy": (("broaderRelationsSkillPillar*.csv",), "conceptUri", "broaderUri"),
    "profiles": (("occupationSkillRelations*.csv",), "occupationUri", "skillUri", "relationType"),
    "occupations": (("occupations_*.csv",), "conceptUri", "preferredLabel"),
}
# tabiya-tech/tabiya-open-dataset, and the names of its first release (tabiya-esco-v1.1.1).
_TABIYA_LAYOUTS: dict[str, _FileLayout] = {
    "skills": (("skills.csv",), "ID", "PREFERREDLABEL", "ALTLABELS", "DESCRIPTION"),
    "groups": (("skill_groups.csv", "skillGroups.csv"), "ID", "PREFERREDLABEL"),
    "relations": (
        ("skill_to_skill_relations.csv", "skill_skill_relations.csv"),
        "REQUIRINGID",
        "REQUIREDID",
        "RELATIONTYPE",
    ),
    "hierarchy": (("skill_hierarchy.csv", "skills_hierarchy.csv"), "CHILDID", "PARENTID"),
    "profiles": (
        ("occupation_to_skill_relations.csv", "occupation_skill_relations.csv"),
        "OCCUPATIONID",
        "SKILLID",
        "RELATIONTYPE",
    ),
    "occupations": (("occupations.csv",), "ID", "PREFERREDLABEL"),
}
# What a taxonomy lacks without a kind of file. The relation files are downloads of their own.
_CONSEQUENCE_BY_FILE_KIND = {
    "groups": "skills get no capability",
    "hierarchy": "skills get no capability",
    "relations": "skills get no prerequisites",
    "profiles": "roles get no skills",
    "occupations": "roles are named by their ids",
}
# Files that only ESCO has.
SIGNATURE_FILES = (
    *(
        pattern
        for layout_by_file_kind in (_TABIYA_LAYOUTS, _COMMISSION_LAYOUTS)
        for file_kind in ("profiles", "hierarchy")
        for pattern in layout_by_file_kind[file_kind][0]
    ),
    "skillGroups_*.csv",
    "skillsHierarchy_*.csv",
)
# The file of skills alone: its name says little, its headers are ESCO's.
MAIN_FILES = tuple(layout_by_file_kind["skills"] for layout_by_file_kind in (_COMMISSION_LAYOUTS, _TABIYA_LAYOUTS))
_IS_ESSENTIAL = pl.col("kind").str.to_lowercase() == "essential"
# A local occupation may leave the kind blank: it then counts as the weaker one.
_IMPORTANCE = pl.when(_IS_ESSENTIAL).then(pl.lit("essential")).otherwise(pl.lit("optional"))


def load_esco(taxonomy_folder: Path) -> LoadedTaxonomy:
    """Read ESCO from the folder of its files.

    Essential relations between skills are prerequisites; optional ones are not, as they hold nobody back. The
    capability of a skill is the nearest group above it, of several the first by id. An occupation without a label is
    named by its id.

    Raises:
        TaxonomyError: If the file of skills or a column is missing, or essential relations form a cycle.
    """
    layout_by_file_kind = _choose_layouts(taxonomy_folder)
    skills_file = require_file(taxonomy_folder, *layout_by_file_kind["skills"][0])
    skill_rows, hierarchy_rows, skill_relations, occupation_skills = (
        _read_file_kind(taxonomy_folder, layout_by_file_kind, file_kind)
        for file_kind in ("skills", "hierarchy", "relations", "profiles")
    )
    require_rows(skills_file, skill_rows)
    separated_aliases = pl.col("aliases").str.replace_all("|", "/", literal=True).str.replace_all(r"\s*\n\s*", "|")
    skill_capabilities = _find_nearest_groups(
        skill_rows, _read_file_kind(taxonomy_folder, layout_by_file_kind, "groups"), hierarchy_rows
    )
    prerequisites = skill_relations.filter(_IS_ESSENTIAL).rename({"related_skill_id": "requires_skill_id"})
    role_skill_rows = filter_known_pairs(occupation_skills, skill_rows, "skill_id").join(
        _name_roles(_read_file_kind(taxonomy_folder, layout_by_file_kind, "occupations")),
        on="role_id",
        how="left",
        maintain_order="left",
    )
    taxonomy = build_taxonomy(
        skill_rows.join(skill_capabilities, on="skill_id", how="left", maintain_order="left").with_columns(
            separated_aliases
        ),
        filter_known_pairs(prerequisites, skill_rows, "skill_id", "requires_skill_id"),
        role_skill_rows.select(
            pl.coalesce("role_name", "role_id").alias("role_name"), "skill_id", importance=_IMPORTANCE
        ),
        pl.concat(
            [
                skill_relations.select(from_id="skill_id", relation_name=_IMPORTANCE, to_id="related_skill_id"),
                hierarchy_rows.select(from_id="child_id", relation_name=pl.lit("broader"), to_id="parent_id"),
            ]
        ),
    )
    broader_count = taxonomy.relations.filter(pl.col("relation_name") == "broader").height
    skill_relation_count = taxonomy.relations.height - broader_count
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("skills", skill_rows.height, taxonomy.skills.height),
            build_count("hierarchy rows", hierarchy_rows.height, broader_count, _LEFT_OUT_REASON),
            build_count("skill relations", skill_relations.height, skill_relation_count, _LEFT_OUT_REASON),
            build_count(
                "of these, prerequisites", prerequisites.height, taxonomy.prerequisites.height, _LEFT_OUT_REASON
            ),
            build_count(
                "occupation relations", occupation_skills.height, taxonomy.role_profiles.height, _LEFT_OUT_REASON
            ),
            *_count_missing_files(taxonomy_folder, layout_by_file_kind),
        ),
    )


def _choose_layouts(taxonomy_folder: Path) -> Mapping[str, _FileLayout]:
    """The layouts by kind of file: Tabiya's if the folder has its file of skills, else the Commission's."""
    return _TABIYA_LAYOUTS if find_file(taxonomy_folder, *_TABIYA_LAYOUTS["skills"][0]) else _COMMISSION_LAYOUTS


def _count_missing_files(taxonomy_folder: Path, layout_by_file_kind: Mapping[str, _FileLayout]) -> list[TaxonomyCount]:
    """One count per kind of file that the folder lacks, with what the taxonomy lacks for it."""
    return [
        count_missing_file(f"file of {file_kind}", " or ".join(layout_by_file_kind[file_kind][0]), consequence)
        for file_kind, consequence in _CONSEQUENCE_BY_FILE_KIND.items()
        if find_file(taxonomy_folder, *layout_by_file_kind[file_kind][0]) is None
    ]


def _name_roles(occupations: pl.DataFrame) -> pl.DataFrame:
    """One row per occupation: role_id, role_name. Of occupations with one label, the later ones get their id too."""
    is_repeated_name = pl.col("role_name").is_first_distinct().not_()
    distinct_role_name = (
        pl.when(is_repeated_name).then(pl.format("{} ({})", "role_name", "role_id")).otherwise("role_name")
    )
    return (
        occupations.unique("role_id", keep="first", maintain_order=True)
        .sort("role_id")
        .with_columns(distinct_role_name.alias("role_name"))
    )


def _find_nearest_groups(
    skill_rows: pl.DataFrame, group_rows: pl.DataFrame, hierarchy_rows: pl.DataFrame
) -> pl.DataFrame:
    """One row per skill with a group above it: skill_id, and the nearest group as capability_id, capability_name."""
    is_group = pl.col("child_id").is_in(group_rows["group_id"].implode())
    ancestor_rows = skill_rows.select("skill_id", pl.col("skill_id").alias("child_id"))
    nearest_groups_per_distance = [pl.DataFrame(schema={"skill_id": pl.String, "capability_id": pl.String})]
    # No hierarchy is deeper than its number of rows, so a cycle in it ends too.
    for _ in range(hierarchy_rows.height):
        ancestor_rows = (
            ancestor_rows.join(hierarchy_rows, on="child_id").select("skill_id", child_id="parent_id").unique()
        )
        if not ancestor_rows.height:
            break
        nearest_groups_per_distance.append(
            ancestor_rows.filter(is_group).group_by("skill_id").agg(capability_id=pl.col("child_id").min())
        )
        ancestor_rows = ancestor_rows.join(nearest_groups_per_distance[-1], on="skill_id", how="anti").filter(~is_group)
    group_names = group_rows.unique("group_id", keep="first", maintain_order=True).rename(
        {"group_id": "capability_id", "group_name": "capability_name"}
    )
    return pl.concat(nearest_groups_per_distance).join(group_names, on="capability_id", how="left")


def _read_file_kind(
    taxonomy_folder: Path, layout_by_file_kind: Mapping[str, _FileLayout], file_kind: str
) -> pl.DataFrame:
    """The rows of one kind of file in the columns of `_COLUMNS_BY_FILE_KIND`; no rows if there is no such file."""
    (patterns, *headers), column_names = layout_by_file_kind[file_kind], _COLUMNS_BY_FILE_KIND[file_kind]
    file_path = find_file(taxonomy_folder, *patterns)
    if file_path is None:
        return pl.DataFrame(schema=dict.fromkeys(column_names, pl.String()))
    required_count = 2 if file_kind == "skills" else len(headers)
    file_rows = read_rows(file_path, tuple(headers[:required_count]), tuple(headers[required_count:]))
    return file_rows.rename(dict(zip(headers, column_names, strict=True)))
