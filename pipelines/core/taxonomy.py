"""The taxonomy: micro-skills, their other names, prerequisites, and the micro-skills that roles need.

Belongs here: building a taxonomy from tables, the normal form of a name, and finding micro-skills in a text.
Does not belong here: the files of a taxonomy (`pipelines.taxonomies`), who has which skill (`pipelines.core.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import chain

import polars as pl

from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION
from pipelines.contracts.columns import MATCH_METHODS
from pipelines.contracts.table import Table

_SEPARATOR = "|"  # between several names in one text
_OPTIONAL_COLUMNS = ("description", "aliases", "capability_id", "capability_name", "weight", "replaced_by")


class TaxonomyError(Exception):
    """The taxonomy cannot be used; the message says why."""


@dataclass(frozen=True)
class Taxonomy:
    """Frames in the contracts of the `core_taxonomy` tables.

    Attributes:
        skills: One row per micro-skill (`SKILL`).
        aliases: One row per normalised name that means one micro-skill (`ALIAS`).
        prerequisites: One row per micro-skill and micro-skill required before it (`PREREQUISITE`).
        role_profiles: One row per role and micro-skill that it needs (`ROLE_PROFILE`).
        relations: One row per further relation that the publisher gives (`TAXONOMY_RELATION`).
    """

    skills: pl.DataFrame
    aliases: pl.DataFrame
    prerequisites: pl.DataFrame
    role_profiles: pl.DataFrame
    relations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TAXONOMY_RELATION.schema))


def normalise_name(name_expression: pl.Expr) -> pl.Expr:
    """The normal form of a name: lower case, one space for every run of characters other than letters and digits."""
    return name_expression.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+#]+", " ").str.strip_chars()


def build_taxonomy(
    skills: pl.DataFrame,
    prerequisites: pl.DataFrame | None = None,
    role_profiles: pl.DataFrame | None = None,
    relations: pl.DataFrame | None = None,
) -> Taxonomy:
    """Build a taxonomy from tables in the columns that `load_own_tables` reads.

    A micro-skill whose replaced_by holds the id of another one is not part of the taxonomy: the other one inherits its
    id, name and aliases as further names, so that its evidence follows. If replaced_by holds several ids, separated by
    `|`, the micro-skill was split: no text can tell which of them it means, so its names name none of them.
    Prerequisites and roles follow in both cases.

    Args:
        skills: One row per micro-skill, all columns text. A weight becomes a share of its capability.
        prerequisites: One row per pair; None for none. A pair with an unknown micro-skill, such as one that was
            removed, is left out.
        role_profiles: One row per role and micro-skill; None for none. Unknown micro-skills are left out.
        relations: Columns of `TAXONOMY_RELATION`; None for none.

    Raises:
        TaxonomyError: If an id is missing or repeated, or prerequisites or replacements form a cycle.
    """
    skills = skills.with_columns(
        pl.lit(None, pl.String).alias(column_name)
        for column_name in _OPTIONAL_COLUMNS
        if column_name not in skills.columns
    )
    if skills["skill_id"].null_count() or skills["name"].null_count():
        raise TaxonomyError("the taxonomy: every row needs a skill_id and a name")
    repeated_ids = skills["skill_id"].filter(skills["skill_id"].is_duplicated())
    if len(repeated_ids):
        raise TaxonomyError(f"the taxonomy: skill_id {repeated_ids[0]} occurs more than once: keep one row")
    skills, successors_by_id = _resolve_replacements(skills)
    kept_prerequisites = _follow_successors(
        _empty_if_none(prerequisites, PREREQUISITE), successors_by_id, "skill_id", "requires_skill_id"
    )
    if successors_by_id:  # merged micro-skills do not require themselves
        kept_prerequisites = kept_prerequisites.filter(pl.col("skill_id") != pl.col("requires_skill_id"))
    role_profile_rows = _follow_successors(_empty_if_none(role_profiles, ROLE_PROFILE), successors_by_id, "skill_id")
    skill_ids = skills["skill_id"].implode()
    kept_prerequisites = kept_prerequisites.filter(
        pl.col("skill_id").is_in(skill_ids) & pl.col("requires_skill_id").is_in(skill_ids)
    )
    role_profile_rows = role_profile_rows.filter(pl.col("skill_id").is_in(skill_ids))
    check_acyclic(kept_prerequisites)
    return Taxonomy(
        _build_skill_rows(skills),
        _build_aliases(skills),
        kept_prerequisites.select(PREREQUISITE.column_names).unique().sort(pl.all()),
        role_profile_rows.select(ROLE_PROFILE.column_names)
        .unique(("role_name", "skill_id"), keep="first")
        .sort(pl.all()),
        _empty_if_none(relations, TAXONOMY_RELATION)
        .select(TAXONOMY_RELATION.column_names)
        .drop_nulls()
        .unique()
        .sort(pl.all()),
    )


def add_aliases(taxonomy: Taxonomy, aliases: pl.DataFrame) -> tuple[Taxonomy, int]:
    """Add names that the company gives to micro-skills; each replaces whatever the name meant before.

    Args:
        taxonomy: Any taxonomy.
        aliases: One row per name: name, skill_id (the id, or another name of the micro-skill).

    Returns:
        The taxonomy, and the number of rows taken. A row whose micro-skill does not exist, or no longer, is left out.
    """
    target_id_matches = taxonomy.skills.select(pl.col("skill_id").alias("target"), pl.col("skill_id").alias("by_id"))
    target_name_matches = taxonomy.aliases.select(
        pl.col("alias_text").alias("target_name"), pl.col("skill_id").alias("by_name")
    )
    resolved_aliases = (
        aliases.drop_nulls(("name", "skill_id"))
        .select(
            normalise_name(pl.col("name")).alias("alias_text"),
            pl.col("skill_id").alias("target"),
            normalise_name(pl.col("skill_id")).alias("target_name"),
        )
        .join(target_id_matches, on="target", how="left", maintain_order="left")
        .join(target_name_matches, on="target_name", how="left", maintain_order="left")
        .with_columns(pl.coalesce("by_id", "by_name").alias("skill_id"))
        .filter(pl.col("skill_id").is_not_null(), pl.col("alias_text") != "")
    )
    new_aliases = resolved_aliases.unique("alias_text", keep="last").select(ALIAS.column_names)
    kept_aliases = taxonomy.aliases.join(new_aliases, on="alias_text", how="anti")
    return replace(taxonomy, aliases=pl.concat([kept_aliases, new_aliases]).sort("alias_text")), resolved_aliases.height


def build_observed_taxonomy(skill_texts: pl.Series, capability_part_count: int) -> Taxonomy:
    """Build a taxonomy from the texts of the exports: each distinct text is a micro-skill.

    Args:
        skill_texts: Texts that name micro-skills.
        capability_part_count: Number of leading parts of a text (`a/b` of `a/b/c`) that name its capability.
    """
    observed_skills = skill_texts.drop_nulls().unique().sort().alias("skill_id").to_frame()
    capability_path = pl.col("skill_id").str.split("/").list.head(capability_part_count).list.join("/")
    return build_taxonomy(observed_skills.with_columns(name="skill_id", capability_id=capability_path))


def match_skills(texts: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """Find the micro-skills named in a small set of texts; for the texts of the core tables use
    `pipelines.core.skill_texts`.

    Args:
        texts: skill_text, and optionally is_matched_whole (see `match_texts`).
        taxonomy: The taxonomy.

    Returns:
        One row per distinct text, part and micro-skill: skill_text, mention_text, skill_id (null if the part names no
        micro-skill); no row for a text without parts.
    """
    text_matches = match_texts(texts, taxonomy.skills, taxonomy.aliases).drop_nulls("mention_text")
    return text_matches.select("skill_text", "mention_text", "skill_id").unique().sort(pl.all())


def match_texts(texts: pl.DataFrame, skills: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Find the micro-skills that texts name, and how they name them.

    A part of a text (between `|`) names a micro-skill if it is its skill_id, or if its normal form is an alias of it.
    Otherwise it names every micro-skill with an alias that occurs in it as whole words, unless the text is a code.

    Args:
        texts: skill_text, and optionally is_matched_whole: whether the text is a code, whose parts are no names.
        skills: The micro-skills (`SKILL`); only skill_id is read.
        aliases: Their names (`ALIAS`).

    Returns:
        One row per distinct text and use, part and micro-skill: skill_text, is_matched_whole, mention_text (normal form
        of the part; null if the text has none), skill_id (null if the part names no micro-skill), match_method (the
        most certain one if several parts have the same normal form).
    """
    is_matched_whole = pl.col("is_matched_whole") if "is_matched_whole" in texts.columns else pl.lit(False)
    texts = texts.select("skill_text", is_matched_whole.alias("is_matched_whole")).unique().drop_nulls()
    split_texts = pl.col("skill_text").str.split(_SEPARATOR)
    text_parts = (
        texts.with_columns(part=pl.when("is_matched_whole").then(pl.concat_list("skill_text")).otherwise(split_texts))
        .explode("part")
        .with_columns(pl.col("part").str.strip_chars())
        .filter(pl.col("part") != "")
        .with_columns(normalise_name(pl.col("part")).alias("mention_text"))
    )
    skill_id_matches = skills.select(pl.col("skill_id").alias("part"), pl.col("skill_id").alias("by_id"))
    alias_matches = aliases.select(pl.col("alias_text").alias("mention_text"), pl.col("skill_id").alias("by_alias"))
    text_parts = text_parts.join(skill_id_matches, on="part", how="left").join(
        alias_matches, on="mention_text", how="left"
    )
    text_parts = text_parts.select(
        *("skill_text", "is_matched_whole", "mention_text"),
        pl.coalesce("by_id", "by_alias").alias("skill_id"),
        pl.when(pl.col("by_id").is_not_null()).then(pl.lit("id")).otherwise(pl.lit("alias")).alias("match_method"),
    )
    is_searched_for_names = pl.col("skill_id").is_null() & ~pl.col("is_matched_whole")
    contained_matches = (
        _find_contained_names(text_parts.filter(is_searched_for_names), aliases)
        if aliases.height
        else text_parts.filter(is_searched_for_names)
    )
    texts_without_parts = texts.join(text_parts, on=("skill_text", "is_matched_whole"), how="anti")
    text_matches = pl.concat(
        [text_parts.filter(~is_searched_for_names), contained_matches.select(text_parts.columns), texts_without_parts],
        how="diagonal",
    )
    is_unknown = pl.col("skill_id").is_null()
    text_matches = text_matches.with_columns(
        pl.when(is_unknown).then(pl.lit("none")).otherwise("match_method").alias("match_method")
    )
    rank_of_method = pl.col("match_method").replace_strict(
        {method: method_rank for method_rank, method in enumerate(MATCH_METHODS)}
    )
    match_key_columns = ("skill_text", "is_matched_whole", "mention_text", "skill_id")
    return text_matches.sort(*match_key_columns, rank_of_method).unique(
        match_key_columns, keep="first", maintain_order=True
    )


