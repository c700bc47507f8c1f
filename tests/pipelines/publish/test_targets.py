"""Every way in shows whole snapshots, and one that fails stops no other."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from publishing import DAY, UNTIL, make_mastery_rows, make_next_skill_rows, publish

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions, PublishOptions, WebhookOptions
from pipelines.contracts.documents.terms import ContractTerms
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish import object_store, targets
from pipelines.publish.contract_files import publish_contracts
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.object_store import (
    fetch_lake,
    fetch_publication,
    open_store,
    push_lake,
    push_publication,
)
from pipelines.publish.postgresql import drop_expired_postgresql, publish_postgresql
from pipelines.publish.queries import list_publish_targets
from pipelines.publish.targets import PublishContext, list_configured_targets, publish_target
from pipelines.snapshots.reader import current_delta, current_snapshot, list_snapshots
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots
from pipelines.storage.lake import Lake


def query(text: str, uri: str) -> pl.DataFrame:
    """What PostgreSQL answers."""
    return pl.read_database_uri(text, uri, engine="adbc")


def test_delta_gives_every_kept_snapshot_by_its_version_and_writes_no_row_twice(tmp_path: Path) -> None:
    for number in range(3):
        delta = publish_delta(publish(tmp_path, f"s{number}", skill=f"skill{number}_"), 90)
    assert current_delta(tmp_path) == delta
    assert delta.snapshot_id == "s2"
    for name in (NEXT_SKILL.name, OUT_MASTERY.name):
        assert delta.scan(name).collect()["snapshot_id"].unique().to_list() == ["s2"]
        assert len(list((tmp_path / "tables" / name).glob("*.parquet"))) == 3
    older = pl.scan_delta(str(tmp_path / "tables" / NEXT_SKILL.name), version=delta.versions[NEXT_SKILL.name] - 2)
    assert older.collect()["snapshot_id"].unique().to_list() == ["s0"]


def test_delta_tells_what_came_and_what_went(tmp_path: Path) -> None:
    publish_delta(publish(tmp_path, "s0", people=2), 90)
    delta = publish_delta(publish(tmp_path, "s1", people=3), 90)
    version = delta.versions[OUT_MASTERY.name]
    changes = pl.DataFrame(delta.table(OUT_MASTERY.name).load_cdf(version, version).read_all())
    counts = dict(changes.group_by("_change_type").len().iter_rows())
    assert counts == {"insert": 3, "delete": 2}


def test_committing_a_snapshot_again_makes_no_new_version(tmp_path: Path) -> None:
    snapshot = publish(tmp_path, "s0")
    assert publish_delta(snapshot, 90) == publish_delta(snapshot, 90)


def test_a_duckdb_file_opened_before_a_publication_still_shows_its_snapshot(tmp_path: Path) -> None:
    file = publish_duckdb(publish(tmp_path, "s0"))
    with duckdb.connect(str(file), read_only=True) as before:
        publish_duckdb(publish(tmp_path, "s1"))
        assert before.sql("SELECT DISTINCT snapshot_id FROM out__next_skill").fetchall() == [("s0",)]
    with duckdb.connect(str(file), read_only=True) as after:
        assert after.sql("SELECT snapshot_id FROM snapshot").fetchall() == [("s1",)]
        assert after.sql("SELECT DISTINCT snapshot_id FROM out__mastery").fetchall() == [("s1",)]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def oldest_duckdb_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with DuckDB 1.0 in an environment of its own."""
    environment = tmp_path_factory.mktemp("duckdb")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    client, pip = environment / "bin" / "python", [sys.executable, "-m", "pip", "--python"]
    options = ["--quiet", "--retries", "0", "--no-deps", "--only-binary", ":all:"]
    installed = subprocess.run(
        [*pip, client, "install", *options, "duckdb==1.0.0"], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"DuckDB 1.0 cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    return client


def test_a_reader_with_duckdb_1_opens_the_file(tmp_path: Path, oldest_duckdb_client: Path) -> None:
    file = publish_duckdb(publish(tmp_path, "s0"))
    program = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1], read_only=True); "
        "print(duckdb.__version__, *connection.sql('SELECT snapshot_id FROM snapshot').fetchone(), "
        "*connection.sql('SELECT count(*), min(reasons[1].code) FROM out__next_skill').fetchone())"
    )
    answer = subprocess.run(
        [oldest_duckdb_client, "-c", program, str(file)], capture_output=True, text=True, check=False
    )
    assert answer.stdout.split() == ["1.0.0", "s0", "6", "wish"], answer.stderr[-1000:]


