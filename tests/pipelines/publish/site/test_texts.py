"""The sentences of a person's page: each says what its row says, in every language."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import pytest

from ml.recommend.action_text import add_how_text
from pipelines.config.pages import PageOptions, StageWords
from pipelines.contracts.catalog import SKILL
from pipelines.contracts.output_tables import OUT_MASTERY
from pipelines.publish.site.capability_picture import view_capabilities
from pipelines.publish.site.language import LANGUAGE_CODES, PageLanguage, choose_language
from pipelines.publish.site.page_data import PageData, PersonRows
from pipelines.publish.site.page_names import PageNames
from pipelines.publish.site.pages import render_person_page
from pipelines.publish.site.person_texts import (
    describe_consents,
    describe_stored_rows,
    describe_viewers,
    describe_wishes,
)
from pipelines.publish.site.step_texts import (
    describe_companions,
    describe_counterfactual,
    describe_how,
    describe_kind,
    describe_likelihood,
    describe_motives,
    explain_step,
)
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

ENGLISH, GERMAN = PageLanguage("en"), PageLanguage("de")
MOMENT = datetime(2025, 3, 1, tzinfo=UTC)
STEP = {
    "skill_id": "sql",
    "kind": "deepen",
    "from_stage": "apprentice",
    "to_stage": "journeyman",
    "probability": 0.304,
    "as_of": date(2025, 6, 30),
    "model_version": "m",
    "mastery": 0.5,
    "autonomy": None,
    "purpose": 1.0,
    "how": "",
    "reason_codes": [],
    "reason_values": [],
}


NO_ROWS: dict[str, list[Any]] = {field.name: [] for field in fields(PersonRows) if field.name != "person_id"}


@pytest.fixture(scope="module")
def page_data(tmp_path_factory: pytest.TempPathFactory) -> PageData:
    skill_rows = {
        skill_id: {**dict.fromkeys(SKILL.column_names), "skill_name": name, "capability_name": "Data"}
        for skill_id, name in (("sql", "Query"), ("join", "Join"))
    }
    root = tmp_path_factory.mktemp("texts")
    snapshot = Snapshot(Path(root), "s0", date(2025, 6, 30), date(2025, 7, 2), ())
    people = {"p1": {"display_name": "Ann"}}
    return PageData(
        snapshot, Lake(root), "Acme", skill_rows, people, pl.DataFrame(), {"lms": "moodle"}, {"m": 30}, PageNames(b"k")
    )


@pytest.mark.parametrize(
    ("mode", "feedback_kind", "cause"),
    [
        ("feedback", "assessment", "Without your course or test result of 1 March 2025"),
        ("feedback", "certificate", "Without your certificate of 1 March 2025"),
        ("feedback", "manager", "Without your manager's assessment of 1 March 2025"),
        ("feedback", None, "Without the assessment of 1 March 2025"),
        ("observation", None, "Without what you attended or completed on 1 March 2025"),
    ],
)
def test_removed_evidence_is_called_what_it_is(
    page_data: PageData, mode: str, feedback_kind: str | None, cause: str
) -> None:
    change = {
        "change": "remove",
        "change_of": "evidence",
        "mode": mode,
        "feedback_kind": feedback_kind,
        "occurred_at": MOMENT,
        "stage_after": "apprentice",
    }
    text = describe_counterfactual(change, page_data, ENGLISH)
    assert text == f"{cause} you would be at the stage “apprentice” in it, and the step would not be here."


@pytest.mark.parametrize(("to_rank", "effect"), [(2, "in place 2 instead of 5."), (None, "not be on this list.")])
def test_a_wish_that_would_have_moved_the_step(page_data: PageData, to_rank: int | None, effect: str) -> None:
    change = {
        "change": "add",
        "change_of": "wish",
        "skill_id": "sql",
        "changed_skill_id": "join",
        "rank": 5,
        "to_rank": to_rank,
    }
    text = describe_counterfactual(change, page_data, ENGLISH)
    assert text.startswith("If you had said that you want “Join”, the step would")
    assert text.endswith(effect)


def test_the_chance_names_the_horizon_of_its_model(page_data: PageData) -> None:
    chance = "within 30 days, by 30 July 2025: 30 in 100."
    assert describe_likelihood(STEP, page_data, ENGLISH) == f"Estimated chance that you reach it {chance}"
    assert "less than 1 in 100" in describe_likelihood({**STEP, "probability": 0.004}, page_data, ENGLISH)
    assert "no chance" in describe_likelihood({**STEP, "probability": None}, page_data, ENGLISH)


@pytest.mark.parametrize(
    ("autonomy", "has_stated_wish", "shown"),
    [
        (None, False, (None, "You have stated no wish.")),
        (None, True, (None, "No wish of yours was used for this step.")),
        (0.0, True, (None, "Your stated wishes are about something else.")),
        (0.5, True, (50, "50%")),
    ],
)
def test_a_missing_wish_is_no_share(
    autonomy: float | None, has_stated_wish: bool, shown: tuple[int | None, str]
) -> None:
    motives = describe_motives({**STEP, "autonomy": autonomy}, has_stated_wish, ENGLISH)
    assert [motive[1:] for motive in motives] == [(50, "50%"), shown, (100, "100%")]


def explain(
    page_data: PageData, values: dict[str, float], names: tuple[str, ...] = (), kind: str = "deepen"
) -> tuple[str, ...]:
    step = {**STEP, "kind": kind, "reason_codes": list(values), "reason_values": list(values.values())}
    return explain_step(step, names, len(names) + 1, page_data, ENGLISH)


def test_reasons_become_sentences_by_their_codes(page_data: PageData) -> None:
    coverage = "With “Join”, which you hold, it brings you to 2 of 2 micro-skills of “Data”"
    weights = {"coverage": 0.75, "builds_on": 1.0}
    assert explain(page_data, weights, ("Join",)) == (f"{coverage} at the stage “journeyman” or above.",)
    assert explain(page_data, weights, ("Join",), "new") == (f"{coverage}.",)
    (refresh_sentence,) = explain(page_data, weights, ("Join",), "refresh")
    assert refresh_sentence.endswith("you hold 2 of 2 micro-skills of “Data”.")
    assert explain(page_data, {"coverage": 0.75, "builds_on": 0.5}) == ("You hold 50% of what it builds on.",)
    ranker = explain(page_data, {"model_text": 0.2, "model_hr": 0.3, "model_trend": 0.05, "role_need": 0.4})
    assert [sentence.split()[0] for sentence in ranker] == ["Colleagues", "It"]
    assert explain(page_data, {}) == ("It is open to you now.",)
    weights = {"wish": 0.6, "role_need": 1.0, "demand": 0.5, "model_hr": 9.0}
    assert len(explain(page_data, weights)) == 3


def write_how(kind: str, **practice: Any) -> str:
    """The published sentence, as the recommender writes it."""
    options = {"project_code": None, "course_name": None, "practising_count": 0} | practice
    schema = {"project_code": pl.String, "course_name": pl.String, "practising_count": pl.Int64}
    practice_options = pl.DataFrame(options, schema).with_columns(skill_id=pl.lit("sql"))
    return str(add_how_text(pl.DataFrame({"skill_id": "sql", "kind": kind}), practice_options, 3)["how"][0])


@pytest.mark.parametrize(
    ("kind", "practice", "shown"),
    [
        ("new", {"course_name": "A. “B”"}, "Beginnen Sie mit „A. “B”“."),
        ("new", {"course_name": "SQL", "project_code": "DATA"}, "Üben Sie danach im Projekt DATA,"),
        ("deepen", {"project_code": "DATA"}, "Üben Sie im Projekt DATA,"),
        ("refresh", {"practising_count": 4}, "4 Personen"),
        ("new", {}, "Dafür ist noch kein Projekt"),
    ],
)
def test_every_published_way_to_practise_is_translated(kind: str, practice: dict[str, Any], shown: str) -> None:
    text, is_translated = describe_how({**STEP, "how": write_how(kind, **practice)}, GERMAN)
    assert is_translated
    assert shown in text
    assert ("um Feedback" in text) == (kind == "deepen")


def test_an_unknown_published_sentence_stays_as_it_is() -> None:
    assert describe_how({**STEP, "how": "Ask."}, GERMAN) == ("Ask.", False)


def test_companions_are_named_or_counted(page_data: PageData) -> None:
    companion = {"skill_id": "sql", "companion_skill_id": "sql", "standing_count": None}
    named = {**companion, "relation": "follow", "companion_id": "p1"}
    named["why"] = "They went from apprentice to journeyman in “Query”, in about a month. They work in your unit."
    counted = {**companion, "relation": "walk_with", "companion_id": None, "standing_count": 3}
    counted["why"] = "Three people in Sales in Europe have this step on their list too."
    assert describe_companions(STEP, [counted, named], page_data, ENGLISH) == [
        ("To follow", "Ann made this move before you. It took about 1 month. You work in the same unit."),
        ("To walk with", "3 people in Sales in Europe have this step on their list too."),
    ]


def test_the_words_of_the_company_replace_those_of_the_language() -> None:
    options = PageOptions(language="de", stage_words=StageWords(journeyman="Könnerin"))
    assert describe_kind(STEP, choose_language(options)) == "Vertiefen · von „Einstieg“ zu „Könnerin“"


def test_consents_show_the_last_statement_and_its_end(page_data: PageData) -> None:
    consent = {"skill_text": "ALL", "consent_relation": "all", "consent_status": "granted", "stated_at": MOMENT}
    texts = [
        describe_consents([{**consent, "expires_date": expires_date}], date(2025, 6, 30), page_data, ENGLISH)[0]
        for expires_date in (date(2025, 12, 1), date(2025, 6, 1), None)
    ]
    assert [text.split(":")[0] for text in texts] == [
        "Agreed on 1 March 2025 until 1 December 2025",
        "Agreed on 1 March 2025, ended on 1 June 2025",
        "Agreed on 1 March 2025 without an end, and therefore not in force",
    ]
    withdrawn = {**consent, "consent_status": "withdrawn", "expires_date": None}
    assert describe_consents([consent, withdrawn], date(2025, 6, 30), page_data, ENGLISH) == [
        "Withdrawn on 1 March 2025: every micro-skill, in every relation."
    ]
    assert describe_consents([consent], date(2025, 2, 1), page_data, ENGLISH) == []
    by_id = {**consent, "skill_text": "sql", "consent_relation": "lead", "expires_date": None}
    (sentence,) = describe_consents([by_id], date(2025, 6, 30), page_data, ENGLISH)
    assert sentence.endswith(": “Query”, as somebody whom others could help.")


@pytest.mark.parametrize(
    ("wish_weight", "words"),
    [(None, "very much"), (1.0, "very much"), (0.67, "much"), (0.33, "a little"), (0.0, "no longer")],
)
def test_the_last_wish_for_a_micro_skill_is_shown_in_words(
    page_data: PageData, wish_weight: float | None, words: str
) -> None:
    wishes = [
        {"skill_text": "Query", "wish_weight": 0.5, "stated_at": datetime(2025, 2, 1, tzinfo=UTC)},
        {"skill_text": "sql", "wish_weight": wish_weight, "stated_at": MOMENT},
        {"skill_text": "join", "wish_weight": 1.0, "stated_at": datetime(2025, 7, 1, tzinfo=UTC)},
        {"skill_text": None, "wish_weight": None, "stated_at": MOMENT},
    ]
    assert describe_wishes(wishes, date(2025, 6, 30), page_data, ENGLISH) == [
        f"“Query”: {words}. Said on 1 March 2025."
    ]


def test_a_person_is_told_in_which_direction_others_see_them(page_data: PageData) -> None:
    viewer_counts = [
        {"relation": relation, "companion_skill_id": "sql", "viewer_count": 1}
        for relation in ("follow", "walk_with", "lead")
    ]
    assert describe_viewers(viewer_counts, page_data, ENGLISH) == [
        "1 person sees you, by name, as an example to follow in “Query”.",
        "1 person sees you, by name, as somebody with the same next step, “Query”.",
        "1 person sees you, by name, as somebody whom they could help with “Query”.",
    ]


@pytest.mark.parametrize(
    ("kind", "to_stage", "counted"),
    [
        ("new", "apprentice", "3 of 4 micro-skills of “Data”."),
        ("deepen", "journeyman", "2 of 4 micro-skills of “Data” at the stage “journeyman” or above."),
    ],
)
def test_a_step_counts_micro_skills_as_the_picture_does(
    page_data: PageData, kind: str, to_stage: str, counted: str
) -> None:
    """Hidden micro-skills count for the person, and are not named."""
    names = ("sql", "join", "merge", "index")
    skill_rows = {
        name: {**page_data.skill_row_by_id["sql"], "skill_name": name.title(), "capability_name": "Data"}
        for name in names
    }
    mastery = [
        {**dict.fromkeys(OUT_MASTERY.column_names), "skill_id": skill_id, "stage": stage, "is_hidden": is_hidden}
        for skill_id, stage, is_hidden in (
            ("join", "journeyman", False),
            ("merge", "apprentice", True),
            ("index", "none", False),
        )
    ]
    step = {**STEP, "kind": kind, "to_stage": to_stage, "from_stage": "none", "rank": 1, "is_accepted": False}
    step |= {"reason_codes": ["coverage"], "reason_values": [0.75], "no_recommendation_reason": None}
    person_rows = PersonRows("p1", **{**NO_ROWS, "mastery": mastery, "steps": [step]})
    page = render_person_page(
        jinja2.Template("{{ page.steps[0].reasons[0] }} {{ page.capabilities[0].summary }}"),
        replace(page_data, skill_row_by_id=skill_rows),
        person_rows,
    )
    assert page.startswith(f"With “Join”, which you hold, it brings you to {counted} 2 of 4 micro-skills held")


def test_the_picture_and_the_list_have_one_order(page_data: PageData) -> None:
    mastery = [
        {**dict.fromkeys(OUT_MASTERY.column_names), "skill_id": skill_id, "stage": "apprentice", "is_rusty": is_rusty}
        for skill_id, is_rusty in (("join", True), ("sql", False))
    ]
    (view,) = view_capabilities(page_data, PersonRows("p1", **{**NO_ROWS, "mastery": mastery}), ENGLISH)
    assert [cell[1] for cell, _ in view.blocks] == [False, True]
    assert [name for _, name, _, _ in view.held] == ["Query", "Join"]
    assert view.summary == "2 of 2 micro-skills held, 1 of them not practised for a long time"


@pytest.mark.parametrize("code", LANGUAGE_CODES)
def test_texts_with_counts_can_be_formatted_in_every_language(page_data: PageData, code: str) -> None:
    language = PageLanguage(code)
    viewers = [
        {"relation": relation, "companion_skill_id": "sql", "viewer_count": count}
        for relation in ("follow", "walk_with", "lead")
        for count in (0, 1, 2, 1_000_000)
    ]
    assert all("Query" in text for text in describe_viewers(viewers, page_data, language))
    stored = [{"source_name": "lms", "mode": "wish", "rows": 1234, "first": date(2025, 1, 1), "last": date(2025, 2, 1)}]
    assert describe_stored_rows(stored, page_data, language)[0][0] == "lms (Moodle logs, grades and competencies)"
