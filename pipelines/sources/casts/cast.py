"""Text to typed values: one parser per kind of transform, for all systems.

Belongs here: which parser reads which kind of transform.
Does not belong here: the parsers (one module each), which column is cast how (the adapters). Text that cannot be read
becomes null; the frame keeps the original text, so that the rule `parses` can name it.
"""

import polars as pl

from pipelines.sources.casts.batches import NO_SAMPLE
from pipelines.sources.casts.dates import cast_date, cast_datetime
from pipelines.sources.casts.durations import cast_hours
from pipelines.sources.casts.numbers import cast_integer, cast_number
from pipelines.sources.casts.scores import cast_score
from pipelines.sources.casts.transform import Transform
from pipelines.sources.casts.words import cast_boolean, cast_category, cast_code, cast_email, hash_texts


def cast_text(
    text: pl.Expr,
    transform: Transform,
    time_zone: str,
    sample_texts: pl.Series = NO_SAMPLE,
    lowest_score_text: pl.Expr | None = None,
    highest_score_text: pl.Expr | None = None,
) -> pl.Expr:
    """Cast stripped, non-empty text to the type of the transform.

    Args:
        text: The text.
        transform: How it is read.
        time_zone: Zone of datetimes that are written without one.
        sample_texts: Some texts of the column. They decide which parser is tried first; this changes only the time, not
            the values.
        lowest_score_text: Text of the row's own lowest score, for `score`.
        highest_score_text: Text of the row's own highest score, for `score`.

    Returns:
        The value; null if the text cannot be read.
    """
    if transform.pattern is not None:
        text = text.str.extract(transform.pattern, 1)
    match transform.kind:
        case "text":
            return text
        case "code":
            return cast_code(text)
        case "digest":
            return hash_texts(text)
        case "email":
            return cast_email(text)
        case "date":
            return cast_date(text, transform, time_zone, sample_texts)
        case "datetime":
            return cast_datetime(text, transform, time_zone, sample_texts)
        case "number":
            return cast_number(text, transform.decimal_comma, sample_texts)
        case "integer":
            return cast_integer(text, transform.decimal_comma, sample_texts)
        case "hours":
            return cast_hours(text, transform, sample_texts)
        case "score":
            return cast_score(text, transform, sample_texts, lowest_score_text, highest_score_text)
        case "category":
            return cast_category(text, transform)
        case "boolean":
            return cast_boolean(text, transform)
