"""NICE Framework components as NIST publishes them: knowledge and skill statements are micro-skills.

Belongs here: the JSON of NIST's Cybersecurity and Privacy Reference Tool (cprt_SP_800_181_*.json,
*_nf_components.json), releases 1.0.0 to 2.2.0. Competency areas are capabilities, work roles are roles.
Does not belong here: other taxonomies. Tasks are work, not skills; the framework has no prerequisites.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.core.taxonomy import TaxonomyError, build_taxonomy
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, build_count, require_rows

SIGNATURE_FILES = ("cprt_SP_800_181*.json", "*nf_components*.json")
_STATEMENT_TYPES = ("skill", "knowledge")
_ELEMENT_SCHEMA = {"element_identifier": pl.String, "element_type": pl.String, "title": pl.String, "text": pl.String}
_RELATIONSHIP_SCHEMA = {"source_element_identifier": pl.String, "dest_element_identifier": pl.String}


def load_nice(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read the NICE framework from its file.

    The capability of a statement is the competency area that lists it, of several the first by id; releases before
    2.2.0 list none. A work role needs every statement that it is related to.

    Raises:
        TaxonomyError: If the file is missing, is not JSON of this form, or holds no statement.
    """
    components = _read_components(taxonomy_file)
    element_rows = _list_objects(components, "elements", _ELEMENT_SCHEMA).unique(
        "element_identifier", keep="first", maintain_order=True
    )
    element_pairs = _list_objects(components, "relationships", _RELATIONSHIP_SCHEMA).rename(
        {"source_element_identifier": "source_id", "dest_element_identifier": "skill_id"}
    )
    element_name = pl.coalesce(pl.col("title", "text").str.strip_chars().replace("", None))
    element_rows = element_rows.select(
        pl.col("element_identifier").alias("skill_id"), "element_type", element_name.alias("name")
    ).drop_nulls()
    statement_rows = require_rows(taxonomy_file, element_rows.filter(pl.col("element_type").is_in(_STATEMENT_TYPES)))
    area_rows, role_rows = (
        element_rows.filter(pl.col("element_type") == element_kind).select(source_id="skill_id", source_name="name")
        for element_kind in ("competency_area", "work_role")
    )
    statement_pairs = element_pairs.join(statement_rows, on="skill_id", how="semi")
    statement_areas = (
        statement_pairs.join(area_rows, on="source_id").sort("skill_id", "source_id").unique("skill_id", keep="first")
    )
    role_statements = statement_pairs.join(role_rows, on="source_id").unique()
    taxonomy = build_taxonomy(
        statement_rows.join(
            statement_areas.rename({"source_id": "capability_id", "source_name": "capability_name"}),
            on="skill_id",
            how="left",
            maintain_order="left",
        ).select("skill_id", "name", "capability_id", "capability_name"),
        role_profiles=role_statements.select(
            role_name="source_name", skill_id="skill_id", importance=pl.lit("essential")
        ),
        relations=statement_pairs.join(area_rows, on="source_id").select(
            from_id="skill_id", relation_name=pl.lit("broader"), to_id="source_id"
        ),
    )
    task_count = element_rows.filter(pl.col("element_type") == "task").height
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("statements of skills and knowledge", statement_rows.height, taxonomy.skills.height),
            build_count("tasks", task_count, 0, "a task is work, not a skill"),
            TaxonomyCount("work roles", role_rows.height, taxonomy.role_profiles["role_name"].n_unique()),
            build_count(
                "relations of work roles", role_statements.height, taxonomy.role_profiles.height, "a repeated title"
            ),
        ),
    )


def _read_components(taxonomy_file: Path) -> dict[str, Any]:
    """The object that holds the lists `elements` and `relationships`; the reference tool wraps it twice."""
    if not taxonomy_file.is_file():
        raise TaxonomyError(f"the taxonomy file {taxonomy_file.name} is missing: correct `taxonomy` in footsteps.yaml")
    try:
        components_document = json.loads(taxonomy_file.read_bytes())
    except (ValueError, RecursionError):
        raise TaxonomyError(f"{taxonomy_file.name} is not JSON: download the components as JSON again") from None
    for member_name in ("response", "elements"):
        if isinstance(components_document, dict) and isinstance(components_document.get(member_name), dict):
            components_document = components_document[member_name]
    if not isinstance(components_document, dict) or not isinstance(components_document.get("elements"), list):
        raise TaxonomyError(
            f"{taxonomy_file.name} has no list `elements`: it is not the JSON of the NICE Framework components"
        )
    return components_document


def _list_objects(components: dict[str, Any], member_name: str, schema: dict[str, Any]) -> pl.DataFrame:
    """One row per object of a list of the components, with the texts of the columns of `schema`."""
    json_objects = [json_object for json_object in components.get(member_name) or [] if isinstance(json_object, dict)]
    text_rows = [
        {
            column: member_value if isinstance(member_value := json_object.get(column), str) else None
            for column in schema
        }
        for json_object in json_objects
    ]
    return pl.DataFrame(text_rows, schema=schema)
