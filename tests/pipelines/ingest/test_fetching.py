"""Exports are copied from their origins: new, complete and allowed files, whole or not at all."""

import hashlib
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fetching import FetchRun, declare_target
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.catalog import FETCH
from pipelines.ingest import fetching
from pipelines.ingest.fetch_targets import BUCKET_TARGET, list_fetch_targets
from pipelines.ingest.fetching import describe_outcomes, list_new_files
from pipelines.ingest.origins.folder import FolderOrigin
from pipelines.ingest.origins.origin import find_name_problem, matches_pattern


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


@pytest.fixture
def run(tmp_path: Path) -> FetchRun:
    return FetchRun(tmp_path / "root")


def counts(outcome: Any) -> tuple[int, ...]:
    """Files fetched, unchanged, waiting and refused."""
    return tuple(outcome.counts.values())


def test_new_files_are_copied_once_with_their_time_and_recorded(share: Path, run: FetchRun) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    os.utime(share / "people_1.csv", (1_700_000_000, 1_700_000_000))
    (share / "other.csv").write_bytes(b"not named")
    (share / ".people_2.csv").write_bytes(b"hidden: being written")
    target = declare_target(str(share))
    assert [file.name for file in list_new_files(target, run.lake, run.landing)] == ["people_1.csv"]
    assert counts(run.fetch(target)) == (1, 0, 0, 0)
    assert run.landed() == {"hr/people_1.csv": b"id\n1\n"}
    assert (run.landing / "hr/people_1.csv").stat().st_mtime == 1_700_000_000
    row = run.lake.scan(FETCH).collect().row(0, named=True)
    assert row == {
        "source_name": "people",
        "origin_url": str(share),
        "remote_name": "people_1.csv",
        "remote_size": 5,
        "remote_modified_at": datetime.fromtimestamp(1_700_000_000, UTC),
        "file_sha256": hashlib.sha256(b"id\n1\n").hexdigest(),
        "fetched_at": run.now,
    }
    assert counts(run.fetch(target)) == (0, 1, 0, 0)
    assert list_new_files(target, run.lake, run.landing) == []
    assert run.lake.scan(FETCH).collect().height == 1
    assert sorted(path.name for path in share.iterdir()) == [".people_2.csv", "other.csv", "people_1.csv"]


def test_a_file_of_another_size_or_time_is_copied_again(share: Path, run: FetchRun) -> None:
    target = declare_target(str(share))
    for number, (content, time) in enumerate([(b"id\n1\n", 100), (b"id\n12\n", 100), (b"id\n99\n", 101)], start=1):
        (share / "people_1.csv").write_bytes(content)
        os.utime(share / "people_1.csv", (time, time))
        assert counts(run.fetch(target)) == (1, 0, 0, 0)
        assert run.landed() == {"hr/people_1.csv": content}
        assert run.lake.scan(FETCH).collect().height == number


def test_a_file_that_left_the_landing_folder_is_copied_again_unless_the_ledger_has_its_content(
    share: Path, run: FetchRun
) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    target = declare_target(str(share))
    run.fetch(target)
    shutil.rmtree(run.landing)
    assert counts(run.fetch(target)) == (1, 0, 0, 0)
    shutil.rmtree(run.landing)
    run.record_delivery(hashlib.sha256(b"id\n1\n").hexdigest())
    assert counts(run.fetch(target)) == (0, 1, 0, 0)
    assert not run.landing.exists()


def test_two_sources_of_one_folder_share_its_copies(share: Path, run: FetchRun) -> None:
    (share / "all.zip").write_bytes(b"two members")
    first, second = declare_target(str(share), "hr/*.zip"), declare_target(str(share), "hr/*.zip", name="accounts")
    assert counts(run.fetch(first)) == (1, 0, 0, 0)
    assert counts(run.fetch(second)) == (0, 1, 0, 0)


