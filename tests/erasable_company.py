"""A small company: exports that were landed, tables, two snapshots in every local target, a model and a log."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from publishing import DAY, UNTIL, fill_contract_columns, make_mastery_rows, make_next_skill_rows

from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ACCOUNT, FEEDBACK, PERSON
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.privacy.data_root import DataRoot
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.feed import publish_feed
from pipelines.publish.site.page_names import PageNames, read_page_names, write_page_names
from pipelines.snapshots.writer import publish_snapshot

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NAMES = ("Ada Muster", "Ben Beispiel", "Cleo Ejemplo")
PEOPLE = [(f"p000{number}", name, f"{name.split()[0].lower()}@x.example") for number, name in enumerate(NAMES)]
CONFIG = {
    "company": "C",
    "privacy": {"erased_people": "../kept/erased.jsonl"},
    "sources": [
        {"name": "people", "system": "bamboohr", "path": "people*.csv", "delivery": "full"},
        {
            "name": "feedback",
            "system": "tabular",
            "shape": "feedback",
            "path": "feedback*.csv",
            "mapping": {
                "record_code": "id",
                "employee_number": "who",
                "given_by_code": "giver",
                "skill_text": "skill",
                "feedback_kind": {"constant": "peer"},
                "score_share": "score",
                "occurred_at": "day",
            },
        },
    ],
}
PEOPLE_EXPORT = ["Employee #,First Name,Last Name,Work Email,Status"] + [
    f"{number},{name.replace(' ', ',')},{address},Active" for number, name, address in PEOPLE
]
FEEDBACK_EXPORT = [
    "id,who,giver,skill,score,day",
    "f1,p0000,p0001,sql,0.5,2026-05-01",
    "f2,p0001,p0000,sql,0.5,2026-05-02",
    "f3,p0002,p0001,sql,0.5,2026-05-03",
    "f4,p0001,p0002,sql,0.5,no day",
    "f5,p0002,p0001,sql,0.5,no day",
]


def open_company(root: Path) -> DataRoot:
    """The stores of the company in a folder."""
    return DataRoot(Settings(data_root=root), Config.model_validate(CONFIG), root / "landing")


def build_company(root: Path) -> DataRoot:
    """Write the company into a folder."""
    (root / "landing").mkdir(parents=True)
    (root / "footsteps.yaml").write_text("company: C\n")
    (root / "landing" / "people.csv").write_text("\n".join(PEOPLE_EXPORT) + "\n")
    (root / "landing" / "feedback.csv").write_text("\n".join(FEEDBACK_EXPORT) + "\n")
    stores = open_company(root)
    for source in stores.config.sources:
        land_source(LandingContext(stores.lake, stores.landing_folder, date(2026, 6, 30), NOW), source)
    _write_tables(stores)
    write_page_names(root, PageNames(b"a key of the data root", {"p0001": 2, "p0002": 1}))
    for snapshot_id, skill in (("s1", "sql"), ("s2", "dbt")):
        _publish(stores.settings.published_path, snapshot_id, skill)
    (root / "models" / "m1").mkdir(parents=True)
    (root / "models" / "m1" / "model.skops").write_text("a pool with p0001")
    (root / "dagster_home").mkdir()
    (root / "dagster_home" / "out.log").write_text('{"text": "read Ben Beispiel and Ada Muster"}\n')
    pl.DataFrame({"who": ["p0000", "p0001"], "at": [1, 2]}).write_parquet(root / "other.parquet")
    with closing(sqlite3.connect(root / "dagster_home" / "runs.db")) as connection:
        connection.execute("CREATE TABLE event_logs (event TEXT)")
        connection.execute("INSERT INTO event_logs VALUES ('read ben@x.example'), ('read ada@x.example')")
        connection.commit()
    return stores


def _write_tables(stores: DataRoot) -> None:
    lake = stores.lake
    people_rows = [
        {
            "person_id": number,
            "employee_number": number,
            "display_name": name,
            "work_email": address,
            "manager_id": "p0001",
        }
        for number, name, address in PEOPLE
    ]
    lake.write(PERSON, fill_contract_columns(PERSON, list(people_rows)))
    account_rows = [
        {"system_name": system, "employee_number": number, "work_email": address, "person_id": number}
        for number, _, email in PEOPLE
        for system, address in (("bamboohr", email), ("tabular", None))
    ]
    lake.write(ACCOUNT, fill_contract_columns(ACCOUNT, list(account_rows)))
    feedback_rows = [
        {
            "source_name": "feedback",
            "record_code": f"f{number}",
            "person_id": person_id,
            "given_by_id": given_by_id,
            "feedback_kind": "peer",
            "occurred_at": NOW,
        }
        for number, (person_id, given_by_id) in enumerate([("p0000", "p0001"), ("p0001", "p0000"), ("p0002", "p0001")])
    ]
    lake.write(FEEDBACK, fill_contract_columns(FEEDBACK, list(feedback_rows)))


def _publish(folder: Path, snapshot_id: str, skill: str) -> None:
    companions = [
        {
            "person_id": person_id,
            "step_id": "s",
            "skill_id": "s",
            "relation": "peer",
            "companion_id": companion_id,
            "companion_skill_id": "s",
            "why": "w",
            "snapshot_id": snapshot_id,
            "as_of": DAY,
            "valid_until": UNTIL,
        }
        for person_id, companion_id in (("p0000", "p0001"), ("p0001", "p0002"), ("p0002", "p0000"))
    ]
    frames = {
        NEXT_SKILL: make_next_skill_rows(snapshot_id, 3, skill),
        OUT_MASTERY: make_mastery_rows(snapshot_id, 3),
        COMPANION: fill_contract_columns(COMPANION, list(companions)),
    }
    snapshot = publish_snapshot(folder, frames, snapshot_id, DAY, UNTIL, NOW, checked_tables=list(frames))
    publish_delta(snapshot, 90)
    publish_duckdb(snapshot)
    publish_feed(snapshot, "/footsteps/C", NOW)
    pages, page_names = folder / "site" / snapshot_id, read_page_names(folder.parent)
    (pages / "people").mkdir(parents=True)
    for number, name, _ in PEOPLE:
        page = pages / "people" / page_names.folder_of(number) / "index.html"
        page.parent.mkdir()
        page.write_text(f"<h1>{name}</h1>\n<dd>With Ben Beispiel</dd>\n<p>end</p>\n")
        # an earlier version named pages by person_id
        (pages / "people" / f"{number}.html").write_text(f"<h1>{name}</h1>\n")
    index = "".join(f'<li><a href="people/{number}.html">{name}</a></li>\n' for number, name, _ in PEOPLE)
    (pages / "index.html").write_text(f"<ul>\n{index}</ul>\n")


def read_everything(stores: DataRoot) -> dict[str, object]:
    """The content of every file of a data root that readers see: rows for Parquet, text for the rest."""
    content: dict[str, object] = {}
    for path in sorted(stores.path.rglob("*")):
        name = str(path.relative_to(stores.path))
        if path.is_file() and path.suffix == ".parquet":
            content[name] = pl.read_parquet(path).to_dicts()
        elif path.is_file() and path.suffix in (".html", ".jsonl", ".csv", ".txt"):
            content[name] = path.read_text()
    return content
