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
    count_rows,
    filter_known_pairs,
    find_file,
    missing_file,
    read_rows,
    require_file,
    require_rows,
)

_LEFT_OUT_REASON = "an unknown entry, or repeated"
# Patterns of the file's name, and its headers.
_FileForm = tuple[tuple[str, ...], *tuple[str, ...]]
# The columns of each kind of file, as the code below names them.
_COLUMNS = {
    "skills": ("skill_id", "name", "aliases", "description"),
    "groups": ("group_id", "group_name"),
    "relations": ("skill_id", "requires_skill_id", "kind"),
    "hierarchy": ("child_id", "parent_id"),
    "profiles": ("role_id", "skill_id", "kind"),
    "occupations": ("role_id", "role_name"),
}
# File names and headers of each kind of file.
_COMMISSION: dict[str, _FileForm] = {
    "skills": (("skills_*.csv",), "conceptUri", "preferredLabel", "altLabels", "description"),
    "groups": (("skillGroups_*.csv",), "conceptUri", "preferredLabel"),
    "relations": (("skillSkillRelations*.csv",), "originalSkillUri", "relatedSkillUri", "relationType"),
    "hierarchy": (("broaderRelationsSkillPillar*.csv",), "conceptUri", "broaderUri"),
    "profiles": (("occupationSkillRelations*.csv",), "occupationUri", "skillUri", "relationType"),
    "occupations": (("occupations_*.csv",), "conceptUri", "preferredLabel"),
}
# tabiya-tech/tabiya-open-dataset, and the names of its first release (tabiya-esco-v1.1.1).
_TABIYA: dict[str, _FileForm] = {
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
_CONSEQUENCES = {
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
        for file_forms in (_TABIYA, _COMMISSION)
        for file_kind in ("profiles", "hierarchy")
        for pattern in file_forms[file_kind][0]
    ),
    "skillGroups_*.csv",
    "skillsHierarchy_*.csv",
)
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
    file_forms = _TABIYA if find_file(taxonomy_folder, *_TABIYA["skills"][0]) else _COMMISSION
    skills_file = require_file(taxonomy_folder, *file_forms["skills"][0])
    skills, hierarchy, relations, profiles = (
        _read_file_kind(taxonomy_folder, file_forms, file_kind)
        for file_kind in ("skills", "hierarchy", "relations", "profiles")
    )
    require_rows(skills_file, skills)
    alias_list = pl.col("aliases").str.replace_all("|", "/", literal=True).str.replace_all(r"\s*\n\s*", "|")
    capabilities = _nearest_groups(skills, _read_file_kind(taxonomy_folder, file_forms, "groups"), hierarchy)
    essential_relations = relations.filter(_IS_ESSENTIAL)
    role_rows = filter_known_pairs(profiles, skills, "skill_id").join(
        _role_names(_read_file_kind(taxonomy_folder, file_forms, "occupations")),
        on="role_id",
        how="left",
        maintain_order="left",
    )
    taxonomy = build_taxonomy(
        skills.join(capabilities, on="skill_id", how="left", maintain_order="left").with_columns(alias_list),
        filter_known_pairs(essential_relations, skills, "skill_id", "requires_skill_id"),
        role_rows.select(pl.coalesce("role_name", "role_id").alias("role_name"), "skill_id", importance=_IMPORTANCE),
        pl.concat(
            [
                relations.select(from_id="skill_id", relation_name=_IMPORTANCE, to_id="requires_skill_id"),
                hierarchy.select(from_id="child_id", relation_name=pl.lit("broader"), to_id="parent_id"),
            ]
        ),
    )
    broader_count = taxonomy.relations.filter(pl.col("relation_name") == "broader").height
    relation_count = taxonomy.relations.height - broader_count
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("skills", skills.height, taxonomy.skills.height),
            count_rows("hierarchy rows", hierarchy.height, broader_count, _LEFT_OUT_REASON),
            count_rows("skill relations", relations.height, relation_count, _LEFT_OUT_REASON),
            count_rows(
                "of these, prerequisites", essential_relations.height, taxonomy.prerequisites.height, _LEFT_OUT_REASON
            ),
            count_rows("occupation relations", profiles.height, taxonomy.role_profiles.height, _LEFT_OUT_REASON),
            *_missing_files(taxonomy_folder, file_forms),
        ),
    )


def _missing_files(taxonomy_folder: Path, file_forms: Mapping[str, _FileForm]) -> list[TaxonomyCount]:
    """One count per kind of file that the folder lacks, with what the taxonomy lacks for it."""
    return [
        missing_file(f"file of {file_kind}", " or ".join(file_forms[file_kind][0]), consequence)
        for file_kind, consequence in _CONSEQUENCES.items()
        if find_file(taxonomy_folder, *file_forms[file_kind][0]) is None
    ]


def _role_names(occupations: pl.DataFrame) -> pl.DataFrame:
    """One row per occupation: role_id, role_name. Of occupations with one label, the later ones get their id too."""
    is_repeated = pl.col("role_name").is_first_distinct().not_()
    distinct_name = pl.when(is_repeated).then(pl.format("{} ({})", "role_name", "role_id")).otherwise("role_name")
    return occupations.unique("role_id").sort("role_id").with_columns(distinct_name.alias("role_name"))


def _nearest_groups(skills: pl.DataFrame, group_rows: pl.DataFrame, hierarchy: pl.DataFrame) -> pl.DataFrame:
    """One row per skill with a group above it: skill_id, and the nearest group as capability_id, capability_name."""
    is_group = pl.col("child_id").is_in(group_rows["group_id"].implode())
    ancestor_rows = skills.select("skill_id", pl.col("skill_id").alias("child_id"))
    nearest_groups = [pl.DataFrame(schema={"skill_id": pl.String, "capability_id": pl.String})]
    # No hierarchy is deeper than its number of rows, so a cycle in it ends too.
    for _ in range(hierarchy.height):
        ancestor_rows = ancestor_rows.join(hierarchy, on="child_id").select("skill_id", child_id="parent_id").unique()
        if not ancestor_rows.height:
            break
        nearest_groups.append(
            ancestor_rows.filter(is_group).group_by("skill_id").agg(capability_id=pl.col("child_id").min())
        )
        ancestor_rows = ancestor_rows.join(nearest_groups[-1], on="skill_id", how="anti").filter(~is_group)
    group_names = group_rows.unique("group_id").rename({"group_id": "capability_id", "group_name": "capability_name"})
    return pl.concat(nearest_groups).join(group_names, on="capability_id", how="left")


def _read_file_kind(taxonomy_folder: Path, file_forms: Mapping[str, _FileForm], file_kind: str) -> pl.DataFrame:
    """The rows of one kind of file in the columns of `_COLUMNS`; no rows if there is no such file."""
    (patterns, *headers), column_names = file_forms[file_kind], _COLUMNS[file_kind]
    file_path = find_file(taxonomy_folder, *patterns)
    if file_path is None:
        return pl.DataFrame(schema=dict.fromkeys(column_names, pl.String()))
    required_count = 2 if file_kind == "skills" else len(headers)
    file_rows = read_rows(file_path, tuple(headers[:required_count]), tuple(headers[required_count:]))
    return file_rows.rename(dict(zip(headers, column_names, strict=True)))
