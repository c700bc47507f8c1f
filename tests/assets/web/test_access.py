"""Who sees what: by page, and by the JSON interface; and what the log holds."""

import logging
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from openapi_spec_validator import validate
from publishing import fill_contract_columns
from served_company import (
    CONFIG,
    ENVIRONMENT,
    NOW,
    PROXY_SECRET,
    SYSTEM,
    make_app,
    make_client,
    make_company,
    publish_company,
    sign_in,
)
from starlette.testclient import TestClient
from typer.testing import CliRunner

from assets.checks.exit_codes import ExitCode
from assets.cli.app import app as command_line
from assets.web import pages
from assets.web.app import create_app
from assets.web.directory import read_directory
from assets.web.identity import ServeRefused
from assets.web.openapi import build_openapi
from pipelines.config.company import ConfigError, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ACCOUNT, DELIVERY, PERSON, PREFERENCE
from pipelines.snapshots.reader import POINTER
from pipelines.storage.lake import Lake

OWN_PATHS = [f"/api/v1/me/{part}" for part in ("next-steps", "mastery", "replies", "wishes", "consents")]
SYSTEM_PATHS = ["/api/v1/tables", "/api/v1/tables/out__next_skill", "/api/v1/changes"]
PERSON_PAGES = ["/people/me/", "/index.html"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_company(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def client(root: Path) -> TestClient:
    return make_client(root)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        (sign_in("E0"), [*PERSON_PAGES, *OWN_PATHS]),
        (sign_in("e6 "), [*PERSON_PAGES, *OWN_PATHS]),
        (sign_in("E5"), [*PERSON_PAGES, *OWN_PATHS, "/run.html"]),
        (sign_in("ops@acme.example"), ["/index.html", "/run.html"]),
        (SYSTEM, SYSTEM_PATHS),
    ],
    ids=["person", "lead", "operator with a page", "operator without a page", "system account"],
)
def test_everyone_reaches_what_they_may_see_and_nothing_else(
    client: TestClient, headers: dict[str, str], allowed: list[str]
) -> None:
    paths = [*PERSON_PAGES, "/run.html", *OWN_PATHS, *SYSTEM_PATHS]
    assert {path: client.get(path, headers=headers).status_code for path in paths} == {
        path: 200 if path in allowed else 403 for path in paths
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-User": "E0"},
        {"X-Forwarded-User": "E0", "X-Footsteps-Proxy-Secret": PROXY_SECRET[:-1] + "?"},
        {"X-Footsteps-Proxy-Secret": PROXY_SECRET},
        sign_in("E99"),
        {"Authorization": "Bearer a token of nobody"},
        {"Authorization": "Bearer "},
    ],
    ids=["nothing", "no secret", "wrong secret", "nobody", "unknown person", "wrong token", "empty token"],
)
def test_without_a_proven_identity_there_is_no_page(client: TestClient, headers: dict[str, str]) -> None:
    for path in ("/", "/run.html", "/teams/Data.html", *PERSON_PAGES, *OWN_PATHS, *SYSTEM_PATHS):
        response = client.get(path, headers=headers)
        assert response.status_code == 401, path
        assert "Person" not in response.text


def test_a_header_that_the_proxy_did_not_replace_proves_nothing(client: TestClient) -> None:
    both = [*sign_in("E0").items(), ("X-Forwarded-User", "E1")]
    assert client.get("/people/me/", headers=both).status_code == 401


def test_people_see_their_own_rows_only(client: TestClient) -> None:
    page = client.get("/people/me/", headers=sign_in("E3")).text
    assert "Person 3" in page
    assert not [number for number in range(7) if number != 3 and f"Person {number}" in page]
    for path, part in zip(OWN_PATHS[:2], ("next_steps", "mastery"), strict=True):
        rows = client.get(path, headers=sign_in("E3")).json()[part]
        assert {row["person_id"] for row in rows} == {"p0003"}


@pytest.mark.parametrize(
    ("employee_number", "statuses"),
    [("E0", [200, 404]), ("E6", [200, 404]), ("E5", [404, 404])],
    ids=["member", "lead of a member", "member of a team of two"],
)
def test_a_team_page_is_for_its_members_and_leads_and_from_five_people_on(
    client: TestClient, employee_number: str, statuses: list[int]
) -> None:
    pages = [client.get(f"/teams/{name}.html", headers=sign_in(employee_number)) for name in ("Data", "Small")]
    assert [page.status_code for page in pages] == statuses
    assert "Person" not in pages[0].text


