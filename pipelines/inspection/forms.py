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

_CHOICES: Mapping[str, tuple[Any, Any]] = {
    "date_order": ("day_first", "month_first"),
    "decimal_comma": (True, False),
}
# Work and courses happen on working days: from this many distinct days on, chance does not put them all there.
MIN_DAYS, WORKING_DAY_SHARE, CHANCE_SHARE = 12, 0.95, 0.85
# Upper ends of the scales that companies use.
_HIGHEST_SCORES = (5, 10, 20, 100)


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
    if reading.unproven is None:
        return reading
    option = reading.unproven.option
    if option == "scale":
        scaled_options, reason = _declare_scale(folder, file, reading), "its lowest and highest value: check it"
        settled_reading = (
            None if scaled_options is None else settle_forms(folder, file, system, delivery_day, scaled_options)
        )
    else:
        option_readings = [
            settle_forms(folder, file, system, delivery_day, replace(options, **{option: choice}))
            for choice in _CHOICES[option]
        ]
        settled_reading, reason = _choose_way(option, option_readings, delivery_day)
    if settled_reading is None:
        return reading
    return replace(
        settled_reading,
        settled=(f"{_describe_option(option, settled_reading.options)}, by {reason}", *settled_reading.settled),
    )


def suggest_scale(lowest: float, highest: float) -> tuple[int, int] | None:
    """Return the scale that the lowest and the highest score suggest; None if no usual scale holds them."""
    highest_limit = next((limit for limit in _HIGHEST_SCORES if highest <= limit), None)
    if highest_limit is None or lowest < 0:
        return None
    return (1 if lowest >= 1 and highest_limit <= 10 else 0, highest_limit)


def _describe_option(option: str, options: SourceOptions) -> str:
    if option == "scale":
        return "the scale of the scores"
    return f"{option} {getattr(options, option)}".lower()


def _choose_way(
    option: str, option_readings: Sequence[FileReading], delivery_day: date
) -> tuple[FileReading | None, str]:
    """Return the way that reads more of the file, or else the one whose days are plausible, and why."""
    accepted_readings = [option_reading for option_reading in option_readings if option_reading.refusal is None]
    if len(accepted_readings) < 2:
        return next(iter(accepted_readings), None), "its values: read the other way, the file is refused"
    for candidate, alternative in (option_readings, option_readings[::-1]):
        if candidate.volume > alternative.volume:
            return candidate, "its values: read the other way, fewer of them can be read"
        if option != "date_order" or candidate.volume < alternative.volume or not candidate.days.len():
            continue
        if candidate.days.max() <= delivery_day < alternative.days.max():  # type: ignore[operator]
            return candidate, "its days: read the other way, some lie in the future"
        is_certain = candidate.days.len() >= MIN_DAYS and _working_share(candidate) >= WORKING_DAY_SHARE
        if is_certain and _working_share(alternative) <= CHANCE_SHARE:
            return candidate, "its days: read the other way, many are Saturdays and Sundays"
    return None, ""


def _working_share(reading: FileReading) -> float:
    """Return the share of the days that are Monday to Friday."""
    days = reading.days
    return float((days.dt.weekday() <= 5).sum()) / max(days.len(), 1)


def _declare_scale(folder: Path, file: ExportFile, reading: FileReading) -> SourceOptions | None:
    """Return the options with the scale that the lowest and the highest score suggest; None if there is none."""
    unproven = reading.unproven
    assert unproven is not None
    scores = _read_numbers(open_table(folder / file.path, file.options), unproven)
    declared_entry = reading.options.mapping.get(unproven.destination)
    lowest = scores.quantile(MAX_CONTRADICTING_SHARE, "lower")
    highest = scores.quantile(1 - MAX_CONTRADICTING_SHARE, "higher")
    if lowest is None or highest is None or (isinstance(declared_entry, Mapping) and "scale" in declared_entry):
        return None
    scale = suggest_scale(lowest, highest)
    if scale is None:
        return None
    scale_entry = {"column": unproven.headers[0], "scale": list(scale)}
    return replace(reading.options, mapping={**reading.options.mapping, unproven.destination: scale_entry})


def _read_numbers(table: TextTable, unproven: UnprovenForm) -> pl.Series:
    """Return the numbers of the column whose scale the file does not prove."""
    columns = [column for header in unproven.headers for column in table.columns.get(table.key(header), ())]
    if not columns:
        return pl.Series("score", [], pl.Float64)
    score_text = pl.coalesce(columns).str.strip_chars()
    score = pl.coalesce(
        cast_text(score_text, Transform("number", decimal_comma=is_comma), "UTC") for is_comma in (False, True)
    )
    return table.scan(columns).select(score.alias("score").drop_nulls()).collect().to_series()
