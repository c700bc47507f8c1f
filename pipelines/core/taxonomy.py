"""The taxonomy: micro-skills, their other names, prerequisites, and the micro-skills that roles need.

Belongs here: reading the company's own tables, the normal form of a name, and finding micro-skills in a text.
Does not belong here: published taxonomies (`pipelines.taxonomies`), who has which skill (`pipelines.core.evidence`).
"""

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import polars as pl

from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION
from pipelines.contracts.table import Table

_SEPARATOR = "|"  # between several names in one text
_OPTIONAL = ("description", "aliases", "capability_id", "capability_name", "weight")


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


def normalise_name(text: pl.Expr) -> pl.Expr:
    """The normal form of a name: lower case, one space for every run of characters other than letters and digits."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+#]+", " ").str.strip_chars()


def read_taxonomy(skills: Path, prerequisites: Path | None, role_profiles: Path | None) -> Taxonomy:
    """Read the company's own tables, CSV files in UTF-8 with a header.

    Args:
        skills: Columns skill_id and name; optionally description, aliases (separated by `|`), capability_id,
            capability_name, weight.
        prerequisites: Columns skill_id, requires_skill_id.
        role_profiles: Columns role_name, skill_id, importance.

    Raises:
        TaxonomyError: If a file or column is missing, an id is repeated or unknown, or prerequisites form a cycle.
    """
    return build_taxonomy(
        _read(skills, ("skill_id", "name")),
        _read(prerequisites, PREREQUISITE.column_names) if prerequisites else None,
        _read(role_profiles, ROLE_PROFILE.column_names) if role_profiles else None,
    )


def build_taxonomy(
    skills: pl.DataFrame,
    prerequisites: pl.DataFrame | None = None,
    role_profiles: pl.DataFrame | None = None,
    relations: pl.DataFrame | None = None,
) -> Taxonomy:
    """Build a taxonomy from tables in the columns that `read_taxonomy` reads.

    Args:
        skills: One row per micro-skill, all columns text. A weight becomes a share of its capability.
        prerequisites: One row per pair; None for none.
        role_profiles: One row per role and micro-skill; None for none.
        relations: Columns of `TAXONOMY_RELATION`; None for none.

    Raises:
        TaxonomyError: If an id is missing, repeated or unknown, or prerequisites form a cycle.
    """
    skills = skills.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _OPTIONAL if name not in skills.columns
    )
    if skills["skill_id"].null_count() or skills["name"].null_count():
        raise TaxonomyError("the taxonomy: every row needs a skill_id and a name")
    repeated = skills.filter(pl.col("skill_id").is_duplicated())
    if repeated.height:
        raise TaxonomyError(f"the taxonomy: skill_id {repeated['skill_id'][0]} occurs more than once: keep one row")
    needs, profiles = _or_empty(prerequisites, PREREQUISITE), _or_empty(role_profiles, ROLE_PROFILE)
    for frame, column in ((needs, "skill_id"), (needs, "requires_skill_id"), (profiles, "skill_id")):
        unknown = sorted(set(frame[column].fill_null("(empty)")) - set(skills["skill_id"]))
        if unknown:
            raise TaxonomyError(
                f"{len(unknown)} unknown {column} in the taxonomy, first {unknown[0]}: add or correct it"
            )
    check_acyclic(needs)
    # a weight that is missing or no number counts 1
    weight = pl.col("weight").cast(pl.Float64, strict=False).fill_null(1.0)
    share = pl.when(pl.col("capability_id").is_not_null()).then(weight / weight.sum().over("capability_id"))
    return Taxonomy(
        skills.select(
            "skill_id",
            pl.col("name").alias("skill_name"),
            pl.col("description").alias("skill_description"),
            "capability_id",
            pl.coalesce("capability_name", "capability_id").alias("capability_name"),
            share.alias("capability_weight"),
        ).sort("skill_id"),
        _build_aliases(skills),
        needs.select(PREREQUISITE.column_names).unique().sort(pl.all()),
        profiles.select(ROLE_PROFILE.column_names).unique(("role_name", "skill_id"), keep="first").sort(pl.all()),
        _or_empty(relations, TAXONOMY_RELATION)
        .select(TAXONOMY_RELATION.column_names)
        .drop_nulls()
        .unique()
        .sort(pl.all()),
    )


def build_observed_taxonomy(texts: pl.Series, capability_parts: int) -> Taxonomy:
    """Build a taxonomy from the texts of the exports: each distinct text is a micro-skill.

    Args:
        texts: Texts that name micro-skills.
        capability_parts: Number of leading parts of a text (`a/b` of `a/b/c`) that name its capability.
    """
    names = texts.drop_nulls().unique().sort().alias("skill_id").to_frame()
    capability = pl.col("skill_id").str.split("/").list.head(capability_parts).list.join("/")
    return build_taxonomy(names.with_columns(name="skill_id", capability_id=capability))


def match_skills(texts: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """Find the micro-skills that texts name.

    A part of a text (between `|`) names a micro-skill if it is its skill_id, or if its normal form is an alias of it.
    Otherwise it names every micro-skill with an alias that occurs in it as whole words, unless the text is a code.

    Args:
        texts: skill_text, and optionally is_code: whether the text is a code, whose parts are no names.
        taxonomy: The taxonomy of the run.

    Returns:
        One row per distinct text, part and micro-skill: skill_text, alias_text (normal form of the part), skill_id
        (null if the part names no micro-skill).
    """
    is_code = pl.col("is_code") if "is_code" in texts.columns else pl.lit(False)
    names = pl.col("skill_text").str.split(_SEPARATOR)
    parts = (
        texts.select("skill_text", is_code.alias("is_code"))
        .unique()
        .drop_nulls()
        .with_columns(part=pl.when("is_code").then(pl.concat_list("skill_text")).otherwise(names))
        .explode("part")
        .with_columns(pl.col("part").str.strip_chars())
        .filter(pl.col("part") != "")
        .with_columns(normalise_name(pl.col("part")).alias("alias_text"))
    )
    ids = taxonomy.skills.select(pl.col("skill_id").alias("part"), pl.col("skill_id").alias("by_id"))
    parts = parts.join(ids, on="part", how="left").join(taxonomy.aliases, on="alias_text", how="left")
    parts = parts.with_columns(pl.coalesce("by_id", "skill_id").alias("skill_id"))
    is_searched = pl.col("skill_id").is_null() & ~pl.col("is_code")
    unmatched = parts.filter(is_searched)
    if unmatched.height and taxonomy.aliases.height:
        inside = _find_inside(unmatched, taxonomy.aliases)
        parts = pl.concat([parts.filter(~is_searched), inside.select(parts.columns)])
    columns = ("skill_text", "alias_text", "skill_id")
    return parts.select(columns).unique().sort(columns)


def check_acyclic(prerequisites: pl.DataFrame) -> None:
    """Check that no micro-skill requires itself over its prerequisites.

    Args:
        prerequisites: skill_id, requires_skill_id.

    Raises:
        TaxonomyError: With the path of a cycle.
    """
    required = prerequisites.group_by("skill_id").agg("requires_skill_id").sort("skill_id")
    try:
        TopologicalSorter(dict(required.iter_rows())).prepare()
    except CycleError as error:
        cycle = error.args[1][:0:-1]  # each requires the next one, and the last the first
        first = cycle.index(min(cycle))
        path = " → ".join([*cycle[first:], *cycle[: first + 1]])
        raise TaxonomyError(f"prerequisites form a cycle: {path}: remove one of them") from None


def _or_empty(frame: pl.DataFrame | None, table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema) if frame is None else frame


def _find_inside(parts: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Aliases that occur in a longer text as whole words; of overlapping aliases the longest."""
    # Spaces are doubled so that neighbouring names do not share one. The first pattern wins: longest first.
    names = sorted(aliases["alias_text"].to_list(), key=len, reverse=True)
    patterns = [f" {name.replace(' ', '  ')} " for name in names]
    padded = pl.concat_str(pl.lit(" "), pl.col("alias_text").str.replace_all(" ", "  "), pl.lit(" "))
    matches = parts.drop("skill_id").with_columns(padded.str.extract_many(patterns, leftmost=True).alias("match"))
    matches = matches.explode("match", empty_as_null=True)
    matches = matches.with_columns(pl.col("match").str.replace_all("  ", " ").str.strip_chars())
    return matches.join(aliases.rename({"alias_text": "match"}), on="match", how="left")


