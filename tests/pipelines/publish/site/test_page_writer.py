"""People's pages are the same whichever process writes them, and what a killed night left behind disturbs no other."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from publishing import DAY, UNTIL, fill_contract_columns, make_mastery_rows, make_next_skill_rows, publish

from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import CAPABILITY, NEXT_SKILL, OUT_MASTERY
from pipelines.publish.site import page_writer as writing
from pipelines.publish.site.build import build_site
from pipelines.publish.site.page_data import PageData, list_people, load_page_data
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

PEOPLE = 11


def lake_of(root: Path) -> Lake:
    """Eleven people, two micro-skills, and evidence of some of them."""
    lake = Lake(root / "lake")
    lake.write(
        PERSON,
        fill_contract_columns(
            PERSON,
            [
                {
                    "person_id": f"p{n:04d}",
                    "display_name": f"<Person {n}>",
                    "unit_name": "Unit",
                    "role_name": "Engineer",
                    "employment_status": "active",
                }
                for n in range(PEOPLE)
            ],
        ),
    )
    lake.write(
        SKILL,
        fill_contract_columns(
            SKILL,
            [{"skill_id": f"sql{n}", "skill_name": f"Query & count {n}", "capability_name": "Data"} for n in range(2)],
        ),
    )
    lake.write(EVIDENCE, pl.DataFrame(schema=EVIDENCE.schema))
    return lake


def known_of(root: Path) -> PageData:
    """What the pages know, with a further table whose columns are of every kind, and something stored of two people."""
    capability = fill_contract_columns(
        CAPABILITY,
        [
            {
                "person_id": f"p{n:04d}",
                "capability_id": "data",
                "capability_name": "Data <&>",
                "coverage_share": share,
                "held_skill_ids": ["sql0"],
                "held_skill_names": ["Query & count 0"],
                "missing_skill_ids": ["sql1", "gone"],
                "next_skill_id": "sql1",
                "completes_share": 1.0,
                "snapshot_id": "s0",
                "as_of": DAY,
                "valid_until": UNTIL,
                "policy_version": "p",
                "schema_version": CAPABILITY.version,
            }
            for n, share in ((0, 0.5), (7, 0.25), (10, 0.125))
        ],
    )
    frames = {
        NEXT_SKILL: make_next_skill_rows("s0", PEOPLE),
        OUT_MASTERY: make_mastery_rows("s0", PEOPLE),
        CAPABILITY: capability,
    }
    snapshot = publish_snapshot(root / "published", frames, "s0", DAY, UNTIL)
    stored = pl.DataFrame(
        {
            "person_id": ["p0000", "p0009"],
            "source_name": ["issues", "lessons"],
            "mode": ["practice", "teaching"],
            "rows": [3, 4],
            "first": [DAY, DAY],
            "last": [DAY, UNTIL],
        }
    )
    return load_page_data(snapshot, lake_of(root), "Acme", stored)


def pages_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def forbidden(*_: Any) -> None:
    pytest.fail("this process wrote pages itself")


def test_pages_by_several_processes_are_those_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_of(tmp_path)
    for name in ("alone", "together"):
        (tmp_path / name).mkdir()
    writing.write_people(known, list_people(known), tmp_path / "alone")
    monkeypatch.setattr(writing, "cpu_count", lambda: 2)
    monkeypatch.setattr(writing, "_write_each", forbidden)  # the other processes import their own
    writing.write_people(known, list_people(known), tmp_path / "together", fewest=1)
    alone = pages_in(tmp_path / "alone")
    assert len(alone) == PEOPLE
    assert alone == pages_in(tmp_path / "together")
    assert "<td><bdi>50%</bdi></td>" in alone["p0000.html"].decode()
    assert "<td><bdi>Data &lt;&amp;&gt;</bdi></td>" in alone["p0007.html"].decode()
    assert "<td><bdi>Query &amp; count 1, gone</bdi></td>" in alone["p0010.html"].decode()
    assert "<bdi>lessons</bdi>" in alone["p0009.html"].decode()


def test_few_pages_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "cpu_count", lambda: 8)
    monkeypatch.setattr(writing, "Parallel", forbidden)
    known = known_of(tmp_path)
    (tmp_path / "people").mkdir()
    writing.write_people(known, list_people(known), tmp_path / "people")
    assert len(pages_in(tmp_path / "people")) == PEOPLE


@pytest.mark.parametrize("stays", [False, True], ids=["removed", "still_written_to"])
def test_what_a_killed_night_left_unfinished_disturbs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    names = [".s0.1.unfinished", ".s0.unfinished"]
    for name in names:
        left = tmp_path / "site" / name / "people"
        left.mkdir(parents=True)
        (left / "p0000.html").write_text("half a page")
        (left / "nobody.html").write_text("whose page?")
    if stays:
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    index = build_site(publish(tmp_path, "s0", PEOPLE), lake_of(tmp_path), "Acme", tmp_path / "site")
    pages = pages_in(index.parent / "people")
    assert sorted(pages) == [f"p{n:04d}.html" for n in range(PEOPLE)]
    assert all(page.endswith(b"</html>") for page in pages.values())
    unfinished = sorted(path.name for path in (tmp_path / "site").iterdir() if path.name.endswith(".unfinished"))
    assert unfinished == (names if stays else [])


def test_a_process_whose_parent_is_gone_ends_by_itself() -> None:
    nobody = 0  # is no parent of this process
    code = f"import time; from pipelines.publish.site.page_writer import _end_with; _end_with({nobody}); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1
