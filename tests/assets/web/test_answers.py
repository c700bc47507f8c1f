"""Every kind of answer from the page: the file that the next run reads, what is shown at once, and what is refused."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from publishing import fill_contract_columns
from served_company import NOW, SYSTEM, UNTIL, make_client, make_company, publish_company, sign_in
from starlette.testclient import TestClient
from typer.testing import CliRunner

from assets.answers.landing_rows import read_csv_rows
from assets.cli.app import app
from pipelines.config.company import read_config
from pipelines.contracts.catalog import REPLY
from pipelines.ingest.preview import preview_file
from pipelines.privacy.erasure_requests import read_request_keys
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

STATED_AT = "2025-07-01 09:30:00.000000+00:00"
# Kind, further fields of the form, source, what it reads, sentence on the page, whether it takes effect at once.
ANSWERS: list[tuple[str, dict[str, str], str, dict[str, Any], str, bool]] = [
    (
        "accept",
        {"skill_id": "sql1", "step_goal": "apprentice"},
        "served_replies",
        {"skill_text": "sql1", "step_goal": "apprentice", "reply_kind": "accept"},
        "You accepted “Query 1”.",
        False,
    ),
    (
        "dismiss",
        {"skill_id": "sql1", "step_goal": "apprentice"},
        "served_replies",
        {"skill_text": "sql1", "step_goal": "apprentice", "reply_kind": "dismiss"},
        "You said that “Query 1” is not for you.",
        False,
    ),
    (
        "snooze",
        {"skill_id": "sql2", "step_goal": "refresh", "until_date": "2025-09-01"},
        "served_replies",
        {"skill_text": "sql2", "step_goal": "refresh", "reply_kind": "snooze", "until_date": "2025-09-01"},
        "You put “Query 2” off until 1 September 2025.",
        False,
    ),
    (
        "dispute",
        {"skill_id": "sql0", "stated_stage": "master"},
        "served_replies",
        {"skill_text": "sql0", "reply_kind": "dispute", "stated_stage": "master"},
        "You say that you are at “master” in “Query 0”.",
        False,
    ),
    (
        "hide",
        {"skill_id": "sql0"},
        "served_replies",
        {"skill_text": "sql0", "reply_kind": "hide"},
        "You hid “Query 0” from others.",
        True,
    ),
    (
        "done",
        {"skill_id": "sql1"},
        "served_replies",
        {"skill_text": "sql1", "reply_kind": "done"},
        "You marked “Query 1” as done.",
        False,
    ),
    (
        "retract",
        {"skill_id": "sql1"},
        "served_replies",
        {"skill_text": "sql1", "reply_kind": "retract"},
        "You took back your replies about “Query 1”.",
        False,
    ),
    (
        "wish",
        {"skill_text": "query 3", "wish_weight": "0.67"},
        "served_wishes",
        {"skill_text": "sql3", "wish_weight": 0.67},
        "Your wish to learn “Query 3” weighs 67%.",
        False,
    ),
    (
        "consent",
        {"skill_id": "sql0", "consent_relation": "walk_with", "expires_date": "2026-07-01"},
        "served_consents",
        {
            "skill_text": "sql0",
            "consent_relation": "walk_with",
            "consent_status": "granted",
            "expires_date": "2026-07-01",
        },
        "You agreed to be shown until 1 July 2026: “Query 0”, as somebody with the same next step.",
        False,
    ),
    (
        "withdraw",
        {"skill_id": "all", "consent_relation": "all"},
        "served_consents",
        {"skill_text": "all", "consent_relation": "all", "consent_status": "withdrawn"},
        "You withdrew your consent to be shown: every micro-skill, in every relation.",
        True,
    ),
    ("opt_out", {}, "served_preferences", {"is_opted_out": True}, "You opted out of recommendations.", True),
    ("opt_in", {}, "served_preferences", {"is_opted_out": False}, "You want recommendations again.", False),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_company(tmp_path_factory.mktemp("company"))


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "copy"))


@pytest.fixture
def client(root: Path) -> TestClient:
    return make_client(root)


def read_token(client: TestClient, employee_number: str) -> str:
    match = re.search('name="form_token" value="([^"]+)"', read_page(client, employee_number))
    assert match
    return match[1]


def read_page(client: TestClient, employee_number: str) -> str:
    return client.get("/people/me/", headers=sign_in(employee_number)).text


def answer(client: TestClient, employee_number: str, **fields: str) -> int:
    form = {"form_token": read_token(client, employee_number), **fields}
    return client.post("/people/me/answers", data=form, headers=sign_in(employee_number)).status_code


def read_pending(client: TestClient, employee_number: str) -> str:
    """The text of the section of pending answers."""
    page = read_page(client, employee_number)
    section = page[page.index('id="pending"') : page.index('id="reply"')]
    return " ".join(re.sub("<[^>]+>", " ", section).split())


def read_companions(client: TestClient, employee_number: str) -> list[str]:
    rows = client.get("/api/v1/me/next-steps", headers=sign_in(employee_number)).json()["companions"]
    return sorted(row["companion_id"] for row in rows)


@pytest.mark.parametrize(
    ("kind", "fields", "source_name", "read_values", "sentence", "is_immediate"),
    ANSWERS,
    ids=[row[0] for row in ANSWERS],
)
def test_an_answer_is_in_the_file_that_the_next_run_reads_and_is_shown_at_once(
    root: Path,
    client: TestClient,
    kind: str,
    fields: dict[str, str],
    source_name: str,
    read_values: dict[str, Any],
    sentence: str,
    is_immediate: bool,
) -> None:
    assert answer(client, "E1", kind=kind, **fields) == 303
    config = read_config(root / "footsteps.yaml")
    source = config.source(source_name)
    (answer_file,) = (root / "landing").glob(source.path)
    preview = preview_file(answer_file, "tabular", source.options(), NOW.date())
    assert (preview.refused, source.shape) == (None, next(iter(preview.shapes or {})))
    ((row,), set_aside, left_out) = next(iter((preview.shapes or {}).values())).__dict__.values()
    assert (set_aside, left_out) == ([], [])
    time_column = "replied_at" if source_name == "served_replies" else "stated_at"
    assert {
        column: cell for column, cell in row.items() if cell is not None and column not in ("row_number", "record_code")
    } == {
        "employee_number": "E1",
        time_column: STATED_AT,
        **read_values,
    }
    pending = read_pending(client, "E1")
    assert sentence in pending
    assert ("follows it already" in pending) == is_immediate
    assert sentence not in read_page(client, "E2")


@pytest.mark.parametrize(("kind", "folder"), [("copy", "access"), ("erasure", "erasure")])
def test_a_request_has_a_file_of_its_own_that_names_the_person(
    root: Path, client: TestClient, kind: str, folder: str
) -> None:
    for _ in range(2):
        assert answer(client, "E1", kind=kind, is_confirmed="yes") == 303
    request_files = sorted((root / "landing" / "requests").iterdir())
    assert [path.name.split("_")[0] for path in request_files] == [folder, folder]
    assert [list(read_request_keys(path)) for path in request_files] == [[(2, "person_id", "p0001")]] * 2
    assert "You asked" in read_pending(client, "E1")


def test_an_erasure_is_not_asked_for_by_accident(root: Path, client: TestClient) -> None:
    assert answer(client, "E1", kind="erasure") == 422
    assert not (root / "landing").exists()


@pytest.mark.parametrize(
    ("removed_keys", "title"),
    [
        ([], "No recommendations, a copy of what is stored, erasure"),
        (["access_requests:"], "No recommendations, erasure"),
        (["erased_people:"], "No recommendations, a copy of what is stored"),
        (["access_requests:", "erasure_requests:", "erased_people:", "privacy:"], "No recommendations"),
    ],
)
def test_the_title_of_a_fold_names_what_is_in_it(root: Path, removed_keys: list[str], title: str) -> None:
    config_path = root / "footsteps.yaml"
    kept_lines = [
        line
        for line in config_path.read_text().splitlines(keepends=True)
        if not line.strip().startswith(tuple(removed_keys))
    ]
    config_path.write_text("".join(kept_lines))
    page = read_page(make_client(root), "E1")
    assert f"<summary>{title}</summary>" in page
    assert ("Ask for my erasure" in page) == ("erasure" in title)


def test_every_kind_is_taken_as_json_too(root: Path, client: TestClient) -> None:
    path_by_source = {
        "served_replies": "replies",
        "served_wishes": "wishes",
        "served_consents": "consents",
        "served_preferences": "preferences",
    }
    for kind, fields, source_name, *_ in ANSWERS:
        document: dict[str, Any] = {"kind": kind, **fields}
        if kind == "wish":
            document = {"kind": kind, "skill_id": "sql3", "wish_weight": 0.67}
        response = client.post(f"/api/v1/me/{path_by_source[source_name]}", headers=sign_in("E1"), json=document)
        assert response.status_code == 201, response.text
        assert response.json()["pending"]["kind"] == kind
        other_path = "wishes" if source_name == "served_replies" else "replies"
        assert client.post(f"/api/v1/me/{other_path}", headers=sign_in("E1"), json=document).status_code == 422
    pending = client.get("/api/v1/me/replies", headers=sign_in("E1")).json()["pending"]
    assert [reply["kind"] for reply in reversed(pending)] == [row[0] for row in ANSWERS[:7]]
    assert len(read_csv_rows(root / "landing" / "answers" / "reply_2025-07-01.csv")) == 7


def test_the_interface_lists_what_was_read_and_what_is_pending(client: TestClient) -> None:
    assert answer(client, "E1", kind="withdraw", skill_id="sql1", consent_relation="follow") == 303
    document = client.get("/api/v1/me/consents", headers=sign_in("E1")).json()
    assert [row["consent_status"] for row in document["consents"]] == ["granted"]
    assert [(row["kind"], row["is_in_effect"]) for row in document["pending"]] == [("withdraw", True)]
    assert client.get("/api/v1/me/consents", headers=sign_in("E3")).json()["pending"] == []


@pytest.mark.parametrize(
    ("skill_id", "relation", "is_shown"),
    [("all", "all", False), ("sql1", "follow", False), ("sql2", "follow", True), ("all", "lead", True)],
)
def test_a_withdrawn_consent_holds_at_once_in_everything_that_is_served(
    client: TestClient, skill_id: str, relation: str, is_shown: bool
) -> None:
    def read_served() -> list[bool]:
        table = client.get("/api/v1/tables/out__companion", headers=SYSTEM).json()["rows"]
        return [
            "Person 1" in read_page(client, "E0"),
            "p0001" in read_companions(client, "E0"),
            "p0001" in [row["companion_id"] for row in table],
        ]

    assert read_served() == [True] * 3
    assert answer(client, "E1", kind="withdraw", skill_id=skill_id, consent_relation=relation) == 303
    assert read_served() == [is_shown] * 3
    assert "p0002" in read_companions(client, "E0")


def test_a_stale_snapshot_names_no_companion(root: Path) -> None:
    """A consent that a run checked may have ended since."""
    last_valid_day, day_after = (
        make_client(root, NOW + timedelta(days=(UNTIL - NOW.date()).days + days_after)) for days_after in (0, 1)
    )
    assert read_companions(last_valid_day, "E0") == ["p0001", "p0002"]
    assert read_companions(day_after, "E0") == []
    assert "Person 1" not in read_page(day_after, "E0")
    assert day_after.get("/api/v1/tables/out__companion", headers=SYSTEM).json()["rows"] == []


def test_taking_back_what_was_said_about_a_step_is_said_of_that_step(client: TestClient) -> None:
    """A micro-skill that the person hid stays hidden."""
    assert answer(client, "E1", kind="hide", skill_id="sql1") == 303
    assert answer(client, "E1", kind="retract", skill_id="sql1", step_goal="apprentice") == 303
    page = read_page(client, "E1")
    assert "You took back what you said about the next step in “Query 1”." in page
    assert "You took back your replies about" not in page


def test_an_opt_out_holds_at_once_in_everything_that_is_served(client: TestClient) -> None:
    assert answer(client, "E1", kind="opt_out") == 303
    page = read_page(client, "E1")
    assert "You asked for no recommendations." in page
    assert "Ask." not in page
    (step,) = client.get("/api/v1/me/next-steps", headers=sign_in("E1")).json()["next_steps"]
    assert (step["skill_id"], step["no_recommendation_reason"]) == (None, "opted_out")
    assert read_companions(client, "E0") == ["p0002"]
    rows = client.get("/api/v1/tables/out__next_skill", headers=SYSTEM).json()["rows"]
    assert [(row["rank"], row["no_recommendation_reason"]) for row in rows if row["person_id"] == "p0001"] == [
        (None, "opted_out")
    ]
    assert len(rows) == 13


def test_who_asked_for_erasure_did_not_opt_out(client: TestClient) -> None:
    assert answer(client, "E1", kind="erasure", is_confirmed="yes") == 303
    page = read_page(client, "E1")
    assert "You asked to be erased: nothing is recommended to you any more" in page
    assert "You asked for no recommendations." not in page
    document = client.get("/api/v1/me/next-steps", headers=sign_in("E1")).json()
    assert [step["skill_id"] for step in document["next_steps"]] == [None]
    assert [(pending["kind"], pending["is_in_effect"]) for pending in document["pending"]] == [("erasure", True)]


def test_a_list_that_two_pages_of_a_table_share_says_an_opt_out_once(client: TestClient) -> None:
    assert answer(client, "E1", kind="opt_out") == 303
    own_rows, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/api/v1/tables/out__next_skill?limit=1&cursor={cursor}", headers=SYSTEM).json()
        own_rows += [row for row in page["rows"] if row["person_id"] == "p0001"]
        cursor = page["next_cursor"]
    assert [row["no_recommendation_reason"] for row in own_rows] == ["opted_out"]


def test_an_opt_out_is_counted_in_no_team(client: TestClient) -> None:
    def read_team() -> str:
        return client.get("/teams/Data.html", headers=sign_in("E0")).text

    assert "Query 0" in read_team()
    assert answer(client, "E1", kind="opt_out") == 303
    assert "Query 0" not in read_team()  # four people are too few to be counted


def test_a_hidden_micro_skill_is_shown_to_nobody_else_at_once(client: TestClient) -> None:
    assert answer(client, "E1", kind="hide", skill_id="sql1") == 303
    assert read_companions(client, "E0") == ["p0002"]
    assert answer(client, "E2", kind="hide", skill_id="sql0") == 303
    rows = client.get("/api/v1/tables/out__mastery", headers=SYSTEM).json()["rows"]
    assert [row["person_id"] for row in rows if row["is_hidden"]] == ["p0002"]
    assert "Query 0" in read_page(client, "E2")


def test_what_the_snapshot_marks_as_hidden_stays_hidden_whoever_answers_meanwhile(
    root: Path, client: TestClient
) -> None:
    def read_hidden() -> list[str]:
        rows = client.get("/api/v1/tables/out__mastery", headers=SYSTEM).json()["rows"]
        return [row["person_id"] for row in rows if row["is_hidden"]]

    mastery_path = current_snapshot(root / "published").path("out__mastery")
    is_hidden = pl.col("is_hidden") | (pl.col("person_id") == "p0003")
    pl.read_parquet(mastery_path).with_columns(is_hidden).write_parquet(mastery_path)
    assert read_hidden() == ["p0003"]
    assert answer(client, "E3", kind="withdraw", skill_id="sql1", consent_relation="follow") == 303
    assert read_hidden() == ["p0003"]
    assert "hidden from others" in read_page(client, "E3")


@pytest.mark.parametrize(
    "request_text",
    [
        "person_id,asked_at\np0001,2025-07-01\n",
        "person_id,asked_at\np0001,2025-07-01T01:00:00Z,surplus\n",
        "\ufeffperson_id,asked_at\np0001,2025-07-01T01:00:00Z\n",
    ],
    ids=["no time zone", "surplus cell", "byte order mark"],
)
def test_a_request_of_another_system_is_read_and_stops_nobody(
    root: Path, client: TestClient, request_text: str
) -> None:
    assert answer(client, "E3", kind="opt_in") == 303
    request_path = root / "landing" / "requests" / "erasure_portal.csv"
    request_path.parent.mkdir()
    request_path.write_text(request_text, encoding="utf-8")
    assert read_companions(client, "E0") == ["p0002"]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "accept", "skill_id": "nothing"},
        {"kind": "snooze", "skill_id": "sql1"},
        {"kind": "snooze", "skill_id": "sql1", "until_date": "2025-07-01"},
        {"kind": "dispute", "skill_id": "sql0", "stated_stage": "king"},
        {"kind": "wish", "skill_text": "Query", "wish_weight": "1"},
        {"kind": "wish", "skill_text": "Query 1", "wish_weight": "1.5"},
        {"kind": "consent", "skill_id": "all", "consent_relation": "all", "expires_date": "2031-01-01"},
        {"kind": "consent", "skill_id": "all", "consent_relation": "all"},
        {"kind": "erase everybody"},
        {},
    ],
    ids=lambda fields: " ".join(fields.values()) or "empty",
)
def test_an_answer_that_cannot_be_read_is_refused_and_not_written(
    root: Path, client: TestClient, fields: dict[str, str]
) -> None:
    assert answer(client, "E1", **fields) == 422
    assert not (root / "landing").exists()


def test_a_form_without_the_token_of_its_own_page_is_refused(root: Path, client: TestClient) -> None:
    own_token, form = read_token(client, "E1"), {"kind": "accept", "skill_id": "sql1"}
    late_client = make_client(root)  # a restarted server has another key
    for sender, token, site in (
        (client, "", "same-origin"),
        (client, own_token[:-2] + "xx", "same-origin"),
        (client, read_token(client, "E2"), "same-origin"),
        (client, own_token, "cross-site"),
        (late_client, own_token, "same-origin"),
    ):
        headers = {**sign_in("E1"), "Sec-Fetch-Site": site}
        response = sender.post("/people/me/answers", data={"form_token": token, **form}, headers=headers)
        assert response.status_code == 403
    assert not (root / "landing").exists()
    headers = {**sign_in("E1"), "Sec-Fetch-Site": "same-origin"}
    assert client.post("/people/me/answers", data={"form_token": own_token, **form}, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ({"kind": "accept", "skill_id": "sql1", "person_id": "p0002"}, {}, 422),
        ({"kind": "accept", "skill_id": "sql1"}, {"Content-Type": "text/plain"}, 403),
        ({"kind": "accept", "skill_id": "sql1"}, {"Sec-Fetch-Site": "cross-site"}, 403),
        (["accept"], {}, 422),
        ({"kind": "accept", "skill_id": "x" * 70_000}, {}, 413),
    ],
    ids=["for somebody else", "as a form", "from another site", "no object", "too large"],
)
def test_json_for_somebody_else_or_from_another_site_is_refused(
    root: Path, client: TestClient, content: object, headers: dict[str, str], status: int
) -> None:
    all_headers = {"Content-Type": "application/json", **sign_in("E1"), **headers}
    response = client.post("/api/v1/me/replies", content=json.dumps(content), headers=all_headers)
    assert response.status_code == status
    assert not (root / "landing").exists()


def test_a_system_account_answers_for_nobody(root: Path, client: TestClient) -> None:
    assert client.post("/api/v1/me/preferences", headers=SYSTEM, json={"kind": "opt_out"}).status_code == 403
    assert not (root / "landing").exists()


def test_answers_at_the_same_time_are_all_written(root: Path, client: TestClient) -> None:
    def wish(number: int) -> int:
        document = {"kind": "wish", "skill_id": f"sql{number % 4}", "wish_weight": number / 24}
        return client.post("/api/v1/me/wishes", headers=sign_in(f"E{number % 7}"), json=document).status_code

    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(wish, range(24))) == {201}
    rows = read_csv_rows(root / "landing" / "answers" / "aspiration_2025-07-01.csv")
    assert sorted(float(row["wish_weight"]) for row in rows) == [round(number / 24, 4) for number in range(24)]
    assert len({row["record_code"] for row in rows}) == 24


def test_an_answer_is_pending_until_a_snapshot_contains_it(root: Path, client: TestClient) -> None:
    assert answer(client, "E1", kind="accept", skill_id="sql1") == 303
    (row,) = read_csv_rows(root / "landing" / "answers" / "reply_2025-07-01.csv")
    assert "You accepted" in read_pending(make_client(root, NOW + timedelta(days=1)), "E1")
    read_reply = {
        "source_name": "served_replies",
        "record_code": row["record_code"],
        "person_id": "p0001",
        "skill_text": "sql1",
        "reply_kind": "accept",
        "replied_at": NOW,
        "file_sha256": "f",
        "row_number": 1,
    }
    # a run has read it, and not published yet
    Lake(root / "lake").write(REPLY, fill_contract_columns(REPLY, [read_reply]))
    assert "You accepted" in read_pending(client, "E1")
    publish_company(root, "s1", published_at=NOW + timedelta(hours=1))
    assert "You accepted" not in read_pending(client, "E1")


def test_the_copies_that_people_ask_for_are_written_and_the_requests_deleted(root: Path, client: TestClient) -> None:
    for employee_number in ("E1", "E2"):
        assert answer(client, employee_number, kind="copy", is_confirmed="yes") == 303
    arguments = ["access", "--requested", "--output", str(root / "copies"), "--data-root", str(root), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert sorted(json.loads(result.stdout)["person_ids"]) == ["p0001", "p0002"]
    copies = sorted(path.name for path in (root / "copies").iterdir())
    assert copies == ["access-p0001.html", "access-p0001.json", "access-p0002.html", "access-p0002.json"]
    assert list((root / "landing" / "requests").iterdir()) == []
    assert "You asked for a copy" not in read_page(client, "E1")


def test_a_request_that_names_nobody_keeps_no_other_from_its_copy(root: Path, client: TestClient) -> None:
    requests_folder = root / "landing" / "requests"
    requests_folder.mkdir(parents=True, exist_ok=True)
    (requests_folder / "access_0.csv").write_text("employee_number\nE2\nE99\n")
    assert answer(client, "E1", kind="copy", is_confirmed="yes") == 303
    arguments = ["access", "--requested", "--output", str(root / "copies"), "--data-root", str(root)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert "access_0.csv, line 3: no person is known by this key" in " ".join(result.output.split())
    assert "E99" not in result.output
    assert {path.name for path in (root / "copies").glob("*.json")} == {"access-p0001.json", "access-p0002.json"}
    assert [path.name for path in requests_folder.iterdir()] == ["access_0.csv"]
