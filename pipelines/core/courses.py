"""Courses: what a catalogue calls them, and the text by which a learning record names its micro-skills.

Belongs here: which catalogue lists the courses of which source, names for courses that records name only by code, the
order in which the texts of a learning record count.
Does not belong here: how a text is matched to micro-skills (`pipelines.core.taxonomy`).
"""

import polars as pl

from pipelines.contracts.catalog import COURSE

# The texts of a learning record that may name its micro-skills, the most trusted first.
_TEXT_COLUMNS = ("skill_text", "catalogue_skill_text", "course_name", "catalogue_course_name", "course_code")
_COURSE_KEY = ("source_name", "course_code")


def conform_course(catalogue_rows: pl.LazyFrame, served_sources: pl.DataFrame) -> pl.DataFrame:
    """Assign the courses of catalogues to the sources whose learning records they name.

    Args:
        catalogue_rows: Current rows of the canonical schema `course_catalogue`; source_name is that of the catalogue.
        served_sources: One row per catalogue and source that it serves: catalogue_name, source_name, is_own (whether
            the catalogue comes from the source's own system or names it: it then prevails over a general one).

    Returns:
        One row per source and course code, in the contract of `COURSE`: the row of the prevailing catalogue that
        changed last.
    """
    courses = catalogue_rows.rename({"source_name": "catalogue_name"}).collect().drop_nulls("course_code")
    described_courses = courses.filter(pl.any_horizontal(pl.col("course_name", "skill_text").is_not_null()))
    return (
        described_courses.join(served_sources, on="catalogue_name")
        .sort("is_own", "changed_at", "delivery_number", "catalogue_name", "row_number", nulls_last=False)
        .unique(_COURSE_KEY, keep="last", maintain_order=True)
        .select(COURSE.column_names)
        .sort(_COURSE_KEY)
    )


def list_learning_texts(learning_records: pl.DataFrame, courses: pl.DataFrame) -> pl.DataFrame:
    """List every text by which learning records may name micro-skills.

    The code of a course is listed if nothing else names it.

    Args:
        learning_records: Rows of `LEARNING_RECORD`.
        courses: Rows of `COURSE`.

    Returns:
        One row per record and text: skill_text, is_matched_whole (whether the text is the code of a course: it is
        compared as a whole, because a part of a code is no name).
    """
    records_with_course_names = _add_course_names(learning_records, courses)
    texts_per_column = [
        records_with_course_names.select(
            pl.col(column_name).alias("skill_text"), pl.lit(column_name == "course_code").alias("is_matched_whole")
        )
        for column_name in _TEXT_COLUMNS
    ]
    return pl.concat(texts_per_column).drop_nulls("skill_text")


def choose_learning_texts(
    learning_records: pl.DataFrame, courses: pl.DataFrame, matched_texts: pl.Series
) -> pl.DataFrame:
    """Choose the text by which each learning record names its micro-skills.

    Args:
        learning_records: Rows of `LEARNING_RECORD`.
        courses: Rows of `COURSE`.
        matched_texts: The texts of `list_learning_texts` that name a micro-skill of the taxonomy.

    Returns:
        The records in the same order, with the chosen text as skill_text: the most trusted one that names a
        micro-skill; if none does, the most trusted one; null if the record has no text.
    """
    records_with_course_names = _add_course_names(learning_records, courses)
    matched_text_expressions = (
        pl.when(pl.col(column_name).is_in(matched_texts.implode())).then(column_name) for column_name in _TEXT_COLUMNS
    )
    chosen_text = pl.coalesce(*matched_text_expressions, *_TEXT_COLUMNS)
    return records_with_course_names.with_columns(chosen_text.alias("skill_text")).select(learning_records.columns)


def _add_course_names(learning_records: pl.DataFrame, courses: pl.DataFrame) -> pl.DataFrame:
    """Add catalogue_course_name and catalogue_skill_text, null for courses that no catalogue lists."""
    catalogue_names = courses.select(*_COURSE_KEY, pl.col("course_name", "skill_text").name.prefix("catalogue_"))
    return learning_records.join(catalogue_names, on=_COURSE_KEY, how="left", maintain_order="left")
