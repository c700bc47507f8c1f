"""The table of matched texts for a few rows, as the pipeline makes it for all of them."""

import polars as pl

from pipelines.contracts.catalog import COURSE, LEARNING_RECORD, SKILL_TEXT
from pipelines.core.skill_texts import list_distinct_texts, update_matches
from pipelines.core.taxonomy import Taxonomy

NO_MATCHES = pl.DataFrame(schema=SKILL_TEXT.schema)


def match_texts_of(
    taxonomy: Taxonomy,
    *rows: pl.DataFrame,
    records: pl.DataFrame | None = None,
    courses: pl.DataFrame | None = None,
    earlier: pl.DataFrame = NO_MATCHES,
) -> pl.DataFrame:
    """The matches of every text of these rows, learning records and courses, in the contract of `SKILL_TEXT`."""
    texts = list_distinct_texts(
        [frame.lazy() for frame in rows],
        pl.DataFrame(schema=LEARNING_RECORD.schema) if records is None else records,
        pl.DataFrame(schema=COURSE.schema) if courses is None else courses,
    )
    return update_matches(texts, taxonomy.skills, taxonomy.aliases, earlier)