def test_a_recent_file_is_copied_after_one_wait_if_it_stayed_the_same(share: Path, run: FetchRun) -> None:
    run.now = datetime.now(UTC)
    for name in ("people_complete.csv", "people_growing.csv", "people_marked.csv"):
        (share / name).write_bytes(b"id\n1\n")
    (share / "people_marked.csv.done").touch()

    def go_on_writing() -> None:
        with (share / "people_growing.csv").open("ab") as stream:
            stream.write(b"2\n")
        (share / "people_marked.csv").write_bytes(b"id\n1\n2\n3\n")  # with its marker: whole, whenever it is listed
        (share / "people_late.csv").write_bytes(b"i")

    run.while_waiting = go_on_writing
    target = declare_target(str(share), quiet_seconds=30)
    assert counts(run.fetch(target)) == (2, 0, 2, 0)
    assert run.waits == [30]
    assert run.landed() == {"hr/people_complete.csv": b"id\n1\n", "hr/people_marked.csv": b"id\n1\n2\n3\n"}
    run.now, run.while_waiting = datetime.now(UTC) + timedelta(minutes=1), None
    assert counts(run.fetch(target)) == (2, 2, 0, 0)
    assert run.waits == [30], "files that have been quiet need no wait"


def test_a_marked_file_needs_no_wait(share: Path, run: FetchRun) -> None:
    run.now = datetime.now(UTC)
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    (share / "people_1.csv.done").touch()
    assert counts(run.fetch(declare_target(str(share), quiet_seconds=30))) == (1, 0, 0, 0)
    assert run.waits == []
    assert list(run.landed()) == ["hr/people_1.csv"]


