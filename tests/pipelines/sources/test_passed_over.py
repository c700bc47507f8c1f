"""Rows that no shape reads are counted by reason; conditions look at fields; variants are chosen per row."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.sources.adapter import Export, read_export
from pipelines.sources.declaration import (
    ANY_TEXT,
    KNOWN_WORDS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
    SourceOptions,
    Transform,
)
from pipelines.sources.passed_over import MAX_REASONS, passed_over_by_reason, sum_by_reason

MODES = Transform("category", values={"http://verbs.org/did": "repetition", "saw": "observation"})
BY_VERB = PassOver("verb", "mode", other_than=(KNOWN_WORDS,))


def read(path: Path, *fields: FieldMap, mapping: dict[str, Any] | None = None, **more: Any) -> Export:
    shape = ShapeMap("skill_mention", (FieldMap("account_code", ("who",)), *fields), **more)
    adapter = Adapter("made_up", "Made up", "feedback", ("csv", "json"), (shape,))
    return read_export(path, adapter, SourceOptions(mapping or {}))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def reasons_of(export: Export) -> dict[str, int]:
    return sum_by_reason(passed_over_by_reason(frame.collect()) for frame in export.reason_counts.values())


def rows_of(export: Export, *columns: str) -> list[tuple[Any, ...]]:
    return export.shapes["skill_mention"].select(columns).collect().rows()


def test_rows_of_unknown_words_are_counted_by_their_word(tmp_path: Path) -> None:
    lines = (
        "ana,https://verbs.org/did/\nbo,SAW\nbo,http://verbs.org/liked\ncy,http://verbs.org/liked\ndi,\nej,a@b.org\n"
    )
    path = write(tmp_path / "a.csv", "who,verb\n" + lines)
    export = read(path, FieldMap("mode", ("verb",), MODES), pass_over=(BY_VERB,))
    assert rows_of(export, "account_code", "mode") == [("ana", "repetition"), ("bo", "observation")]
    assert reasons_of(export) == {"verb liked": 2, "no verb": 1, "other verb": 1}
    counts = export.reason_counts["skill_mention"].collect()
    assert counts["count"].sum() == 6


def test_a_word_that_the_configuration_maps_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,verb\nana,liked\nbo,saw\n")
    mode = FieldMap("mode", ("verb",), MODES)
    export = read(path, mode, pass_over=(BY_VERB,), mapping={"mode": {"values": {"liked": "feedback"}}})
    assert rows_of(export, "mode") == [("feedback",), ("observation",)]
    assert reasons_of(export) == {}


def test_a_condition_looks_at_every_header_of_its_field_and_at_those_of_the_configuration(tmp_path: Path) -> None:
    status = FieldMap("mode", ("status", "state"), MODES)
    passed = (PassOver("status", "mode", ("gone",)),)
    for header, mapping in (("status", {}), ("state", {}), ("mine", {"mode": "mine"})):
        path = write(tmp_path / f"{header}.csv", f"who,{header}\nana,GONE\nbo,saw\n")
        export = read(path, status, pass_over=passed, mapping=mapping)
        assert rows_of(export, "account_code") == [("bo",)]
        assert reasons_of(export) == {"status gone": 1}


def test_a_reason_never_quotes_a_text_that_no_adapter_declares(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,note\nana,private words\nbo,\n")
    export = read(path, pass_over=(PassOver("note", ("note",), (ANY_TEXT,)),))
    assert reasons_of(export) == {"note": 1}
    assert rows_of(export, "account_code") == [("bo",)]


def test_a_placeholder_meets_a_condition_as_an_empty_cell_does(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,left,x\nana,N/A,1\nbo,-,2\ncy,2026-03-02,3\n")
    hours = FieldMap("worked_hours", ("x",), unless=Condition(("left",), (ANY_TEXT,)))
    assert rows_of(read(path, hours), "worked_hours") == [(1.0,), (2.0,), (None,)]
    empty = PassOver("day", ("left",), ("",))
    assert reasons_of(read(path, hours, pass_over=(empty,))) == {"no day": 2}


def test_a_variant_is_chosen_in_each_row_and_cast_as_it_is_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,hours,minutes\nana,2,\nbo,,90\ncy,3,60\ndi,two,60\n")
    minutes = FieldMap("worked_hours", ("minutes",), Transform("hours", unit="minutes"))
    export = read(path, FieldMap("worked_hours", ("hours",)), minutes)
    # A text that cannot be read is not replaced by the next variant: it is no empty cell.
    assert rows_of(export, "worked_hours", "text:worked_hours") == [(2.0, "2"), (1.5, "90"), (3.0, "3"), (None, "two")]


def test_a_variant_counts_only_where_its_condition_holds(tmp_path: Path) -> None:
    records = [{"who": "ana", "kind": "a", "x": "1"}, {"who": "bo", "kind": "b", "x": "2", "y": "3"}, {"who": "cy"}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    export = read(
        path,
        FieldMap("worked_hours", ("x",), unless=Condition(("kind",), ("b",))),
        FieldMap("worked_hours", ("y",)),
        FieldMap("worked_hours", constant="8"),
    )
    assert rows_of(export, "worked_hours") == [(1.0,), (3.0,), (8.0,)]


def test_many_reasons_are_counted_together() -> None:
    frame = pl.DataFrame({"why": [f"verb {i:03}" for i in range(MAX_REASONS + 5)], "count": [2] * (MAX_REASONS + 5)})
    totals = passed_over_by_reason(frame)
    assert len(totals) == MAX_REASONS + 1
    assert totals["other words"] == 10


def test_counts_of_several_shapes_add_up() -> None:
    assert sum_by_reason([{"verb a": 2}, {"verb b": 3, "verb a": 2}]) == {"verb a": 4, "verb b": 3}