def check_acyclic(prerequisites: pl.DataFrame) -> None:
    """Check that no micro-skill requires itself over its prerequisites.

    Args:
        prerequisites: skill_id, requires_skill_id.

    Raises:
        TaxonomyError: With the path of a cycle.
    """
    skill_requirements = prerequisites.group_by("skill_id").agg("requires_skill_id").sort("skill_id")
    try:
        TopologicalSorter(dict(skill_requirements.iter_rows())).prepare()
    except CycleError as error:
        cycle_ids = error.args[1][:0:-1]  # each requires the next one, and the last the first
        smallest_id_index = cycle_ids.index(min(cycle_ids))
        cycle_path = " → ".join([*cycle_ids[smallest_id_index:], *cycle_ids[: smallest_id_index + 1]])
        raise TaxonomyError(f"prerequisites form a cycle: {cycle_path}: remove one of them") from None


def _build_skill_rows(skills: pl.DataFrame) -> pl.DataFrame:
    # a weight that is missing or no number counts 1
    skill_weight = pl.col("weight").cast(pl.Float64, strict=False).fill_null(1.0)
    capability_share = pl.when(pl.col("capability_id").is_not_null()).then(
        skill_weight / skill_weight.sum().over("capability_id")
    )
    return skills.select(
        "skill_id",
        pl.col("name").alias("skill_name"),
        pl.col("description").alias("skill_description"),
        "capability_id",
        pl.coalesce("capability_name", "capability_id").alias("capability_name"),
        capability_share.alias("capability_weight"),
    ).sort("skill_id")


