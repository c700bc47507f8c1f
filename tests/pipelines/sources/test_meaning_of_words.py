"""Over all adapters: a word that decides what a record proves has a source, and types of objects are looked at."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.sources.adapter import all_adapters
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.mapping import transform_for

GOLDEN = Path(__file__).parents[2] / "golden"
# The columns whose words decide what a record proves.
DECIDING = {"learning_verb", "is_done", "feedback_kind", "mode", "employment_status"}
GOOD = {
    "learning_verb": {"completed", "passed", "waived", "taught"},
    "is_done": {True},
    "mode": {"feedback", "teaching"},
}
# Types in exports that say nothing of what a record proves, with the reason.
TYPES_THAT_DECIDE_NOTHING = {
    "asana": {"(.*\\.)?resource_type": "the same word in every task"},
    "basecamp": {"(bucket|parent).type|assignees.*": "where a task lies, and that people are people"},
    "clickup": {"task\\..*type": "it is about the task of a time entry, whose time was worked all the same"},
    "coursera": {"Course Type": "courses, projects and specialisations are items of their own"},
    "docebo": {"course_type|Course Type": "courses in a room and on a screen are courses alike"},
    "everhour": {"task.type": "a task and a subtask are work alike"},
    "github": {"(assignee|assignees.*|user).type": "an account that is no person joins nobody"},
    "gitlab": {"issue_type|type": "an issue and an incident are work alike"},
    "google_classroom": {"workType": "the catalogue names questions too"},
    "oracle_hcm": {"WorkerType": "employees and contractors are people alike"},
    "talentlms": {"user_type": "what the account may do; the role in each course is read"},
    "zoho_people": {"Employee_type": "employees and contractors are people alike"},
    "azure_devops": {"Work Item Type": "a bug and a story are work alike"},
    "cornerstone": {
        "user_type|user_termination_type": "it is about the account, not about learning",
        "(Training - )?Training Type": "each is something that a person takes part in",
    },
    "jira": {"issue_?\\s?type|project_?\\s?type": "a bug and a story are work alike"},
    "odoo": {"Skill Type": "a group of skills"},
    "oneroster": {"roleType": "primary and secondary roles are roles alike"},
    "open_badges": {
        r"credentialSubject(\[\*\])?(\.achievement(\[\*\])?(\.alignment.*)?)?\.type": (
            "the same word in every credential"
        ),
        "credentialSubject.achievement.achievementType": "every achievement was earned, whatever it is called",
        "(proof.*|issuer|badge|verification|verify).type": "the same word in every badge",
        "recipient.type|credentialSubject.identifier.*": "the address itself shows that it is one",
    },
    "openedx": {"event_type": "the name of the event says the same", "Certificate Type": "no mark"},
    "personio": {"attributes.*": "the types of fields, not of records"},
    "tempo": {"issue.issueType": "a bug and a story are work alike"},
    "workday": {"Worker_Type": "employees and contractors are people alike"},
}


def deciding_fields() -> list[tuple[str, ShapeMap, FieldMap]]:
    return [
        (adapter.system, shape, field_map)
        for adapter in all_adapters().values()
        for shape in adapter.shapes
        for field_map in shape.fields
        if field_map.destination in DECIDING and field_map.headers
    ]


def name_of(case: tuple[str, ShapeMap, FieldMap]) -> str:
    return f"{case[0]}/{case[1].shape}/{case[2].destination}"


@pytest.mark.parametrize("case", deciding_fields(), ids=name_of)
def test_words_that_decide_have_a_source(case: tuple[str, ShapeMap, FieldMap]) -> None:
    transform = transform_for(case[2])
    assert transform.kind in ("category", "boolean")
    # true and false mean themselves
    assert transform.source.strip() or (transform.kind == "boolean" and not transform.values), (
        f"{name_of(case)}: name the specification of its words (`Vocabulary`)"
    )


@pytest.mark.parametrize("case", deciding_fields(), ids=name_of)
def test_a_word_that_nobody_declared_is_neither_good_nor_bad(case: tuple[str, ShapeMap, FieldMap]) -> None:
    transform = transform_for(case[2])
    words = pl.DataFrame({"word": ["a word of our own", "Zorblax"]})
    assert words.select(cast_text(pl.col("word"), transform, "UTC")).to_series().to_list() == [None, None]


def constants() -> list[tuple[str, ShapeMap, FieldMap]]:
    return [
        (adapter.system, shape, field_map)
        for adapter in all_adapters().values()
        for shape in adapter.shapes
        for field_map in shape.fields
        if field_map.destination in GOOD
        and field_map.constant in {str(word).lower() for word in GOOD[field_map.destination]}
    ]


@pytest.mark.parametrize("case", constants(), ids=name_of)
def test_a_constant_that_proves_something_does_not_stand_in_for_an_unread_word(
    case: tuple[str, ShapeMap, FieldMap],
) -> None:
    """An export whose records all mean one thing may say so; a constant behind headers would hide other words."""
    _, shape, field_map = case
    assert not field_map.headers
    assert [other for other in shape.fields if other.destination == field_map.destination] == [field_map]


def left_out_types(system: str) -> set[str]:
    left_out: set[str] = set()
    for expected in sorted((GOLDEN / system).glob("*.expected.json")):
        left_out |= set(json.loads(expected.read_text())["columns_left_out"])
    return {header for header in left_out if re.search(r"(?i)type$", header.strip())}


@pytest.mark.parametrize("adapter", all_adapters().values(), ids=lambda adapter: adapter.system)
def test_the_type_of_an_object_is_looked_at_or_known_to_decide_nothing(adapter: Adapter) -> None:
    """A question is no course and a break is no work: a type that an export writes is read, or listed with a reason."""
    reasons = TYPES_THAT_DECIDE_NOTHING.get(adapter.system, {})
    unread = {
        header
        for header in left_out_types(adapter.system)
        if not any(re.fullmatch(pattern, header, re.IGNORECASE) for pattern in reasons)
    }
    assert not unread, f"{adapter.system} does not look at {sorted(unread)}"
