"""The manifest of a roster decides which files are full exports, which are incremental, and which are absent."""

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.ingest.deliveries import read_ledger, scan_current_rows
from pipelines.ingest.landing import LandedFile, LandingContext, land_source
from pipelines.storage.lake import Lake

USERS = "sourcedId,status,dateLastModified,enabledUser,givenName,familyName,identifier,email"
ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId"
PEOPLE = SourceConfig(name="roster_people", system="oneroster", path="roster/*.zip", member="users.csv")
ROLE_PERIODS = SourceConfig(name="roster_roles", system="oneroster", path="roster/*.zip", member="roles.csv")


def user(code: str, status: str = "active", day: str = "2025-08-01") -> str:
    return f"{code},{status},{day}T10:00:00.000Z,true,A,B,{code},{code}@x.org"


def role(code: str, status: str = "active", day: str = "2025-08-01", end: str = "") -> str:
    return f"{code},{status},{day}T10:00:00.000Z,u1,primary,teacher,2024-09-01,{end},o1"


def pack(root: Path, name: str, users: str, roles: str, *, people: list[str], periods: list[str]) -> None:
    """An archive with a manifest that gives these modes of users and roles."""
    (root / "in" / "roster").mkdir(parents=True, exist_ok=True)
    manifest = f"propertyName,value\r\nmanifest.version,1.0\r\nfile.users,{users}\r\nfile.roles,{roles}\r\n"
    with zipfile.ZipFile(root / "in" / "roster" / name, "w") as archive:
        archive.writestr("manifest.csv", manifest)
        archive.writestr("users.csv", "\n".join([USERS, *people]) + "\n")
        if roles != "absent":
            archive.writestr("roles.csv", "\n".join([ROLES, *periods]) + "\n")


def land(root: Path, source: SourceConfig, day: int = 1) -> list[LandedFile]:
    at = datetime(2025, 9, day, tzinfo=UTC)
    return land_source(LandingContext(Lake(root / "lake"), root / "in", at.date(), at), source)


def current(root: Path, source: SourceConfig, shape: CanonicalSchemaName) -> pl.DataFrame:
    table = raw_table("oneroster", CANONICAL_SCHEMAS[shape])
    return scan_current_rows(Lake(root / "lake"), table, shape, [source]).collect().sort(CANONICAL_SCHEMAS[shape].key)


def test_a_delta_changes_the_rows_of_a_bulk_and_the_next_bulk_replaces_both(tmp_path: Path) -> None:
    pack(tmp_path, "1.zip", "bulk", "absent", people=[user("u1"), user("u2"), user("u3")], periods=[])
    land(tmp_path, PEOPLE)
    pack(tmp_path, "2.zip", "delta", "absent", people=[user("u2", "tobedeleted", "2025-08-09"), user("u4")], periods=[])
    land(tmp_path, PEOPLE, 2)
    people = current(tmp_path, PEOPLE, "person")
    assert dict(people.select("account_code", "employment_status").iter_rows()) == {
        "u1": "active",
        "u2": "left",
        "u3": "active",
        "u4": "active",
    }
    pack(tmp_path, "3.zip", "bulk", "absent", people=[user("u1"), user("u4"), user("u5")], periods=[])
    land(tmp_path, PEOPLE, 3)
    assert current(tmp_path, PEOPLE, "person")["account_code"].to_list() == ["u1", "u4", "u5"]
    assert read_ledger(Lake(tmp_path / "lake"))["is_whole"].to_list() == [True, False, True]


def test_an_archive_feeds_several_sources_each_by_its_line_of_the_manifest(tmp_path: Path) -> None:
    pack(tmp_path, "1.zip", "bulk", "bulk", people=[user("u1")], periods=[role("r1"), role("r2")])
    pack(tmp_path, "2.zip", "bulk", "delta", people=[user("u9")], periods=[role("r2", "tobedeleted", "2025-08-20")])
    assert [landed.status for source in (PEOPLE, ROLE_PERIODS) for landed in land(tmp_path, source)] == ["landed"] * 4
    assert current(tmp_path, PEOPLE, "person")["account_code"].to_list() == ["u9"]
    periods = current(tmp_path, ROLE_PERIODS, "role_period")
    assert periods.select("record_code", "ended_date").rows() == [("r1", None), ("r2", date(2025, 8, 20))]


def test_a_file_that_is_absent_by_the_manifest_is_not_landed(tmp_path: Path) -> None:
    pack(tmp_path, "1.zip", "bulk", "absent", people=[user("u1")], periods=[])
    assert land(tmp_path, ROLE_PERIODS) == []
    assert read_ledger(Lake(tmp_path / "lake")).height == 0


def test_a_shrunken_bulk_is_refused_and_a_small_delta_is_landed(tmp_path: Path) -> None:
    pack(tmp_path, "1.zip", "bulk", "absent", people=[user(f"u{i}") for i in range(10)], periods=[])
    pack(tmp_path, "2.zip", "delta", "absent", people=[user("u1", day="2025-08-02")], periods=[])
    pack(tmp_path, "3.zip", "bulk", "absent", people=[user("u1", day="2025-08-03")], periods=[])
    assert [landed.status for landed in land(tmp_path, PEOPLE)] == ["landed", "landed", "refused"]
    assert current(tmp_path, PEOPLE, "person").height == 10


def test_the_manifest_in_a_folder_gives_the_mode_of_its_files(tmp_path: Path) -> None:
    source = SourceConfig(name="roster", system="oneroster", path="*/*.csv")
    for day, mode, people in (("1", "bulk", [user("u1"), user("u2")]), ("2", "delta", [user("u3")])):
        folder = tmp_path / "in" / day
        folder.mkdir(parents=True)
        (folder / "manifest.csv").write_text(f"propertyName,value\nfile.users,{mode}\nfile.roles,{mode}\n")
        (folder / "users.csv").write_text("\n".join([USERS, *people]) + "\n")
        (folder / "roles.csv").write_text(f"{ROLES}\n{role(f'r{day}')}\n")
    assert [landed.file_name for landed in land(tmp_path, source)] == ["roles.csv", "users.csv"] * 2
    assert current(tmp_path, source, "person")["account_code"].to_list() == ["u1", "u2", "u3"]
    assert current(tmp_path, source, "role_period")["record_code"].to_list() == ["r1", "r2"]


@pytest.mark.parametrize(
    ("mode", "member", "message"),
    [
        ("partial", "users.csv", "1.zip: manifest.csv gives partial for users; allowed: bulk, delta, absent"),
        ("bulk", "*.csv", "1.zip holds 2 files that fit *.csv where 1 is expected: set `member` of this source"),
        ("bulk", "people.csv", "1.zip holds 0 files that fit people.csv where 1 is expected"),
    ],
)
def test_an_archive_with_an_unclear_manifest_or_member_is_refused(
    tmp_path: Path, mode: str, member: str, message: str
) -> None:
    pack(tmp_path, "1.zip", mode, "absent", people=[user("u1")], periods=[])
    (refused,) = land(tmp_path, PEOPLE.model_copy(update={"member": member}))
    assert refused.status == "refused"
    assert message in str(refused.reason)