def _build_aliases(skills: pl.DataFrame) -> pl.DataFrame:
    """Normalised names and aliases. A name of several micro-skills is left out, unless only one has it as its name."""
    others = skills.select("skill_id", pl.col("aliases").str.split(_SEPARATOR).alias("name")).explode("name")
    names = [
        frame.select("skill_id", normalise_name(pl.col("name")).alias("alias_text"), pl.lit(order).alias("order"))
        for order, frame in enumerate((skills, others.drop_nulls()))
    ]
    rows = pl.concat(names).filter(pl.col("alias_text") != "").unique(maintain_order=True)
    preferred = rows.filter(pl.col("order") == pl.col("order").min().over("alias_text"))
    unambiguous = preferred.filter(pl.col("skill_id").n_unique().over("alias_text") == 1)
    return unambiguous.select(ALIAS.column_names).unique().sort("alias_text")


def _read(path: Path, needed: tuple[str, ...]) -> pl.DataFrame:
    if not path.is_file():
        raise TaxonomyError(
            f"the taxonomy file {path.name} is missing: add it, or correct `taxonomy` in footsteps.yaml"
        )
    try:
        table = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise TaxonomyError(f"{path.name} is not a CSV file in UTF-8 with a header: {type(error).__name__}") from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TaxonomyError(f"{path.name}: column {', '.join(missing)} is missing; it has {', '.join(table.columns)}")
    return table
