"""The taxonomy: micro-skills, their other names, what comes before what, and what roles need.

Belongs here: reading the company's taxonomy, the normal form of a name, and finding micro-skills in a text.
Does not belong here: who has which skill (`pipelines.core.evidence`).
"""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION

SEPARATOR = "|"  # between several names in one text


class TaxonomyError(Exception):
    """The taxonomy cannot be used; the message says why, for a cycle with its path."""


@dataclass(frozen=True)
class Taxonomy:
    """Frames in the contracts of the core_taxonomy tables; `relations` keeps what a publisher says besides."""

    skills: pl.DataFrame
    aliases: pl.DataFrame
    prerequisites: pl.DataFrame
    role_profiles: pl.DataFrame
    relations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TAXONOMY_RELATION.schema))


def normalise_name(text: pl.Expr) -> pl.Expr:
    """The normal form of a name: lower case, every run of other characters than letters and digits one blank."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+#]+", " ").str.strip_chars()


def read_taxonomy(skills: Path, prerequisites: Path | None, role_profiles: Path | None) -> Taxonomy:
    """The company's own tables: `skill_id, name, description, aliases, capability_id, capability_name, weight`;
    `skill_id, requires_skill_id`; `role_name, skill_id, importance`.

    Raises TaxonomyRefused where a file or column is missing, an id repeats or is unknown, or prerequisites form a
    cycle.
    """
    table = _read(skills, ("skill_id", "name"))
    needs = _read(prerequisites, PREREQUISITE.column_names) if prerequisites else empty_prerequisites()
    profiles = _read(role_profiles, ROLE_PROFILE.column_names) if role_profiles else empty_role_profiles()
    return build_taxonomy(table, needs, profiles)


def build_taxonomy(
    table: pl.DataFrame, needs: pl.DataFrame, profiles: pl.DataFrame, relations: pl.DataFrame | None = None
) -> Taxonomy:
    """The taxonomy of a table of micro-skills (columns as in `read_taxonomy`, all but the first two optional).

    Raises TaxonomyRefused where an id repeats, is missing or is unknown, or prerequisites form a cycle.
    """
    optional = ("description", "aliases", "capability_id", "capability_name", "weight")
    table = table.with_columns(pl.lit(None, pl.String).alias(name) for name in optional if name not in table.columns)
    if table["skill_id"].null_count() or table["name"].null_count():
        raise TaxonomyError("the taxonomy: skill_id and name must stand in every row")
    if table["skill_id"].is_duplicated().any():
        twice = table.filter(pl.col("skill_id").is_duplicated())["skill_id"][0]
        raise TaxonomyError(f"the taxonomy: skill_id {twice} stands there more than once: keep one row for it")
    codes = table.select(
        "skill_id",
        pl.col("name").alias("skill_name"),
        pl.col("description").alias("skill_description"),
        "capability_id",
        pl.coalesce("capability_name", "capability_id").alias("capability_name"),
        _capability_share().alias("capability_weight"),
    )
    known = set(codes["skill_id"])
    for name, column in ((needs, "skill_id"), (needs, "requires_skill_id"), (profiles, "skill_id")):
        unknown = sorted(set(name[column].fill_null("(empty)")) - known)
        if unknown:
            raise TaxonomyError(f"{len(unknown)} unknown {column} in the taxonomy, first {unknown[0]}: add or mend it")
    check_acyclic(needs)
    return Taxonomy(
        codes.sort("skill_id"),
        _aliases(table),
        needs.select(PREREQUISITE.column_names).unique().sort(pl.all()),
        profiles.select(ROLE_PROFILE.column_names).unique(("role_name", "skill_id"), keep="first").sort(pl.all()),
        (pl.DataFrame(schema=TAXONOMY_RELATION.schema) if relations is None else relations)
        .select(TAXONOMY_RELATION.column_names)
        .drop_nulls()
        .unique()
        .sort(pl.all()),
    )


def empty_prerequisites() -> pl.DataFrame:
    """The prerequisites of a taxonomy that has none."""
    return pl.DataFrame(schema=PREREQUISITE.schema)


def empty_role_profiles() -> pl.DataFrame:
    """The role profiles of a taxonomy that has none."""
    return pl.DataFrame(schema=ROLE_PROFILE.schema)


def build_observed_taxonomy(texts: pl.Series, capability_parts: int) -> Taxonomy:
    """A taxonomy of what is there: each distinct text a micro-skill, its leading parts (a/b of a/b/c) a capability."""
    names = texts.drop_nulls().unique().sort().alias("skill_id").to_frame()
    leading = pl.col("skill_id").str.split("/").list.head(capability_parts).list.join("/")
    skills = names.select(
        "skill_id",
        pl.col("skill_id").alias("skill_name"),
        pl.lit(None, pl.String).alias("skill_description"),
        leading.alias("capability_id"),
        leading.alias("capability_name"),
        (1.0 / pl.len().over(leading)).alias("capability_weight"),
    )
    table = names.select("skill_id", pl.col("skill_id").alias("name"), pl.lit(None, pl.String).alias("aliases"))
    return Taxonomy(skills, _aliases(table), empty_prerequisites(), empty_role_profiles())


def match_skills(texts: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per distinct text and micro-skill it names; (text, null) for a text that names none.

    `texts` has one column `skill_text`. A part that is a skill_id, or whose normal form is an alias, is that skill;
    otherwise every alias that occurs in it as whole words. Nothing is invented: what matches nothing stays unknown.
    """
    parts = texts.unique().drop_nulls().with_columns(part=pl.col("skill_text").str.split(SEPARATOR)).explode("part")
    parts = parts.with_columns(pl.col("part").str.strip_chars()).filter(pl.col("part") != "")
    parts = parts.with_columns(normalise_name(pl.col("part")).alias("alias_text"))
    ids = taxonomy.skills.select(pl.col("skill_id").alias("part"), pl.col("skill_id").alias("by_id"))
    parts = parts.join(ids, on="part", how="left").join(taxonomy.aliases, on="alias_text", how="left")
    parts = parts.with_columns(pl.coalesce("by_id", "skill_id").alias("skill_id"))
    missing = parts.filter(pl.col("skill_id").is_null())
    if missing.height and taxonomy.aliases.height:
        inside = _find_inside(missing, taxonomy.aliases)
        parts = pl.concat([parts.filter(pl.col("skill_id").is_not_null()), inside.select(parts.columns)])
    return parts.select("skill_text", "alias_text", "skill_id").unique().sort("skill_text", "alias_text", "skill_id")


