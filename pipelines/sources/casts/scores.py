"""Scores as shares of 0 to 1: marks on a scale, points of a maximum, percent, 17/20.

Belongs here: every form of a score, and what a value beyond the scale counts as.
Does not belong here: the scale of a field (the adapters, the mapping of the configuration).
"""

from functools import partial

import polars as pl

from pipelines.sources.casts.batches import NO_SAMPLE, make_batch_parser
from pipelines.sources.casts.calendar_names import fold_text
from pipelines.sources.casts.numbers import cast_number, divide, read_number
from pipelines.sources.casts.transform import Transform

_PERCENT_PATTERN = r"^(?:% ?)?(.*\d)(?: ?%| ?percent| ?prozent)?$"
_POINTS_PATTERN = r"^(.*\d) ?(?:/|of|out of|von|sur|de|di|su|van|av|af|из) ?(\d.*)$"
# xAPI lets a scaled score be negative; no system writes a share below that.
_LOWEST_SHARE = -1.0


def cast_score(
    text: pl.Expr,
    transform: Transform,
    sample_texts: pl.Series = NO_SAMPLE,
    lowest_score_text: pl.Expr | None = None,
    highest_score_text: pl.Expr | None = None,
) -> pl.Expr:
    """Read a share of 0 to 1. A value above the maximum is the maximum, one below the minimum is the minimum.

    Percent and points of a maximum (17/20) are shares whatever the scale. Without a scale a number is a share;
    a number beyond -1 to 1 is no share and stays unread.

    Args:
        text: The text.
        transform: The scale and the decimal sign.
        sample_texts: Some texts of the column.
        lowest_score_text: Text of the row's own lowest score; null counts as 0.
        highest_score_text: Text of the row's own highest score; null leaves a number unread.
    """
    score = cast_number(text, transform.decimal_comma, sample_texts)
    lowest_score, highest_score = (pl.lit(float(scale_end)) for scale_end in transform.scale or (0.0, 1.0))
    if highest_score_text is not None:
        lowest_score = (
            pl.lit(0.0)
            if lowest_score_text is None
            else cast_number(lowest_score_text, transform.decimal_comma).fill_null(0.0)
        )
        highest_score = cast_number(highest_score_text, transform.decimal_comma)
    is_convertible = (
        score.is_between(_LOWEST_SHARE, 1.0)
        if transform.scale is None and highest_score_text is None
        else highest_score > lowest_score
    )
    score_share = pl.when(is_convertible).then(divide(score - lowest_score, highest_score - lowest_score))
    read_other_forms = make_batch_parser(pl.Float64(), partial(_read_batch, decimal_comma=transform.decimal_comma))
    return pl.coalesce(score_share, read_other_forms(pl.when(score.is_null()).then(text))).clip(0, 1)


def _read_batch(texts: pl.Series, decimal_comma: bool | None) -> pl.Series:
    """Read percent and points of a maximum."""
    if not texts.str.contains(r"[/%]|\d.*\p{L}.*\d|\p{L}$").any():
        return pl.Series(texts.name, [], pl.Float64).extend_constant(None, texts.len())
    text = pl.col("text")
    points_groups = text.str.extract_groups(_POINTS_PATTERN).struct
    points, max_points = (
        read_number(points_groups.field(group_number).str.strip_chars(), decimal_comma) for group_number in ("1", "2")
    )
    percent = read_number(text.str.extract(_PERCENT_PATTERN, 1).str.strip_chars(), decimal_comma)
    score_share = pl.coalesce(pl.when(max_points > 0).then(points / max_points), divide(percent, 100))
    return texts.alias("text").to_frame().select(fold_text(text)).select(score_share).to_series().alias(texts.name)
