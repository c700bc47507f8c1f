"""Writing people's pages: the number of processes changes nothing, and leftovers of a killed run do no harm."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from publishing import DAY, UNTIL, fill_contract_columns, make_mastery_rows, make_next_skill_rows, publish

from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY
from pipelines.publish.site import page_writer
from pipelines.publish.site.build import build_site
from pipelines.publish.site.page_data import PageData, list_people, load_page_data
from pipelines.publish.site.page_names import read_page_names
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.file_access import readable_by
from pipelines.storage.lake import Lake

PEOPLE = 11


def make_lake(root: Path) -> Lake:
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


def make_page_data(root: Path) -> PageData:
    """Page data with a named and a counted companion, and with evidence of two people."""
    companions = fill_contract_columns(
        COMPANION,
        [
            {
                "person_id": f"p{viewer:04d}",
                "step_id": "sql1:apprentice",
                "skill_id": "sql1",
                "relation": "follow",
                "companion_id": companion and f"p{companion:04d}",
                "companion_skill_id": "sql1",
                "standing_count": None if companion else 12,
                "why": why,
                "snapshot_id": "s0",
                "as_of": DAY,
                "valid_until": UNTIL,
                "policy_version": "p",
                "schema_version": COMPANION.version,
            }
            for viewer, companion, why in (
                (0, 7, "They took up “Query & count 1” before you. They work in your unit."),
                (10, None, "12 people in <Unit> made this move, in five months on average."),
            )
        ],
    )
    frames = {
        NEXT_SKILL: make_next_skill_rows("s0", PEOPLE),
        OUT_MASTERY: make_mastery_rows("s0", PEOPLE),
        COMPANION: companions,
    }
    snapshot = publish_snapshot(root / "published", frames, "s0", DAY, UNTIL)
    evidence_counts = pl.DataFrame(
        {
            "person_id": ["p0000", "p0009"],
            "source_name": ["issues", "lessons"],
            "mode": ["repetition", "teaching"],
            "rows": [3, 4],
            "first": [DAY, DAY],
            "last": [DAY, UNTIL],
        }
    )
    return load_page_data(snapshot, make_lake(root), "Acme", evidence_counts, smallest_team=8)


def read_pages(folder: Path) -> dict[str, bytes]:
    """The page in each person's folder."""
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/index.html")}


def fail_if_called(*_: Any) -> None:
    pytest.fail("this process wrote pages")


def test_several_processes_write_the_same_pages_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_page_data(tmp_path)
    for name in ("one_process", "two_processes"):
        (tmp_path / name).mkdir()
    page_writer.write_people(data, list_people(data), tmp_path / "one_process")
    monkeypatch.setattr(page_writer, "cpu_count", lambda: 2)
    monkeypatch.setattr(page_writer, "_write_pages", fail_if_called)  # other processes import the module themselves
    page_writer.write_people(data, list_people(data), tmp_path / "two_processes", min_pages_per_process=1)
    pages = read_pages(tmp_path / "one_process")
    assert len(pages) == PEOPLE
    assert pages == read_pages(tmp_path / "two_processes")
    first, named, counted = (pages[data.page_names.folder_of(f"p{n:04d}")].decode() for n in (0, 7, 10))
    assert "counts of 8 or more people" in first
    assert "&lt;Person 7&gt; took it up before you. You work in the same unit." in first
    assert "1 person sees you, by name, as an example to follow in “Query &amp; count 1”." in named
    assert "12 people in &lt;Unit&gt; made this move. It took about 5 months on average." in counted
    assert "<bdi>lessons</bdi>" in pages[data.page_names.folder_of("p0009")].decode()


def test_processes_that_are_older_than_the_umask_follow_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_page_data(tmp_path)
    monkeypatch.setattr(page_writer, "cpu_count", lambda: 2)
    monkeypatch.setattr(page_writer, "_write_pages", fail_if_called)
    for group, mode in ((None, 0o600), (os.getgid(), 0o640)):  # the processes of the first pages write the second
        folder = tmp_path / f"{mode:o}"
        folder.mkdir()
        with readable_by(group, folder):
            page_writer.write_people(data, list_people(data), folder, min_pages_per_process=1)
        assert {stat.S_IMODE(page.stat().st_mode) for page in folder.glob("*/index.html")} == {mode}


def test_few_pages_are_written_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_writer, "cpu_count", lambda: 8)
    monkeypatch.setattr(page_writer, "Parallel", fail_if_called)
    data = make_page_data(tmp_path)
    (tmp_path / "people").mkdir()
    page_writer.write_people(data, list_people(data), tmp_path / "people")
    assert len(read_pages(tmp_path / "people")) == PEOPLE


@pytest.mark.parametrize("remains", [False, True], ids=["removed", "cannot_be_removed"])
def test_unfinished_pages_of_a_killed_run_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remains: bool
) -> None:
    names = [".s0.1.unfinished", ".s0.unfinished"]
    for name in names:
        leftover = tmp_path / "site" / name / "people"
        leftover.mkdir(parents=True)
        (leftover / "p0000.html").write_text("half a page")
        (leftover / "nobody.html").write_text("whose page?")
    if remains:
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    index = build_site(publish(tmp_path, "s0", PEOPLE), make_lake(tmp_path), "Acme", tmp_path / "site")
    pages = read_pages(index.parent / "people")
    assert set(pages) == {read_page_names(tmp_path).folder_of(f"p{n:04d}") for n in range(PEOPLE)}
    assert all(page.endswith(b"</html>") for page in pages.values())
    unfinished = sorted(path.name for path in (tmp_path / "site").iterdir() if path.name.endswith(".unfinished"))
    assert unfinished == (names if remains else [])


def test_a_process_ends_if_its_parent_is_gone() -> None:
    parent_pid = 0  # not the parent of the process
    code = f"import time; from {page_writer.__name__} import _end_with_parent as end; end({parent_pid}); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1
