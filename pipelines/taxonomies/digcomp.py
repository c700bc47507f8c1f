"""DigComp as published: the collection file of ESCO (DigComp 2.2), and the data supplement of DigComp 3.0.

Belongs here: `digCompSkillsCollection_*.csv` of ESCO's download, whose columns ESCO's other collections share, and the
workbook `DigComp 3.0 Data Supplement` of the Joint Research Centre (JRC144705). Areas are capabilities, competences are
micro-skills.
Does not belong here: other taxonomies. DigComp has no prerequisites and no roles.
"""

from pathlib import Path

import polars as pl

from pipelines.core.taxonomy import TaxonomyError, build_taxonomy
from pipelines.sources.readers.files import check_unpacked_size
from pipelines.sources.readers.workbook import is_workbook
from pipelines.taxonomies.loaded import LoadedTaxonomy, TaxonomyCount, build_count, read_rows, require_rows

SIGNATURE_FILES = ("digCompSkillsCollection*.csv", "DigComp*.xlsx")
_SHEET_NAME = "1 Competence Areas&Competences"
# The columns of the sheet, by position: number, name and description of the area, then of the competence.
_SHEET_COLUMNS = ("capability_id", "capability_name", "area_description", "skill_id", "name", "description")
_BROADER_ID_HEADER, _BROADER_NAME_HEADER = "broaderConceptUri", "broaderConceptPT"


def load_digcomp(taxonomy_file: Path) -> LoadedTaxonomy:
    """Read DigComp from its file.

    Raises:
        TaxonomyError: If the file is missing, or has no such columns, sheet or rows.
    """
    if not taxonomy_file.is_file():
        raise TaxonomyError(f"the taxonomy file {taxonomy_file.name} is missing: correct `taxonomy` in footsteps.yaml")
    concept_rows = require_rows(
        taxonomy_file,
        _read_supplement(taxonomy_file) if is_workbook(taxonomy_file) else _read_collection(taxonomy_file),
    )
    is_area = pl.col("skill_id").is_in(concept_rows["capability_id"].drop_nulls().implode())
    competences = concept_rows.filter(~is_area)
    taxonomy = build_taxonomy(competences)
    return LoadedTaxonomy(
        taxonomy,
        (
            TaxonomyCount("competences", competences.height, taxonomy.skills.height),
            build_count("areas", concept_rows.height - competences.height, 0, "an area is a capability"),
        ),
    )


def _read_collection(taxonomy_file: Path) -> pl.DataFrame:
    file_rows = read_rows(
        taxonomy_file,
        ("conceptUri", "preferredLabel"),
        ("altLabels", "description", _BROADER_ID_HEADER, _BROADER_NAME_HEADER),
    )
    # several broader concepts are separated by " | "; the first one is taken
    broader_concepts = pl.col(_BROADER_ID_HEADER, _BROADER_NAME_HEADER)
    return file_rows.with_columns(broader_concepts.str.split("|").list.first().str.strip_chars()).select(
        skill_id="conceptUri",
        name="preferredLabel",
        aliases=pl.col("altLabels").str.replace_all(r"\s*[\n|]\s*", "|"),
        description="description",
        capability_id=_BROADER_ID_HEADER,
        capability_name=_BROADER_NAME_HEADER,
    )


def _read_supplement(taxonomy_file: Path) -> pl.DataFrame:
    import fastexcel  # slow to import, and few taxonomies are workbooks

    check_unpacked_size(taxonomy_file)  # refuses an archive bomb before anything else reads the file
    try:
        sheet_table = (
            fastexcel.read_excel(taxonomy_file).load_sheet(_SHEET_NAME, header_row=0, dtypes="string").to_polars()
        )
    except BaseException as error:
        # A panic of the Rust library is not an Exception, and damaged workbooks can cause one.
        if not isinstance(error, fastexcel.FastExcelError) and type(error).__name__ != "PanicException":
            raise
        raise TaxonomyError(
            f"{taxonomy_file.name} cannot be read: it needs the sheet {_SHEET_NAME!r} of the data supplement"
        ) from None
    if sheet_table.width < len(_SHEET_COLUMNS):
        raise TaxonomyError(
            f"{taxonomy_file.name}: the sheet {_SHEET_NAME!r} has {sheet_table.width} columns, "
            f"not {len(_SHEET_COLUMNS)}"
        )
    sheet_rows = sheet_table.select(sheet_table.columns[: len(_SHEET_COLUMNS)])
    sheet_rows.columns = list(_SHEET_COLUMNS)
    # a number such as 1.0 of an area is written 1
    whole_area_number = pl.col("capability_id").str.replace(r"^(\d+)\.0+$", "${1}")
    return (
        sheet_rows.with_columns(whole_area_number)
        .drop("area_description")
        .drop_nulls(("skill_id", "name"))
        .unique("skill_id", keep="first", maintain_order=True)
    )
