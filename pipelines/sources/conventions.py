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
_NUMBER = r"^[^\d:]*?(\d[\d.,'’ \u00a0\u202f]*\d)"
_MARKED_NUMBER = r"\d[.,]\d"
_WITHOUT_DOUBT = r"(?i):|^-?p"


class UnprovenForm(ExportRefused):
    """The cells of a file can be read in two ways, and the file proves neither; an option of the source settles it.

    Attributes:
        option: The option that settles it.
        destination: Column of the canonical schema.
        headers: The headers whose cells are unproven.
    """

    def __init__(self, message: str, option: FormOption, column: "TextColumn") -> None:
        super().__init__(message)
        self.option = option
        self.destination = column.destination
        self.headers = column.headers


@dataclass(frozen=True)
class TextColumn:
    """A column of texts and how it is to be read.

    Attributes:
        name: Name of the column in `texts`.
        texts: The texts of the file.
        sample: The first texts of the column.
        is_complete: Whether the sample holds all texts of the column.
        headers: The headers that the texts come from, for messages.
        destination: Column of the canonical schema, for messages.
        transform: The declared transform.
        is_watched: Whether the caller notices a number with a point or a comma while it reads the column: then a sample
            without such a number needs no proof from the other texts.
    """

    name: str
    texts: pl.LazyFrame
    sample: pl.Series
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
    """Number of cells that have only the first reading, only the second, and both with different values."""

    first: int
    second: int
    both: int

    @property
    def side(self) -> Literal["first", "second", "neither", "contradiction"]:
        """Which reading the cells prove; single contradicting cells do not count."""
        larger_count, smaller_count = max(self.first, self.second), min(self.first, self.second)
        if not larger_count:
            return "neither"
        if smaller_count > MAX_CONTRADICTING_SHARE * larger_count:
            return "contradiction"
        return "first" if self.first > self.second else "second"


def prove_transforms(
    columns: Sequence[TextColumn],
    file_name: str,
    has_typed_numbers: bool,
    read_other_cells: Callable[[], pl.Series],
) -> list[Transform]:
    """Complete the transforms of all columns of a file by what its cells prove.

    A column that proves a form is read by it. A column that proves none is read by the form that the other columns of
    the file prove.

    Args:
        columns: The columns. A form that a transform declares needs no proof.
        file_name: Name of the file, for messages.
        has_typed_numbers: Whether the format of the file writes numbers with a decimal point, as JSON does.
        read_other_cells: Returns cells of columns that nothing reads: their dates count if no other date proves an
            order.

    Returns:
        One transform per column.

    Raises:
        ExportRefused: If a column can be read both ways and nothing in the file proves which is right.
    """
    transforms = [column.transform for column in columns]
    for position, is_comma in _decimal_signs(columns, file_name, has_typed_numbers).items():
        transforms[position] = replace(transforms[position], decimal_comma=is_comma)
    for position, date_order in _date_orders(columns, file_name, read_other_cells).items():
        transforms[position] = replace(transforms[position], date_order=date_order)
    for column, transform in zip(columns, transforms, strict=True):
        if transform.kind == "score" and transform.scale is None and not transform.is_share:
            _check_share(column, transform, file_name)
    return transforms


def needs_decimal_sign(transform: Transform) -> bool:
    """Return whether a file has to prove the decimal sign of a column."""
    return transform.kind in NUMERIC_KINDS and transform.decimal_comma is None


def has_marked_number(texts: pl.Series) -> bool:
    """Return whether a text holds a number with a point or a comma."""
    return bool(texts.str.contains(_MARKED_NUMBER).any())


