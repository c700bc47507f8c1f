"""An erased person is in no file any more, whatever its format, and everybody else's rows stay as they were."""

import json
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from erasable_company import FEEDBACK_EXPORT, NOW, PEOPLE_EXPORT, build_company, open_company, read_everything

from pipelines.contracts.catalog import FEEDBACK, PERSON
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL
from pipelines.ingest.deliveries import count_landed_rows, read_ledger
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.privacy.content_search import find_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasedPeople, ErasureUnavailable, Identity, list_identities
from pipelines.privacy.erasure import complete_erasures, erase_people, erase_requested, open_list
from pipelines.privacy.erasure_places import list_places
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.receipt import verify_receipt
from pipelines.privacy.suppression import Suppression
from pipelines.publish.feed import read_feed
from pipelines.publish.site.page_names import read_page_names
from pipelines.snapshots.reader import current_delta, current_snapshot, list_snapshots
from pipelines.storage.lake import Lake

BEN = ("p0001", "Ben Beispiel", "ben@x.example")


def erase_ben(stores: DataRoot) -> None:
    open_list(stores, is_new=True)
    erase_people(stores, {"p0001"}, NOW)


class Killed(BaseException):
    pass


def test_no_file_holds_a_value_of_the_person(data_root: DataRoot) -> None:
    assert len(find_files_with(data_root.path, BEN)) > 20
    erase_ben(data_root)
    assert find_files_with(data_root.path, BEN) == []
    with closing(sqlite3.connect(data_root.path / "dagster_home" / "runs.db")) as connection:
        events = connection.execute("SELECT event FROM event_logs").fetchall()
    assert events == [("read (erased)",), ("read ada@x.example",)]
    log = (data_root.path / "dagster_home" / "out.log").read_text()
    assert log == '{"text": "read (erased) and Ada Muster"}\n'
    assert pl.read_parquet(data_root.path / "other.parquet").rows() == [("p0000", 1)]


def test_the_rows_of_everybody_else_stay_and_lose_the_person(data_root: DataRoot) -> None:
    erase_ben(data_root)
    people, feedback = (data_root.lake.scan(table).collect() for table in (PERSON, FEEDBACK))
    assert people.select("person_id", "manager_id").rows() == [("p0000", None), ("p0002", None)]
    assert feedback.select("record_code", "given_by_id").rows() == [("f0", None), ("f2", None)]
    for snapshot in list_snapshots(data_root.settings.published_path):
        steps = snapshot.scan(NEXT_SKILL.name).collect()
        assert steps["person_id"].to_list() == ["p0000", "p0000", "p0002", "p0002"]
        assert snapshot.scan(COMPANION.name).select("person_id", "companion_id").collect().rows() == [
            ("p0002", "p0000")
        ]
        assert {table.name: table.rows for table in snapshot.tables}[COMPANION.name] == 1


def test_every_version_of_a_delta_table_stays_readable_without_the_person(data_root: DataRoot) -> None:
    folder = data_root.settings.published_path / "tables" / NEXT_SKILL.name
    DeltaTable(str(folder)).create_checkpoint()
    skills = [
        DeltaTable(str(folder), version=version).to_pyarrow_table().to_pylist()[0]["skill_id"] for version in (1, 2)
    ]
    erase_ben(data_root)
    for version, skill in zip((1, 2), skills, strict=True):
        rows = pl.from_arrow(DeltaTable(str(folder), version=version).to_pyarrow_table())
        assert isinstance(rows, pl.DataFrame)
        assert set(rows["person_id"]) == {"p0000", "p0002"}
        assert rows["skill_id"][0] == skill
    current = current_snapshot(data_root.settings.published_path)
    delta_rows = current_delta(data_root.settings.published_path).scan(NEXT_SKILL.name).collect()
    assert delta_rows.equals(current.scan(NEXT_SKILL.name).collect())


