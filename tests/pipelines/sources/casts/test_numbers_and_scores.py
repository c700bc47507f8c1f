"""Numbers with either decimal sign, and scores on any scale."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.scores import cast_score
from pipelines.sources.declaration import Transform


def cast(text: str, transform: Transform) -> float | None:
    return pl.DataFrame({"text": [text]}).select(cast_text(pl.col("text"), transform, "UTC")).item()  # type: ignore[no-any-return]


@pytest.mark.parametrize("sign", [None, True, False])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1234.5", 1234.5), ("1234,5", 1234.5), ("1,234.50", 1234.5), ("1.234,50", 1234.5), ("1 234,5", 1234.5)),
        *(("1\u202f234,5", 1234.5), ("1\u00a0234.5", 1234.5), ("1'234.5", 1234.5), ("1’234,5", 1234.5)),
        *(("1,234,567", 1234567), ("1.234.567", 1234567), ("12,34,567", 1234567), ("0.125", 0.125), ("0,125", 0.125)),
        *(("-5", -5), ("5-", -5), ("(5)", -5), ("−5", -5), ("+5", 5), (".5", 0.5), ("1.5e3", 1500), ("12", 12)),
        *(("x", None), ("1,2,3", None), ("1.2.3", None), ("inf", None), ("1 2", None), ("12,345.67,8", None)),
    ],
)
def test_a_number_that_has_one_reading_needs_no_sign(text: str, value: float | None, sign: bool | None) -> None:
    assert cast(text, Transform("number", decimal_comma=sign)) == value


def test_a_number_that_has_two_readings_is_read_by_the_sign_of_its_column() -> None:
    assert [cast("1,234", Transform("number", decimal_comma=sign)) for sign in (None, True, False)] == [
        None,
        1.234,
        1234,
    ]
    assert [cast("1.234", Transform("number", decimal_comma=sign)) for sign in (True, False)] == [1234, 1.234]


@pytest.mark.parametrize("scale", [None, (0.0, 100.0), (1.0, 5.0)])
@pytest.mark.parametrize(
    "text", ["85%", "85 %", "85,0 %", "%85", "17/20", "17 / 20", "17 of 20", "17 von 20", "8,5/10"]
)
def test_percent_and_points_are_shares_whatever_the_scale(text: str, scale: tuple[float, float] | None) -> None:
    assert cast(text, Transform("score", scale=scale)) == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("text", "scale", "share"),
    [
        *(
            ("85", (0, 100), 0.85),
            ("105", (0, 100), 1.0),
            ("-5", (0, 100), 0.0),
            ("3", (1, 5), 0.5),
            ("0", (1, 5), 0.0),
        ),
        *(("0.85", None, 0.85), ("-0.5", None, 0.0), ("-1", None, 0.0)),
        *(("85", None, None), ("1.05", None, None), ("-2", None, None), ("A", (0, 100), None), ("5/0", None, None)),
        *(("22/20", None, 1.0), ("105 %", None, 1.0)),
    ],
)
def test_a_score_beyond_its_scale_is_the_nearer_end(
    text: str, scale: tuple[float, float] | None, share: float | None
) -> None:
    assert cast(text, Transform("score", scale=scale)) == share


@pytest.mark.parametrize(
    ("raw", "lowest", "highest", "share"),
    [
        *(("61", "0", "100", 0.61), ("61", None, "100", 0.61), ("3", "1", "5", 0.5), ("10.50", "0", "10.00", 1.0)),
        *(("8,50", None, "10,00", 0.85), ("85", "0", None, None), ("85", None, None, None), ("5", "5", "5", None)),
        ("85%", None, None, 0.85),
    ],
)
def test_the_row_s_own_scale_counts(raw: str, lowest: str | None, highest: str | None, share: float | None) -> None:
    frame = pl.DataFrame(
        {"raw": [raw], "low": [lowest], "high": [highest]}, dict.fromkeys(("raw", "low", "high"), pl.String)
    )
    columns = (pl.col(name) for name in ("raw", "low", "high"))
    score = frame.select(
        cast_score(next(columns), Transform("score"), lowest_score_text=next(columns), highest_score_text=next(columns))
    ).item()
    assert score == share


@given(number=st.integers(1, 10**10), others=st.lists(st.integers(1, 10**10), max_size=3))
def test_a_quotient_is_rounded_once_whatever_the_rows_beside_it(number: int, others: list[int]) -> None:
    texts = pl.DataFrame({"text": [str(each) for each in (number, *others)]})
    share = cast_text(pl.col("text"), Transform("score", scale=(0, 100)), "UTC")
    hours = cast_text(pl.col("text"), Transform("hours", unit="milliseconds"), "UTC")
    row = texts.select(share.alias("share"), hours.alias("hours")).row(0, named=True)
    assert row == {"share": min(number / 100, 1), "hours": number / 3_600_000}
