"""What the cells of a file prove about its forms: the order of day and month, the decimal sign, the scale of scores.

Belongs here: the proof over all columns of a file, and the refusal of a file that can be read both ways, with the line
of footsteps.yaml that settles it.
Does not belong here: how a cell is read once the form is known (`casts`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from pipelines.sources.casts.calendar_names import fold_text
from pipelines.sources.casts.dates import AMBIGUOUS_DATE
from pipelines.sources.casts.numbers import both_readings, cast_number
from pipelines.sources.casts.transform import NUMERIC_KINDS
from pipelines.sources.declaration import DateOrder, Transform
from pipelines.sources.readers.files import ExportRefused

# If one cell in a hundred contradicts the form of all others, it is a typing error, not another form.
MAX_CONTRADICTING_SHARE = 0.01
FormOption = Literal["date_order", "decimal_comma", "scale"]
# The first number of a cell. Clocks and ISO 8601 durations hold none whose decimal sign is in doubt.
_FIRST_NUMBER_PATTERN = r"^[^\d:]*?(\d[\d.,'’ \u00a0\u202f]*\d)"
_NUMBER_SEPARATOR_PATTERN = r"\d[.,]\d"
_CLOCK_OR_DURATION_PATTERN = r"(?i):|^-?p"


class UnprovenForm(ExportRefused):
    """The cells of a file can be read in two ways, and the file proves neither; an option of the source settles it.

    Attributes:
        option: The option that settles it.
        destination: Column of the canonical schema.
        headers: The headers whose cells are unproven.
    """

    def __init__(self, message: str, option: FormOption, text_column: "TextColumn") -> None:
        super().__init__(message)
        self.option = option
        self.destination = text_column.destination
        self.headers = text_column.headers


@dataclass(frozen=True)
class TextColumn:
    """A column of texts and how it is to be read.

    Attributes:
        name: Name of the column in `texts`.
        texts: The texts of the file.
        sample_texts: The first texts of the column.
        is_complete: Whether the sample holds all texts of the column.
        headers: The headers that the texts come from, for messages.
        destination: Column of the canonical schema, for messages.
        transform: The declared transform.
        is_watched: Whether the caller notices a number with a point or a comma while it reads the column: then a sample
            without such a number needs no proof from the other texts.
    """

    name: str
    texts: pl.LazyFrame
    sample_texts: pl.Series
    is_complete: bool
    headers: tuple[str, ...]
    destination: str
    transform: Transform
    is_watched: bool = False

    @property
    def label(self) -> str:
        """The headers, for messages."""
        return " or ".join(self.headers)


@dataclass(frozen=True)
class _Proof:
    """How many cells of a column can be read in which of two ways.

    Attributes:
        first_count: Cells that have only the first reading: a day in front, a decimal point.
        second_count: Cells that have only the second reading: a month in front, a decimal comma.
        both_count: Cells that have both readings, with different values.
    """

    first_count: int
    second_count: int
    both_count: int

    @property
    def proven_reading(self) -> Literal["first", "second", "neither", "contradiction"]:
        """Which reading the cells prove; single contradicting cells do not count."""
        smaller_count, larger_count = sorted((self.first_count, self.second_count))
        if not larger_count:
            return "neither"
        if smaller_count > MAX_CONTRADICTING_SHARE * larger_count:
            return "contradiction"
        return "first" if self.first_count > self.second_count else "second"


def prove_transforms(
    text_columns: Sequence[TextColumn],
    file_name: str,
    format_uses_decimal_point: bool,
    read_other_cells: Callable[[], pl.Series],
) -> list[Transform]:
    """Complete the transforms of all columns of a file by what its cells prove.

    A column that proves a form is read by it. A column that proves none is read by the form that the other columns of
    the file prove.

    Args:
        text_columns: The columns. A form that a transform declares needs no proof.
        file_name: Name of the file, for messages.
        format_uses_decimal_point: Whether the format of the file writes numbers with a decimal point, as JSON does.
        read_other_cells: Returns cells of columns that nothing reads: their dates count if no other date proves an
            order.

    Returns:
        One transform per column.

    Raises:
        ExportRefused: If a column can be read both ways and nothing in the file proves which is right.
    """
    transforms = [text_column.transform for text_column in text_columns]
    for column_index, decimal_comma in _prove_decimal_signs(text_columns, file_name, format_uses_decimal_point).items():
        transforms[column_index] = replace(transforms[column_index], decimal_comma=decimal_comma)
    for column_index, date_order in _prove_date_orders(text_columns, file_name, read_other_cells).items():
        transforms[column_index] = replace(transforms[column_index], date_order=date_order)
    for text_column, transform in zip(text_columns, transforms, strict=True):
        if transform.kind == "score" and transform.scale is None and not transform.is_share:
            _refuse_scores_without_scale(text_column, transform, file_name)
    return transforms


def needs_decimal_sign(transform: Transform) -> bool:
    """Return whether a file has to prove the decimal sign of a column."""
    return transform.kind in NUMERIC_KINDS and transform.decimal_comma is None


def has_number_separator(texts: pl.Series) -> bool:
    """Return whether a text holds a number with a point or a comma."""
    return bool(texts.str.contains(_NUMBER_SEPARATOR_PATTERN).any())


def _prove_date_orders(
    text_columns: Sequence[TextColumn], file_name: str, read_other_cells: Callable[[], pl.Series]
) -> dict[int, DateOrder]:
    """Return the order of day and month by position of the column; a column without such dates has none."""
    column_by_index = {
        column_index: text_column
        for column_index, text_column in enumerate(text_columns)
        if text_column.transform.kind in ("date", "datetime")
        and not text_column.transform.formats
        and text_column.transform.date_order is None
        and _may_hold(text_column, AMBIGUOUS_DATE)
    }
    date_counts_by_index = dict(
        zip(column_by_index, _aggregate_columns(list(column_by_index.values()), _count_date_readings), strict=True)
    )
    proof_by_index = {
        column_index: _Proof(date_counts["day_in_front"], date_counts["month_in_front"], date_counts["both"])
        for column_index, date_counts in date_counts_by_index.items()
    }
    pooled_proof = _pool_proofs(proof_by_index.values())
    if pooled_proof.proven_reading == "neither" and pooled_proof.both_count:
        unused_date_counts = read_other_cells().to_frame("text").select(_count_date_readings(pl.col("text"))).item()
        pooled_proof = _Proof(
            unused_date_counts["day_in_front"], unused_date_counts["month_in_front"], pooled_proof.both_count
        )
    order_by_index: dict[int, DateOrder] = {}
    for column_index, proof in proof_by_index.items():
        text_column, date_counts = text_columns[column_index], date_counts_by_index[column_index]
        pooled_reading = pooled_proof.proven_reading
        proven_reading = proof.proven_reading if pooled_reading in ("neither", "contradiction") else pooled_reading
        if date_counts["may_begin_with_year"] and date_counts["first_numbers"] < date_counts["last_numbers"]:
            raise UnprovenForm(
                f"{file_name}: the dates in {text_column.label} can be read with the year in front or at the end:"
                " set `date_order` to day_first or month_first, or the format %y/%m/%d in the mapping",
                "date_order",
                text_column,
            )
        if proven_reading in ("neither", "contradiction") and proof.both_count:
            day_count, month_count = pooled_proof.first_count, pooled_proof.second_count
            contradiction_clause = f"{day_count} dates have a day in front, {month_count} have a month in front"
            reason_clause = "no day is above 12" if proven_reading == "neither" else contradiction_clause
            raise UnprovenForm(
                f"{file_name}: the dates in {text_column.label} can be read day first or month first "
                f"({reason_clause}): set `date_order` to day_first or month_first",
                "date_order",
                text_column,
            )
        order_by_index[column_index] = "month_first" if proven_reading == "second" else "day_first"
    return order_by_index


def _count_date_readings(text: pl.Expr) -> pl.Expr:
    """Return one struct: how many dates have a day in front, a month or either, and whether a year may be in front."""
    date_groups = text.str.extract_groups(AMBIGUOUS_DATE).struct
    first_number, second_number, last_number = (
        date_groups.field(group_name).cast(pl.Int64) for group_name in ("1", "2", "3")
    )
    is_ambiguous = (first_number <= 12) & (second_number <= 12) & (first_number != second_number)
    # No calendar has a day 13/15: it proves no order.
    is_calendar_date = (first_number <= 12) | (second_number <= 12)
    has_short_year = (date_groups.field("1").str.len_bytes() == 2) & (date_groups.field("3").str.len_bytes() == 2)
    return pl.struct(
        (is_calendar_date & (first_number > 12)).sum().alias("day_in_front"),
        (is_calendar_date & (second_number > 12)).sum().alias("month_in_front"),
        is_ambiguous.sum().alias("both"),
        (has_short_year & (second_number <= 12) & last_number.is_between(1, 31)).all().alias("may_begin_with_year"),
        first_number.n_unique().alias("first_numbers"),
        last_number.n_unique().alias("last_numbers"),
    )


def _prove_decimal_signs(
    text_columns: Sequence[TextColumn], file_name: str, format_uses_decimal_point: bool
) -> dict[int, bool | None]:
    """Return by position of the column whether a comma is its decimal sign; None if no number needs it."""
    column_by_index = {
        column_index: text_column
        for column_index, text_column in enumerate(text_columns)
        if needs_decimal_sign(text_column.transform)
    }
    proof_by_index = {
        column_index: _prove_from_sample(text_column, format_uses_decimal_point)
        for column_index, text_column in column_by_index.items()
    }
    unproven_indices = [
        column_index
        for column_index, proof in proof_by_index.items()
        if not text_columns[column_index].is_complete
        and (proof.second_count or proof.both_count or not (proof.first_count or text_columns[column_index].is_watched))
    ]
    number_aggregates = _aggregate_columns(
        [text_columns[column_index] for column_index in unproven_indices], _count_separated_numbers
    )
    proof_by_index |= {
        column_index: _count_decimal_sign_proofs(number_aggregate["numbers"], format_uses_decimal_point)
        for column_index, number_aggregate in zip(unproven_indices, number_aggregates, strict=True)
    }
    pooled_proof = _pool_proofs(proof_by_index.values())
    decimal_comma_by_index: dict[int, bool | None] = {}
    for column_index, proof in proof_by_index.items():
        proven_reading = pooled_proof.proven_reading if proof.proven_reading == "neither" else proof.proven_reading
        if proven_reading in ("neither", "contradiction") and proof.both_count:
            raise UnprovenForm(
                f"{file_name}: the numbers in {text_columns[column_index].label} can be read with a decimal comma or a "
                "decimal point (1,234 is more than a thousand or little more than one), and no other number of the "
                "file proves which is right: set `decimal_comma` to true or false",
                "decimal_comma",
                text_columns[column_index],
            )
        decimal_comma_by_index[column_index] = {"first": False, "second": True}.get(proven_reading)
    return decimal_comma_by_index


def _prove_from_sample(text_column: TextColumn, format_uses_decimal_point: bool) -> _Proof:
    """Return the proof of the decimal sign by the first texts of a column."""
    if not has_number_separator(text_column.sample_texts):
        return _count_decimal_sign_proofs([], format_uses_decimal_point)
    number_counts = (
        text_column.sample_texts.to_frame(text_column.name)
        .select(_count_separated_numbers(pl.col(text_column.name)))
        .item()["numbers"]
    )
    return _count_decimal_sign_proofs(number_counts, format_uses_decimal_point)


def _count_separated_numbers(text: pl.Expr) -> pl.Expr:
    """Return one struct: the distinct numbers with a point or a comma, each with the number of its cells."""
    has_separator = text.str.contains(_NUMBER_SEPARATOR_PATTERN) & ~text.str.contains(_CLOCK_OR_DURATION_PATTERN)
    number = pl.when(has_separator).then(text.str.extract(_FIRST_NUMBER_PATTERN, 1)).drop_nulls().alias("number")
    return pl.struct(number.value_counts().implode().alias("numbers"))


def _count_decimal_sign_proofs(number_counts: list[dict[str, object]], format_uses_decimal_point: bool) -> _Proof:
    """Count the cells whose numbers can only have a decimal point, only a decimal comma, or either.

    Args:
        number_counts: The distinct numbers with a point or a comma, each with the number of its cells.
        format_uses_decimal_point: Whether the format of the file writes numbers with a decimal point. It then counts as
            one more cell with a decimal point: numbers that can be read either way are read with a point, unless the
            cells prove a comma.
    """
    if not number_counts:
        return _Proof(int(format_uses_decimal_point), 0, 0)
    numbers_with_counts = pl.DataFrame(number_counts, {"number": pl.String, "count": pl.Int64})
    point_reading, comma_reading = both_readings(fold_text(pl.col("number")))
    readings = numbers_with_counts.select("count", point=point_reading, comma=comma_reading)
    both_count = readings.filter(pl.col("point") != pl.col("comma"))["count"].sum()
    point_count = readings.filter(pl.col("point").is_not_null(), pl.col("comma").is_null())["count"].sum()
    comma_count = readings.filter(pl.col("comma").is_not_null(), pl.col("point").is_null())["count"].sum()
    return _Proof(int(point_count) + format_uses_decimal_point, int(comma_count), int(both_count))


def _refuse_scores_without_scale(text_column: TextColumn, transform: Transform, file_name: str) -> None:
    """Refuse scores without a scale that go beyond 1."""
    score = cast_number(pl.col(text_column.name), transform.decimal_comma)
    [score_counts] = _aggregate_columns(
        [text_column], lambda _: pl.struct((score > 1).sum().alias("beyond"), score.count().alias("all"))
    )
    if score_counts["beyond"] > MAX_CONTRADICTING_SHARE * score_counts["all"]:
        raise UnprovenForm(
            f"{file_name}: the scores in {text_column.label} go beyond 1, and their scale is unknown: set it, "
            f"`{text_column.destination}: {{column: {text_column.headers[0]}, scale: [lowest, highest]}}` in the "
            "mapping",
            "scale",
            text_column,
        )


def _pool_proofs(proofs: Iterable[_Proof]) -> _Proof:
    """Return the sum of the proofs of several columns."""
    all_proofs = list(proofs)
    return _Proof(
        sum(proof.first_count for proof in all_proofs),
        sum(proof.second_count for proof in all_proofs),
        sum(proof.both_count for proof in all_proofs),
    )


def _may_hold(text_column: TextColumn, pattern: str) -> bool:
    """Return whether the first texts match the pattern, or say nothing about the others."""
    return text_column.sample_texts.str.contains(pattern).any() or (
        text_column.sample_texts.is_empty() and not text_column.is_complete
    )


def _aggregate_columns(
    text_columns: Sequence[TextColumn], aggregate_texts: Callable[[pl.Expr], pl.Expr]
) -> list[dict[str, Any]]:
    """Return an aggregate of each column, from its sample if that is complete, else in one pass over the file."""
    aggregate_by_index: dict[int, dict[str, Any]] = {}
    indices_by_frame_id: dict[int, list[int]] = {}
    for column_index, text_column in enumerate(text_columns):
        if text_column.is_complete:
            aggregate_by_index[column_index] = (
                text_column.sample_texts.to_frame(text_column.name)
                .select(aggregate_texts(pl.col(text_column.name)).alias("0"))
                .item()
            )
        else:
            indices_by_frame_id.setdefault(id(text_column.texts), []).append(column_index)
    for column_indices in indices_by_frame_id.values():
        aggregate_expressions = [
            aggregate_texts(pl.col(text_columns[column_index].name)).alias(str(column_index))
            for column_index in column_indices
        ]
        aggregates = (
            text_columns[column_indices[0]].texts.select(aggregate_expressions).collect(engine="streaming").row(0)
        )
        aggregate_by_index |= dict(zip(column_indices, aggregates, strict=True))
    return [aggregate_by_index[column_index] for column_index in range(len(text_columns))]
