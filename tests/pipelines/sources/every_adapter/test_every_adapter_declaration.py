"""Over all adapters: conditions, variants, units, scales and words, as they are declared."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, cast

import polars as pl
import pytest
from adapter_probes import GOLDEN, read_records

from pipelines.sources.adapter import all_adapters
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import ANY_TEXT, KNOWN_WORDS, Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.field_text import headers_of
from pipelines.sources.mapping import transform_for
from pipelines.sources.readers.text_table import TextTable, columns_by_header
from pipelines.sources.reshape import unpivoted_headers

SHAPES = [
    pytest.param(shape, id=f"{adapter.system}-{i}-{shape.shape}")
    for adapter in all_adapters().values()
    for i, shape in enumerate(adapter.shapes)
]
FIELDS = [
    pytest.param(field_map, id=f"{param.id}-{field_map.destination}-{i}")
    for param in SHAPES
    for i, field_map in enumerate(param.values[0].fields)  # type: ignore[union-attr]
]
every_shape = pytest.mark.parametrize("shape", SHAPES)
# The columns whose words decide what a record proves, with what is good.
GOOD: dict[str, set[object]] = {
    "learning_verb": {"completed", "passed", "waived", "taught"},
    "is_done": {True},
    "mode": {"feedback", "teaching"},
    "employment_status": {"active"},
}
# In no system do these words say that something was finished, passed or is employed.
NEVER_GOOD = (
    *("cancelled", "canceled", "withdrawn", "rejected", "declined", "abandoned", "duplicate", "obsolete", "won't do"),
    *("open", "new", "to do", "in progress", "pending", "on hold", "blocked", "not started", "not_started", "expired"),
    *("failed", "fail", "not passed", "incomplete", "no show", "absent", "exempt", "unresolved", "reopened", "deleted"),
    *("terminated", "resigned", "retired", "inactive", "suspended", "left", "deceased", "tobedeleted"),
)
# Words in the header of a duration that name the unit of its bare numbers.
UNIT_WORDS = {
    "milliseconds": {"ms", "millis", "milliseconds"},
    "seconds": {"s", "sec", "secs", "second", "seconds"},
    "minutes": {"min", "mins", "minute", "minutes"},
    "hours": {"h", "hr", "hrs", "hour", "hours", "decimal", "stunden"},
}


def fields_of_kind(kind: str) -> pytest.MarkDecorator:
    fields = [param for param in FIELDS if transform_for(param.values[0]).kind == kind]  # type: ignore[arg-type]
    return pytest.mark.parametrize("field_map", fields)


def conditions_of(shape: ShapeMap) -> Iterator[Condition | PassOver]:
    yield from shape.pass_over
    for field_map in shape.fields:
        yield from (condition for condition in (field_map.when, field_map.unless) if condition)
    if shape.unpivot and shape.unpivot.points_row:
        yield shape.unpivot.points_row


def words_of(condition: Condition | PassOver) -> set[str]:
    return {*condition.words, *(condition.other_than if isinstance(condition, PassOver) else ())}


@every_shape
def test_a_condition_looks_at_every_header_of_the_field_it_refers_to(shape: ShapeMap) -> None:
    for condition in conditions_of(shape):
        assert headers_of(condition, shape), f"{condition.column} is no field of {shape.shape}"
        if isinstance(condition.column, tuple):
            for field_map in shape.fields:
                # headers that are joined are parts, not other names of the same
                if field_map.join is None and set(field_map.headers) & set(condition.column):
                    unseen = set(field_map.headers) - set(condition.column)
                    assert not unseen, f"a condition on {condition.column} does not look at {unseen}"
            assert not (isinstance(condition, PassOver) and KNOWN_WORDS in words_of(condition))


@every_shape
def test_only_a_word_that_nobody_declared_leaves_a_field_to_its_next_variant(shape: ShapeMap) -> None:
    """A date or number that cannot be read is no reason to take another one."""
    for field_map in shape.fields:
        for condition in (field_map.when, field_map.unless):
            if condition and set(headers_of(condition, shape)) & set(field_map.headers):
                is_amount = transform_for(field_map).kind in ("date", "datetime", "hours", "number", "integer", "score")
                assert not is_amount or words_of(condition) <= {ANY_TEXT, ""}


@pytest.mark.parametrize("adapter", all_adapters().values(), ids=lambda adapter: adapter.system)
def test_what_a_row_fills_in_one_of_two_ways_has_variants_and_not_two_forms_of_the_file(adapter: Adapter) -> None:
    """A form is chosen by the headers of the file, a variant by what each row fills."""
    for first, second in combinations(adapter.shapes, 2):
        if first.shape == second.shape:
            ways = ({each.destination: each.headers for each in shape.fields} for shape in (first, second))
            headers, other_headers = ways
            different = {name for name in headers.keys() & other_headers if headers[name] != other_headers[name]}
            assert len(different) != 1, f"two forms differ in {different} alone: declare variants"


@fields_of_kind("hours")
def test_the_unit_of_a_duration_is_the_one_that_its_header_names(field_map: FieldMap) -> None:
    unit = transform_for(field_map).unit
    for header in field_map.headers:
        words = set(re.findall(r"[a-zA-Z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header.split(".")[-1]).lower()))
        named = [name for name, spellings in UNIT_WORDS.items() if words & spellings]
        assert named in ([], [unit]), f"{header} is read in {unit}"


@fields_of_kind("hours")
def test_a_duration_with_its_unit_is_read_whatever_the_unit_of_the_field(field_map: FieldMap) -> None:
    texts = pl.DataFrame({"text": ["1:30", "01:30:00", "1h 30m", "1.5 h", "90 min", "PT1H30M", "PT5400S"]})
    hours = texts.select(cast_text(pl.col("text"), transform_for(field_map), "UTC")).to_series()
    assert hours.to_list() == pytest.approx([1.5] * len(texts))


@fields_of_kind("score")
def test_a_score_above_its_maximum_is_the_maximum(field_map: FieldMap) -> None:
    transform = transform_for(field_map)
    highest = transform.scale[1] if transform.scale else 1.0
    texts = ["12/10", "10/10"] if transform.pattern else ["120 %", "100%", "12/10", f"{highest:g}"]
    texts += [f"{highest * 1.2:g}"] if transform.scale else []
    scores = pl.DataFrame({"text": texts}).select(cast_text(pl.col("text"), transform, "UTC")).to_series()
    assert scores.to_list() == [1.0] * len(texts)


@every_shape
def test_a_word_that_decides_is_a_word_of_the_vocabulary_of_its_field(shape: ShapeMap) -> None:
    """A row that is passed over for its verb or status is so for a word with a source and a reason."""
    for condition in conditions_of(shape):
        for destination in GOOD:
            variants = [field_map for field_map in shape.fields if field_map.destination == destination]
            headers = {header for field_map in variants for header in field_map.headers}
            transforms = [transform_for(field_map) for field_map in variants]
            if headers & set(headers_of(condition, shape)) and not any(each.value_is_header for each in variants):
                declared = {word.lower() for each in transforms for word in (*each.values, *each.meaningless_words)}
                declared |= {"", "true", "false", ANY_TEXT, KNOWN_WORDS, *OTHER_WORDS}
                assert {word.lower() for word in words_of(condition)} <= declared


@pytest.mark.parametrize("field_map", [param for param in FIELDS if param.values[0].destination in GOOD])  # type: ignore[union-attr]
def test_a_word_that_says_no_is_good_in_no_system(field_map: FieldMap) -> None:
    words = pl.DataFrame({"word": NEVER_GOOD})
    meanings = words.select(cast_text(pl.col("word"), transform_for(field_map), "UTC")).to_series()
    good = [word for word, meaning in zip(NEVER_GOOD, meanings, strict=True) if meaning in GOOD[field_map.destination]]
    assert good == []


# The statement that cancels another one is no verb of its own (xAPI 1.0.3, Data 2.3.2).
OTHER_WORDS = ("http://adlnet.gov/expapi/verbs/voided",)


@pytest.mark.parametrize("adapter", all_adapters().values(), ids=lambda adapter: adapter.system)
def test_the_first_of_several_stands_in_only_where_none_is_primary(adapter: Adapter) -> None:
    """The first of several jobs may be one that ended long ago."""
    raw_files = GOLDEN.glob(f"{adapter.system}/*.raw.json")
    records = [record for raw in raw_files for record in cast(list[Any], read_records(raw) or [])]
    for field_map in (field_map for shape in adapter.shapes for field_map in shape.fields):
        for position, header in enumerate(field_map.headers):
            if first := re.match(r"(?:\$\.)?(\w+)\[0\]", header):
                lists = [record[first[1]] for record in records if isinstance(record.get(first[1]), list)]
                elements = [element for each in lists for element in each if isinstance(element, dict)]
                members = {name for element in elements for name in element}
                for member in (name for name in members if name.lower().startswith("primary")):
                    earlier_headers = field_map.headers[:position]
                    assert any(f"{first[1]}[{member}=true]" in earlier_header for earlier_header in earlier_headers)


@every_shape
def test_a_total_is_no_column_of_marks(shape: ShapeMap) -> None:
    headers = ("Grade Percent", "Final Score", "Total", "overall grade", "Percentage", "Course Grade Letter")
    table = TextTable(headers, columns_by_header(headers), lambda _: pl.LazyFrame(), pl.LazyFrame())
    assert unpivoted_headers(table, shape.unpivot) == ()
