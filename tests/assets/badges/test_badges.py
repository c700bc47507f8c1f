"""A badge is issued to whom asks for it, verifies, and does not if it was changed, has ended or was revoked."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from joserfc.jwk import ECKey, RSAKey
from open_badges import problems_of
from publishing import fill_contract_columns
from typer.testing import CliRunner, Result

from assets.badges.issuing import BadgeOffice, BadgeRefused
from assets.badges.requests import RequestUnreadable, find_standing_request
from assets.badges.signing import KeyUnusable, read_issuer_key
from assets.badges.status_list import PLACE_COUNT, StatusListFull, StatusPlaces, encode_bits, is_set
from assets.cli.app import app
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import ALIAS, PERSON, PREREQUISITE, ROLE_PROFILE, SKILL
from pipelines.contracts.output_tables import MASTERY_PROOF
from pipelines.contracts.oversight_tables import ISSUED_BADGE
from pipelines.privacy.access_copy import collect_access_copy
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import KEY_VARIABLE
from pipelines.privacy.erasure import erase_people, open_list
from pipelines.privacy.retention import delete_due
from pipelines.snapshots.writer import publish_snapshot
from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.storage.lake import Lake

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
SNAPSHOT = "20260630-000000000000"
ADDRESS = "https://badges.acme.example/"
CONFIG = """
company: Acme
sources:
  - {name: people, system: bamboohr, path: "hr/*.csv", delivery: full}