def test_people_who_left_are_on_no_team_and_lead_and_are_led_by_nobody(tmp_path: Path) -> None:
    root = make_company(tmp_path)
    lake = Lake(root / "lake")
    people = lake.scan(PERSON).collect()

    def list_units_if_left(left_id: str) -> list[list[str]]:
        status = pl.when(person_id=left_id).then(pl.lit("left")).otherwise("employment_status")
        lake.write(PERSON, people.with_columns(employment_status=status))
        directory = read_directory(lake)
        return [sorted(directory.list_units(person_id)) for person_id in ("p0000", "p0006")]

    assert list_units_if_left("nobody") == [["Data"], ["Data", "Small"]]
    assert list_units_if_left("p0000") == [[], ["Small"]]
    assert list_units_if_left("p0006") == [["Data"], []]


def test_the_page_of_somebody_who_left_says_that_nothing_is_estimated(tmp_path: Path) -> None:
    root = make_company(tmp_path)
    people = fill_contract_columns(
        PERSON, [{"person_id": "p0009", "employee_number": "E9", "display_name": "Ann", "employment_status": "left"}]
    )
    lake = Lake(root / "lake")
    lake.write(PERSON, pl.concat([lake.scan(PERSON).collect(), people]))
    page = make_client(root).get("/people/me/", headers=sign_in("E9")).text
    assert "By the HR export you have left" in page
    assert "too little evidence" not in page
    assert "No evidence of any micro-skill yet." not in page


@pytest.mark.parametrize(("row_count", "shown"), [(2, "–"), (5, "5")])
def test_a_few_statements_of_people_are_not_counted_on_the_page_of_the_run(
    tmp_path: Path, row_count: int, shown: str
) -> None:
    root = make_company(tmp_path)
    lake = Lake(root / "lake")
    origin = {"source_name": "opt_outs", "file_sha256": "f"}
    statement = {**origin, "record_code": "r", "person_id": "p0001", "is_opted_out": True, "stated_at": NOW}
    lake.write(PREFERENCE, fill_contract_columns(PREFERENCE, [{**statement, "row_number": 1}]))
    delivery = {
        **origin,
        "delivery_number": 1,
        "system_name": "tabular",
        "file_name": "opt_outs.csv",
        "mapping_code": "m",
        "delivered_date": NOW.date(),
        "landed_at": NOW,
        "delivery_status": "landed",
        "good_count": row_count,
        "bad_count": 0,
    }
    lake.write(DELIVERY, fill_contract_columns(DELIVERY, [delivery]))
    page = make_client(root).get("/run.html", headers=sign_in("E5")).text
    cells = re.findall(r"<t[hd][^>]*>(?:<bdi>)?([^<]*)", page[page.index("opt_outs") - 40 :])
    assert cells[:5] == ["opt_outs", "read", "1", shown, "0"]


def test_another_system_takes_no_key_from_anybody(tmp_path: Path) -> None:
    lake = Lake(make_company(tmp_path) / "lake")
    accounts = [
        {"system_name": "lms", "account_code": code, "employee_number": "E1", "work_email": address}
        | {"person_id": "p0001", "matched_on": "employee_number"}
        for code, address in (("a", "person2@acme.example"), ("b", "one@acme.example"))
    ]
    lake.write(ACCOUNT, fill_contract_columns(ACCOUNT, accounts))
    directory = read_directory(lake)
    assert directory.find_person("work_email", "Person2@acme.example") == "p0002"
    assert directory.find_person("work_email", "one@acme.example") == "p0001"


def test_the_log_names_routes_and_nobody(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.get("/people/me/?who=Person0@acme.example", headers=sign_in("E0"))
        client.get("/teams/Data.html", headers=sign_in("E0"))
        client.get("/nowhere/E0", headers=sign_in("E0"))
        client.post("/api/v1/me/wishes", headers=sign_in("E0"), json={"kind": "wish", "skill_id": "E0 wants this"})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("footsteps")]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "GET /people/me/ 200",
        "GET /teams/{page_name} 200",
        "GET (no route) 404",
        "POST /api/v1/me/wishes 422",
    ]
    logged_by_footsteps = " ".join(lines)
    assert not [word for word in ("E0", "p0000", "acme", "Data.html", "wants") if word in logged_by_footsteps]


