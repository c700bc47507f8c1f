"""ESCO: the download of the European Commission (v1.2.x, any language) and the Tabiya form.

Belongs here: ESCO's files and columns, essential and optional relations, the hierarchy as capabilities.
Does not belong here: other taxonomies. The hierarchy says what a skill is part of, never what comes before it.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import Taxonomy, build_taxonomy
from pipelines.taxonomies.loaded import (
    LoadedTaxonomy,
    TaxonomyCount,
    find_file,
    known_pairs,
    needed_file,
    read_rows,
)

_TWICE = "an entry unknown, or said twice"


@dataclass(frozen=True)
class _Form:
    """File names and headers of one form, in the order in which the code below names them."""

    skills: str
    skill: tuple[str, str, str, str]  # id, label, other labels, description
    groups: str
    group: tuple[str, str]  # id, label
    relations: str
    relation: tuple[str, str, str]  # requiring, required, kind
    hierarchy: str
    parent: tuple[str, str]  # child, parent
    profiles: str
    profile: tuple[str, str, str]  # occupation, skill, kind
    occupations: str
    occupation: tuple[str, str]  # id, label


_COMMISSION = _Form(
    "skills_*.csv",
    ("conceptUri", "preferredLabel", "altLabels", "description"),
    "skillGroups_*.csv",
    ("conceptUri", "preferredLabel"),
    "skillSkillRelations*.csv",
    ("originalSkillUri", "relatedSkillUri", "relationType"),
    "broaderRelationsSkillPillar*.csv",
    ("conceptUri", "broaderUri"),
    "occupationSkillRelations*.csv",
    ("occupationUri", "skillUri", "relationType"),
    "occupations_*.csv",
    ("conceptUri", "preferredLabel"),
)
_TABIYA = _Form(
    "skills.csv",
    ("ID", "PREFERREDLABEL", "ALTLABELS", "DESCRIPTION"),
    "skill_groups.csv",
    ("ID", "PREFERREDLABEL"),
    "skill_to_skill_relations.csv",
    ("REQUIRINGID", "REQUIREDID", "RELATIONTYPE"),
    "skill_hierarchy.csv",
    ("CHILDID", "PARENTID"),
    "occupation_to_skill_relations.csv",
    ("OCCUPATIONID", "SKILLID", "RELATIONTYPE"),
    "occupations.csv",
    ("ID", "PREFERREDLABEL"),
)


def read_esco(folder: Path) -> Taxonomy:
    """The taxonomy in that folder. Raises TaxonomyRefused where files are missing or essential relations circle."""
    return load_esco(folder).taxonomy


def load_esco(folder: Path) -> LoadedTaxonomy:
    """The same with the counts of every file.

    Essential relations between skills are prerequisites; optional ones are not, as they hold nobody back. The nearest
    group above a skill is its capability, of several the first by id. An occupation without a label keeps its id.
    """
    form = _TABIYA if find_file(folder, _TABIYA.skills) else _COMMISSION
    skills = _renamed(needed_file(folder, form.skills), form.skill, ("skill_id", "name", "aliases", "description"), 2)
    groups = _optional(folder, form.groups, form.group, ("group_id", "group_name"))
    parents = _optional(folder, form.hierarchy, form.parent, ("child_id", "parent_id"))
    found = skills.join(_nearest_groups(skills, groups, parents), on="skill_id", how="left", maintain_order="left")
    found = found.with_columns(
        pl.col("aliases").str.replace_all("|", "/", literal=True).str.replace_all(r"\s*\n\s*", "|")
    )
    relations = _optional(folder, form.relations, form.relation, ("skill_id", "requires_skill_id", "kind"))
    essential = relations.filter(pl.col("kind").str.to_lowercase() == "essential")
    needs = known_pairs(essential, skills, "skill_id", "requires_skill_id")
    raw_profiles = _optional(folder, form.profiles, form.profile, ("role_id", "skill_id", "kind"))
    profiles = _profiles(folder, form, known_pairs(raw_profiles, skills, "skill_id"))
    taxonomy = build_taxonomy(found, needs, profiles, _relations(relations, parents))
    broader = taxonomy.relations.filter(pl.col("relation_name") == "broader").height
    between = taxonomy.relations.height - broader
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("skills", skills.height, taxonomy.skills.height),
            TaxonomyCount("hierarchy rows", parents.height, broader, "" if parents.height == broader else _TWICE),
            TaxonomyCount("skill relations", relations.height, between, "" if relations.height == between else _TWICE),
            TaxonomyCount(
                "of these, prerequisites",
                essential.height,
                taxonomy.prerequisites.height,
                "" if essential.height == taxonomy.prerequisites.height else _TWICE,
            ),
            TaxonomyCount(
                "occupation relations",
                raw_profiles.height,
                taxonomy.role_profiles.height,
                "" if raw_profiles.height == taxonomy.role_profiles.height else _TWICE,
            ),
        ),
    )


def _relations(between: pl.DataFrame, parents: pl.DataFrame) -> pl.DataFrame:
    """Every row of the hierarchy and of the relations between skills; a blank kind is the weaker one."""
    kind = pl.when(pl.col("kind").str.to_lowercase() == "essential").then(pl.lit("essential"))
    needed = between.select(
        pl.col("skill_id").alias("from_id"),
        kind.otherwise(pl.lit("optional")).alias("relation_name"),
        pl.col("requires_skill_id").alias("to_id"),
    )
    broader = parents.select(
        pl.col("child_id").alias("from_id"),
        pl.lit("broader").alias("relation_name"),
        pl.col("parent_id").alias("to_id"),
    )
    return pl.concat([needed, broader])


def _profiles(folder: Path, form: _Form, relations: pl.DataFrame) -> pl.DataFrame:
    names = _optional(folder, form.occupations, form.occupation, ("role_id", "role_name")).unique("role_id")
    # Two occupations of one label stay two roles: the later one is named with its id.
    twice = pl.col("role_name").is_first_distinct().not_()
    names = names.sort("role_id").with_columns(
        pl.when(twice).then(pl.format("{} ({})", "role_name", "role_id")).otherwise("role_name").alias("role_name")
    )
    # A local occupation may leave the kind blank: the weaker one is taken.
    importance = pl.when(pl.col("kind").str.to_lowercase() == "essential").then(pl.lit("essential"))
    return relations.join(names, on="role_id", how="left", maintain_order="left").select(
        pl.coalesce("role_name", "role_id").alias("role_name"),
        "skill_id",
        importance.otherwise(pl.lit("optional")).alias("importance"),
    )


def _nearest_groups(skills: pl.DataFrame, groups: pl.DataFrame, parents: pl.DataFrame) -> pl.DataFrame:
    """One row per skill that has a group above it: the nearest, of several the first by id."""
    known = groups["group_id"].implode()
    at = skills.select("skill_id", pl.col("skill_id").alias("child_id"))
    found = []
    # No hierarchy is deeper than its number of rows; a circle in it ends there too.
    for _ in range(parents.height):
        at = at.join(parents, on="child_id").select("skill_id", pl.col("parent_id").alias("child_id")).unique()
        if not at.height:
            break
        is_group = pl.col("child_id").is_in(known)
        found.append(at.filter(is_group).group_by("skill_id").agg(pl.col("child_id").min().alias("capability_id")))
        at = at.join(found[-1], on="skill_id", how="anti").filter(~is_group)
    nearest = pl.concat(found) if found else pl.DataFrame(schema={"skill_id": pl.String, "capability_id": pl.String})
    names = groups.unique("group_id").rename({"group_id": "capability_id", "group_name": "capability_name"})
    return nearest.join(names, on="capability_id", how="left")


def _renamed(path: Path, headers: tuple[str, ...], names: tuple[str, ...], needed: int) -> pl.DataFrame:
    return read_rows(path, headers[:needed], headers[needed:]).rename(dict(zip(headers, names, strict=True)))


def _optional(folder: Path, pattern: str, headers: tuple[str, ...], names: tuple[str, ...]) -> pl.DataFrame:
    path = find_file(folder, pattern)
    if path is None:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    return _renamed(path, headers, names, len(headers))
