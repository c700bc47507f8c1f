"""Paths into a JSON record: what each form reads, and which headers of a file it takes in."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.json_paths import (
    covers,
    duckdb_path,
    is_plain,
    is_valid_path,
    quoted,
    text_query,
    text_unless_object,
)

ALIGNMENT = [
    {"targetType": "CFItem", "targetName": "SQL"},
    {"targetType": "ceterms:Credential", "targetName": "Level 3"},
    {"targetName": "Joins"},
    {"targetType": "cfitem", "targetName": "Git"},
]


def read(query: str, record: Any) -> str | None:
    line = record if isinstance(record, str) else json.dumps(record)
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT {query} FROM (SELECT ? AS line)", [line]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("path", "record", "text"),
    [
        ("tags[*]", {"tags": ["{urgent}", {"name": "sql"}, "-", "dbt"]}, "{urgent}|dbt"),
        ("tags[*]", {"tags": ["sql", " ", "git"]}, "sql|git"),
        (
            "tags[*]",
            {"tags": ["Not Available ", "not available yet", "n/", '{"name": "a long object"}']},
            "not available yet|n/",
        ),
        ("tags[*]", {"tags": []}, None),
        ("tags[*]", {"tags": "sql"}, "sql"),
        ("tags[*]", {"tags": ["sql", "N/A", {"id": 1}]}, "sql"),
        ("items[*].name", {"items": [{"name": "a"}, {"id": 1}, {"name": "b"}]}, "a|b"),
        # Ignoring case; an empty word stands for a missing member.
        ("alignment[targetType=CFItem].targetName", {"alignment": ALIGNMENT}, "SQL|Git"),
        ("alignment[targetType=|CFItem].targetName", {"alignment": ALIGNMENT}, "SQL|Joins|Git"),
        # One value and a list of one are the same.
        ("alignment[targetType=CFItem].targetName", {"alignment": ALIGNMENT[0]}, "SQL"),
        ("alignment[targetType=CFItem].targetName", {"alignment": ALIGNMENT[1]}, None),
        ("alignment[targetType=CFItem].targetName", {}, None),
        ("type[=Endorsement|Profile]", {"type": ["VerifiableCredential", "Endorsement"]}, "Endorsement"),
        ("type[=Endorsement|Profile]", {"type": "Profile"}, "Profile"),
        ("type[=Endorsement|Profile]", {"type": ["VerifiableCredential"]}, None),
        ("name.*", {"name": {"nl": "SQL voor beginners", "fr": "SQL", "de": ""}}, "SQL voor beginners|SQL"),
        ("name.*", {"name": "SQL"}, None),
        ("event::course_id", {"event": {"course_id": "c1"}}, "c1"),
        ("event::course_id", {"event": '{"course_id": "c1"}'}, "c1"),
        ("event::course_id", {"event": "input_1=3"}, None),
        ("event::course_id", {"event": '{"grade": 1}'}, None),
    ],
)
def test_a_path_reads_the_text_of_its_members(path: str, record: Any, text: str | None) -> None:
    assert not is_plain(path)
    assert read(text_query(path), record) == text


@pytest.mark.parametrize(
    "path", ["a[*]", "a[k=x].b", "a[=x]", "a.*", "a::b", 'it"s[*]', "it's[k=o'clock].b", "a[k=].b"]
)
def test_a_line_that_is_no_json_has_no_text_and_stops_nothing(path: str) -> None:
    assert is_valid_path(path)
    assert read(text_query(path), "{no json") is None


@pytest.mark.parametrize("path", ["[*]", ".*", "a..b", "a[*].", "$.[", "$**", "a::", ""])
def test_a_path_of_no_form_is_not_valid(path: str) -> None:
    assert not is_valid_path(path)


@pytest.mark.parametrize("path", ["a", "a.b", '$.a."b.c"', "verb.id", "a=b"])
def test_a_path_of_names_alone_leads_to_one_text(path: str) -> None:
    assert is_plain(path)


def test_a_member_is_a_text_only_if_it_is_no_object() -> None:
    assert read(text_unless_object("user"), {"user": "ada"}) == "ada"
    assert read(text_unless_object("user"), {"user": {"id": "ada"}}) is None
    assert read(text_unless_object("user"), {"user": [{"id": "ada"}]}) is None
    assert read(text_unless_object("user"), {}) is None


def test_keys_are_quoted_as_duckdb_reads_them() -> None:
    assert duckdb_path("a.b[*].c") == '$."a"."b"[*]."c"'
    assert duckdb_path('$.a."b.c"') == '$.a."b.c"'
    assert quoted("it's") == "'it''s'"


@pytest.mark.parametrize(
    ("path", "header", "is_covered"),
    [
        ("name.*", "name.nl", True),
        ("name.*", "name.nl.short", False),
        ("name.*", "names", False),
        ("event::user_id", "event", True),
        ("event::user_id", "event.user_id", True),
        ("event::user_id", "event.course_id", False),
        ("alignment[type=a].name", "alignment", True),
        ("alignment[type=a].name", "alignment[*].type", True),
        ("alignment[type=a].name", "alignment.name", True),
        ("alignment[type=a].name", "alignment[*].url", False),
        ("tags[*]", "tags", True),
        ("tags", "tags", True),
        ("tags", "tag", False),
    ],
)
def test_a_header_is_read_if_a_path_takes_it_in(path: str, header: str, is_covered: bool) -> None:
    assert covers(path, header) is is_covered


@pytest.mark.parametrize("is_checked_while_read", [False, True])
@pytest.mark.parametrize(
    ("path", "text"),
    [("jobs[0].title", "Trainee"), ("jobs[place.city=Oslo].title", "Lead"), ("jobs[now=true].tags[1]", "b")],
)
def test_both_readers_follow_an_index_and_a_filter_inside_a_member(
    path: str, text: str, is_checked_while_read: bool, tmp_path: Path
) -> None:
    file = tmp_path / "people.json"
    jobs = [{"title": "Trainee"}, {"title": "Lead", "place": {"city": "Oslo"}, "now": True, "tags": ["a", "b"]}]
    file.write_text(json.dumps([{"id": "7", "displayName": "Ana", "jobs": jobs}]))
    options = SourceOptions(mapping={"role_name": path})
    export = read_export(file, get_adapter("hibob"), options, is_checked_while_read)
    assert export.shapes["person"].collect()["role_name"].to_list() == [text]
