"""Over all adapters: golden rows changed in one field, and what must hold for them whatever the system.

A changed row is read by the real reader, together with all other changed rows of its adapter and form.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from adapter_probes import Probe, ProbeFile, Reading, golden_expected, probe_cases, read_probes, shape_of_form

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.ingest.preview import read_landed_frames
from pipelines.sources.adapter import all_adapters
from pipelines.sources.declaration import FieldMap, ShapeMap
from pipelines.sources.field_text import headers_of, headers_read_by
from pipelines.sources.mapping import transform_for
from pipelines.sources.passed_over import MISSING_CELL
from pipelines.sources.readers.text_table import normalize_header

UNREADABLE = "Zorblax"
PLACEHOLDERS = ("-", "--", "N/A", "None", "(none)")
# Kinds of which no value is written as false, which Odoo writes for a field without a value.
KINDS_WITHOUT_TRUTH = ("text", "code", "digest", "email", "date", "datetime")
# A text of each kind that can be read, for fields that the golden row leaves empty.
READABLE = {
    **dict.fromkeys(("date", "datetime"), "2026-01-15T10:00:00Z"),
    **dict.fromkeys(("hours", "number", "integer", "score"), "1"),
    **{"email": "dana@example.org", "boolean": "true", "text": "Fallback", "code": "Fallback", "digest": "Fallback"},
}
DELIVERED = date(2027, 1, 1)
# The day that shows the same as the word of a state.
DAY_OF = {"is_done": "done_at", "employment_status": "left_date"}


@dataclass(frozen=True)
class Outcome:
    """The probes of a case and what is read of them."""

    probes: ProbeFile
    reading: Reading
    set_aside: frozenset[int]
    shape: ShapeMap

    def rows(self, *label: str) -> list[dict[str, Any]]:
        """Return the rows of a probe; none if it is passed over."""
        return self.reading.rows.get(self.probes.row_number(*label), [])

    def labels(self, kind: str) -> list[tuple[str, ...]]:
        """Return the labels of one kind of probe, without the kind."""
        return [label[1:] for label in self.probes.probes if label[0] == kind]


@pytest.fixture(scope="module", params=probe_cases(), ids=str)
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """The probes of one case; the tests of a case follow each other, so that its file is read once."""
    case = request.param
    probes, shape = ProbeFile(case), shape_of_form(case)
    probes.add("base")
    for add in ADDERS:
        add(probes, shape)
    with TemporaryDirectory() as folder:
        reading = read_probes(probes, Path(folder))
        described = [probes.row_number(*label) for label in probes.probes if label[0] == "described"]
        rows = reading.export.shapes[shape.shape].filter(pl.col("row_number").is_in(described))
        export = replace(reading.export, shapes={shape.shape: rows}, reason_counts={}, word_counts={})
        frames, _, _ = read_landed_frames(export, case.system, DELIVERED)
    _, quarantined = frames[shape.shape]
    return Outcome(probes, reading, frozenset(quarantined.filter(~pl.col("is_row_kept"))["row_number"]), shape)


def test_every_shape_map_has_a_golden_row() -> None:
    """A form without one would be guarded by none of these tests."""
    declared = {(adapter.system, i) for adapter in all_adapters().values() for i, _ in enumerate(adapter.shapes)}
    assert declared - {(case.system, case.position) for case in probe_cases()} == set()


def fields_of(shape: ShapeMap) -> dict[str, list[FieldMap]]:
    fields: dict[str, list[FieldMap]] = {}
    for field_map in shape.fields:
        fields.setdefault(field_map.destination, []).append(field_map)
    return fields


def real(headers: tuple[str, ...]) -> list[str]:
    return [header for header in dict.fromkeys(headers) if not header.startswith("@")]


def readable_text(probe: Probe, variants: list[FieldMap]) -> str | None:
    """Return a text that the field reads: that of the golden row, or one of its kind if no pattern cuts it."""
    texts = (probe.text(header) for field_map in variants for header in field_map.headers)
    if text := next((text for text in texts if text), None):
        return text
    transform = transform_for(variants[0])
    if any(field_map.extract or transform.pattern for field_map in variants):
        return None
    return next(iter(transform.values)) if transform.kind == "category" else READABLE[transform.kind]


def add_placeholders(probes: ProbeFile, shape: ShapeMap) -> None:
    """Each header emptied, and filled with each placeholder that it does not declare as a word."""
    declared: dict[str, set[str]] = {}
    conditions = (condition for field_map in shape.fields for condition in (field_map.when, field_map.unless))
    headers_with_truth = {
        header for condition in (*conditions, *shape.pass_over) if condition for header in headers_of(condition, shape)
    }
    for field_map in shape.fields:
        if field_map.value_is_header or transform_for(field_map).kind not in KINDS_WITHOUT_TRUTH:
            headers_with_truth.update(field_map.all_headers)
        # None is a family name
        words = {"none"} if field_map.destination == "display_name" else transform_for(field_map).values
        for header in field_map.all_headers:
            declared.setdefault(header, set()).update(word.lower() for word in words)
    for header in real(tuple(headers_read_by(shape))):
        if not Probe(probes.headers, probes.base).takes(header):
            continue
        probes.add("empty", header).put(header, None)
        for text in PLACEHOLDERS:
            if text.lower() not in declared.get(header, set()):
                probes.add("placeholder", header, text).put(header, text)
        if header not in headers_with_truth and "[" not in header:
            probes.add("placeholder", header, "FALSE").put(header, "FALSE")


def test_a_placeholder_is_nothing_in_every_field(outcome: Outcome) -> None:
    # a placeholder in the place of a mark is not an empty cell (`full_score_if_empty`)
    exempt = {
        f"{text}{name}" for name in CANONICAL_SCHEMAS[outcome.shape.shape].full_score_if_empty for text in ("", "text:")
    }

    def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: cell for name, cell in row.items() if name not in exempt} for row in rows]

    different = [
        (header, text)
        for header, text in outcome.labels("placeholder")
        if plain(outcome.rows("placeholder", header, text)) != plain(outcome.rows("empty", header))
    ]
    assert different == []


def unconditional(variants: list[FieldMap]) -> list[FieldMap]:
    return [field_map for field_map in variants if not field_map.is_conditional and not field_map.value_is_header]


def empty_field(probe: Probe, variants: list[FieldMap], shape: ShapeMap) -> None:
    """Empty all headers of a field, and those of the conditions under which another variant counts."""
    conditions = [field_map.when for field_map in variants if field_map.when]
    for header in (
        *(
            header
            for field_map in variants
            for header in (*field_map.headers, *field_map.start_headers, *field_map.end_headers)
        ),
        *(header for condition in conditions for header in headers_of(condition, shape)),
    ):
        probe.put(header, None)


def are_one_member(first: str, second: str) -> bool:
    """Return whether one of two paths into a record leads through the other."""
    plain, other = (re.sub(r"\[[^\]]*\]|\$\.", "", path) + "." for path in (first, second))
    return plain.startswith(other) or other.startswith(plain)


def sorted_headers(shape: ShapeMap) -> set[str]:
    """Return the headers whose texts patterns sort into several fields: what is no address is an id."""
    destinations: dict[str, set[str]] = {}
    for field_map in shape.fields:
        for header in field_map.headers if field_map.extract else ():
            destinations.setdefault(header, set()).add(field_map.destination)
    return {header for header, names in destinations.items() if len(names) > 1}


def fallback_pairs(probes: ProbeFile, shape: ShapeMap) -> Iterator[tuple[str, str, str, str]]:
    """Return the destination, a header, the next header of the field, and a text that this one reads."""
    fields, shared = fields_of(shape), sorted_headers(shape)
    for destination, variants in fields.items():
        plain = [field_map for field_map in unconditional(variants) if field_map.join is None]
        text = readable_text(Probe(probes.headers, probes.base), plain) if plain else None
        headers = [header for field_map in plain for header in real(field_map.headers)]
        for first, second in pairwise(headers):
            is_shared = first in shared | probes.avoided or normalize_header(first) == normalize_header(second)
            is_one = probes.case.form == "json" and (are_one_member(first, second) or "*" in second.split("."))
            if text and not is_shared and not is_one:
                yield destination, first, second, text


def add_fallbacks(probes: ProbeFile, shape: ShapeMap) -> None:
    """A text that nobody can read in one header of a field, and a good one in the next."""
    fields = fields_of(shape)
    for destination, first, second, text in fallback_pairs(probes, shape):
        for label, texts in (("fallback", {first: None}), ("unreadable", {first: UNREADABLE})):
            probe = probes.add(label, destination, first)
            empty_field(probe, fields[destination], shape)
            for field_map in fields[destination]:
                for header in field_map.highest_headers:
                    probe.put(header, "10")
            for header, content in {**texts, second: text}.items():
                probe.put(header, content)
    for destination, (field_map, *others) in fields.items():
        if field_map.has_moments and field_map.headers:
            probe = probes.add("moments", destination, field_map.headers[0])
            for header in (header for other in (field_map, *others) for header in other.headers):
                probe.put(header, None)
            probe.put(field_map.headers[0], UNREADABLE)


def test_a_fallback_never_replaces_an_unreadable_value(outcome: Outcome) -> None:
    replaced = [
        (destination, header)
        for destination, header in outcome.labels("unreadable")
        for row, fallback in zip(
            outcome.rows("unreadable", destination, header), outcome.rows("fallback", destination, header), strict=False
        )
        if row[destination] is not None and row[destination] == fallback[destination]
    ]
    replaced += [
        (destination, header)
        for destination, header in outcome.labels("moments")
        for row in outcome.rows("moments", destination, header)
        if row[destination] is not None
    ]
    assert replaced == []


def add_variants(probes: ProbeFile, shape: ShapeMap) -> None:
    """Rows of one file of which each fills another variant of a field."""
    shared = sorted_headers(shape)
    for destination, variants in fields_of(shape).items():
        plain = unconditional(variants)
        for i, field_map in enumerate(plain if len(plain) > 1 else []):
            base = Probe(probes.headers, probes.base)
            text = readable_text(base, [field_map])
            has_parts = field_map.join is None or any(base.text(header) for header in field_map.headers)
            if text and has_parts and real(field_map.headers) and not shared.intersection(field_map.headers):
                probe = probes.add("variant", destination, str(i))
                empty_field(probe, variants, shape)
                for header in field_map.highest_headers:
                    probe.put(header, "10")
                for header in real(field_map.headers):
                    probe.put(header, text if field_map.join is None else base.text(header))


def test_each_row_takes_the_variant_that_it_fills(outcome: Outcome) -> None:
    constants = {field_map.constant for field_map in outcome.shape.fields if field_map.headers} - {None}
    unread = [
        (destination, variant)
        for destination, variant in outcome.labels("variant")
        for row in outcome.rows("variant", destination, variant)
        if row[destination] is None or row[f"text:{destination}"] in constants
    ]
    assert unread == []


def add_descriptions(probes: ProbeFile, shape: ShapeMap) -> None:
    """Rows with keys of their own: a text that nobody can read in each field that only describes the record."""
    schema = CANONICAL_SCHEMAS[shape.shape]
    describing = set(schema.columns_nulled_if_invalid) - {column.name for column in schema.decisive_columns}
    if schema.key != ("account_code",):
        describing -= {"account_code", "work_email"}  # in this row it may be all that names the person
    fields = fields_of(shape)
    describing -= {name for name, variants in fields.items() if transform_for(variants[0]).kind == "digest"}
    needed = {
        header
        for name, variants in fields.items()
        if name not in describing
        for field_map in variants
        for header in field_map.all_headers
    }
    keys = [header for name in schema.key for field_map in fields.get(name, []) for header in real(field_map.headers)]
    if not keys and schema.key != ("record_code",):
        return  # the key comes from the header of a column or from the file's name
    for number, destination in enumerate(["", *sorted(describing & fields.keys())], start=100):
        probe = probes.add("described", destination)
        if key := next((header for header in keys if probe.text(header)), None):
            probe.put(key, f"{probe.text(key)}{number}")
        for header in (header for field_map in fields.get(destination, []) for header in real(field_map.headers)):
            is_one = probes.case.form == "json" and any(are_one_member(header, other) for other in needed)
            if header not in needed and not is_one and probe.takes(header):
                probe.put(header, UNREADABLE)


def test_a_value_that_only_describes_a_record_never_costs_it(outcome: Outcome) -> None:
    read = outcome.reading.rows.keys() - outcome.set_aside
    lost = [name for (name,) in outcome.labels("described") if outcome.probes.row_number("described", name) not in read]
    assert lost == [] or lost[0] == ""  # the golden row itself is set aside


def add_dates(probes: ProbeFile, shape: ShapeMap) -> None:
    """A word that nobody declared beside the day that shows what happened."""
    fields = fields_of(shape)
    for column, day in DAY_OF.items():
        words = [field_map for field_map in fields.get(column, []) if not field_map.value_is_header]
        days = [header for field_map in unconditional(fields.get(day, [])) for header in real(field_map.headers)]
        if days and any(field_map.headers for field_map in words):
            probe = probes.add("dated", column)
            empty_field(probe, fields[column], shape)
            for header in (header for field_map in words for header in field_map.headers):
                if probe.takes(header):
                    probe.put(header, UNREADABLE)
            for header in days:
                if probe.takes(header):
                    probe.put(header, READABLE["datetime"])


def test_an_unknown_word_is_no_no_and_the_day_outweighs_it(outcome: Outcome) -> None:
    """Downstream a null state counts as done or left from its day on."""
    for (column,) in outcome.labels("dated"):
        rows = outcome.rows("dated", column)
        assert rows
        assert {row[column] for row in rows} <= {None, True, "left"}
        assert all(row[DAY_OF[column]] is not None for row in rows)


def test_a_row_is_read_alike_in_every_encoding_and_below_every_path(outcome: Outcome) -> None:
    """The probes are an array, or a table in UTF-8 with commas, whatever the golden file is."""
    case = outcome.probes.case
    golden = golden_expected(case.raw)["shapes"][outcome.shape.shape]
    expected, read = (
        [{name: text for name, text in row.items() if name.startswith("text:") and text is not None} for row in rows]
        for rows in ([row for row in golden if row["row_number"] == case.row_number], outcome.rows("base"))
    )
    assert read == expected


def add_lists(probes: ProbeFile, shape: ShapeMap) -> None:
    """Each member of a record as a list of one, and each list of one as its element."""
    for header in real(tuple(headers_read_by(shape))) if probes.case.form == "json" else []:
        steps = header.count(".") + 1
        is_plain = not re.search(r"[$\[*]|::", header)
        for depth in range(1, steps + 1) if is_plain else [1] if re.fullmatch(r"\w+\[\*\].*", header) else []:
            probe = probes.add("listed", header, str(depth))
            if not probe.wrap(header, depth):
                del probes.probes["listed", header, str(depth)]


def test_one_value_and_a_list_of_it_are_the_same(outcome: Outcome) -> None:
    different = []
    for header, depth in outcome.labels("listed"):
        above = re.escape(".".join(header.split(".")[: int(depth)]))
        # below a list, no elements are picked and no texts unfolded: there is no list of lists
        picking = {
            field_map.destination
            for field_map in outcome.shape.fields
            for path in field_map.headers
            if re.match(rf"{above}(?:\..*\[|::)", path)
        }
        picking |= {"record_code"} if picking else set()  # it may be a hash of the row
        base, changed = (
            [{name: cell for name, cell in row.items() if name.removeprefix("text:") not in picking} for row in rows]
            for rows in (outcome.rows("base"), outcome.rows("listed", header, depth))
        )
        different += [(header, depth)] if base != changed else []
    assert different == []


def add_keys(probes: ProbeFile, shape: ShapeMap) -> None:
    """Another text in each part of a composed key."""
    for field_map in shape.fields:
        if field_map.join is not None and field_map.destination in ("record_code", "account_code", "state_code"):
            others = [other for other in shape.fields if other.destination == field_map.destination]
            before = others[: others.index(field_map)]
            for header in real(field_map.headers):
                for label, change in (("key", 1), ("same key", 0)):
                    probe = probes.add(label, field_map.destination, header)
                    for first in (header for other in before for header in real(other.headers)):
                        probe.put(first, None)
                    if text := probe.text(header):
                        probe.put(header, f"{text}{change or ''}")
                    else:
                        del probes.probes[label, field_map.destination, header]


def test_a_composed_key_changes_with_each_of_its_parts(outcome: Outcome) -> None:
    same = [
        (destination, header)
        for destination, header in outcome.labels("key")
        if (keys := [row[destination] for row in outcome.rows("same key", destination, header)])
        and any(keys)
        and keys == [row[destination] for row in outcome.rows("key", destination, header)]
    ]
    assert same == []


def add_nothing(probes: ProbeFile, shape: ShapeMap) -> None:
    """A record without any of the values that become rows."""
    if shape.explode is not None:
        probes.add("nothing").empty_list(shape.explode)
    elif shape.unpivot and (headers := probes.unpivoted()):
        probe = probes.add("nothing")
        for header in headers:
            probe.put(header, None)


def test_a_record_without_a_value_to_read_is_counted(outcome: Outcome) -> None:
    if outcome.labels("nothing"):
        is_read = outcome.probes.row_number("nothing") in {*outcome.reading.rows, *outcome.reading.other_rows}
        assert is_read or f"no {outcome.shape.explode or MISSING_CELL}" in outcome.reading.reasons


ADDERS = [
    *(add_placeholders, add_fallbacks, add_variants, add_descriptions, add_dates, add_lists, add_keys, add_nothing)
]
