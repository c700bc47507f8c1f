"""`fetch` of a source names an address and environment variables; what cannot work is refused with its line."""

from pathlib import Path

import pytest

from pipelines.config.company import ConfigError, SourceConfig, read_config
from pipelines.config.fetch import FetchOptions, split_landing_pattern
from pipelines.config.secrets import describe_failure

ADDRESSES = (
    "must be a folder such as /mnt/share/hr, or an address such as sftp://user@host/folder, s3://bucket/folder, "
    "gs://bucket/folder or abfss://container@account.dfs.core.windows.net/folder"
)
NO_SECRET = "must not contain a password or key: put it into an environment variable"


def read_sources(tmp_path: Path, *fetches: str, path: str = "hr/*.csv") -> str:
    """The error of a footsteps.yaml with one source per `fetch` section; empty if it has none."""
    lines = ["sources:"]
    for number, fetch in enumerate(fetches):
        lines += [f"  - name: source_{number}", "    system: bamboohr", f"    path: {path}", f"    fetch: {fetch}"]
    (tmp_path / "footsteps.yaml").write_text("\n".join(lines))
    try:
        read_config(tmp_path / "footsteps.yaml")
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "fetch",
    [
        "{url: /mnt/share/hr}",
        "{url: 'sftp://user@host/~/out', known_hosts: /etc/ssh/known, variables: {password: HR_PASSWORD}}",
        "{url: 'sftp://host:2222/out', pattern: '*.csv', max_megabytes: 0.5}",
        "{url: 's3://people-data/hr', endpoint: 'https://minio.example:9000', region: eu-central-1}",
        "{url: 'gs://people-data'}",
        "{url: 'abfss://hr@account.dfs.core.windows.net/out', variables: {sas_token: HR_TOKEN}}",
    ],
)
def test_an_address_of_each_kind_is_accepted(tmp_path: Path, fetch: str) -> None:
    assert read_sources(tmp_path, fetch) == ""


@pytest.mark.parametrize(
    ("fetch", "place", "message"),
    [
        ("{url: share/hr}", "url", ADDRESSES),
        ("{url: 'ftp://host/out'}", "url", ADDRESSES),
        ("{url: 'folder://x/out'}", "url", ADDRESSES),
        ("{url: 's3:///out'}", "url", ADDRESSES),
        ("{url: 'sftp://user:hidden-secret@host/out'}", "url", NO_SECRET),
        ("{url: 's3://hidden-secret@bucket/out'}", "url", NO_SECRET),
        (
            "{url: 'abfss://c@a.dfs.core.windows.net/out?sig=hidden-secret'}",
            "url",
            "must not contain ? or #: a signature belongs into an environment variable",
        ),
        ("{url: 's3://bucket/../other'}", "url", "must not contain .."),
        (
            "{url: 'abfss://hr/out'}",
            "url",
            "must be like abfss://container@account.dfs.core.windows.net/folder",
        ),
        (
            "{url: 's3://bucket:9000/out'}",
            "url",
            "must not contain a port: give the address of the server under `endpoint`",
        ),
        ("{url: 's3://b/o', endpoint: 'https://hidden-secret@minio'}", "endpoint", "must be an address such as"),
        ("{url: 's3://b/o', endpoint: 'minio:9000'}", "endpoint", "must be an address such as https://s3.example"),
        (
            "{url: /mnt/hr, pattern: ../*.csv}",
            "pattern",
            "must be a pattern under the url, such as *.csv or 2026/*.csv",
        ),
        ("{url: /mnt/hr, known_hosts: x}", "known_hosts", "is for sftp only: take it out"),
        ("{url: 'sftp://u@h/o', region: x}", "region", "is for s3 only: take it out"),
        (
            "{url: 'sftp://u@h/o', variables: {secret: X}}",
            "variables",
            "names 'secret'; allowed: user, password, key, passphrase",
        ),
        ("{url: 'gs://b/o', variables: {key: X}}", "variables", "no credential of this address can be named"),
        ("{url: /mnt/hr, max_megabytes: 0}", "max_megabytes", "greater than 0"),
        (
            "{url: 'sftp://u@h/o', variables: {password: hidden-secret}}",
            "variables.password",
            "must be the name of an environment variable in capitals, such as HR_PASSWORD, not its value",
        ),
        ("{url: /mnt/hr, password: hidden-secret}", "password", "unknown key; allowed: url, pattern, variables"),
        ("{pattern: '*.csv'}", "url", "required"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line_and_without_secrets(
    tmp_path: Path, fetch: str, place: str, message: str
) -> None:
    error = read_sources(tmp_path, fetch)
    assert error.startswith(f"footsteps.yaml line 5: sources.0.fetch.{place}: ")
    assert message in error
    assert "hidden-secret" not in error


@pytest.mark.parametrize("url", ["sftp://[u@h/o", "sftp://u@h:port/o"])
def test_an_address_that_cannot_be_read_is_refused(tmp_path: Path, url: str) -> None:
    assert "line 5: sources.0.fetch.url: " in read_sources(tmp_path, f"{{url: '{url}'}}")


def test_a_folder_of_the_landing_folder_is_filled_from_one_place(tmp_path: Path) -> None:
    same = read_sources(tmp_path, "{url: /mnt/a}", "{url: /mnt/a}")
    assert same == ""
    error = read_sources(tmp_path, "{url: /mnt/a}", "{url: /mnt/b}")
    assert error == (
        "footsteps.yaml line 8: sources.1.path: another source is fetched from elsewhere into this folder: "
        "give each a folder, as in hr/*.csv"
    )


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("hr/people_*.csv", ("hr", "people_*.csv")),
        ("people.csv", ("", "people.csv")),
        ("a/b/people.csv", ("a/b", "people.csv")),
        ("hr/**/p?.csv", ("hr", "**/p?.csv")),
        ("*/p.csv", ("", "*/p.csv")),
        ("hr/20[12]6/b/p.csv", ("hr", "20[12]6/b/p.csv")),
    ],
)
def test_the_fixed_folder_of_a_path_is_filled(path: str, parts: tuple[str, str]) -> None:
    assert split_landing_pattern(path) == parts


def test_where_files_come_from_does_not_decide_how_they_are_read() -> None:
    source = SourceConfig(name="people", system="bamboohr", path="hr/*.csv")
    fetched = source.model_copy(update={"fetch": FetchOptions(url="/mnt/hr")})
    assert fetched.mapping_code == source.mapping_code


def test_credentials_come_from_the_named_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    options = FetchOptions(url="s3://b/o", variables={"access_key": "HR_ID", "secret_key": "HR_SECRET"})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HR_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HR_ID", "id")
    assert options.read_credentials() == {"access_key": "id"}
    assert options.unset_credentials == ["secret_key"]
    assert options.secret_variables == ("HR_ID", "HR_SECRET", "AWS_SESSION_TOKEN")


def test_an_error_of_another_system_is_one_line_without_secrets_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HR_LOGIN", "hidden-login")
    monkeypatch.setenv("HR_PASSWORD", "hidden-password")
    error = OSError("GET 'https://a.blob/x?sig=aGlk%3D': hidden-login, hidden-password\nsecond line")
    assert describe_failure(error, ["HR_LOGIN"]) == "OSError: GET (address) $HR_LOGIN, $HR_PASSWORD"
    assert describe_failure(ValueError()) == "ValueError: no reason given"