def _date_orders(
    columns: Sequence[TextColumn], file_name: str, read_other_cells: Callable[[], pl.Series]
) -> dict[int, DateOrder]:
    """Return the order of day and month by position of the column; a column without such dates has none."""
    undeclared_columns = {
        position: column
        for position, column in enumerate(columns)
        if column.transform.kind in ("date", "datetime")
        and not column.transform.formats
        and column.transform.date_order is None
    }
    undeclared_columns = {
        position: column for position, column in undeclared_columns.items() if _may_hold(column, AMBIGUOUS_DATE)
    }
    counts_by_position = dict(
        zip(undeclared_columns, _aggregate(list(undeclared_columns.values()), _count_date_readings), strict=True)
    )
    proof_by_position = {
        position: _Proof(column_counts["day_in_front"], column_counts["month_in_front"], column_counts["both"])
        for position, column_counts in counts_by_position.items()
    }
    pooled_proof = _pool_proofs(proof_by_position.values())
    if pooled_proof.side == "neither" and pooled_proof.both:
        counts = read_other_cells().to_frame("text").select(_count_date_readings(pl.col("text"))).item()
        pooled_proof = _Proof(counts["day_in_front"], counts["month_in_front"], pooled_proof.both)
    order_by_position: dict[int, DateOrder] = {}
    for position, proof in proof_by_position.items():
        proven_side = proof.side if pooled_proof.side in ("neither", "contradiction") else pooled_proof.side
        if (
            counts_by_position[position]["may_begin_with_year"]
            and counts_by_position[position]["first_numbers"] < counts_by_position[position]["last_numbers"]
        ):
            raise UnprovenForm(
                f"{file_name}: the dates in {columns[position].label} can be read with the year in front or at the end:"
                " set `date_order` to day_first or month_first, or the format %y/%m/%d in the mapping",
                "date_order",
                columns[position],
            )
        if proven_side in ("neither", "contradiction") and proof.both:
            contradiction_clause = (
                f"{pooled_proof.first} dates have a day in front, {pooled_proof.second} have a month in front"
            )
            raise UnprovenForm(
                f"{file_name}: the dates in {columns[position].label} can be read day first or month first "
                f"({'no day is above 12' if proven_side == 'neither' else contradiction_clause}): set `date_order` to "
                "day_first or month_first",
                "date_order",
                columns[position],
            )
        order_by_position[position] = "month_first" if proven_side == "second" else "day_first"
    return order_by_position


def _count_date_readings(text: pl.Expr) -> pl.Expr:
    """Return one struct: how many dates have a day in front, a month or either, and whether a year may be in front."""
    date_groups = text.str.extract_groups(AMBIGUOUS_DATE).struct
    first_number, second_number, last_number = (date_groups.field(group).cast(pl.Int64) for group in ("1", "2", "3"))
    is_both = (first_number <= 12) & (second_number <= 12) & (first_number != second_number)
    # No calendar has a day 13/15: it proves no order.
    is_date = (first_number <= 12) | (second_number <= 12)
    has_short_year = (date_groups.field("1").str.len_bytes() == 2) & (date_groups.field("3").str.len_bytes() == 2)
    return pl.struct(
        (is_date & (first_number > 12)).sum().alias("day_in_front"),
        (is_date & (second_number > 12)).sum().alias("month_in_front"),
        is_both.sum().alias("both"),
        (has_short_year & (second_number <= 12) & last_number.is_between(1, 31)).all().alias("may_begin_with_year"),
        first_number.n_unique().alias("first_numbers"),
        last_number.n_unique().alias("last_numbers"),
    )


def _decimal_signs(columns: Sequence[TextColumn], file_name: str, has_typed_numbers: bool) -> dict[int, bool | None]:
    """Return by position of the column whether a comma is its decimal sign; None if no number needs it."""
    undeclared_columns = {
        position: column for position, column in enumerate(columns) if needs_decimal_sign(column.transform)
    }
    proof_by_position = {
        position: _prove_from_sample(column, has_typed_numbers) for position, column in undeclared_columns.items()
    }
    unproven_positions = [
        position
        for position, proof in proof_by_position.items()
        if not columns[position].is_complete
        and (proof.second or proof.both or not (proof.first or columns[position].is_watched))
    ]
    column_aggregates = _aggregate([columns[position] for position in unproven_positions], _count_marked_numbers)
    proof_by_position |= {
        position: _prove_decimal_sign(column_aggregate["numbers"], has_typed_numbers)
        for position, column_aggregate in zip(unproven_positions, column_aggregates, strict=True)
    }
    pooled_proof = _pool_proofs(proof_by_position.values())
    decimal_comma_by_position: dict[int, bool | None] = {}
    for position, proof in proof_by_position.items():
        proven_side = pooled_proof.side if proof.side == "neither" else proof.side
        if proven_side in ("neither", "contradiction") and proof.both:
            raise UnprovenForm(
                f"{file_name}: the numbers in {columns[position].label} can be read with a decimal comma or a decimal "
                "point (1,234 is more than a thousand or little more than one), and no other number of the file proves "
                "which is right: set `decimal_comma` to true or false",
                "decimal_comma",
                columns[position],
            )
        decimal_comma_by_position[position] = {"first": False, "second": True}.get(proven_side)
    return decimal_comma_by_position


