"""The demo company: its catalogue, determinism, export formats and planted truth."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from graphlib import TopologicalSorter
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.demo.build import build_demo
from pipelines.demo.exports.company import write_history_exports
from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.simulation import world as world_module
from pipelines.demo.simulation.catalog import read_catalog
from pipelines.demo.simulation.people import generate_people
from pipelines.demo.simulation.world import generate_histories, generate_world

END = date(2026, 6, 30)
PEOPLE = 150


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    build_demo(folder, people_count=PEOPLE, seed=11, export_day=END)
    return folder


def fingerprint(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def read_statements(folder: Path) -> tuple[list[dict], int]:
    """All statements that are JSON, and how many lines are not."""
    good, bad = [], 0
    for path in sorted((folder / "landing/learning").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                good.append(json.loads(line))
            except json.JSONDecodeError:
                bad += 1
    return good, bad


def planted(folder: Path, kind: str, prefix: str) -> int:
    dirt = json.loads((folder / "truth/dirt.json").read_text())
    return sum(kinds.get(kind, 0) for file, kinds in dirt.items() if file.startswith(prefix))


def words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def test_the_catalogue_has_enough_micro_skills_capabilities_and_roles() -> None:
    catalog = read_catalog()
    assert catalog.skill_count >= 120
    assert catalog.skills["capability_id"].n_unique() == 20
    assert len(catalog.role_names) >= 10
    assert catalog.skills.null_count().sum_horizontal().item() == 0
    assert catalog.skills["skill_id"].is_unique().all()


def test_prerequisites_form_no_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for skill, required in read_catalog().prerequisites.iter_rows():
        graph[skill].add(required)
    assert len(list(TopologicalSorter(graph).static_order())) > 100


def test_a_role_profile_holds_the_prerequisites_of_its_micro_skills() -> None:
    catalog = read_catalog()
    held = set(catalog.role_profiles.select("role_name", "skill_id").iter_rows())
    needed = catalog.role_profiles.join(catalog.prerequisites, on="skill_id").select("role_name", "requires_skill_id")
    assert set(needed.iter_rows()) <= held


def test_no_alias_of_one_micro_skill_occurs_inside_one_of_another() -> None:
    owner = {}
    for skill, name, aliases in read_catalog().skills.select("skill_id", "name", "aliases").iter_rows():
        for text in (name, *aliases.split("|")):
            assert owner.setdefault(words(text), skill) == skill
    for inner, skill in owner.items():
        assert not [outer for outer, other in owner.items() if other != skill and f" {inner} " in f" {outer} "]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(demo: Path, tmp_path: Path) -> None:
    build_demo(tmp_path / "again", people_count=PEOPLE, seed=11, export_day=END)
    build_demo(tmp_path / "other", people_count=PEOPLE, seed=12, export_day=END)
    assert fingerprint(tmp_path / "again") == fingerprint(demo)
    assert fingerprint(tmp_path / "other") != fingerprint(demo)


def test_a_second_demo_removes_the_first(tmp_path: Path) -> None:
    build_demo(tmp_path, people_count=60, seed=1, export_day=date(2020, 1, 31))
    build_demo(tmp_path, people_count=60, seed=1, export_day=END)
    assert not list((tmp_path / "landing").rglob("*2020-01-3*"))


def test_progress_ends_at_one(tmp_path: Path) -> None:
    shares: list[float] = []
    build_demo(tmp_path, people_count=60, export_day=END, progress=lambda _what, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_too_few_people_raise_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"59 people.*60"):
        generate_people(59, read_catalog(), seed=1, history_start=19_000, history_end=20_000)


def test_managers_form_one_tree() -> None:
    manager = generate_world(400, seed=3, export_day=END).people["manager"].to_list()
    assert manager.count(-1) == 1
    for person in range(len(manager)):
        seen = set()
        while person >= 0:
            assert person not in seen
            seen.add(person)
            person = manager[person]


def test_blocks_together_write_the_complete_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "BLOCK_PEOPLE", 40)
    world, exports = generate_world(100, seed=5, export_day=END), ExportFolder(tmp_path)
    for history in generate_histories(world):
        write_history_exports(world, history, exports)
    assert [path.name for path in sorted((tmp_path / "tempo").iterdir())] == [
        "worklogs_2026-06-29_0001.csv",
        "worklogs_2026-06-29_0002.csv",
        "worklogs_2026-06-29_0003.csv",
        "worklogs_2026-06-30.csv",
    ]
    rows = [row for path in (tmp_path / "tempo").glob("*_0*.csv") for row in read_rows(path)]
    assert len(rows) + len(read_rows(tmp_path / "tempo/worklogs_2026-06-30.csv")) == exports.count_rows("tempo/")
    repeated = sum(count - 1 for count in Counter(row["Worklog Id"] for row in rows).values())
    assert repeated == sum(
        count
        for (file, kind), count in exports.error_counts.items()
        if file.startswith("tempo/") and kind == "duplicate_row"
    )


def test_the_hr_export_has_the_vendors_header_a_byte_order_mark_and_crlf(demo: Path) -> None:
    content = (demo / "landing/bamboohr/employees_2026-06-30.csv").read_bytes()
    assert content.startswith(
        b"\xef\xbb\xbfEmployee #,First Name,Last Name,Job Title,Department,Division,Location,Status,"
    )
    assert content.count(b"\r\n") == content.count(b"\n") == PEOPLE + 1 + planted(demo, "duplicate_row", "bamboohr")
    rows = read_rows(demo / "landing/bamboohr/employees_2026-06-30.csv")
    assert {row["Status"] for row in rows} == {"Active", "Inactive"}
    assert all(bool(row["Termination Date"]) == (row["Status"] == "Inactive") for row in rows)


def test_the_issue_export_has_repeated_columns_and_the_vendors_times(demo: Path) -> None:
    with (demo / "landing/jira/issues_2026-06-29.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header.count("Labels") == 3
    assert header[:5] == ["Summary", "Issue key", "Issue id", "Issue Type", "Status"]
    assert {len(row) for row in rows} == {len(header)}
    created = [row[header.index("Created")] for row in rows]
    bad = [text for text in created if text.startswith("31/Feb")]
    assert len(bad) == planted(demo, "bad_date", "jira/issues") > 0
    for text in set(created) - set(bad):
        assert datetime.strptime(text, "%d/%b/%y %I:%M %p").replace(tzinfo=UTC).date() < END


def test_planted_errors_occur_in_the_recorded_numbers(demo: Path) -> None:
    logs = read_rows(demo / "landing/tempo/worklogs_2026-06-29.csv")
    accounts = {row["account_code"] for row in read_rows(demo / "landing/jira/accounts.csv")}
    copies = sum(count - 1 for count in Counter(tuple(row.values()) for row in logs).values())
    assert copies == planted(demo, "duplicate_row", "tempo/") > 0
    assert sum(row["Work date"] == "2025-02-30" for row in logs) == planted(demo, "bad_date", "tempo/") > 0
    assert sum(row["Username"].isupper() for row in logs) == planted(demo, "mixed_case", "tempo/") > 0
    strangers = sum(row["Username"].lower() not in accounts for row in logs)
    assert strangers == planted(demo, "unknown_person", "tempo/") > 0
    late = read_rows(demo / "landing/tempo/worklogs_2026-06-30.csv")
    assert len(late) == planted(demo, "late_correction", "tempo/") > 0
    assert {row["Worklog Id"] for row in late} <= {row["Worklog Id"] for row in logs}
    marks = [row["score"] for row in read_rows(demo / "landing/feedback/feedback_2026-06-30.csv")]
    assert marks.count("9") == planted(demo, "out_of_scale", "feedback/") > 0
    dirty = sum(planted(demo, kind, "tempo/") for kind in ("duplicate_row", "bad_date", "mixed_case", "unknown_person"))
    assert dirty / len(logs) == pytest.approx(0.005, rel=0.1)


def test_statements_follow_xapi_and_malformed_lines_are_counted(demo: Path) -> None:
    statements, broken = read_statements(demo)
    assert broken == planted(demo, "malformed_line", "learning/")
    ids = {statement["id"] for statement in statements}
    assert len(statements) - len(ids) == planted(demo, "duplicate_row", "learning/")
    for statement in statements:
        assert ("mbox" in statement["actor"]) != ("account" in statement["actor"])
        assert statement["verb"]["id"].startswith("http://adlnet.gov/expapi/verbs/")
        assert "null" not in json.dumps(statement)
        verb = statement["verb"]["id"].rsplit("/", 1)[1]
        assert ("score" in statement.get("result", {})) == (verb in ("passed", "failed"))
        if verb == "voided":
            assert statement["object"]["objectType"] == "StatementRef"
    assert (
        sum(statement["verb"]["id"].endswith("voided") for statement in statements)
        == planted(demo, "voided", "learning/")
        > 0
    )


def test_sensitive_values_occur_in_the_hr_export_only(demo: Path) -> None:
    rows = read_rows(demo / "landing/bamboohr/employees_2026-06-30.csv")
    denied = {row["Pay rate"].removesuffix(" EUR") for row in rows}
    others = [path for path in (demo / "landing").rglob("*") if path.is_file() and path.parent.name != "bamboohr"]
    assert len(others) > 40
    for path in others:
        text = path.read_text(encoding="utf-8-sig")
        assert not [value for value in denied if value in text]
        assert "Birth" not in text
        assert "Pay rate" not in text


def test_every_event_lies_before_the_export_and_within_employment(demo: Path) -> None:
    paths = pl.read_parquet(demo / "truth/paths.parquet")
    assert paths["begun_at"].max() < END
    people = pl.DataFrame(read_rows(demo / "landing/bamboohr/employees_2026-06-30.csv")).unique("Employee #")
    people = people.filter(pl.col("Hire Date") != "0000-00-00").select(
        pl.col("Employee #").alias("person_id"), pl.col("Hire Date").str.to_date(), pl.col("Termination Date")
    )
    joined = paths.join(people, on="person_id")
    left = pl.col("Termination Date").str.to_date(strict=False).fill_null(END)
    assert joined.filter(
        (pl.col("begun_at") < pl.col("Hire Date") - pl.duration(days=2)) | (pl.col("begun_at") >= left)
    ).is_empty()


def test_the_configuration_points_at_files_that_exist(demo: Path) -> None:
    config = yaml.safe_load((demo / "footsteps.yaml").read_text(encoding="utf-8"))
    for source in config["sources"]:
        assert list((demo / config["landing"]).glob(source["path"])), source["name"]
    for name in ("skills", "prerequisites", "role_profiles"):
        assert (demo / config["landing"] / config["taxonomy"][name]).is_file()
