"""What is served in the language of the company: one's own page, its answers, the start page, and refusals."""

import re
from typing import Any

import pytest
from served_company import CONFIG, make_client, make_company, sign_in
from starlette.testclient import TestClient

REPLIES = [
    {"kind": "accept", "skill_id": "sql1"},
    {"kind": "dismiss", "skill_id": "sql1"},
    {"kind": "snooze", "skill_id": "sql2", "until_date": "2025-09-01"},
    {"kind": "dispute", "skill_id": "sql0", "stated_stage": "master"},
    {"kind": "hide", "skill_id": "sql0"},
    {"kind": "done", "skill_id": "sql1"},
    {"kind": "retract", "skill_id": "sql1"},
]
WISH = {"kind": "wish", "skill_id": "sql3", "wish_weight": 0.67}
CONSENTS = [
    {"kind": "consent", "skill_id": "sql0", "consent_relation": "walk_with", "expires_date": "2026-07-01"},
    {"kind": "withdraw", "skill_id": "all", "consent_relation": "lead"},
]
ANSWERS_BY_PATH: dict[str, list[dict[str, Any]]] = {
    "replies": REPLIES,
    "wishes": [WISH],
    "consents": CONSENTS,
    "preferences": [{"kind": "opt_out"}, {"kind": "opt_in"}],
    "requests": [{"kind": "copy", "is_confirmed": True}, {"kind": "erasure", "is_confirmed": True}],
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TestClient]:
    """A client in English and one in German over the same data root; E1 gave an answer of each kind."""
    root = make_company(tmp_path_factory.mktemp("served"))
    english_client = make_client(root)
    pages = "publish: {pages: {language: de, stage_words: {master: Koryphäe}}}\npolicy: {team_people: 6}\n"
    (root / "footsteps.yaml").write_text(CONFIG + pages)
    for path, answers in ANSWERS_BY_PATH.items():
        for answer in answers:
            response = english_client.post(f"/api/v1/me/{path}", headers=sign_in("E1"), json=answer)
            assert response.status_code == 201, response.text
    return {"en": english_client, "de": make_client(root)}


def read_page(client: TestClient, employee_number: str) -> str:
    return client.get("/people/me/", headers=sign_in(employee_number)).text


def list_texts(page: str) -> set[str]:
    """The texts between the tags of a page, without its styles."""
    without_styles = re.sub("<style>.*?</style>", "", page, flags=re.DOTALL)
    return {text.strip() for text in re.sub("<[^>]+>", "\n", without_styles).splitlines() if text.strip()}


def test_what_is_added_to_a_page_is_in_its_language(clients: dict[str, TestClient]) -> None:
    for employee_number in ("E1", "E3"):
        pages = {code: read_page(client, employee_number) for code, client in clients.items()}
        answer_texts = {code: list_texts(page[page.index('id="pending"') :]) for code, page in pages.items()}
        assert len(answer_texts["de"]) > 30
        common_texts = answer_texts["en"] & answer_texts["de"]
        assert {text for text in common_texts if not re.fullmatch(r"Query \d", text)} == set()


def test_a_german_page_has_german_answers_dates_and_stage_words(clients: dict[str, TestClient]) -> None:
    page = read_page(clients["de"], "E1")
    assert '<html lang="de">' in page
    assert "Diese Seite wird nur Ihnen gezeigt:" in page
    assert "ab 6 Personen und keine Namen" in page
    assert "Wer die Adresse dieser Seite hat" not in page
    assert "Sie haben „Query 2“ bis zum 1. September 2025 zurückgestellt." in page
    assert "Ihre eigene Angabe zu „Query 0“: „Koryphäe“." in page
    assert "Ihr Wunsch, „Query 3“ zu lernen, zählt mit 67\N{NO-BREAK SPACE}%." in page
    assert '<option value="master">Koryphäe</option>' in page
    card = read_page(clients["de"], "E3").partition('id="step-1"')[2].partition("</form>")[0]
    assert 'name="kind" value="accept">Annehmen' in card
    assert 'name="skill_id" value="sql1"' in card
    assert 'name="step_goal" value="apprentice"' in card


def test_the_start_page_is_in_the_language_of_the_company(clients: dict[str, TestClient]) -> None:
    texts = {
        code: list_texts(client.get("/index.html", headers=sign_in("E5")).text) for code, client in clients.items()
    }
    assert texts["en"] & texts["de"] == {"Footsteps", "Acme"}


def test_the_smallest_team_of_the_policy_holds(clients: dict[str, TestClient]) -> None:
    statuses = {
        code: client.get("/teams/Data.html", headers=sign_in("E0")).status_code for code, client in clients.items()
    }
    assert statuses == {"en": 200, "de": 404}  # five people; the policy of the second wants six


@pytest.mark.parametrize(
    ("method", "path", "headers", "form"),
    [
        ("GET", "/people/me/", {}, {}),
        ("GET", "/run.html", sign_in("E0"), {}),
        ("GET", "/teams/Nobody.html", sign_in("E0"), {}),
        ("POST", "/people/me/answers", sign_in("E0"), {"form_token": "none"}),
        ("POST", "/people/me/answers", sign_in("E0"), {"kind": "accept", "skill_id": "nothing"}),
        ("POST", "/people/me/answers", sign_in("E0"), {"kind": "wish", "skill_text": "Query", "wish_weight": "1"}),
        (
            "POST",
            "/people/me/answers",
            sign_in("E0"),
            {"kind": "snooze", "skill_id": "sql1", "until_date": "2025-07-01"},
        ),
        ("POST", "/people/me/answers", sign_in("E0"), {"kind": "snooze", "skill_id": "sql1"}),
        ("POST", "/people/me/answers", sign_in("E0"), {"text": "x" * 70_000}),
    ],
    ids=["nobody", "not an operator", "no team", "old form", "no skill", "no name", "past day", "no day", "too large"],
)
def test_a_person_reads_a_refusal_in_the_language_of_the_company(
    clients: dict[str, TestClient], method: str, path: str, headers: dict[str, str], form: dict[str, str]
) -> None:
    texts = {}
    for code, client in clients.items():
        token = re.search('name="form_token" value="([^"]+)"', read_page(client, "E0"))
        assert token
        response = client.request(
            method, path, headers=headers, data={"form_token": token[1], **form} if form else None
        )
        assert response.status_code >= 400
        assert f'<html lang="{code}">' in response.text
        texts[code] = list_texts(response.text)
        status = str(response.status_code)
    english_parts = {part for text in texts["en"] for part in text.split(": ")}
    assert {part for part in english_parts if part in " ".join(texts["de"])} == {"Footsteps", status}
    assert len(texts["de"]) == 4


def test_refusals_of_the_interface_stay_english(clients: dict[str, TestClient]) -> None:
    document = {"kind": "accept", "skill_id": "nothing"}
    errors = [
        client.post("/api/v1/me/replies", headers=sign_in("E0"), json=document).json()["error"]
        for client in clients.values()
    ]
    assert errors == ["Your answer was not taken: there is no micro-skill with this id."] * 2
