"""Files are listed and read at SFTP servers and in buckets of this machine; each failure is one sentence."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pyarrow.fs as pafs
import pytest
from fetching import PASSWORD, USER, FetchRun, SftpServer, declare_target, run_gcs_server, run_sftp_server

from pipelines.config.fetch import FetchOptions
from pipelines.ingest.fetching import FetchOutcome
from pipelines.ingest.origins import object_store, origin
from pipelines.ingest.origins.opening import open_origin
from pipelines.ingest.origins.origin import OriginUnreadable


@pytest.fixture
def run(tmp_path: Path) -> FetchRun:
    return FetchRun(tmp_path / "root")


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    monkeypatch.setenv("FOOTSTEPS_SFTP_PASSWORD", PASSWORD)
    monkeypatch.delenv("FOOTSTEPS_SFTP_KEY", raising=False)
    with run_sftp_server(tmp_path / "server") as server:
        yield server


def declare_sftp(server: SftpServer, folder: str = "", **fetch: Any) -> Any:
    return declare_target(f"{server.url}{folder}", **{"known_hosts": str(server.known_hosts), **fetch})


def counts(outcome: FetchOutcome) -> tuple[int, ...]:
    """Files fetched, unchanged, waiting and refused."""
    return tuple(outcome.counts.values())


def test_files_of_an_sftp_server_are_copied_once_and_stay_there(run: FetchRun, sftp: SftpServer) -> None:
    out = sftp.folder / "out"
    out.mkdir()
    (out / "people_1.csv").write_bytes(os.urandom(3_000_000))
    (out / "people_2.csv").symlink_to("people_1.csv")
    (out / "people_3.csv").symlink_to("nowhere")
    (out / os.fsdecode(b"people_\xfc.csv")).write_bytes(b"not UTF-8")
    (out / "people_folder.csv").mkdir()
    target = declare_sftp(sftp, "/out")
    outcome = run.fetch(target)
    assert (outcome.problem, counts(outcome)) == (None, (2, 0, 0, 1))
    content = (out / "people_1.csv").read_bytes()
    assert run.landed() == {"hr/people_1.csv": content, "hr/people_2.csv": content}
    assert (run.landing / "hr/people_1.csv").stat().st_mtime == int((out / "people_1.csv").stat().st_mtime)
    assert counts(run.fetch(target)) == (0, 2, 0, 1)
    assert len(list(out.iterdir())) == 5


def test_folders_of_an_sftp_server_are_entered_as_the_pattern_says(run: FetchRun, sftp: SftpServer) -> None:
    for folder in ("", "2026/06/", "2026/.hidden/"):
        (sftp.folder / folder).mkdir(parents=True, exist_ok=True)
        (sftp.folder / folder / "people_1.csv").write_bytes(b"id\n1\n")
    (sftp.folder / "2026/loop").symlink_to(".")
    target = declare_target(sftp.url, "hr/**/people_*.csv", known_hosts=str(sftp.known_hosts))
    assert counts(run.fetch(target)) == (2, 0, 0, 0)
    assert sorted(run.landed()) == ["hr/2026/06/people_1.csv", "hr/people_1.csv"]


def test_a_private_key_opens_an_sftp_server_as_text_or_as_file(
    run: FetchRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key_file = tmp_path / "key"
    key.write_private_key(str(key_file), passphrase="open sesame", rounds=1, ignore_few_rounds=True)
    with run_sftp_server(tmp_path / "server", key.export_public_key().decode()) as server:
        (server.folder / "people_1.csv").write_bytes(b"id\n1\n")
        target = declare_sftp(server, variables={"key": "HR_KEY", "passphrase": "HR_PHRASE"})
        monkeypatch.setenv("HR_PHRASE", "open sesame")
        for value in (str(key_file), key_file.read_text()):
            monkeypatch.setenv("HR_KEY", value)
            with open_origin(target.options) as connection:
                assert [file.name for file in connection.list_files(1)] == ["people_1.csv"]
        monkeypatch.setenv("HR_PHRASE", "wrong")
        expected = "HR_KEY holds no private key and names no file with one, or HR_PHRASE does not open it"
        assert run.fetch(target).problem == expected
        monkeypatch.setenv("HR_KEY", asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
        assert run.fetch(target).problem == "127.0.0.1 refused the user and HR_KEY"


def test_a_server_whose_host_key_is_not_known_is_refused_before_a_password_is_sent(
    run: FetchRun, sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    monkeypatch.setattr(
        "fetching._PasswordServer.validate_password", lambda _, user, password: sent.append(password) or True
    )
    advice = "add its key to a file, and name the file under `known_hosts` of `fetch`"
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.write_text("no host key\n")
    (tmp_path / "damaged").write_text("@unknown marker\n")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "other").write_text(f"[127.0.0.1]:{sftp.port} {other}")
    problems = {
        name: run.fetch(declare_sftp(sftp, known_hosts=str(tmp_path / name))).problem
        for name in ("empty", "damaged", "missing", "other")
    }
    confirmed = f"{advice} after its owner confirmed it"
    assert problems == {
        "empty": f"the host key of 127.0.0.1 is not in {empty}: {confirmed}",
        "damaged": "127.0.0.1 could not be read: ValueError: Invalid known hosts entry: @unknown marker",
        "missing": f"{advice}: there is no file {missing}",
        "other": f"the host key of 127.0.0.1 is another one than {tmp_path / 'other'}: {confirmed}",
    }
    assert sent == []


def test_what_is_wrong_with_an_sftp_login_is_said_without_the_password(
    run: FetchRun, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        run.fetch(declare_sftp(sftp, "/nowhere")).problem == "there is no folder /nowhere on the server: correct `url`"
    )
    monkeypatch.setenv("FOOTSTEPS_SFTP_PASSWORD", "another-secret")
    assert run.fetch(declare_sftp(sftp)).problem == "127.0.0.1 refused the user and FOOTSTEPS_SFTP_PASSWORD"
    monkeypatch.delenv("FOOTSTEPS_SFTP_PASSWORD")
    assert run.fetch(declare_sftp(sftp)).problem == "set FOOTSTEPS_SFTP_PASSWORD or FOOTSTEPS_SFTP_KEY"
    unset = run.fetch(declare_sftp(sftp, variables={"password": "HR_PASSWORD"})).problem
    assert unset == "set the environment variable that `variables` of `fetch` names for password"
    monkeypatch.setenv("HR_LOGIN", USER)
    monkeypatch.setenv("HR_PASSWORD", PASSWORD)
    (sftp.folder / "people_1.csv").write_bytes(b"id\n1\n")
    url = f"sftp://127.0.0.1:{sftp.port}"
    names = {"user": "HR_LOGIN", "password": "HR_PASSWORD"}
    assert counts(run.fetch(declare_target(url, known_hosts=str(sftp.known_hosts), variables=names))) == (1, 0, 0, 0)
    nobody = run.fetch(declare_target(url, known_hosts=str(sftp.known_hosts), variables={"password": "HR_PASSWORD"}))
    assert nobody.problem == "name the user: sftp://USER@127.0.0.1/…, or set FOOTSTEPS_SFTP_USER"


def test_a_file_that_the_server_does_not_serve_is_refused_alone(run: FetchRun, sftp: SftpServer) -> None:
    for number in (1, 2, 3):
        (sftp.folder / f"people_{number}.csv").write_bytes(b"id\n1\n")
    sftp.sftp.denied = frozenset({"people_2.csv"})
    outcome = run.fetch(declare_sftp(sftp))
    assert (outcome.problem, counts(outcome)) == (None, (2, 0, 0, 1))
    assert outcome.refusals == ["people_2.csv: 127.0.0.1 could not be read: SFTPPermissionDenied: no"]
    sftp.sftp.denied = frozenset()
    assert counts(run.fetch(declare_sftp(sftp))) == (1, 2, 0, 0)


def test_a_connection_that_breaks_keeps_what_was_copied_and_the_next_run_copies_the_rest(
    run: FetchRun, sftp: SftpServer
) -> None:
    for number in (1, 2, 3):
        (sftp.folder / f"people_{number}.csv").write_bytes(b"id\n1\n")
    sftp.sftp.breaks_at = "people_2.csv"
    outcome = run.fetch(declare_sftp(sftp))
    assert counts(outcome) == (1, 0, 2, 0)
    assert str(outcome.problem).startswith("127.0.0.1 could not be read: ")
    assert list(run.landed()) == ["hr/people_1.csv"]
    sftp.sftp.breaks_at = None
    assert counts(run.fetch(declare_sftp(sftp))) == (2, 1, 0, 0)


def test_a_port_on_which_nothing_listens_is_a_problem(run: FetchRun, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("FOOTSTEPS_SFTP_PASSWORD", PASSWORD)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (tmp_path / "known_hosts").touch()
    target = declare_target(f"sftp://u@127.0.0.1:{port}", known_hosts=str(tmp_path / "known_hosts"))
    assert str(run.fetch(target).problem).startswith("127.0.0.1 could not be read: ConnectionRefusedError: ")


@pytest.fixture
def bucket(s3_endpoint: str) -> Any:
    """A function that puts an object into the bucket people-data, and its client."""
    import boto3

    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")


def put(bucket: Any, key: str, content: bytes = b"id\n1\n") -> None:
    bucket.put_object(Bucket="people-data", Key=key, Body=content)


def test_objects_of_a_bucket_are_copied_once_and_stay_there(run: FetchRun, s3_endpoint: str, bucket: Any) -> None:
    content = os.urandom(3_000_000)
    put(bucket, "drop/people_1.csv", content)
    put(bucket, "drop/people_ü +%20.csv")
    put(bucket, "drop/sub/people_2.csv")
    put(bucket, "dropped/people_3.csv")
    target = declare_target("s3://people-data/drop", endpoint=s3_endpoint)
    assert counts(run.fetch(target)) == (2, 0, 0, 0)
    assert run.landed() == {"hr/people_1.csv": content, "hr/people_ü +%20.csv": b"id\n1\n"}
    assert counts(run.fetch(target)) == (0, 2, 0, 0)
    put(bucket, "drop/people_1.csv", content + b"1")
    assert counts(run.fetch(target)) == (1, 1, 0, 0)
    assert len(bucket.list_objects_v2(Bucket="people-data", Prefix="drop")["Contents"]) == 4


def test_an_object_whose_key_leads_elsewhere_is_refused_alone(run: FetchRun, s3_endpoint: str, bucket: Any) -> None:
    for key in ("keys/a/people_1.csv", "keys//people_2.csv", "keys/../../people_3.csv", "keys/x/../people_4.csv"):
        put(bucket, key)
    target = declare_target("s3://people-data/keys", "hr/**/people_*.csv", endpoint=s3_endpoint)
    outcome = run.fetch(target)
    assert (outcome.problem, counts(outcome)) == (None, (1, 0, 0, 3))
    assert list(run.landed()) == ["hr/a/people_1.csv"]
    assert [path.name for path in run.root.iterdir()] == ["lake", "landing"]


def test_a_bucket_that_is_missing_is_a_problem_and_a_folder_without_objects_is_not(
    run: FetchRun, s3_endpoint: str
) -> None:
    missing = run.fetch(declare_target("s3://people-dta/drop", endpoint=s3_endpoint))
    assert missing.problem == "there is no bucket people-dta: correct `url`"
    empty = run.fetch(declare_target("s3://people-data/empty", endpoint=s3_endpoint))
    assert (empty.problem, counts(empty)) == (None, (0, 0, 0, 0))


@pytest.mark.parametrize("name", ["list_files", "read"])
def test_a_store_that_stops_answering_is_reported_without_keys_and_signatures(
    run: FetchRun, s3_endpoint: str, bucket: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, "drop/people_1.csv")
    monkeypatch.setenv("HR_LOGIN", "AKIA-value")
    monkeypatch.setenv("HR_PASS", "key-value")

    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise OSError("PUT 'https://x.blob/y?sig=c2lnbmF0dXJl%3D' failed for AKIA-value, key-value\nmore")

    real = object_store._STORES["s3"]

    class FailingReads(Failing):
        def get_file_info(self, place: Any) -> Any:
            if isinstance(place, str):
                raise OSError("for key-value")
            return real(target.options, target.options.address).get_file_info(place)

    target = declare_target(
        "s3://people-data/drop", endpoint=s3_endpoint, variables={"access_key": "HR_LOGIN", "secret_key": "HR_PASS"}
    )
    failing = Failing() if name == "list_files" else FailingReads()
    monkeypatch.setitem(object_store._STORES, "s3", lambda *_: failing)
    outcome = run.fetch(target)
    expected = {"list_files": "PUT (address) failed for $HR_LOGIN, $HR_PASS", "read": "for $HR_PASS"}[name]
    assert outcome.problem == f"the store could not be read: OSError: {expected}"
    assert run.landed() == {}


def test_each_address_opens_the_store_of_its_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    monkeypatch.setattr(object_store, "_check_reachable", lambda _: None)
    addresses = {
        "s3://people.data_1/hr/in": (pafs.S3FileSystem, "people.data_1", "people.data_1/hr/in"),
        "gs://people.data_1/hr": (pafs.GcsFileSystem, "people.data_1", "people.data_1/hr"),
        "abfss://People-data@account.dfs.core.windows.net/hr/in": (
            pafs.AzureFileSystem,
            "People-data",
            "People-data/hr/in",
        ),
        "s3://people-data": (pafs.S3FileSystem, "people-data", "people-data"),
    }
    for url, (kind, name, folder) in addresses.items():
        with open_origin(FetchOptions(url=url)) as connection:
            assert isinstance(connection, object_store.ObjectStoreOrigin)
            assert (type(connection.store), connection.bucket, connection.folder) == (kind, name, folder)


def test_objects_of_google_are_copied_once(run: FetchRun) -> None:
    names = ("people_1.csv", "people_ü +%20.csv", "sub/people_2.csv", "/people_3.csv")
    objects = {f"drop/{name}": os.urandom(50_000) for name in names}
    with run_gcs_server("people-data", objects) as endpoint:
        outcome = run.fetch(declare_target("gs://people-data/drop", endpoint=endpoint))
        assert (outcome.problem, counts(outcome)) == (None, (2, 0, 0, 0))
        assert run.landed() == {f"hr/{name}": objects[f"drop/{name}"] for name in names[:2]}
        assert (run.landing / "hr/people_1.csv").stat().st_mtime == pytest.approx(1_767_323_045.678, abs=1e-3)
        deeper = run.fetch(declare_target("gs://people-data/drop", "hr/**/people_*.csv", endpoint=endpoint))
        assert counts(deeper) == (1, 2, 0, 1)
        missing = run.fetch(declare_target("gs://people-dta/drop", endpoint=endpoint))
        assert missing.problem == "there is no bucket people-dta: correct `url`"


def test_a_server_that_accepts_and_never_answers_is_given_up(
    run: FetchRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTSTEPS_SFTP_PASSWORD", PASSWORD)
    monkeypatch.setattr("pipelines.ingest.origins.sftp._CONNECT_SECONDS", 1)
    (tmp_path / "known_hosts").touch()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"sftp://u@127.0.0.1:{silent.getsockname()[1]}"
        problem = run.fetch(declare_target(url, known_hosts=str(tmp_path / "known_hosts"))).problem
    assert str(problem).startswith("127.0.0.1 could not be read: ")


def test_a_cloud_that_cannot_be_reached_fails_at_once(run: FetchRun, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for url in ("gs://people-data/hr", "abfss://people-data@account.dfs.core.windows.net/hr"):
        problem = run.fetch(declare_target(url, endpoint=endpoint)).problem
        assert str(problem).startswith("the store could not be read: ConnectionRefusedError")


def test_an_origin_with_too_many_files_is_refused(run: FetchRun, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "share").mkdir()
    for number in range(4):
        (tmp_path / "share" / f"{number}.csv").touch()
    monkeypatch.setattr(origin, "MAX_FILES", 3)
    message = "there are more than 3 files: name a folder with fewer under `url`"
    with (
        open_origin(FetchOptions(url=str(tmp_path / "share"))) as connection,
        pytest.raises(OriginUnreadable, match=message),
    ):
        connection.list_files(1)


def test_an_origin_without_sizes_or_times_is_refused() -> None:
    for size, seconds in ((None, 1.0), (1, None)):
        with pytest.raises(OriginUnreadable, match="it does not state size and time of its files"):
            origin.make_remote_file("people.csv", size, seconds)


@pytest.mark.parametrize(("seconds", "year"), [(-5, 1970), (0, 1970), (4e18, 9999)])
def test_a_time_that_no_calendar_has_becomes_the_nearest(seconds: float, year: int) -> None:
    assert origin.convert_seconds(seconds).year == year