def check_acyclic(prerequisites: pl.DataFrame) -> None:
    """Raises TaxonomyRefused with the path where a micro-skill, over its prerequisites, requires itself."""
    needs: dict[str, list[str]] = {}
    for skill, required in prerequisites.select("skill_id", "requires_skill_id").sort(pl.all()).iter_rows():
        needs.setdefault(skill, []).append(required)
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, True)]
        while stack:
            skill, entering = stack.pop()
            if not entering:
                done.add(path.pop())
            elif skill in path:
                cycle = [*path[path.index(skill) :], skill]
                raise TaxonomyError(f"prerequisites form a cycle: {' → '.join(cycle)}: remove one of these steps")
            elif skill not in done:
                path.append(skill)
                stack.append((skill, False))
                stack.extend((required, True) for required in needs.get(skill, ()))


def _capability_share() -> pl.Expr:
    """A weight as a share of its capability: a weight that is not given or no number counts 1, as every other then."""
    weight = pl.col("weight").cast(pl.Float64, strict=False).fill_null(1.0)
    share = weight / weight.sum().over("capability_id")
    return pl.when(pl.col("capability_id").is_not_null()).then(share)


def _find_inside(parts: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Aliases that stand in a longer text as whole words; of overlapping ones the longest."""
    # Blanks are doubled so that neighbouring names do not share one. The first pattern wins: longest first.
    names = aliases["alias_text"].to_list()
    patterns = [f" {name.replace(' ', '  ')} " for name in sorted(names, key=len, reverse=True)]
    padded = pl.concat_str(pl.lit(" "), pl.col("alias_text").str.replace_all(" ", "  "), pl.lit(" "))
    hits = padded.str.extract_many(patterns, leftmost=True).alias("hit")
    found = parts.drop("skill_id").with_columns(hits).explode("hit", empty_as_null=True)
    found = found.with_columns(pl.col("hit").str.replace_all("  ", " ").str.strip_chars())
    return found.join(aliases.rename({"alias_text": "hit"}), on="hit", how="left")


def _aliases(table: pl.DataFrame) -> pl.DataFrame:
    """Normalised names and aliases; a name that two micro-skills share means neither, unless it is one's own name."""
    names = table.select("skill_id", normalise_name(pl.col("name")).alias("alias_text"), pl.lit(0).alias("order"))
    others = (
        table.select("skill_id", pl.col("aliases").str.split(SEPARATOR).alias("alias_text"))
        .explode("alias_text")
        .drop_nulls()
        .select("skill_id", normalise_name(pl.col("alias_text")).alias("alias_text"), pl.lit(1).alias("order"))
    )
    both = pl.concat([names, others]).filter(pl.col("alias_text") != "").unique(maintain_order=True)
    best = both.filter(pl.col("order") == pl.col("order").min().over("alias_text"))
    alone = best.filter(pl.col("skill_id").n_unique().over("alias_text") == 1)
    return alone.select(ALIAS.column_names).unique().sort("alias_text")


def _read(path: Path, needed: tuple[str, ...]) -> pl.DataFrame:
    if not path.is_file():
        raise TaxonomyError(f"the taxonomy file {path.name} is missing: write it, or mend `taxonomy` in footsteps.yaml")
    try:
        table = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as problem:
        raise TaxonomyError(f"{path.name} is no CSV in UTF-8 with a header: {type(problem).__name__}") from problem
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TaxonomyError(f"{path.name}: column {', '.join(missing)} is missing; it has {', '.join(table.columns)}")
    return table