def _empty_if_none(rows: pl.DataFrame | None, table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema) if rows is None else rows


def _resolve_replacements(skills: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """The micro-skills that are not replaced, with inherited names as aliases; and the successors of the others by id.

    Args:
        skills: One row per micro-skill: skill_id, name, aliases, replaced_by and any other column.
    """
    replaced_skills = skills.filter(pl.col("replaced_by").str.strip_chars().replace("", None).is_not_null())
    current_skills = skills.join(replaced_skills, on="skill_id", how="anti", maintain_order="left")
    replacements_by_id = {
        skill_id: [
            successor_id.strip() for successor_id in joined_successor_ids.split(_SEPARATOR) if successor_id.strip()
        ]
        for skill_id, joined_successor_ids in replaced_skills.select("skill_id", "replaced_by").iter_rows()
    }
    current_ids = set(current_skills["skill_id"])
    successors_by_id = {
        skill_id: _follow_replacements(skill_id, replacements_by_id, current_ids, ()) for skill_id in replacements_by_id
    }
    heir_id_by_skill_id = {
        skill_id: successor_ids[0] for skill_id, successor_ids in successors_by_id.items() if len(successor_ids) == 1
    }
    inherited_names = (
        replaced_skills.filter(pl.col("skill_id").is_in(list(heir_id_by_skill_id)))
        .select(
            pl.concat_str("skill_id", "name", "aliases", separator=_SEPARATOR, ignore_nulls=True).alias("inherited"),
            pl.col("skill_id")
            .replace_strict(heir_id_by_skill_id, default=None, return_dtype=pl.String)
            .alias("skill_id"),
        )
        .group_by("skill_id", maintain_order=True)
        .agg(pl.col("inherited").str.join(_SEPARATOR))
    )
    all_aliases = pl.concat_str("aliases", "inherited", separator=_SEPARATOR, ignore_nulls=True).replace("", None)
    skills_with_names = current_skills.join(inherited_names, on="skill_id", how="left", maintain_order="left")
    return skills_with_names.with_columns(all_aliases.alias("aliases")).drop("inherited"), successors_by_id


def _follow_replacements(
    skill_id: str, replacements_by_id: Mapping[str, list[str]], current_ids: set[str], visited_ids: tuple[str, ...]
) -> list[str]:
    """The micro-skills that take the place of this one in the end and exist, each once."""
    if skill_id in visited_ids:
        raise TaxonomyError(
            f"replaced_by goes in a circle: {' → '.join((*visited_ids, skill_id))}: correct one of them"
        )
    if skill_id not in replacements_by_id:
        return [skill_id] if skill_id in current_ids else []
    final_id_lists = [
        _follow_replacements(successor_id, replacements_by_id, current_ids, (*visited_ids, skill_id))
        for successor_id in replacements_by_id[skill_id]
    ]
    return list(dict.fromkeys(chain.from_iterable(final_id_lists)))


def _follow_successors(
    id_rows: pl.DataFrame, successors_by_id: Mapping[str, list[str]], *id_columns: str
) -> pl.DataFrame:
    """The rows with the ids of successors in place of replaced ones: one row per successor."""
    if not successors_by_id:
        return id_rows
    successor_pairs = pl.DataFrame({"old": list(successors_by_id), "new": list(successors_by_id.values())}).explode(
        "new"
    )
    for id_column in id_columns:  # a replaced id without a successor stays, and is unknown
        joined_rows = id_rows.join(
            successor_pairs, left_on=id_column, right_on="old", how="left", maintain_order="left"
        )
        id_rows = joined_rows.with_columns(pl.coalesce("new", id_column).alias(id_column)).drop("new")
    return id_rows


def _find_contained_names(text_parts: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Aliases that occur in a longer text as whole words; of overlapping aliases the longest."""
    # Spaces are doubled so that neighbouring names do not share one. The first pattern wins: longest first.
    alias_names = sorted(aliases["alias_text"].to_list(), key=len, reverse=True)
    name_patterns = [f" {alias_name.replace(' ', '  ')} " for alias_name in alias_names]
    padded_text = pl.concat_str(pl.lit(" "), pl.col("mention_text").str.replace_all(" ", "  "), pl.lit(" "))
    contained_names = padded_text.str.extract_many(name_patterns, leftmost=True).alias("match")
    text_matches = text_parts.drop("skill_id").with_columns(contained_names, pl.lit("contained").alias("match_method"))
    text_matches = text_matches.explode("match", empty_as_null=True)
    text_matches = text_matches.with_columns(pl.col("match").str.replace_all("  ", " ").str.strip_chars())
    return text_matches.join(aliases.rename({"alias_text": "match"}), on="match", how="left")


def _build_aliases(skills: pl.DataFrame) -> pl.DataFrame:
    """Normalised names and aliases. A name of several micro-skills is left out, unless only one has it as its name."""
    alternative_names = skills.select("skill_id", pl.col("aliases").str.split(_SEPARATOR).alias("name")).explode("name")
    name_frames = [
        named_skills.select(
            "skill_id", normalise_name(pl.col("name")).alias("alias_text"), pl.lit(name_rank).alias("order")
        )
        for name_rank, named_skills in enumerate((skills, alternative_names.drop_nulls()))
    ]
    name_rows = pl.concat(name_frames).filter(pl.col("alias_text") != "").unique(maintain_order=True)
    preferred_names = name_rows.filter(pl.col("order") == pl.col("order").min().over("alias_text"))
    unambiguous_names = preferred_names.filter(pl.col("skill_id").n_unique().over("alias_text") == 1)
    return unambiguous_names.select(ALIAS.column_names).unique().sort("alias_text")