def test_every_response_has_the_security_headers(client: TestClient) -> None:
    for path in ("/people/me/", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_health_and_the_description_need_no_identity(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "snapshot_id": "s0"}
    assert client.get("/openapi.json").json() == build_openapi()


def test_the_description_is_valid_and_names_the_paths_that_are_served(root: Path) -> None:
    document = build_openapi()
    validate(document)
    served = {route.path for route in make_app(root).routes if route.path.startswith("/api/")}  # type: ignore[attr-defined]
    assert {path for path in document["paths"] if path.startswith("/api/")} == served


def test_nothing_published_is_no_page_and_no_error(tmp_path: Path) -> None:
    make_company(tmp_path)
    (tmp_path / "published" / POINTER).unlink()
    client = make_client(tmp_path)
    assert client.get("/people/me/", headers=sign_in("E0")).status_code == 503
    assert client.get("/healthz").status_code == 503


def test_requests_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    make_company(tmp_path)
    (tmp_path / "footsteps.yaml").write_text(CONFIG + "  requests_per_minute: 3\n")
    client = make_client(tmp_path)
    statuses = [client.get("/index.html", headers=sign_in("E0")).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert client.get("/index.html", headers=sign_in("E1")).status_code == 200


def test_pages_of_rows_are_of_one_snapshot_even_if_another_is_published_between(tmp_path: Path) -> None:
    client = make_client(make_company(tmp_path))
    first = client.get("/api/v1/tables/out__next_skill?limit=9", headers=SYSTEM).json()
    publish_company(tmp_path, "s1", skill="python")
    second = client.get(f"/api/v1/tables/out__next_skill?limit=9&cursor={first['next_cursor']}", headers=SYSTEM).json()
    rows = [*first["rows"], *second["rows"]]
    assert {row["snapshot_id"] for row in rows} == {"s0"}
    assert (len(rows), second["next_cursor"]) == (14, None)
    assert len({(row["person_id"], row["rank"]) for row in rows}) == 14
    assert client.get("/api/v1/tables/out__next_skill", headers=SYSTEM).json()["snapshot_id"] == "s1"
    gone = client.get("/api/v1/tables/out__next_skill?cursor=s9.3", headers=SYSTEM)
    assert gone.status_code == 410


def test_changes_are_read_behind_a_cursor(client: TestClient) -> None:
    first = client.get("/api/v1/changes?limit=4", headers=SYSTEM).json()
    rest = client.get(f"/api/v1/changes?after={first['cursor']}", headers=SYSTEM).json()
    assert [int(event["sequence"]) for event in [*first["events"], *rest["events"]]] == list(range(1, 8))
    assert client.get("/api/v1/changes?limit=many", headers=SYSTEM).status_code == 422


TOKEN_CONFIG = """
  token:
    header: X-Forwarded-Access-Token
    claim: email
    key: work_email
    algorithm: {algorithm}
    audience: footsteps
    issuer: https://sign-in.acme.example
"""
CLAIMS = {"email": "person2@ACME.example", "aud": ["footsteps"], "iss": "https://sign-in.acme.example"}
RSA_KEY, OTHER_KEY = (RSAKey.generate_key(2048, auto_kid=False) for _ in range(2))


@pytest.fixture(scope="module")
def token_client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    root = make_company(tmp_path_factory.mktemp("tokens"))
    header = "  header: {header: X-Forwarded-User, key: employee_number}\n"
    (root / "footsteps.yaml").write_text(CONFIG.replace(header, TOKEN_CONFIG.format(algorithm="RS256").lstrip("\n")))
    settings = Settings(data_root=root)
    environment = {**ENVIRONMENT, "FOOTSTEPS_TOKEN_KEY": RSA_KEY.as_pem(private=False).decode()}
    config = read_config(settings.config_path)
    return TestClient(create_app(settings, config, root / "landing", environment, lambda: NOW))


def sign(claims: dict[str, object], key: RSAKey = RSA_KEY, algorithm: str = "RS256") -> str:
    return jwt.encode({"alg": algorithm}, claims, key, [algorithm])


def test_a_signed_token_leads_to_its_person(token_client: TestClient) -> None:
    token = sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60})
    for header_value in (token, f"Bearer {token}"):
        response = token_client.get("/people/me/", headers={"X-Forwarded-Access-Token": header_value})
        assert response.status_code == 200
        assert "Person 2" in response.text


