"""Numbers with a decimal point or a decimal comma: 1,234.56, 1.234,56, 1 234,5, 1'234.5, (5), 5-.

Belongs here: the two grammars of a number, and which of them a cell proves.
Does not belong here: which grammar a column proves (`conventions`), numbers with a unit (`durations`, `scores`).
"""

from functools import partial

import polars as pl

from pipelines.sources.casts.batches import NO_SAMPLE, Parser, parse_text
from pipelines.sources.casts.calendar_names import fold_text

# A number as it may stand inside a text with a unit.
NUMBER_TEXT_PATTERN = r"\d[\d.,' ]*"
_FIRST_DIGITS = r"[1-9]\d{0,2}"


def _number_pattern(decimal_sign: str, thousands_sign: str) -> str:
    """Return the regular expression of a number; the thousands are separated by one sign throughout."""
    grouped_digits = "|".join(
        rf"{_FIRST_DIGITS}(?:{separator_pattern}\d{{3}})+" for separator_pattern in (rf"\{thousands_sign}", " ", "'")
    )
    indian_digits = rf"[1-9]\d?(?:\{thousands_sign}\d{{2}})+\{thousands_sign}\d{{3}}"
    return rf"^([+-]?(?:\d+|{grouped_digits}|{indian_digits})?(?:\{decimal_sign}\d+)?(?:e[+-]?\d+)?)$"


_POINT_NUMBER_PATTERN, _COMMA_NUMBER_PATTERN = _number_pattern(".", ","), _number_pattern(",", ".")


def cast_number(text: pl.Expr, decimal_comma: bool | None, sample_texts: pl.Series = NO_SAMPLE) -> pl.Expr:
    """Read a finite number.

    Args:
        text: The text.
        decimal_comma: Whether a comma is the decimal sign. None leaves a number unread that can be read both ways, as
            1,234; all others are read by the sign that they prove themselves.
        sample_texts: Some texts of the column.
    """
    plain_parser: Parser = parse_plain_comma if decimal_comma else parse_plain_point
    read_other_forms = partial(_read_batch, decimal_comma=decimal_comma)
    return parse_text(text, pl.Float64(), [plain_parser], [], read_other_forms, sample_texts)


def cast_integer(text: pl.Expr, decimal_comma: bool | None, sample_texts: pl.Series = NO_SAMPLE) -> pl.Expr:
    """Read a whole number; 3.0 is one and 2.7 is not. The arguments are those of `cast_number`."""
    number = cast_number(text, decimal_comma, sample_texts)
    return pl.when(number == number.floor()).then(number).cast(pl.Int64, strict=False)


def read_number(text: pl.Expr, decimal_comma: bool | None) -> pl.Expr:
    """Read a folded text as a number; the arguments are those of `cast_number`."""
    point_number, comma_number = both_readings(text)
    point_or_comma_number = pl.coalesce(point_number, comma_number)
    if decimal_comma is None:
        return pl.when((point_number == comma_number) | point_number.is_null() | comma_number.is_null()).then(
            point_or_comma_number
        )
    return pl.coalesce(comma_number, point_number) if decimal_comma else point_or_comma_number


def divide(number: pl.Expr, divisor: pl.Expr | float) -> pl.Expr:
    """Return the quotient, rounded once, as IEEE 754 demands.

    Polars 2.1 multiplies a column by the reciprocal of a constant: 95 / 100 is 0.9500000000000001, but 0.95 in a
    chunk of one row. What a cell means must not depend on the rows beside it, so the constant becomes a column.
    """
    return number / (number * 0 + divisor)


def both_readings(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the number that a folded text is with a decimal point, and the one that it is with a decimal comma.

    Null if the text is no such number. A text that has only one of the two proves the sign, except for numbers without
    any sign, for which both are equal.
    """
    signed_text = text.str.replace(r"^\((.*)\)$", "-${1}").str.replace(r"^(.*\d) ?-$", "-${1}").str.replace("’", "'")
    point_text = signed_text.str.extract(_POINT_NUMBER_PATTERN, 1).str.replace_all(r"[,' ]", "")
    comma_text = (
        signed_text.str.extract(_COMMA_NUMBER_PATTERN, 1)
        .str.replace_all(r"[.' ]", "")
        .str.replace(",", ".", literal=True)
    )
    return _cast_finite(point_text), _cast_finite(comma_text)


def parse_plain_point(text: pl.Expr) -> pl.Expr:
    """Read a number without thousands separators and with a decimal point."""
    return _cast_finite(text)


def parse_plain_comma(text: pl.Expr) -> pl.Expr:
    """Read a number without thousands separators and with a decimal comma."""
    return _cast_finite(text.str.extract(r"^([+-]?\d+(?:,\d+)?)$", 1).str.replace(",", ".", literal=True))


def _read_batch(texts: pl.Series, decimal_comma: bool | None) -> pl.Series:
    return texts.to_frame("text").select(read_number(fold_text(pl.col("text")), decimal_comma)).to_series()


def _cast_finite(text: pl.Expr) -> pl.Expr:
    """Read a number; null if the text is none, or stands for infinity or no number."""
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)