@pytest.mark.parametrize("content", [b"id\n1\n2\n3\n", b"id\n"])
def test_a_file_that_changes_while_it_is_copied_is_left_for_the_next_run(
    share: Path, run: FetchRun, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    read = FolderOrigin.read

    def write_meanwhile(origin: FolderOrigin, name: str) -> Any:
        (share / "people_1.csv").write_bytes(content)
        return read(origin, name)

    with monkeypatch.context() as patch:
        patch.setattr(FolderOrigin, "read", write_meanwhile)
        assert counts(run.fetch(declare_target(str(share)))) == (0, 0, 1, 0)
    assert run.landed() == {}, "neither a part nor a temporary file is left"
    assert counts(run.fetch(declare_target(str(share)))) == (1, 0, 0, 0)
    assert run.landed() == {"hr/people_1.csv": content}


def test_a_file_of_the_same_size_that_was_replaced_while_it_was_copied_is_not_taken(
    share: Path, run: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    os.utime(share / "people_1.csv", (100, 100))
    read = FolderOrigin.read

    def replace_after_reading(origin: FolderOrigin, name: str) -> Any:
        yield from read(origin, name)
        os.utime(share / "people_1.csv", (200, 200))

    monkeypatch.setattr(FolderOrigin, "read", replace_after_reading)
    assert counts(run.fetch(declare_target(str(share)))) == (0, 0, 1, 0)
    assert run.landed() == {}


def test_what_must_not_be_copied_is_refused_with_its_reason_and_the_rest_is_copied(share: Path, run: FetchRun) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    (share / "people_2.csv").write_bytes(b"x" * 2001)
    (share / "notes.txt").write_bytes(b"x")
    (share / "back\\slash.csv").write_bytes(b"x")
    (share / os.fsdecode(b"people_\xfc.csv")).write_bytes(b"not UTF-8")
    (share / f"people_{'x' * 200}.csv").write_bytes(b"x")
    (run.landing / "hr/people_3.csv").mkdir(parents=True)
    (share / "people_3.csv").write_bytes(b"x")
    (share.parent / "secret").write_bytes(b"of this machine")
    (share / "people_4.csv").symlink_to(share.parent / "secret")
    outcome = run.fetch(declare_target(str(share), pattern="*", max_megabytes=0.002))
    assert counts(outcome) == (1, 0, 0, 7)
    assert run.landed() == {"hr/people_1.csv": b"id\n1\n"}
    assert [refusal.removeprefix("people_") for refusal in outcome.refusals] == [
        "back\\slash.csv: its name leads out of its folder",
        "notes.txt: its name is not one that `path` of the source reads: hr/people_*.csv",
        "2.csv: it has 0.002001 megabytes; `max_megabytes` of `fetch` allows 0.002",
        "3.csv: the landing folder has a folder of this name",
        "4.csv: it is a link that leads out of its folder",
        f"{'x' * 200}.csv: its name is longer than 200 bytes",
        "\\udcfc.csv: its name has characters that cannot be printed, or is not UTF-8",
    ]
    rows = describe_outcomes([outcome], run.now)
    assert rows["refusals"].to_list() == [outcome.refusals]
    assert rows["file_counts"].to_list()[0][3] == {"why": "refused", "count": 7}


@pytest.mark.parametrize(
    "name", ["../x.csv", "/etc/passwd", "a//b.csv", "a/../../b.csv", "./a.csv", "a\\..\\b.csv", ""]
)
def test_a_name_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    assert find_name_problem(name) == "its name leads out of its folder"


@given(st.text(alphabet="ab./\\\x00\n~ é\udcfc", max_size=12))
def test_a_name_that_is_allowed_stays_in_its_folder(name: str) -> None:
    if find_name_problem(name) is None:
        assert Path("/landing", name).resolve().is_relative_to("/landing/")
        assert str(Path("/landing") / name) == f"/landing/{name}"
        name.encode()


def test_a_link_in_the_landing_folder_does_not_lead_a_copy_out_of_it(share: Path, run: FetchRun) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    run.landing.mkdir(parents=True)
    (run.root / "elsewhere").mkdir()
    (run.landing / "hr").symlink_to(run.root / "elsewhere")
    outcome = run.fetch(declare_target(str(share)))
    assert outcome.refusals == ["people_1.csv: a link in the landing folder leads out of it"]
    assert list((run.root / "elsewhere").iterdir()) == []


def test_a_full_disk_stops_the_copy_before_it_begins_and_is_reported(
    share: Path, run: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    (share / "people_2.csv").write_bytes(b"id\n1\n2\n")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: SimpleNamespace(free=6))
    outcome = run.fetch(declare_target(str(share)))
    assert outcome.problem == "the landing folder cannot be written: No space left on device"
    assert counts(outcome) == (1, 0, 1, 0)
    assert run.landed() == {"hr/people_1.csv": b"id\n1\n"}
    monkeypatch.undo()
    assert counts(run.fetch(declare_target(str(share)))) == (1, 1, 0, 0)


def test_a_disk_that_fills_up_while_a_file_is_copied_leaves_the_earlier_file(
    share: Path, run: FetchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "people_1.csv").write_bytes(b"id\n1\n")
    run.fetch(declare_target(str(share)))
    (share / "people_1.csv").write_bytes(b"id\n1\n2\n")

    def fail(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipelines.storage.atomic_write.os.fsync", fail)
    outcome = run.fetch(declare_target(str(share)))
    assert outcome.problem == "the landing folder cannot be written: No space left on device"
    assert run.landed() == {"hr/people_1.csv": b"id\n1\n"}


def test_what_a_killed_fetch_left_is_removed(share: Path, run: FetchRun) -> None:
    (run.landing / "hr").mkdir(parents=True)
    (run.landing / "hr/.people_1.csv.7.8.unfinished").write_bytes(b"half")
    assert counts(run.fetch(declare_target(str(share)))) == (0, 0, 0, 0)
    assert run.landed() == {}


def test_a_folder_that_is_not_there_is_a_problem_and_not_an_empty_one(tmp_path: Path, run: FetchRun) -> None:
    outcome = run.fetch(declare_target(str(tmp_path / "unmounted")))
    assert outcome.problem == "the folder cannot be listed: No such file or directory"
    (issue,) = outcome.issues
    assert issue == f"people: not fetched from {tmp_path}/unmounted: {outcome.problem}."


def test_folders_are_entered_as_the_pattern_says(share: Path, run: FetchRun) -> None:
    for folder in ("2026/06", "2026/.snapshot"):
        (share / folder).mkdir(parents=True)
        (share / folder / "people_1.csv").write_bytes(b"id\n1\n")
    (share / "2026/loop").symlink_to(share)
    assert counts(run.fetch(declare_target(str(share)))) == (0, 0, 0, 0)
    assert counts(run.fetch(declare_target(str(share), "hr/*/people_*.csv"))) == (0, 0, 0, 0)
    assert counts(run.fetch(declare_target(str(share), "hr/**/people_*.csv"))) == (1, 0, 0, 0)
    assert list(run.landed()) == ["hr/2026/06/people_1.csv"]


def test_a_manifest_comes_with_the_files_that_it_describes(share: Path, run: FetchRun) -> None:
    for name in ("users.csv", "manifest.csv", "demographics.csv"):
        (share / name).write_bytes(b"x")
    source = SourceConfig(name="school", system="oneroster", path="school/users.csv", fetch={"url": str(share)})
    (target,) = list_fetch_targets(Config(sources=[source], quiet_seconds=0))
    assert counts(run.fetch(target)) == (2, 0, 0, 0)
    assert sorted(run.landed()) == ["school/manifest.csv", "school/users.csv"]


def test_a_bucket_with_all_exports_feeds_every_source_and_also_holds_the_taxonomy() -> None:
    sources = [SourceConfig(name=name, system="bamboohr", path=f"{name}/*.csv") for name in ("hr", "more")]
    publish = {"object_store": {"url": "s3://people-data/x", "endpoint": "minio:9000", "landing": True}}
    (target,) = list_fetch_targets(Config(sources=sources, publish=publish))
    assert (target.name, target.options.url) == (BUCKET_TARGET, "s3://people-data/x/landing")
    assert target.options.endpoint == "https://minio:9000"
    file = fetching.RemoteFile("hr/1.csv", 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert target.find_sources(file) == ["hr"]
    assert target.is_wanted("taxonomy/skills.csv")
    assert target.is_read(fetching.RemoteFile("taxonomy/skills.csv", 1, file.modified_at))


def test_the_bucket_of_the_publication_fills_the_landing_folder(run: FetchRun, s3_endpoint: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    for key in ("landing/hr/1.csv", "landing/taxonomy/skills.csv", "published/CURRENT"):
        client.put_object(Bucket="people-data", Key=f"own/{key}", Body=b"id\n1\n")
    publish = {"object_store": {"url": "s3://people-data/own", "endpoint": s3_endpoint, "landing": True}}
    source = SourceConfig(name="hr", system="bamboohr", path="hr/*.csv")
    (target,) = list_fetch_targets(Config(sources=[source], publish=publish, quiet_seconds=0))
    assert counts(run.fetch(target)) == (2, 0, 0, 0)
    assert sorted(run.landed()) == ["hr/1.csv", "taxonomy/skills.csv"]
    assert counts(run.fetch(target)) == (0, 2, 0, 0)


NAMES = ["a.csv", "ab.csv", "b.txt", "x/a.csv", "x/y/a.csv", "x/y/z/b.csv", "[a].csv", "x/[a].csv"]
PATTERNS = [
    "*.csv",
    "a*.csv",
    "*",
    "**/*.csv",
    "x/*.csv",
    "x/**/*.csv",
    "**/y/*",
    "*/*.csv",
    "[ab].csv",
    "?.csv",
    "[[]a].csv",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_names_the_files_that_the_landing_folder_would_find(tmp_path: Path, pattern: str) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = {str(path.relative_to(tmp_path)) for path in tmp_path.glob(pattern) if path.is_file()}
    assert {name for name in NAMES if matches_pattern(name, pattern)} == expected
    assert expected