@pytest.mark.parametrize(
    "token",
    [
        sign({**CLAIMS, "exp": int(NOW.timestamp()) - 1}),
        sign(CLAIMS),
        sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60, "aud": ["another"]}),
        sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60, "iss": "https://elsewhere.example"}),
        sign({"email": CLAIMS["email"], "exp": int(NOW.timestamp()) + 60}),
        sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60}, OTHER_KEY),
        sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60}, algorithm="PS256"),
        jwt.encode(
            {"alg": "HS256"},
            {**CLAIMS, "exp": int(NOW.timestamp()) + 60},
            OctKey.import_key("the public key is no secret that signs"),
            ["HS256"],
        ),
        "eyJhbGciOiJub25lIn0." + sign({**CLAIMS, "exp": int(NOW.timestamp()) + 60}).split(".")[1] + ".",
        "not a token",
        "",
    ],
    ids=[
        *("expired", "endless", "audience", "issuer", "no audience", "other key", "other algorithm", "shared key"),
        *("unsigned", "no token", "empty"),
    ],
)
def test_a_token_that_proves_nothing_is_refused(token_client: TestClient, token: str) -> None:
    response = token_client.get("/people/me/", headers={"X-Forwarded-Access-Token": token})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "FOOTSTEPS_PROXY_SECRET is not set"),
        ({**ENVIRONMENT, "FOOTSTEPS_PROXY_SECRET": "short"}, "at least 16"),
        ({"FOOTSTEPS_PROXY_SECRET": PROXY_SECRET}, "FOOTSTEPS_PORTAL_TOKEN is not set"),
        ({"FOOTSTEPS_PROXY_SECRET": PROXY_SECRET, "FOOTSTEPS_PORTAL_TOKEN": PROXY_SECRET}, "the same"),
    ],
    ids=["no secret", "short secret", "no token", "one secret for two"],
)
def test_the_server_does_not_start_without_its_secrets(root: Path, environment: dict[str, str], message: str) -> None:
    settings = Settings(data_root=root)
    with pytest.raises(ServeRefused, match=message):
        create_app(settings, read_config(settings.config_path), root, environment)


def test_the_server_does_not_start_without_a_way_of_identity(tmp_path: Path) -> None:
    config_file = tmp_path / "footsteps.yaml"
    config_file.write_text(CONFIG[: CONFIG.index("serve:")])
    with pytest.raises(ServeRefused, match="no section `serve`"):
        create_app(Settings(data_root=tmp_path), read_config(config_file), tmp_path, ENVIRONMENT)
    config_file.write_text(CONFIG[: CONFIG.index("serve:")] + "serve: {operators: [E1]}\n")
    with pytest.raises(ConfigError, match="needs one way of identity"):
        read_config(config_file)


def test_a_failure_is_logged_by_its_kind_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Person 0 has a secret")

    monkeypatch.setattr(pages, "iterate_people", fail)
    with caplog.at_level(logging.DEBUG):
        response = make_client(root).get("/people/me/", headers=sign_in("E0"))
    assert (response.status_code, "secret" in response.text) == (500, False)
    assert "/people/me/ failed: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_file_that_an_erasure_removes_meanwhile_is_read_from_where_it_is_now(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_rows, calls = pages.iterate_people, []

    def fail_once(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise FileNotFoundError
        return read_rows(*arguments)

    monkeypatch.setattr(pages, "iterate_people", fail_once)
    assert make_client(root).get("/people/me/", headers=sign_in("E0")).status_code == 200


def test_only_operators_are_shown_the_way_to_the_run_report(client: TestClient) -> None:
    for path in ("/people/me/", "/index.html", "/teams/Data.html"):
        assert "run.html" not in client.get(path, headers=sign_in("E0")).text
    for path in ("/people/me/", "/index.html"):
        assert "run.html" in client.get(path, headers=sign_in("E5")).text


def test_the_command_says_in_one_sentence_why_it_does_not_start(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOOTSTEPS_PROXY_SECRET", raising=False)
    result = CliRunner().invoke(command_line, ["serve", "--data-root", str(root), "--host", "0.0.0.0"])
    assert result.exit_code == ExitCode.CONFIGURATION
    assert result.stderr.startswith("footsteps: the environment variable FOOTSTEPS_PROXY_SECRET is not set")
