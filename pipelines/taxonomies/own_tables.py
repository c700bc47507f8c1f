"""The company's own taxonomy: CSV files of micro-skills, prerequisites and role profiles.

Belongs here: their columns, and the counts of their rows.
Does not belong here: what becomes of the rows (`pipelines.core.taxonomy`), published taxonomies (one module each).
"""

from pathlib import Path

import polars as pl

from pipelines.contracts.catalog import PREREQUISITE, ROLE_PROFILE
from pipelines.core.taxonomy import TaxonomyError, build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, build_count, require_rows

_LEFT_OUT_REASON = "a micro-skill that the table of skills does not have, or repeated"


def load_own_tables(
    skills_path: Path, prerequisites_path: Path | None = None, role_profiles_path: Path | None = None
) -> LoadedTaxonomy:
    """Read the company's own tables, CSV files in UTF-8 with a header.

    Args:
        skills_path: Columns skill_id and name; optionally description, aliases (separated by `|`), capability_id,
            capability_name, weight, and replaced_by (see `build_taxonomy`).
        prerequisites_path: Columns skill_id, requires_skill_id.
        role_profiles_path: Columns role_name, skill_id, importance.

    Raises:
        TaxonomyError: If a file or column is missing, a file is empty, an id is repeated, or prerequisites or
            replacements form a cycle.
    """
    skill_rows = require_rows(skills_path, _read_table(skills_path, ("skill_id", "name")))
    prerequisite_rows = _read_table(prerequisites_path, PREREQUISITE.column_names) if prerequisites_path else None
    profile_rows = _read_table(role_profiles_path, ROLE_PROFILE.column_names) if role_profiles_path else None
    taxonomy = build_taxonomy(skill_rows, prerequisite_rows, profile_rows)
    taxonomy_counts = [
        build_count("micro-skills", skill_rows.height, taxonomy.skills.height, "replaced by another micro-skill")
    ]
    for row_kind, file_rows, taxonomy_rows in (
        ("prerequisites", prerequisite_rows, taxonomy.prerequisites),
        ("role profiles", profile_rows, taxonomy.role_profiles),
    ):
        if file_rows is not None:
            taxonomy_counts.append(build_count(row_kind, file_rows.height, taxonomy_rows.height, _LEFT_OUT_REASON))
    return LoadedTaxonomy(taxonomy, tuple(taxonomy_counts))


def _read_table(table_path: Path, needed_columns: tuple[str, ...]) -> pl.DataFrame:
    if not table_path.is_file():
        raise TaxonomyError(
            f"the taxonomy file {table_path.name} is missing: add it, or correct `taxonomy` in footsteps.yaml"
        )
    try:
        csv_rows = pl.read_csv(table_path, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise TaxonomyError(f"{table_path.name} is empty: export it again, with a header and a row per entry") from None
    except pl.exceptions.PolarsError as error:
        raise TaxonomyError(
            f"{table_path.name} is not a CSV file in UTF-8 with a header: {type(error).__name__}"
        ) from error
    missing_columns = [column for column in needed_columns if column not in csv_rows.columns]
    if missing_columns:
        raise TaxonomyError(
            f"{table_path.name}: column {', '.join(missing_columns)} is missing; it has {', '.join(csv_rows.columns)}"
        )
    return csv_rows
