"""Cells of a workbook in the form in which a person sees them: dates, durations, percent.

Belongs here: the text of a cell whose type or number format fastexcel does not tell.
Does not belong here: the number formats of a workbook (`workbook_formats`), how a text becomes a value (`casts`).
"""

import polars as pl

# fastexcel writes each date, time and duration as a moment; the days before 1901 (or 1904) are durations.
_MOMENT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?$"
_DURATION = r"^(?:1899|1900|1904)-"
_ZERO_DAY, _ZERO_DAY_OF_1904 = "1899-12-31", "1904-01-01"
_LAST_DAY_BEFORE_LEAP_DAY = "1900-02-28"  # Excel counts a 29 February 1900, which did not exist
_MILLISECONDS_PER_HOUR = 3_600_000


def show_dates_and_durations(sheet: pl.DataFrame) -> pl.DataFrame:
    """Write durations as h:mm:ss, and dates without a time of day as dates.

    Args:
        sheet: The cells as text; dates, times of day and durations as fastexcel writes them.

    Returns:
        The same cells. A column in which any date has a time of day keeps all its times.
    """
    moment_columns = [column for column in sheet.columns if sheet[column].str.contains(_MOMENT).any()]
    return sheet.with_columns(_show_moments(sheet[column]) for column in moment_columns)


def _show_moments(texts: pl.Series) -> pl.Series:
    text = pl.col(texts.name)
    is_moment = text.str.contains(_MOMENT)
    is_duration = is_moment & text.str.contains(_DURATION)
    is_date = is_moment & ~is_duration
    has_no_time = texts.to_frame().select((~is_date | text.str.ends_with(" 00:00:00")).all()).item()
    date_text = text.str.head(10) if has_no_time else text
    return texts.to_frame().select(
        pl.when(is_duration).then(_duration_text(text)).when(is_date).then(date_text).otherwise(text)
    )[texts.name]


def _duration_text(text: pl.Expr) -> pl.Expr:
    moment = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", strict=False)
    is_from_1904 = text.str.starts_with("1904")
    zero_day = (
        pl.when(is_from_1904).then(pl.lit(_ZERO_DAY_OF_1904)).otherwise(pl.lit(_ZERO_DAY)).str.to_datetime("%Y-%m-%d")
    )
    is_after_leap_day = ~is_from_1904 & (text.str.head(10) > _LAST_DAY_BEFORE_LEAP_DAY)
    elapsed_milliseconds = (moment - zero_day).dt.total_milliseconds() + is_after_leap_day.cast(
        pl.Int64
    ) * 24 * _MILLISECONDS_PER_HOUR
    elapsed_seconds = elapsed_milliseconds // 1000
    clock_parts = [
        (elapsed_seconds // 3600).cast(pl.String),
        (elapsed_seconds // 60 % 60).cast(pl.String).str.zfill(2),
        (elapsed_seconds % 60).cast(pl.String).str.zfill(2),
    ]
    fraction_text = pl.when(elapsed_milliseconds % 1000 > 0).then(
        pl.format(".{}", (elapsed_milliseconds % 1000).cast(pl.String).str.zfill(3))
    )
    return pl.concat_str(pl.concat_str(clock_parts, separator=":"), fraction_text.fill_null(""))


def show_percent(sheet: pl.DataFrame, percent_cells: pl.DataFrame) -> pl.DataFrame:
    """Write numbers in a percent format as percent: 0.95 as 95%.

    Args:
        sheet: All cells of the sheet as text, from its first used row and column on.
        percent_cells: The cells in a percent format, as `workbook_formats.percent_cells` returns them.

    Returns:
        The same cells. A cell that does not hold the number that is stored at its place stays as it is.
    """
    cells_in_sheet = percent_cells.filter(pl.col("row") < sheet.height, pl.col("column") < sheet.width)
    rewritten_columns = []
    for column_position in cells_in_sheet["column"].unique():
        column_texts, column_percent_cells = (
            sheet.to_series(column_position),
            cells_in_sheet.filter(pl.col("column") == column_position),
        )
        stored_numbers = column_percent_cells["number"].cast(pl.Float64, strict=False)
        sheet_numbers = column_texts.gather(column_percent_cells["row"]).cast(pl.Float64, strict=False)
        is_same_number = ((sheet_numbers - stored_numbers).abs() < 1e-9).fill_null(False)
        percent_texts = (stored_numbers * 100).round(8).cast(pl.String) + "%"
        rewritten_columns.append(
            column_texts.scatter(
                column_percent_cells["row"].filter(is_same_number), percent_texts.filter(is_same_number)
            )
        )
    return sheet.with_columns(rewritten_columns)