def test_sql_on_a_snapshot_sees_all_its_tables(tmp_path: Path) -> None:
    publish(tmp_path, "s0")
    with current_snapshot(tmp_path).duckdb() as connection:
        joined = connection.sql("SELECT count(*) FROM out__next_skill JOIN out__mastery USING (person_id, snapshot_id)")
        assert joined.fetchall() == [(6,)]
    assert current_snapshot(tmp_path).pandas(NEXT_SKILL.name)["person_id"].nunique() == 3


def test_postgresql_shows_one_snapshot_and_keeps_the_others_until_they_expire(
    tmp_path: Path, postgresql_uri: str
) -> None:
    schema = "retained"
    for number in range(3):
        publish_postgresql(publish(tmp_path, f"s{number}"), postgresql_uri, schema)
    rows = pl.read_database_uri(
        f"SELECT * FROM {schema}.out__next_skill ORDER BY person_id, rank", postgresql_uri, engine="adbc"
    )
    assert rows["snapshot_id"].unique().to_list() == ["s2"]
    assert rows.drop("reasons").equals(make_next_skill_rows("s2").drop("reasons"))
    fields = "reasons->0->>'code' AS code, reasons->0->>'value' AS value"
    reasons = query(f"SELECT DISTINCT {fields} FROM {schema}.out__next_skill", postgresql_uri)
    assert reasons.row(0) == ("wish", "0.5")
    stored = f"SELECT DISTINCT snapshot_id FROM {schema}_data.out__mastery ORDER BY 1"
    assert query(stored, postgresql_uri)["snapshot_id"].to_list() == ["s0", "s1", "s2"]
    assert drop_expired_postgresql(["s1", "s2"], postgresql_uri, schema) == ["s0"]
    assert query(stored, postgresql_uri)["snapshot_id"].to_list() == ["s1", "s2"]


def test_a_copy_that_fails_leaves_readers_of_postgresql_where_they_were(tmp_path: Path, postgresql_uri: str) -> None:
    schema = "broken"
    publish_postgresql(publish(tmp_path, "s0"), postgresql_uri, schema)
    broken = publish(tmp_path, "s1")
    broken.path(OUT_MASTERY.name).write_bytes(b"no parquet")
    with pytest.raises(pl.exceptions.ComputeError):
        publish_postgresql(broken, postgresql_uri, schema)
    snapshots = pl.read_database_uri(
        f"SELECT DISTINCT snapshot_id FROM {schema}.out__next_skill", postgresql_uri, engine="adbc"
    )
    assert snapshots["snapshot_id"].to_list() == ["s0"]
    fine = publish(tmp_path, "s2")
    publish_postgresql(fine, postgresql_uri, schema)
    snapshots = pl.read_database_uri(
        f"SELECT DISTINCT snapshot_id FROM {schema}.out__mastery", postgresql_uri, engine="adbc"
    )
    assert snapshots["snapshot_id"].to_list() == ["s2"]


