"""Every kind of answer that people give on their page is in the published rows of the next run."""

import shutil
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
from pipelines.contracts.catalog import CONSENT
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_EVIDENCE, OUT_MASTERY, REPLY_EFFECT
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

SECRETS = {"FOOTSTEPS_PROXY_SECRET": "a secret of the proxy", "FOOTSTEPS_ERASURE_KEY": "a key of the erased list"}
SERVE = """
privacy: {erasure_requests: "requests/erasure_*.csv", access_requests: "requests/access_*.csv"}
serve: {header: {header: X-User, key: employee_number}}
"""
PATH_BY_KIND = {
    **dict.fromkeys(("accept", "dismiss", "snooze", "dispute", "hide", "done", "retract"), "replies"),
    "wish": "wishes",
    **dict.fromkeys(("consent", "withdraw"), "consents"),
    **dict.fromkeys(("opt_out", "opt_in"), "preferences"),
    **dict.fromkeys(("copy", "erasure"), "requests"),
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
    """A run, and the next one after one answer of each kind; who answered, and about which micro-skill."""

    before: Snapshot
    after: Snapshot
    root: Path
    person_by_kind: dict[str, str]
    skill_by_kind: dict[str, str]

    def rows(self, kind: str, table: str, snapshot: Snapshot | None = None) -> pl.DataFrame:
        return (snapshot or self.after).scan(table).filter(person_id=self.person_by_kind[kind]).collect()

    def rows_of_skill(self, kind: str, table: str) -> pl.DataFrame:
        return self.rows(kind, table).filter(skill_id=self.skill_by_kind[kind])


@pytest.fixture(scope="module")
def answered(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> AnsweredRun:
    root = tmp_path_factory.mktemp("answered") / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    config_file = root / "footsteps.yaml"
    config_file.write_text(config_file.read_text() + SERVE)
    settings, config, before = resolve_settings(root), read_config(config_file), demo_run.summary.snapshot
    moment = datetime(END.year, END.month, END.day, 12, tzinfo=UTC)
    client = TestClient(create_app(settings, config, root / "landing", SECRETS, lambda: moment))
    person_by_kind, skill_by_kind = choose_people(before)
    for kind, person_id in person_by_kind.items():
        response = client.post(
            f"/api/v1/me/{PATH_BY_KIND[kind]}",
            headers={"X-User": person_id, "X-Footsteps-Proxy-Secret": SECRETS["FOOTSTEPS_PROXY_SECRET"]},
            json={"kind": kind, **describe_answer(kind, skill_by_kind[kind])},
        )
        assert response.status_code == 201, (kind, response.text)
    after = execute_run(settings, config, END + timedelta(days=1), False).snapshot
    return AnsweredRun(before, after, root, person_by_kind, skill_by_kind)


def choose_people(before: Snapshot) -> tuple[dict[str, str], dict[str, str]]:
    """A person and a micro-skill for each kind: one who is named, one who opted out, one without wishes, and others."""
    steps = before.scan(NEXT_SKILL.name).collect()
    named_ids = before.scan(COMPANION.name).collect().drop_nulls("companion_id")["companion_id"].unique().sort()
    opted_out_ids = steps.filter(no_recommendation_reason="opted_out")["person_id"]
    first_steps = steps.filter(rank=1).sort("person_id").filter(~pl.col("person_id").is_in(named_ids.implode()))
    without_wish = first_steps.filter(pl.col("autonomy").is_null())["person_id"][0]
    others = iter(first_steps.filter(pl.col("person_id") != without_wish)["person_id"])
    special = {"withdraw": named_ids[0], "opt_in": opted_out_ids[0], "wish": without_wish}
    # erasure is tested with the other ways to erase; here it needs a list of erased people
    kinds = [kind for kind in PATH_BY_KIND if kind != "erasure"]
    person_by_kind = {kind: special.get(kind) or next(others) for kind in kinds}
    held = before.scan(OUT_MASTERY.name).collect().sort("person_id", "skill_id")
    skill_by_kind = {}
    for kind, person_id in person_by_kind.items():
        rows = held if kind in ("dispute", "hide") else steps.filter(rank=1)
        own_skills = rows.filter(person_id=person_id)["skill_id"]
        skill_by_kind[kind] = own_skills[0] if own_skills.len() else "all"
    return person_by_kind, skill_by_kind


def describe_answer(kind: str, skill_id: str) -> dict[str, Any]:
    """The fields of an answer besides its kind."""
    if kind in ("opt_out", "opt_in"):
        return {}
    if kind == "copy":
        return {"is_confirmed": True}
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
def test_a_request_for_a_copy_waits_for_the_data_protection_officer(answered: AnsweredRun) -> None:
    (request_file,) = (answered.root / "landing" / "requests").iterdir()
    assert answered.person_by_kind["copy"] in request_file.read_text()