def test_a_cursor_of_the_feed_stays_valid(data_root: DataRoot) -> None:
    published = data_root.settings.published_path
    sequences = [int(event["sequence"]) for event in read_feed(published)]
    of_others = [int(event["sequence"]) for event in read_feed(published) if event["subject"] != "p0001"]
    erase_ben(data_root)
    assert [int(event["sequence"]) for event in read_feed(published)] == of_others
    for cursor in sequences:
        assert [int(event["sequence"]) for event in read_feed(published, cursor)] == [
            n for n in of_others if n > cursor
        ]


def test_a_page_of_somebody_else_loses_only_the_line_about_the_person(data_root: DataRoot) -> None:
    erase_ben(data_root)
    pages = data_root.settings.published_path / "site" / "s1"
    names = read_page_names(data_root.path)
    folders = [names.folder_of(person_id) for person_id in ("p0000", "p0002")]
    assert {path.name for path in (pages / "people").iterdir()} == {"p0000.html", "p0002.html", *folders}
    assert (pages / "people" / folders[0] / "index.html").read_text() == "<h1>Ada Muster</h1>\n<p>end</p>\n"
    assert names.renewal_counts == {"p0002": 1}
    assert "Cleo Ejemplo" in (pages / "index.html").read_text()


def test_the_ledger_counts_what_is_gone_and_stays_complete(data_root: DataRoot) -> None:
    before = {row["source_name"]: row for row in read_ledger(data_root.lake).to_dicts()}
    erase_ben(data_root)
    rows = {row["source_name"]: row for row in read_ledger(data_root.lake).to_dicts()}
    # of the feedback, f2 was good and f4 in quarantine
    assert [before["feedback"][column] - rows["feedback"][column] for column in ("good_count", "bad_count")] == [1, 1]
    assert rows["feedback"]["passed_over"] == [{"why": "erased person", "count": 2}]
    assert all(counts.is_complete for counts in count_landed_rows(data_root.lake, data_root.config.sources))


def test_models_and_landing_copies_that_held_the_person_are_gone(data_root: DataRoot) -> None:
    erase_ben(data_root)
    assert not (data_root.path / "models").exists()
    assert list(data_root.landing_folder.iterdir()) == []


def test_a_killed_erasure_is_completed_with_the_same_end(data_root: DataRoot, tmp_path: Path) -> None:
    moments: list[str] = []
    shutil.copytree(data_root.path, tmp_path / "before")
    open_list(data_root, is_new=True)
    erase_people(data_root, {"p0001"}, NOW, moments.append)
    whole_content = read_everything(data_root)
    (receipt_file,) = data_root.receipts_folder.iterdir() if data_root.receipts_folder else ()
    whole_receipt = receipt_file.read_text()
    assert len(moments) >= 20
    for number, moment in enumerate(moments):
        stores = open_company(shutil.copytree(tmp_path / "before", tmp_path / f"company {number}" / "root"))
        open_list(stores, is_new=True)

        def kill(step: str, moment: str = moment) -> None:
            if step == moment:
                raise Killed

        with pytest.raises(Killed):
            erase_people(stores, {"p0001"}, NOW, kill)
        complete_erasures(stores, NOW)
        if not (stores.receipts_folder and stores.receipts_folder.exists()):  # killed before anything was written
            erase_people(stores, {"p0001"}, NOW)
        assert read_everything(stores) == whole_content, moment
        assert stores.receipts_folder is not None
        assert [path.read_text() for path in stores.receipts_folder.iterdir()] == [whole_receipt], moment
        assert not (stores.path / ".erasing.json").exists()


def test_the_receipt_counts_names_nobody_and_is_signed(data_root: DataRoot) -> None:
    erase_ben(data_root)
    assert data_root.receipts_folder is not None
    (path,) = data_root.receipts_folder.iterdir()
    receipt = json.loads(path.read_text())
    assert receipt["counts"]["snapshots: out__next_skill"] == 4
    assert receipt["counts"]["landed rows: raw_tabular__event_feedback"] == 1
    assert receipt["counts"]["landed rows: quarantine__raw_tabular__event_feedback"] == 1
    assert receipt["counts"]["landing copies"] == 2
    assert receipt["counts"]["models: bundles"] == 1
    assert receipt["remaining"] == []
    assert not any(text in path.read_text() for text in BEN)
    assert verify_receipt(path, "a secret of the company")
    path.write_text(path.read_text().replace('"landing copies": 2', '"landing copies": 3'))
    assert not verify_receipt(path, "a secret of the company")


