"""Every field of every adapter is read by the shared parsers: forms of dates, units of hours, scales of scores."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipelines.sources.adapter import all_adapters
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import FILE_NAME, FieldMap
from pipelines.sources.mapping import transform_for
from pipelines.sources.readers.text_table import normalize_header

FIELDS = [
    pytest.param(field_map, id=f"{system}-{shape.shape}-{field_map.destination}-{i}")
    for system, adapter in all_adapters().items()
    for shape in adapter.shapes
    for i, field_map in enumerate(shape.fields)
]
MOMENTS = (
    *("2026-03-14T14:05:00Z", "2026-03-14 2:05 PM", "20260314T140500Z", "2026-03-14T15:05:00+01:00"),
    *(
        "14. März 2026, 14:05",
        "14/mars/26 2:05 PM",
        "2026年3月14日 14:05",
        "14.03.2026 14:05",
        "1773497100",
        "1773497100000",
    ),
)

# The name of the file, Jira's `comment;date;account;seconds`, and a download time of Moodle in seconds.
CUT_DATES = {FILE_NAME, "Log Work", "Last downloaded from this course"}


def kind_of(field_map: FieldMap) -> str:
    return transform_for(field_map).kind


@pytest.mark.parametrize("field_map", [param for param in FIELDS if kind_of(param.values[0]) in ("date", "datetime")])  # type: ignore[arg-type]
def test_every_date_reads_every_form(field_map: FieldMap) -> None:
    frame = pl.DataFrame({"text": MOMENTS})
    # what cuts a date out of a longer text knows its one form; any other pattern lets every form through
    is_cut = bool(CUT_DATES.intersection(field_map.headers))
    text = pl.col("text").str.extract(field_map.extract, 1) if field_map.extract and not is_cut else pl.col("text")
    read = frame.select(cast_text(text, transform_for(field_map), "UTC")).to_series().to_list()
    moment = datetime(2026, 3, 14, 14, 5, tzinfo=UTC)
    assert read == [moment if kind_of(field_map) == "datetime" else date(2026, 3, 14)] * len(MOMENTS)


@pytest.mark.parametrize("field_map", [param for param in FIELDS if kind_of(param.values[0]) == "hours"])  # type: ignore[arg-type]
def test_every_field_of_hours_declares_the_unit_of_a_bare_number(field_map: FieldMap) -> None:
    assert transform_for(field_map).unit is not None


@pytest.mark.parametrize("field_map", [param for param in FIELDS if kind_of(param.values[0]) == "score"])  # type: ignore[arg-type]
def test_every_score_declares_its_scale(field_map: FieldMap) -> None:
    transform = transform_for(field_map)
    assert transform.is_share or transform.scale


@pytest.mark.parametrize("system", all_adapters())
def test_headers_of_the_same_letters_with_other_units_are_of_other_forms(system: str) -> None:
    units: dict[tuple[str, str], set[object]] = {}
    for shape in all_adapters()[system].shapes:
        for field_map in shape.fields:
            if kind_of(field_map) == "hours":
                for header in field_map.headers:
                    for form in (field_map.form,) if field_map.form else ("json", "table"):
                        units.setdefault((normalize_header(header), form), set()).add(transform_for(field_map).unit)
    assert [header for header, found_units in units.items() if len(found_units) > 1] == []
