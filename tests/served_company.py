"""A small company with a published snapshot, for tests of the web application."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from publishing import fill_contract_columns, make_mastery_rows, make_next_skill_rows
from starlette.applications import Starlette
from starlette.testclient import TestClient

from assets.web.app import create_app
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import CONSENT, PERSON, SKILL
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY
from pipelines.publish.feed import publish_feed
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

NOW = datetime(2025, 7, 1, 9, 30, tzinfo=UTC)
DAY, UNTIL = date(2025, 6, 30), date(2025, 7, 2)
PROXY_SECRET, PORTAL_TOKEN = "a secret of the proxy", "a token of the portal"
ENVIRONMENT = {"FOOTSTEPS_PROXY_SECRET": PROXY_SECRET, "FOOTSTEPS_PORTAL_TOKEN": PORTAL_TOKEN}
SYSTEM = {"Authorization": f"Bearer {PORTAL_TOKEN}"}
CONFIG = """
company: Acme
sources:
  - {name: people, system: bamboohr, path: "hr/*.csv", delivery: full}
privacy:
  erased_people: "../erased.jsonl"
  erasure_requests: "requests/erasure_*.csv"
  access_requests: "requests/access_*.csv"
serve:
  header: {header: X-Forwarded-User, key: employee_number}
  operators: ["E5", "ops@acme.example"]
  system_accounts: [{name: portal, token_variable: FOOTSTEPS_PORTAL_TOKEN}]
"""


def make_company(root: Path) -> Path:
    """Seven people: five of the unit Data, two of the unit Small; p0001 is named to p0000, and consented."""
    lake = Lake(root / "lake")
    people = [
        {
            "person_id": f"p{number:04d}",
            "employee_number": f"E{number}",
            "display_name": f"Person {number}",
            "work_email": f"Person{number}@acme.example",
            "unit_name": "Data" if number < 5 else "Small",
            # E6 of the unit Small leads somebody of the unit Data
            "manager_id": "p0006" if number == 0 else None,
            "employment_status": "active",
        }
        for number in range(7)
    ]
    lake.write(PERSON, fill_contract_columns(PERSON, people))
    skills = [
        {"skill_id": f"sql{number}", "skill_name": f"Query {number}", "capability_name": "Data"} for number in range(4)
    ]
    lake.write(SKILL, fill_contract_columns(SKILL, skills))
    granted = {
        "consent_status": "granted",
        "expires_date": date(2026, 1, 1),
        "stated_at": datetime(2025, 1, 1, tzinfo=UTC),
    }
    consents = [
        {
            **granted,
            "source_name": "consents",
            "record_code": f"c{number}",
            "person_id": f"p{number:04d}",
            "skill_text": "all",
            "consent_relation": "all",
            "file_sha256": "f",
            "row_number": number,
        }
        for number in (1, 2)
    ]
    lake.write(CONSENT, fill_contract_columns(CONSENT, consents))
    publish_company(root, "s0")
    (root / "footsteps.yaml").write_text(CONFIG)
    return root


def publish_company(
    root: Path, snapshot_id: str, skill: str = "sql", published_at: datetime = datetime(2025, 6, 30, 23, tzinfo=UTC)
) -> None:
    """Publish recommendations, stages and companions, and the feed."""
    stamp = {
        "snapshot_id": snapshot_id,
        "as_of": DAY,
        "valid_until": UNTIL,
        "policy_version": "p",
        "schema_version": COMPANION.version,
    }
    companions = [
        {
            **stamp,
            "person_id": "p0000",
            "step_id": f"{skill}1|apprentice",
            "skill_id": f"{skill}1",
            "relation": relation,
            "companion_id": companion_id,
            "companion_skill_id": f"{skill}1",
            "why": "They took it up before you.",
            "is_hidden": False,
        }
        for relation, companion_id in (("follow", "p0001"), ("walk_with", "p0002"))
    ]
    rows_by_table = {
        NEXT_SKILL: make_next_skill_rows(snapshot_id, 7, skill),
        OUT_MASTERY: make_mastery_rows(snapshot_id, 7).with_columns(
            stage=pl.lit("journeyman"), is_hidden=pl.lit(False)
        ),
        COMPANION: fill_contract_columns(COMPANION, companions),
    }
    snapshot = publish_snapshot(root / "published", rows_by_table, snapshot_id, DAY, UNTIL, published_at)
    publish_feed(snapshot, "footsteps", published_at)


def make_app(root: Path, now: datetime = NOW) -> Starlette:
    """The application over a data root."""
    settings = Settings(data_root=root)
    config = read_config(settings.config_path)
    return create_app(settings, config, root / "landing", ENVIRONMENT, lambda: now)


def make_client(root: Path, now: datetime = NOW) -> TestClient:
    """A client of the application that follows no redirect."""
    return TestClient(make_app(root, now), follow_redirects=False)


def sign_in(employee_number: str) -> dict[str, str]:
    """The headers that the proxy adds for a person."""
    return {"X-Forwarded-User": employee_number, "X-Footsteps-Proxy-Secret": PROXY_SECRET}