def test_a_delivery_after_the_erasure_brings_nobody_back(data_root: DataRoot) -> None:
    erase_ben(data_root)
    erased_people = open_list(data_root)
    assert erased_people is not None
    (data_root.landing_folder / "people2.csv").write_text(
        "\n".join([*PEOPLE_EXPORT, "p0009,Zoe,Neu,zoe@x.example,Active"])
    )
    (data_root.landing_folder / "feedback2.csv").write_text(
        "\n".join([*FEEDBACK_EXPORT, "f9,p0009,p0001,sql,1,2026-06-01"])
    )
    for source in data_root.config.sources:
        land_source(
            LandingContext(
                data_root.lake,
                data_root.landing_folder,
                NOW.date(),
                NOW,
                suppress=lambda source, export: Suppression.of_source(erased_people, source).apply(export),
            ),
            source,
        )
    assert find_files_with(data_root.settings.lake_path, BEN) == []
    assert read_ledger(data_root.lake)["passed_over"].list.len().to_list() == [1, 1, 1, 1]
    assert all(counts.is_complete for counts in count_landed_rows(data_root.lake, data_root.config.sources))


def test_deleted_rows_leave_the_files_of_an_export_that_never_had_the_person(
    data_root: DataRoot, tmp_path: Path
) -> None:
    erase_ben(data_root)
    erased_people = open_list(data_root)
    assert erased_people is not None
    fresh_folder, fresh_lake = tmp_path / "fresh", Lake(tmp_path / "fresh" / "lake")
    fresh_folder.mkdir()
    (fresh_folder / "people.csv").write_text("\n".join(PEOPLE_EXPORT) + "\n")
    (fresh_folder / "feedback.csv").write_text("\n".join(FEEDBACK_EXPORT) + "\n")
    for source in data_root.config.sources:
        suppress = Suppression.of_source(erased_people, source).apply
        landing = LandingContext(
            fresh_lake, fresh_folder, NOW.date(), NOW, suppress=lambda _, export, suppress=suppress: suppress(export)
        )
        land_source(landing, source)
    for path in sorted(fresh_lake.root.glob("*raw_[bt]*/*/*.parquet")):
        stored_rows = pl.read_parquet(data_root.settings.lake_path / path.relative_to(fresh_lake.root))
        fresh_rows = pl.read_parquet(path)
        assert stored_rows.drop("delivered_date").equals(fresh_rows.drop("delivered_date")), path


def test_a_restored_backup_is_erased_again(data_root: DataRoot, tmp_path: Path) -> None:
    erase_ben(data_root)
    expected = read_everything(data_root)
    restored = build_company(tmp_path / "again" / "root")
    restored_list = tmp_path / "again" / "kept" / "erased.jsonl"
    with pytest.raises(ErasureUnavailable, match="is missing"):
        complete_erasures(restored, NOW)
    assert data_root.erased_people_path is not None
    restored_list.parent.mkdir()
    restored_list.write_bytes(data_root.erased_people_path.read_bytes())
    complete_erasures(restored, NOW)
    assert find_files_with(restored.path, BEN) == []
    assert read_everything(restored) == expected