def _prove_from_sample(column: TextColumn, has_typed_numbers: bool) -> _Proof:
    if not has_marked_number(column.sample):
        return _prove_decimal_sign([], has_typed_numbers)
    sample_numbers = column.sample.to_frame(column.name).select(_count_marked_numbers(pl.col(column.name))).item()
    return _prove_decimal_sign(sample_numbers["numbers"], has_typed_numbers)


def _count_marked_numbers(text: pl.Expr) -> pl.Expr:
    """Return the distinct numbers with a point or a comma, each with the number of its cells."""
    is_marked = text.str.contains(_MARKED_NUMBER) & ~text.str.contains(_WITHOUT_DOUBT)
    number = pl.when(is_marked).then(text.str.extract(_NUMBER, 1)).drop_nulls().alias("number")
    return pl.struct(number.value_counts().implode().alias("numbers"))


def _prove_decimal_sign(number_counts: list[dict[str, object]], has_typed_numbers: bool) -> _Proof:
    if not number_counts:
        return _Proof(int(has_typed_numbers), 0, 0)
    number_frame = pl.DataFrame(number_counts, {"number": pl.String, "count": pl.Int64})
    point_reading, comma_reading = both_readings(fold_text(pl.col("number")))
    readings = number_frame.select("count", point=point_reading, comma=comma_reading)
    both_count = readings.filter(pl.col("point") != pl.col("comma"))["count"].sum()
    point_count = readings.filter(pl.col("point").is_not_null(), pl.col("comma").is_null())["count"].sum()
    comma_count = readings.filter(pl.col("comma").is_not_null(), pl.col("point").is_null())["count"].sum()
    return _Proof(int(point_count) + has_typed_numbers, int(comma_count), int(both_count))


def _check_share(column: TextColumn, transform: Transform, file_name: str) -> None:
    """Refuse scores without a scale that go beyond 1."""
    score = cast_number(pl.col(column.name), transform.decimal_comma)
    score_counts = _aggregate(
        [column], lambda text: pl.struct((score > 1).sum().alias("beyond"), score.count().alias("all"))
    )
    if score_counts[0]["beyond"] > MAX_CONTRADICTING_SHARE * score_counts[0]["all"]:
        raise UnprovenForm(
            f"{file_name}: the scores in {column.label} go beyond 1, and their scale is unknown: set it, "
            f"`{column.destination}: {{column: {column.headers[0]}, scale: [lowest, highest]}}` in the mapping",
            "scale",
            column,
        )


def _pool_proofs(proofs: Iterable[_Proof]) -> _Proof:
    """Return the sum of the proofs of several columns."""
    all_proofs = list(proofs)
    return _Proof(*(sum(getattr(proof, side) for proof in all_proofs) for side in ("first", "second", "both")))


def _may_hold(column: TextColumn, pattern: str) -> bool:
    """Return whether the first texts match the pattern, or say nothing about the others."""
    return column.sample.str.contains(pattern).any() or (column.sample.is_empty() and not column.is_complete)


def _aggregate(columns: Sequence[TextColumn], aggregate_texts: Callable[[pl.Expr], pl.Expr]) -> list[dict[str, Any]]:
    """Return an aggregate of each column, from its sample if that is complete, else in one pass over the file."""
    aggregate_by_position: dict[int, dict[str, Any]] = {}
    positions_by_frame: dict[int, list[int]] = {}
    for position, column in enumerate(columns):
        if column.is_complete:
            aggregate_by_position[position] = (
                column.sample.to_frame(column.name).select(aggregate_texts(pl.col(column.name)).alias("0")).item()
            )
        else:
            positions_by_frame.setdefault(id(column.texts), []).append(position)
    for positions in positions_by_frame.values():
        expressions = [aggregate_texts(pl.col(columns[position].name)).alias(str(position)) for position in positions]
        aggregates = columns[positions[0]].texts.select(expressions).collect(engine="streaming").row(0)
        aggregate_by_position |= dict(zip(positions, aggregates, strict=True))
    return [aggregate_by_position[position] for position in range(len(columns))]
