"""Every kind of answer that people give on their page is in the published rows of the next run."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import END, DemoRun
from starlette.testclient import TestClient

from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from assets.web.app import create_app
from pipelines.config.company import read_config
from pipelines.contracts.catalog import CONSENT, PERSON, SQUAD_REPLY
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OUT_EVIDENCE,
    OUT_MASTERY,
    REPLY_EFFECT,
    SQUAD_MATCH,
    SQUAD_OPENING,
)
from pipelines.contracts.squad_columns import SQUAD_REPLY_KINDS
from pipelines.privacy.content_search import find_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import KEY_VARIABLE
from pipelines.privacy.erasure import open_list
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

SECRETS = {"FOOTSTEPS_PROXY_SECRET": "a secret of the proxy", KEY_VARIABLE: "a key of the erased list"}
SERVE = """
privacy:
  erased_people: ../kept/erased.jsonl
  erasure_requests: "requests/erasure_*.csv"
  access_requests: "requests/access_*.csv"
serve: {header: {header: X-User, key: employee_number}}
"""
PATH_BY_KIND = {
    **dict.fromkeys(("accept", "dismiss", "snooze", "dispute", "hide", "done", "retract"), "replies"),
    "wish": "wishes",
    **dict.fromkeys(("consent", "withdraw"), "consents"),
    **dict.fromkeys(("opt_out", "opt_in"), "preferences"),
    **dict.fromkeys(("copy", "erasure"), "requests"),
    **dict.fromkeys(("join", "not_now", "not_this"), "squads"),
}
EFFECT_BY_KIND = {
    "accept": "kept_on_list",
    "dismiss": "kept_away",
    "snooze": "kept_away",
    "dispute": "word_beside_estimate",
    "hide": "shown_to_nobody_else",
    "done": "counted_as_evidence",
    "retract": "taken_back",
}


@dataclass(frozen=True)
class AnsweredRun:
    """A run, and the next one after one answer of each kind; who answered, and about which micro-skill or opening.

    `asked` is what the page said to whoever asked for erasure, before that run.
    """

    before: Snapshot
    after: Snapshot
    root: Path
    client: TestClient
    asked: str
    person_by_kind: dict[str, str]
    skill_by_kind: dict[str, str]

    def rows(self, kind: str, table: str, snapshot: Snapshot | None = None) -> pl.DataFrame:
        return (snapshot or self.after).scan(table).filter(person_id=self.person_by_kind[kind]).collect()

    def rows_of_skill(self, kind: str, table: str) -> pl.DataFrame:
        return self.rows(kind, table).filter(skill_id=self.skill_by_kind[kind])


@pytest.fixture(scope="module")
def answered(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsweredRun]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(KEY_VARIABLE, SECRETS[KEY_VARIABLE])
        yield run_with_answers(demo_run, tmp_path_factory.mktemp("answered") / "copy")


def run_with_answers(demo_run: DemoRun, root: Path) -> AnsweredRun:
    """Answer on a copy of the demo, then run it again; the erasure makes the run compute everything and train."""
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    config_file = root / "footsteps.yaml"
    config_file.write_text(config_file.read_text() + SERVE)
    settings, config, before = resolve_settings(root), read_config(config_file), demo_run.summary.snapshot
    moment = datetime(END.year, END.month, END.day, 12, tzinfo=UTC)
    client = TestClient(create_app(settings, config, root / "landing", SECRETS, lambda: moment))
    person_by_kind, skill_by_kind = choose_people(before)
    # whoever is erased has answered about an opening before, the same as somebody who stays
    erased_join = {"kind": "join", "opening_id": skill_by_kind["join"]}
    joined = client.post("/api/v1/me/squads", headers=sign_in(person_by_kind["erasure"]), json=erased_join)
    assert joined.status_code == 201, joined.text
    for kind, person_id in person_by_kind.items():
        response = client.post(
            f"/api/v1/me/{PATH_BY_KIND[kind]}",
            headers=sign_in(person_id),
            json={"kind": kind, **describe_answer(kind, skill_by_kind[kind])},
        )
        assert response.status_code == 201, (kind, response.text)
    asked = client.get("/people/me/", headers=sign_in(person_by_kind["erasure"])).text
    open_list(DataRoot(settings, config, root / "landing"), is_new=True)
    after = execute_run(settings, config, END + timedelta(days=1), False).snapshot
    return AnsweredRun(before, after, root, client, asked, person_by_kind, skill_by_kind)


def sign_in(person_id: str) -> dict[str, str]:
    return {"X-User": person_id, "X-Footsteps-Proxy-Secret": SECRETS["FOOTSTEPS_PROXY_SECRET"]}


def choose_people(before: Snapshot) -> tuple[dict[str, str], dict[str, str]]:
    """A person and a micro-skill for each kind: one who is named, one who opted out, one without wishes, and others."""
    steps = before.scan(NEXT_SKILL.name).collect()
    named_ids = before.scan(COMPANION.name).collect().drop_nulls("companion_id")["companion_id"].unique().sort()
    opted_out_ids = steps.filter(no_recommendation_reason="opted_out")["person_id"]
    first_steps = steps.filter(rank=1).sort("person_id").filter(~pl.col("person_id").is_in(named_ids.implode()))
    without_wish = first_steps.filter(pl.col("autonomy").is_null())["person_id"][0]
    others = iter(first_steps.filter(pl.col("person_id") != without_wish)["person_id"])
    special = {"withdraw": named_ids[0], "opt_in": opted_out_ids[0], "wish": without_wish}
    person_by_kind = {kind: special.get(kind) or next(others) for kind in PATH_BY_KIND if kind not in SQUAD_REPLY_KINDS}
    held = before.scan(OUT_MASTERY.name).collect().sort("person_id", "skill_id")
    skill_by_kind = {}
    for kind, person_id in person_by_kind.items():
        rows = held if kind in ("dispute", "hide") else steps.filter(rank=1)
        own_skills = rows.filter(person_id=person_id)["skill_id"]
        skill_by_kind[kind] = own_skills[0] if own_skills.len() else "all"
    matches = before.scan(SQUAD_MATCH.name).filter(rank=1).collect().sort("person_id")
    free_matches = matches.filter(~pl.col("person_id").is_in(list(person_by_kind.values())))
    for kind, match in zip(SQUAD_REPLY_KINDS, free_matches.iter_rows(named=True), strict=False):
        person_by_kind[kind], skill_by_kind[kind] = match["person_id"], match["opening_id"]
    return person_by_kind, skill_by_kind


def describe_answer(kind: str, skill_id: str) -> dict[str, Any]:
    """The fields of an answer besides its kind."""
    if kind in ("opt_out", "opt_in"):
        return {}
    if kind in ("copy", "erasure"):
        return {"is_confirmed": True}
    if kind in SQUAD_REPLY_KINDS:
        return {"opening_id": skill_id}
    if kind in ("consent", "withdraw"):
        last_day = {"expires_date": "2027-01-01"} if kind == "consent" else {}
        return {"skill_id": "all", "consent_relation": "all", **last_day}
    details: dict[str, dict[str, Any]] = {
        "snooze": {"until_date": "2026-12-01"},
        "dispute": {"stated_stage": "master"},
        "wish": {"wish_weight": 1.0},
    }
    return {"skill_id": skill_id, **details.get(kind, {})}


@pytest.mark.slow
def test_each_reply_has_its_effect_in_the_next_snapshot(answered: AnsweredRun) -> None:
    effects = {
        kind: answered.rows_of_skill(kind, REPLY_EFFECT.name)
        .filter(reply_kind=kind)
        .select("effect")
        .to_series()
        .to_list()
        for kind in EFFECT_BY_KIND
    }
    assert effects == {kind: [effect] for kind, effect in EFFECT_BY_KIND.items()}
    listed = {kind: answered.rows_of_skill(kind, NEXT_SKILL.name) for kind in ("accept", "dismiss", "snooze")}
    assert listed["accept"]["is_accepted"].to_list() == [True]
    assert listed["dismiss"].height == listed["snooze"].height == 0
    assert answered.rows_of_skill("dispute", OUT_MASTERY.name)["stated_stage"].to_list() == ["master"]
    assert answered.rows_of_skill("hide", OUT_MASTERY.name)["is_hidden"].to_list() == [True]
    own_feedback = answered.rows_of_skill("done", OUT_EVIDENCE.name).filter(source_name="served_replies")
    assert own_feedback["feedback_kind"].to_list() == ["self"]


@pytest.mark.slow
def test_wishes_consents_and_preferences_are_in_the_next_snapshot(answered: AnsweredRun) -> None:
    assert answered.rows("wish", NEXT_SKILL.name, answered.before)["autonomy"].null_count() > 0
    assert answered.rows("wish", NEXT_SKILL.name)["autonomy"].null_count() == 0
    named_ids = answered.after.scan(COMPANION.name).collect()["companion_id"].drop_nulls().to_list()
    assert answered.person_by_kind["withdraw"] not in named_ids
    consents = Lake(answered.root / "lake").scan(CONSENT).filter(source_name="served_consents").collect()
    assert dict(consents.select("person_id", "consent_status").iter_rows()) == {
        answered.person_by_kind["consent"]: "granted",
        answered.person_by_kind["withdraw"]: "withdrawn",
    }
    assert answered.rows("opt_out", NEXT_SKILL.name)["no_recommendation_reason"].to_list() == ["opted_out"]
    assert answered.rows("opt_in", NEXT_SKILL.name)["rank"].null_count() == 0


@pytest.mark.slow
def test_answers_about_openings_decide_what_the_next_list_shows(answered: AnsweredRun) -> None:
    rows = {
        kind: answered.rows(kind, SQUAD_MATCH.name).filter(opening_id=answered.skill_by_kind[kind])
        for kind in SQUAD_REPLY_KINDS
    }
    assert rows["join"].select("rank", "squad_reply_kind").rows() == [(1, "join")]
    assert rows["not_now"].height == rows["not_this"].height == 0
    # of whoever was erased no answer is left, and one person is no number of people
    replies = Lake(answered.root / "lake").scan(SQUAD_REPLY).collect()
    assert set(replies["person_id"]) == {answered.person_by_kind[kind] for kind in SQUAD_REPLY_KINDS}
    openings = answered.after.scan(SQUAD_OPENING.name).collect()
    assert openings["interested_count"].null_count() == openings.height


@pytest.mark.slow
def test_a_request_for_a_copy_waits_for_the_data_protection_officer(answered: AnsweredRun) -> None:
    (request_file,) = (answered.root / "landing" / "requests").iterdir()
    assert answered.person_by_kind["copy"] in request_file.read_text()


@pytest.mark.slow
def test_who_asked_for_erasure_is_erased_by_the_next_run(answered: AnsweredRun) -> None:
    person_id = answered.person_by_kind["erasure"]
    assert "You asked to be erased: nothing is recommended to you any more" in answered.asked
    assert "You asked for no recommendations." not in answered.asked
    # the request is gone, and only the request for a copy is left
    assert [path.name[:6] for path in (answered.root / "landing" / "requests").iterdir()] == ["access"]
    lake_people = Lake(answered.root / "lake").scan(PERSON).collect()
    assert lake_people.filter(person_id=person_id).is_empty()
    for table in answered.after.tables:
        rows = answered.after.scan(table.name).collect()
        name_columns = ("person_id", "companion_id", "follow_id", "lead_id")
        named = [column for column in name_columns if column in rows.columns]
        assert all(rows.filter(pl.col(column) == person_id).is_empty() for column in named), table.name
    assert find_files_with(answered.root / "published", [person_id]) == []
    (receipt_file,) = (answered.root.parent / "kept" / "erased.receipts").iterdir()
    assert json.loads(receipt_file.read_text())["counts"]["tables: core_hr__entity_person"] == 1
    # the page and the interface know the person no more, and say so
    page = answered.client.get("/people/me/", headers=sign_in(person_id))
    steps = answered.client.get("/api/v1/me/next-steps", headers=sign_in(person_id))
    assert (page.status_code, steps.status_code) == (401, 401)
    assert "or because you were erased" in page.text
    assert "or because you were erased" in steps.json()["error"]
    # everybody else's answers of that day are still there, and their pages are served
    assert answered.client.get("/people/me/", headers=sign_in(answered.person_by_kind["wish"])).status_code == 200
    assert len(list((answered.root / "landing" / "answers").iterdir())) == 5