def test_a_bucket_holds_lake_and_publication(tmp_path: Path, s3_endpoint: str) -> None:
    options = ObjectStoreOptions(url="s3://people-data/footsteps", endpoint=s3_endpoint)
    for number in range(2):
        snapshot = publish(tmp_path / "here", f"s{number}")
        publish_contracts(snapshot, PublishOptions(object_store=options), ContractTerms())
        push_publication(snapshot, options)
    fetched = fetch_publication(tmp_path / "there", options)
    assert fetched.snapshot_id == "s1"
    assert fetched.scan(NEXT_SKILL.name).collect().equals(make_next_skill_rows("s1"))
    access = {"aws_endpoint_url": s3_endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"}
    store, root = open_store(options)
    with store.open_input_stream(f"{root}/published/snapshots/s0/contracts/{NEXT_SKILL.name}.odcs.yaml") as contract:
        servers = {server["server"]: server for server in yaml.safe_load(contract.read())["servers"]}
    location = servers["object_store"]["location"]
    assert pl.scan_parquet(location, storage_options=access).collect().equals(make_next_skill_rows("s0"))

    lake = Lake(tmp_path / "lake")
    lake.write(OUT_MASTERY, make_mastery_rows("s1"))
    assert push_lake(lake.root, options) > 0
    assert push_lake(lake.root, options) == 0
    assert fetch_lake(tmp_path / "restored", options) == 2  # the table and its quarantine
    restored = Lake(tmp_path / "restored")
    assert restored.scan(OUT_MASTERY).collect().equals(make_mastery_rows("s1"))
    # a part of an older lake, in the folder that is fetched into
    (file,) = restored.files(OUT_MASTERY)
    file.with_name("from-00.parquet").write_bytes(file.read_bytes())
    fetch_lake(restored.root, options)
    assert restored.files(OUT_MASTERY) == [file]


class KeepsEverything:
    """A bucket that lets nobody delete."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def delete_file(self, path: str) -> None:
        raise OSError(f"{path}: not allowed")


def test_an_older_part_of_a_table_that_a_broken_push_left_goes_with_the_next_one(
    tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ObjectStoreOptions(url="s3://people-data/broken-push", endpoint=s3_endpoint)
    lake = Lake(tmp_path / "lake")
    lake.write(OUT_MASTERY, make_mastery_rows("s1"))
    (file,) = lake.files(OUT_MASTERY)
    older = file.with_name("data.parquet")
    older.write_bytes(file.read_bytes())
    assert push_lake(lake.root, options) > 0
    older.unlink()
    store, root = open_store(options)
    with monkeypatch.context() as patched:
        patched.setattr(object_store, "open_store", lambda _: (KeepsEverything(store), root))
        with pytest.raises(OSError, match="not allowed"):
            push_lake(lake.root, options)
    push_lake(lake.root, options)
    assert fetch_lake(tmp_path / "restored", options) == 2  # the table and its quarantine


def test_a_copy_of_the_bucket_is_whole_if_a_snapshot_is_published_meanwhile(
    tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ObjectStoreOptions(url="s3://people-data/meanwhile", endpoint=s3_endpoint)
    push_publication(publish(tmp_path / "published", "s0"), options)
    fetch = object_store._fetch_file

    def publish_and_fetch(*arguments: Any) -> None:
        push_publication(publish(tmp_path / "published", "s1"), options)
        fetch(*arguments)

    monkeypatch.setattr(object_store, "_fetch_file", publish_and_fetch)
    assert fetch_publication(tmp_path / "copy", options).snapshot_id == "s0"
    assert current_snapshot(tmp_path / "copy").scan(NEXT_SKILL.name).collect().height == 6


def test_one_way_that_fails_stops_no_other_and_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", "postgresql://someone:hush-hush@127.0.0.1:1/none")
    options = PublishOptions(postgresql=PostgresqlOptions())
    publication = PublishContext(
        publish(tmp_path, "s0"),
        Lake(tmp_path / "lake"),
        options,
        "Acme",
        lambda: datetime(2025, 6, 30, tzinfo=UTC),
        tmp_path / "site",
    )
    outcomes = {target: publish_target(target, publication) for target in ("delta", "postgresql", "duckdb")}
    assert outcomes["delta"].problem is None
    assert outcomes["duckdb"].problem is None
    assert outcomes["postgresql"].problem is not None
    assert "hush-hush" not in outcomes["postgresql"].problem
    monkeypatch.delenv("FOOTSTEPS_POSTGRESQL_URI")
    problem = publish_target("postgresql", publication).problem
    assert problem is not None
    assert "set FOOTSTEPS_POSTGRESQL_URI" in problem
    assert "object_store" not in list_configured_targets(options)


def test_a_failed_target_shows_the_host_of_the_webhook_and_no_other_address_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise OSError("https://portal.example https://signed.example/x?sig=hush: hush-hush was refused")

    monkeypatch.setenv("PEOPLE_DATABASE", "hush-hush")
    monkeypatch.setattr(targets, "_TARGETS", {"delta": (lambda options: options.delta, fail)})
    options = PublishOptions(
        postgresql=PostgresqlOptions(uri_variable="PEOPLE_DATABASE"),
        webhook=WebhookOptions(url="https://portal.example/events"),
    )
    snapshot, lake = publish(tmp_path, "s0"), Lake(tmp_path / "lake")
    publication = PublishContext(
        snapshot, lake, options, "Acme", lambda: datetime(2025, 6, 30, tzinfo=UTC), tmp_path / "site"
    )
    problem = publish_target("delta", publication).problem
    assert problem == "OSError: https://portal.example (address) $PEOPLE_DATABASE was refused"


def test_snapshots_go_when_their_time_is_over_and_the_current_one_stays(tmp_path: Path) -> None:
    start = datetime(2025, 6, 1, tzinfo=UTC)
    for day in range(4):
        frames = {NEXT_SKILL: make_next_skill_rows(f"s{day}")}
        publish_snapshot(tmp_path, frames, f"s{day}", DAY, UNTIL, start + timedelta(days=day))
    assert [snapshot.snapshot_id for snapshot in list_snapshots(tmp_path)] == ["s0", "s1", "s2", "s3"]
    assert remove_expired_snapshots(tmp_path, 2, start + timedelta(days=3), is_held=True) == []
    assert remove_expired_snapshots(tmp_path, 2, start + timedelta(days=3)) == ["s0"]
    assert not (tmp_path / "tables" / NEXT_SKILL.name / "s0.parquet").exists()
    assert list_snapshots(tmp_path)[0].scan(NEXT_SKILL.name).collect().height == 6
    assert remove_expired_snapshots(tmp_path, 1, start + timedelta(days=400)) == ["s1", "s2"]
    assert current_snapshot(tmp_path).snapshot_id == "s3"
    assert current_snapshot(tmp_path).is_stale(UNTIL + timedelta(days=1))
    assert not current_snapshot(tmp_path).is_stale(UNTIL)


@pytest.mark.parametrize("format_name", ["parquet", "delta", "duckdb", "postgresql"])
def test_every_query_to_copy_runs(
    tmp_path: Path, postgresql_uri: str, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    monkeypatch.setenv("FOOTSTEPS_POSTGRESQL_URI", postgresql_uri)
    schema = f"copied_{format_name}"
    folder = tmp_path / "it's published"
    snapshot = publish(folder, "s0")
    options = PublishOptions(postgresql=PostgresqlOptions(schema_name=schema))
    publish_delta(snapshot, 90)
    publish_duckdb(snapshot)
    publish_postgresql(snapshot, postgresql_uri, schema)
    ways = [way for way in list_publish_targets(snapshot, options) if way.format == format_name]
    assert [way.name for way in ways] == [NEXT_SKILL.name, OUT_MASTERY.name]
    for way in ways:
        assert rows_of_python(way.query.python) == way.rows
        assert rows_of_python(way.query.pandas) == way.rows
        assert rows_of_sql(format_name, way.query.sql, postgresql_uri) == way.rows


def rows_of_python(line: str) -> int:
    """The rows that a line of Python gives in a fresh interpreter, as it would when pasted."""
    *statements, expression = line.split("; ")
    program = "\n".join([*statements, f"print(len({expression}))"])
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


def rows_of_sql(format_name: str, text: str, uri: str) -> int:
    """The rows that a query gives in its own console."""
    if format_name == "delta":  # its SQL is a line of Python
        return rows_of_python(text)
    if format_name == "postgresql":
        return query(text, uri).height
    return len(duckdb.connect().execute(text).fetchall())
