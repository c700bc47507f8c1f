"""A file that does not prove its forms is read in each way, and what it then says settles the form if it can.

Belongs here: the order of day and month, the decimal sign and the scale of scores that a file leaves open.
Does not belong here: what the cells of a file prove (`pipelines.sources.conventions`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.inspection.folder import ExportFile
from pipelines.inspection.reading import FileReading, read_file
from pipelines.sources.adapter import open_table
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.conventions import MAX_CONTRADICTING_SHARE, UnprovenForm
from pipelines.sources.declaration import SourceOptions, Transform
from pipelines.sources.readers.text_table import TextTable

_CHOICES_BY_OPTION: Mapping[str, tuple[Any, Any]] = {
    "date_order": ("day_first", "month_first"),
    "decimal_comma": (True, False),
}
# Work and courses happen on working days: from this many distinct days on, chance does not put them all there.
MIN_DAYS, WORKING_DAY_SHARE, CHANCE_SHARE = 12, 0.95, 0.85
# Upper ends of the scales that companies use.
_SCALE_ENDS = (5, 10, 20, 100)


def settle_forms(
    folder: Path, file: ExportFile, system: str, delivery_day: date, options: SourceOptions
) -> FileReading:
    """Read a file; if it does not prove a form, read it in each way and take the one that it makes plausible.

    Args:
        folder: The folder of the exports.
        file: The file.
        system: The system whose adapter reads it.
        delivery_day: Day of the delivery.
        options: How the source declares that its files are read.

    Returns:
        The reading with the options that settle the forms; the refusal if none is more plausible.
    """
    reading = read_file(folder, file, system, options, delivery_day)
    if reading.unproven_form is None:
        return reading
    option_name = reading.unproven_form.option
    if option_name == "scale":
        scaled_options, settled_by = _declare_scale(folder, file, reading), "its lowest and highest value: check it"
        settled_reading = (
            None if scaled_options is None else settle_forms(folder, file, system, delivery_day, scaled_options)
        )
    else:
        option_readings = [
            settle_forms(folder, file, system, delivery_day, replace(options, **{option_name: option_value}))
            for option_value in _CHOICES_BY_OPTION[option_name]
        ]
        settled_reading, settled_by = _choose_reading(option_name, option_readings, delivery_day)
    if settled_reading is None:
        return reading
    return replace(
        settled_reading,
        settlements=(
            f"{_describe_option(option_name, settled_reading.options)}, by {settled_by}",
            *settled_reading.settlements,
        ),
    )


def suggest_scale(lowest_score: float, highest_score: float) -> tuple[int, int] | None:
    """Return the scale that the lowest and the highest score suggest; None if no usual scale holds them."""
    highest_scale_end = next((scale_end for scale_end in _SCALE_ENDS if highest_score <= scale_end), None)
    if highest_scale_end is None or lowest_score < 0:
        return None
    return (1 if lowest_score >= 1 and highest_scale_end <= 10 else 0, highest_scale_end)


def _describe_option(option_name: str, options: SourceOptions) -> str:
    if option_name == "scale":
        return "the scale of the scores"
    return f"{option_name} {getattr(options, option_name)}".lower()


def _choose_reading(
    option_name: str, option_readings: Sequence[FileReading], delivery_day: date
) -> tuple[FileReading | None, str]:
    """Return the reading that reads more of the file, or else the one whose days are plausible, and why."""
    accepted_readings = [option_reading for option_reading in option_readings if option_reading.refusal is None]
    if len(accepted_readings) < 2:
        return next(iter(accepted_readings), None), "its values: read the other way, the file is refused"
    for candidate_reading, other_reading in (option_readings, option_readings[::-1]):
        if candidate_reading.volume > other_reading.volume:
            return candidate_reading, "its values: read the other way, fewer of them can be read"
        if (
            option_name != "date_order"
            or candidate_reading.volume < other_reading.volume
            or not candidate_reading.days.len()
        ):
            continue
        if candidate_reading.days.max() <= delivery_day < other_reading.days.max():  # type: ignore[operator]
            return candidate_reading, "its days: read the other way, some lie in the future"
        shows_working_days = (
            candidate_reading.days.len() >= MIN_DAYS
            and _compute_working_day_share(candidate_reading) >= WORKING_DAY_SHARE
        )
        if shows_working_days and _compute_working_day_share(other_reading) <= CHANCE_SHARE:
            return candidate_reading, "its days: read the other way, many are Saturdays and Sundays"
    return None, ""


def _compute_working_day_share(reading: FileReading) -> float:
    """Return the share of the days that are Monday to Friday."""
    event_days = reading.days
    return float((event_days.dt.weekday() <= 5).sum()) / max(event_days.len(), 1)


def _declare_scale(folder: Path, file: ExportFile, reading: FileReading) -> SourceOptions | None:
    """Return the options with the scale that the lowest and the highest score suggest; None if there is none."""
    unproven_form = reading.unproven_form
    assert unproven_form is not None
    scores = _read_scores(open_table(folder / file.path, file.options), unproven_form)
    declared_entry = reading.options.mapping.get(unproven_form.destination)
    lowest_score = scores.quantile(MAX_CONTRADICTING_SHARE, "lower")
    highest_score = scores.quantile(1 - MAX_CONTRADICTING_SHARE, "higher")
    if (
        lowest_score is None
        or highest_score is None
        or (isinstance(declared_entry, Mapping) and "scale" in declared_entry)
    ):
        return None
    suggested_scale = suggest_scale(lowest_score, highest_score)
    if suggested_scale is None:
        return None
    scale_entry = {"column": unproven_form.headers[0], "scale": list(suggested_scale)}
    return replace(reading.options, mapping={**reading.options.mapping, unproven_form.destination: scale_entry})


def _read_scores(table: TextTable, unproven_form: UnprovenForm) -> pl.Series:
    """Return the numbers of the column whose scale the file does not prove."""
    score_columns = [
        score_column for header in unproven_form.headers for score_column in table.columns.get(table.key(header), ())
    ]
    if not score_columns:
        return pl.Series("score", [], pl.Float64)
    score_text = pl.coalesce(score_columns).str.strip_chars()
    score = pl.coalesce(
        cast_text(score_text, Transform("number", decimal_comma=is_comma), "UTC") for is_comma in (False, True)
    )
    return table.scan(score_columns).select(score.alias("score").drop_nulls()).collect().to_series()