def test_the_list_tells_nobody_and_needs_its_key(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    erase_ben(data_root)
    assert data_root.erased_people_path is not None
    assert find_files_with(data_root.erased_people_path.parent, BEN) == []
    monkeypatch.setenv("FOOTSTEPS_ERASURE_KEY", "another secret of theirs")
    with pytest.raises(ErasureUnavailable, match="is not the key"):
        open_list(data_root)
    monkeypatch.delenv("FOOTSTEPS_ERASURE_KEY")
    with pytest.raises(ErasureUnavailable, match="set FOOTSTEPS_ERASURE_KEY"):
        open_list(data_root)


def test_readers_meanwhile_see_every_table_whole(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.privacy.erasure.GRACE_SECONDS", 0.3)
    published, is_over, read_heights = data_root.settings.published_path, threading.Event(), set[tuple[int, ...]]()

    def read_once() -> None:
        snapshot, delta = current_snapshot(published), current_delta(published)
        for table in snapshot.tables:
            delta_height = delta.scan(table.name).collect().height
            read_heights.add((table.rows, snapshot.scan(table.name).collect().height, delta_height))

    def read() -> None:
        while not is_over.is_set():
            # a reader that holds the manifest for longer than the grace resolves the pointer again
            with suppress(FileNotFoundError):
                read_once()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        while not read_heights:
            time.sleep(0.01)
        erase_ben(data_root)
        is_over.set()
        reading.result()
    read_once()
    # the manifest's count is that of its file; the Delta log, read a moment later, may be one step further
    assert all(row_count == height for row_count, height, _ in read_heights)
    before, after = {6, 3}, {4, 2, 1}
    assert {height for _, height, _ in read_heights} == before | after
    assert {height for _, _, height in read_heights} == before | after


def test_a_landing_file_asks_for_erasures_and_is_deleted_with_them(data_root: DataRoot) -> None:
    config = data_root.config.model_copy(
        update={"privacy": data_root.config.privacy.model_copy(update={"erasure_requests": "erase*.csv"})}
    )
    stores = DataRoot(data_root.settings, config, data_root.landing_folder)
    open_list(stores, is_new=True)
    assert erase_requested(stores, NOW) is None
    (stores.landing_folder / "erase1.csv").write_text("work_email\nBEN@x.example\nlater@x.example\n")
    assert erase_requested(stores, NOW) is not None
    assert find_files_with(stores.path, [*BEN, "later@x.example"]) == []
    erased_people = open_list(stores)
    assert erased_people is not None
    # somebody whom no table knew yet is on the list as well
    assert erased_people.includes(Identity("work_email", "later@x.example"))
    (stores.landing_folder / "erase2.csv").write_text("name\nBen\n")
    with pytest.raises(ErasureUnavailable, match="names nobody"):
        erase_requested(stores, NOW)


def test_an_account_of_one_system_does_not_suppress_the_same_text_in_another() -> None:
    erased_people = ErasedPeople("a key of the test").add(
        list_identities(["100"], ["A.B@x.example"], [("jira", "57")]), NOW.date()
    )
    rows = pl.DataFrame(
        {
            "account_code": [
                "57",
                None,
                None,
                None,
                "a6bf22a2d4f5b9e11a0cc2c6ee4d8a3c1f6f0d3e",
                "https://x.example|100",
            ],
            "employee_number": [None, "57", "100", None, None, None],
            "work_email": [None, None, None, "a.b@x.example", None, None],
        }
    )
    is_erased = Suppression(erased_people, ("jira",)).identifies_erased_person(rows.columns)
    assert rows.filter(is_erased).rows() == [rows.row(0), rows.row(2), rows.row(3)]
    assert rows.filter(Suppression(erased_people, ("tempo",)).identifies_erased_person(rows.columns)).height == 2
    # the accounts of such a source are employee numbers behind the home page of xAPI
    by_number = Suppression(erased_people, ("xapi",), "employee_number")
    assert rows.filter(by_number.identifies_erased_person(rows.columns)).rows() == [
        rows.row(2),
        rows.row(3),
        rows.row(5),
    ]


def test_numbers_of_other_people_times_and_declarations_stay(data_root: DataRoot) -> None:
    database = data_root.path / "dagster_home" / "runs.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE ticks (id INTEGER PRIMARY KEY, moment TIMESTAMP, note TEXT UNIQUE)")
        notes = [(10007, 1732810007.5, "read 210007"), (10008, 0.5, "read 10007"), (10009, 0.5, "10007")]
        connection.executemany("INSERT INTO ticks VALUES (?, ?, ?)", [*notes, (10010, 0.5, "(erased)")])
        connection.commit()
    data_root.settings.config_path.write_text("owner: p0001\n")
    (data_root.path / "notes.txt").write_text("10007 and 210007")
    open_list(data_root, is_new=True)
    erased_people = open_list(data_root)
    assert erased_people is not None
    traces = PersonTraces(employee_numbers=("10007", "p0001"))
    list_places(data_root, traces, erased_people)["logs and documents"]().execute()
    with closing(sqlite3.connect(database)) as connection:
        ticks = connection.execute("SELECT * FROM ticks ORDER BY id").fetchall()
    # a cell that must be unique stays, and the search by content finds the file
    assert ticks == [notes[0], (10008, 0.5, "read (erased)"), notes[2], (10010, 0.5, "(erased)")]
    assert (data_root.path / "notes.txt").read_text() == "(erased) and 210007"
    assert data_root.settings.config_path.read_text() == "owner: p0001\n"


def test_the_name_of_a_namesake_stays(data_root: DataRoot) -> None:
    people = data_root.lake.scan(PERSON).collect()
    name = pl.when(pl.col("person_id") == "p0002").then(pl.lit("Ben Beispiel")).otherwise("display_name")
    data_root.lake.write(PERSON, people.with_columns(display_name=name))
    log_path = data_root.path / "dagster_home" / "namesake.log"
    log_path.write_text("Ben Beispiel, ben@x.example and cleo@x.example\n")
    erase_ben(data_root)
    assert log_path.read_text() == "Ben Beispiel, (erased) and cleo@x.example\n"


def test_pages_name_no_namesake_of_an_erased_person_but_their_own(data_root: DataRoot) -> None:
    people = data_root.lake.scan(PERSON).collect()
    name = pl.when(pl.col("person_id") == "p0002").then(pl.lit("Ben Beispiel")).otherwise("display_name")
    data_root.lake.write(PERSON, people.with_columns(display_name=name))
    site_folder, page_names = (
        data_root.settings.published_path / "site" / "s1" / "people",
        read_page_names(data_root.path),
    )
    ada_page, own_page = (site_folder / page_names.folder_of(number) / "index.html" for number in ("p0000", "p0002"))
    own_page.write_text("<h1>Ben Beispiel</h1>\n<p>end</p>\n")
    erase_ben(data_root)
    # the line may be about either of both; the next run writes the page anew
    assert ada_page.read_text() == "<h1>Ada Muster</h1>\n<p>end</p>\n"
    assert own_page.read_text() == "<h1>Ben Beispiel</h1>\n<p>end</p>\n"


def test_pages_lose_a_line_with_a_number_that_is_also_the_id_of_a_record(data_root: DataRoot) -> None:
    site_folder = data_root.settings.published_path / "site"
    page = site_folder / "s1" / "people" / read_page_names(data_root.path).folder_of("p0000") / "index.html"
    page.write_text("<h1>Ada</h1>\n<dd>With p0001</dd>\n")
    traces = PersonTraces(person_ids=("p0001",), employee_numbers=("p0001",), record_numbers=("p0001",))
    list_places(data_root, traces, ErasedPeople(""))["pages"]().execute()
    assert page.read_text() == "<h1>Ada</h1>\n"


def test_a_receipt_quotes_no_file_name_with_a_value(data_root: DataRoot) -> None:
    (data_root.path / "ben@x.example_photo.bin").write_bytes(b"\xff\xfe\x01")
    open_list(data_root, is_new=True)
    receipt = erase_people(data_root, {"p0001"}, NOW)
    assert receipt is not None
    assert receipt.remaining == ("(erased)_photo.bin",)


def test_a_landing_copy_with_a_number_that_is_also_the_id_of_a_record_is_deleted(data_root: DataRoot) -> None:
    traces = PersonTraces(employee_numbers=("p0001",), record_numbers=("p0001",))
    plan = list_places(data_root, traces, open_list(data_root, is_new=True) or ErasedPeople(""))["landing copies"]()
    assert plan.count_by_name == {"": 2}