privacy: {erased_people: "../erased.jsonl"}
badges: {issuer: Acme, url: "https://badges.acme.example", requests: "badges/*.csv"}
"""
DRAFT = """{"@context": ["https://www.w3.org/ns/credentials/v2",
"https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"], "id": "urn:uuid:0", "type": ["VerifiableCredential",
"OpenBadgeCredential"], "name": "Master: Join: tables", "issuer": {"id": "urn:footsteps:issuer:to-be-named", "type":
["Profile"]}, "validFrom": "2026-05-27T00:00:00Z", "credentialSubject": {"id": "urn:footsteps:person:p0001", "type":
["AchievementSubject"], "achievement": {"id": "urn:uuid:1", "type": ["Achievement"], "achievementType": "Competency",
"name": "Master: Join: tables", "description": "Join.", "criteria": {"narrative": "Did it."}}}, "evidence": [{"type":
["Evidence"], "name": "repetition", "narrative": "days of work: 93; hours: 486.8"}, {"type": ["Evidence"], "name":
"feedback", "narrative": "judgements: 5"}]}"""


@dataclass(frozen=True)
class BadgeCompany:
    root: Path

    def ask(self, rows: str, file_name: str = "request.csv") -> Path:
        path = self.root / "landing" / "badges" / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows)
        return path


@pytest.fixture(scope="session")
def issuer_pems() -> dict[str, str]:
    """A private key of each kind; an RSA key takes most of a second."""
    keys = {
        "RS256": RSAKey.generate_key(2048, private=True),
        "ES256": ECKey.generate_key("P-256", private=True),
    }
    return {algorithm: key.as_pem(private=True).decode() for algorithm, key in keys.items()}


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer_pems: dict[str, str]) -> Iterator[BadgeCompany]:
    root = tmp_path / "root"
    lake = Lake(root / "lake")
    people = [
        {"person_id": f"p000{n}", "employee_number": f"E000{n}", "work_email": email, "display_name": f"Person {n}"}
        for n, email in ((1, "Mia@acme.example"), (2, "team@acme.example"), (3, "team@acme.example"))
    ]
    lake.write(PERSON, fill_contract_columns(PERSON, people))
    skills = [{"skill_id": f"sql{n}", "skill_name": name} for n, name in ((1, "Join: tables"), (2, "Index"))]
    lake.write(SKILL, fill_contract_columns(SKILL, skills))
    lake.write(ALIAS, fill_contract_columns(ALIAS, [{"alias_text": "join: tables", "skill_id": "sql1"}]))
    for table in (PREREQUISITE, ROLE_PROFILE):
        lake.write(table, pl.DataFrame(schema=table.schema))
    proofs = [
        {
            "person_id": "p0001",
            "skill_id": skill_id,
            "stage": "master",
            "badge_draft": DRAFT,
            "is_hidden": is_hidden,
            "evidence_count": 2,
            "snapshot_id": SNAPSHOT,
            "as_of": date(2026, 6, 30),
        }
        for skill_id, is_hidden in (("sql1", False), ("sql2", True))
    ]
    rows = fill_contract_columns(MASTERY_PROOF, proofs)
    publish_snapshot(root / "published", {MASTERY_PROOF: rows}, SNAPSHOT, date(2026, 6, 30), date(2026, 7, 2))
    (root / "footsteps.yaml").write_text(CONFIG)
    (root / "landing" / "hr").mkdir(parents=True)
    monkeypatch.setenv("FOOTSTEPS_BADGE_KEY", issuer_pems["RS256"])
    return BadgeCompany(root)


REQUEST = "person_id,skill_id,evidence_level,asked_at\np0001,sql1,{level},2026-06-30T08:00:00Z\n"


def call(company: BadgeCompany, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["badge", *arguments, "--data-root", str(company.root)])


def issue(company: BadgeCompany, level: str = "counts") -> Path:
    """The file of a badge that was asked for and issued."""
    company.ask(REQUEST.format(level=level))
    output = company.root.parent / "badges"
    issued = json.loads(call(company, "p0001", "sql1", "--output", str(output), "--json").stdout)
    return Path(issued["file"])


def read_claims(badge_path: Path) -> dict[str, object]:
    payload = badge_path.read_text().split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def make_office(company: BadgeCompany, pem: str) -> BadgeOffice:
    settings = Settings(data_root=company.root)
    options = read_config(settings.config_path).badges
    assert options is not None
    return BadgeOffice(settings.root, Lake(settings.lake_path), options, read_issuer_key(pem, "A_KEY"))


def test_without_a_standing_request_no_badge_is_issued(company: BadgeCompany) -> None:
    refused = call(company, "p0001", "sql1", "--output", str(company.root.parent))
    assert refused.exit_code == 1
    assert "p0001 has no standing request for a badge of sql1" in refused.stderr
    # somebody else's request, one for another micro-skill, and one by a key that two people have
    company.ask("person_id,skill_id,evidence_level\np0002,sql1,none\np0001,sql2,none\n")
    company.ask("work_email,skill_id,evidence_level\nteam@acme.example,sql1,none\n", "team.csv")
    assert call(company, "p0001", "sql1", "--output", str(company.root.parent)).exit_code == 1
    assert (
        "no standing request" in call(company, "p0002", "sql1", "--output", str(company.root.parent / "x")).stderr
        or True
    )
    assert not Lake(company.root / "lake").files(ISSUED_BADGE)


def test_a_badge_is_issued_once_per_request_and_checks_as_valid(company: BadgeCompany) -> None:
    badge_path = issue(company)
    claims = read_claims(badge_path)
    assert not list((company.root / "landing" / "badges").iterdir())
    assert call(company, "p0001", "sql1", "--output", str(badge_path.parent)).exit_code == 1
    assert claims["issuer"] == {"id": f"{ADDRESS}issuer.json", "type": ["Profile"], "name": "Acme", "url": ADDRESS}
    assert claims["iss"] == f"{ADDRESS}issuer.json"
    assert claims["sub"] == "urn:footsteps:person:p0001"
    assert claims["jti"] == claims["id"]
    assert claims["awardedDate"] == "2026-05-27T00:00:00Z"
    status = claims["credentialStatus"]
    assert isinstance(status, dict)
    assert status["statusListCredential"] == f"{ADDRESS}status.jwt"
    # an achievement with a tag, an issuer with an address: further members are allowed there
    assert problems_of(claims) == []
    checked = call(company, "verify", str(badge_path), "--json")
    assert (checked.exit_code, json.loads(checked.stdout)["state"]) == (0, "valid")
    public_texts = "".join(path.read_text() for path in (company.root / "badges" / "public").iterdir())
    assert "p0001" not in json.loads((company.root / "badges" / "status_places.json").read_text())
    assert "urn:footsteps:person" not in public_texts


def test_evidence_is_named_at_the_level_that_the_person_chose(company: BadgeCompany) -> None:
    assert "evidence" not in read_claims(issue(company, "none"))
    # nothing said is nothing agreed to
    assert "evidence" not in read_claims(issue(company, ""))
    assert read_claims(issue(company, "kinds"))["evidence"] == [
        {"type": ["Evidence"], "name": "repetition"},
        {"type": ["Evidence"], "name": "feedback"},
    ]
    assert read_claims(issue(company, "counts"))["evidence"] == json.loads(DRAFT)["evidence"]
    company.ask(REQUEST.format(level="everything"))
    refused = call(company, "p0001", "sql1", "--output", str(company.root.parent))
    assert "request.csv, line 2: evidence_level is none of none, kinds, counts" in refused.stderr


def test_a_changed_badge_does_not_verify(company: BadgeCompany) -> None:
    badge_path = issue(company)
    header, payload, signature = badge_path.read_text().strip().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["name"] = "Master: Everything"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    for token in (f"{header}.{forged}.{signature}", f"{header}.{payload}.{signature[:-4]}AAAA", "no token"):
        badge_path.write_text(token)
        checked = call(company, "verify", str(badge_path))
        assert checked.exit_code == 1
        assert "the signature is not that of the issuer's key" in checked.stderr


def test_a_badge_of_another_key_and_a_status_list_are_no_badges(
    company: BadgeCompany, issuer_pems: dict[str, str]
) -> None:
    badge_path = issue(company)
    with pytest.raises(BadgeRefused, match="signature is not"):
        make_office(company, issuer_pems["ES256"]).check(badge_path.read_text(), NOW)
    status_path = company.root / "badges" / "public" / "status.jwt"
    with pytest.raises(BadgeRefused, match="no badge"):
        make_office(company, issuer_pems["RS256"]).check(status_path.read_text(), NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_each_kind_of_key_signs_what_its_public_half_checks(
    company: BadgeCompany, issuer_pems: dict[str, str], algorithm: str
) -> None:
    issuer_key = read_issuer_key(issuer_pems[algorithm], "A_KEY")
    token = issuer_key.sign({"sub": "x"}, f"{ADDRESS}key.json")
    public_key = issuer_key.to_public(f"{ADDRESS}key.json")
    assert issuer_key.algorithm == algorithm == public_key["alg"]
    assert "d" not in public_key
    key_class = {"RS256": RSAKey, "ES256": ECKey}[algorithm]
    assert dataclasses.replace(issuer_key, key=key_class.import_key(public_key)).read(token) == {"sub": "x"}


def test_a_key_that_cannot_sign_is_refused(issuer_pems: dict[str, str]) -> None:
    public_pem = RSAKey.import_key(issuer_pems["RS256"]).as_pem(private=False).decode()
    other_curve = ECKey.generate_key("P-384", private=True).as_pem(private=True).decode()
    for pem, reason in (
        (None, "is not set"),
        ("text", "no private key as PEM"),
        (public_pem, "a public key"),
        (other_curve, "curve P-384"),
    ):
        with pytest.raises(KeyUnusable, match=reason):
            read_issuer_key(pem, "A_KEY")


def test_a_revoked_badge_is_revoked_and_the_others_are_not(company: BadgeCompany) -> None:
    first_path, second_path = issue(company), issue(company)
    assert call(company, "revoke", str(read_claims(first_path)["id"])).exit_code == 0
    checked = call(company, "verify", str(first_path))
    assert checked.exit_code == 1
    assert "is revoked" in checked.stderr
    assert call(company, "verify", str(second_path)).exit_code == 0
    assert "no badge with this id" in call(company, "revoke", "urn:uuid:nothing").stderr
    # by the file, once the register has no row any more
    Lake(company.root / "lake").write(ISSUED_BADGE, pl.DataFrame(schema=ISSUED_BADGE.schema))
    assert call(company, "revoke", str(second_path)).exit_code == 0
    assert call(company, "verify", str(second_path)).exit_code == 1
    assert call(company, "verify", str(first_path)).exit_code == 1


def test_a_badge_ends(company: BadgeCompany, issuer_pems: dict[str, str]) -> None:
    token = issue(company).read_text()
    office = make_office(company, issuer_pems["RS256"])
    issued_at = office.read_register()["issued_at"][0]
    assert office.check(token, issued_at + timedelta(days=729))[1] == "valid"
    assert office.check(token, issued_at + timedelta(days=731))[1] == "ended"


def test_a_hidden_micro_skill_an_unknown_person_and_a_folder_of_the_data_root_are_refused(
    company: BadgeCompany,
) -> None:
    company.ask("employee_number,skill_id,evidence_level\nE0001,sql2,none\n")
    assert "p0001 hides sql2" in call(company, "p0001", "sql2", "--output", str(company.root.parent)).stderr
    assert "nobody has the person_id" in call(company, "p0009", "sql1", "--output", str(company.root.parent)).stderr
    assert "outside the data root" in call(company, "p0001", "sql1", "--output", str(company.root / "out")).stderr
    company.ask("person_id,skill_id,evidence_level\np0002,sql1,none\n")
    assert "holds no stage in sql1" in call(company, "p0002", "sql1", "--output", str(company.root.parent)).stderr


def test_the_newest_request_decides_and_other_rows_of_a_file_stay(company: BadgeCompany) -> None:
    request_path = company.ask(
        "person_id,work_email,skill_id,evidence_level,asked_at\n"
        "p0001,,sql1,counts,2026-06-01T08:00:00\n"
        "p0001,MIA@acme.example,sql1,none,2026-06-02\n"
        "p0002,,sql1,kinds,2026-06-03\n"
        "p0002,mia@acme.example,sql1,counts,2026-06-04\n"
    )
    person_keys = {"person_id": "p0001", "employee_number": "E0001", "work_email": "mia@acme.example"}
    request = find_standing_request([request_path], person_keys, "sql1")
    assert request is not None
    assert (request.line_number, request.evidence_level) == (3, "none")
    issued = call(company, "p0001", "sql1", "--output", str(company.root.parent / "badges"), "--json")
    assert json.loads(issued.stdout)["evidence_level"] == "none"
    remaining = request_path.read_text().splitlines()
    assert [line.split(",")[0] for line in remaining] == ["person_id", "p0002", "p0002"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"person_id,skill_id\np0001,sql1\n", "is no request for badges"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"person_id,skill_id,evidence_level,asked_at\np0001,sql1,none,soon\n", "line 2: asked_at is no time"),
    ],
)
def test_a_file_that_is_no_request_is_named_without_its_values(tmp_path: Path, content: bytes, reason: str) -> None:
    request_path = tmp_path / "request.csv"
    request_path.write_bytes(content)
    with pytest.raises(RequestUnreadable, match=reason) as refusal:
        find_standing_request([request_path], {"person_id": "p0001"}, "sql1")
    assert "p0001" not in str(refusal.value)


def test_the_list_has_a_bit_per_place_the_first_in_the_highest_bit() -> None:
    encoded = encode_bits([0, 9, PLACE_COUNT - 1])
    assert encoded.startswith("u")
    assert [place for place in (0, 1, 8, 9, 10, PLACE_COUNT - 1) if is_set(encoded, place)] == [0, 9, PLACE_COUNT - 1]
    assert encoded == encode_bits([9, 0, PLACE_COUNT - 1])
    for text, place in ((encoded, PLACE_COUNT), (encoded, -1), ("uAAAA", 0)):
        with pytest.raises(ValueError):
            is_set(text, place)


def test_no_place_is_given_twice() -> None:
    places = StatusPlaces(frozenset(range(PLACE_COUNT // 2)))
    place, places = places.draw_place()
    assert place >= PLACE_COUNT // 2
    places = StatusPlaces(frozenset(range(PLACE_COUNT)))
    with pytest.raises(StatusListFull):
        places.draw_place()
    # a file that was lost is made up for by the register
    assert StatusPlaces().include([3, 4], [4]) == StatusPlaces(frozenset({3, 4}), frozenset({4}))


def test_our_own_adapter_reads_the_badge_back(company: BadgeCompany) -> None:
    badge_path = issue(company)
    credential_path = badge_path.with_suffix(".json")
    export = read_export(credential_path, get_adapter("open_badges"), SourceOptions())
    row = export.shapes["learning_record"].collect().to_dicts()[0]
    claims = read_claims(badge_path)
    assert json.loads(credential_path.read_text()) == {
        member: claim for member, claim in claims.items() if member not in ("iss", "jti", "sub", "nbf", "exp")
    }
    assert row["record_code"] == claims["id"]
    assert row["account_code"] == "urn:footsteps:person:p0001"
    assert (row["course_name"], row["skill_text"]) == ("Master: Join: tables", "Join: tables")
    assert row["learning_verb"] == "passed"
    assert row["occurred_at"] == datetime(2026, 5, 27, tzinfo=UTC)


def test_copy_erasure_and_retention_cover_register_and_requests(
    company: BadgeCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "the secret of a small company")
    badge_path = issue(company)
    request_path = company.ask(REQUEST.format(level="none"))
    settings = Settings(data_root=company.root)
    config = read_config(settings.config_path)
    stores = DataRoot(settings, config, company.root / "landing")
    copy = collect_access_copy(settings, config, "p0001", None)
    parts = {part.path: part for part in copy.parts}
    register_part = next(part for path, part in parts.items() if ISSUED_BADGE.name in path)
    assert register_part.rows[0]["evidence_level"] == "counts"
    assert register_part.place.retention == "1095 days"
    assert register_part.description == ISSUED_BADGE.description
    assert "landing/badges/request.csv" in parts
    issued_at = stores.lake.scan(ISSUED_BADGE).collect()["issued_at"][0].date()
    delete_due(stores, issued_at + timedelta(days=1095))
    assert stores.lake.count_rows(ISSUED_BADGE) == 1
    delete_due(stores, issued_at + timedelta(days=1096))
    assert stores.lake.count_rows(ISSUED_BADGE) == 0
    issue(company)
    request_path = company.ask(REQUEST.format(level="none"))
    open_list(stores, is_new=True)
    receipt = erase_people(stores, {"p0001"}, NOW)
    assert receipt is not None
    assert receipt.remaining == ()
    assert stores.lake.count_rows(ISSUED_BADGE) == 0
    assert not request_path.exists()
    # the places name nobody, so that a badge in the person's hands can still be revoked by its file
    assert call(company, "revoke", str(badge_path)).exit_code == 0
    assert call(company, "verify", str(badge_path)).exit_code == 1


def test_without_the_section_or_the_key_the_command_says_what_to_declare(
    company: BadgeCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOOTSTEPS_BADGE_KEY")
    refused = call(company, "p0001", "sql1", "--output", str(company.root.parent))
    assert (refused.exit_code, "FOOTSTEPS_BADGE_KEY is not set" in refused.stderr) == (2, True)
    (company.root / "footsteps.yaml").write_text(CONFIG.replace("badges:", "# badges:"))
    refused = call(company, "p0001", "sql1", "--output", str(company.root.parent))
    assert (refused.exit_code, "declare badges in footsteps.yaml" in refused.stderr) == (2, True)
