"""Issuing and revoking badges of one data root.

Belongs here: which badge may be issued, the register, and what is written to the folder that the company publishes.
Does not belong here: commands and the lock (`assets.cli.badges`), the content of a badge (`credential`).
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.badges.credential import REGISTERED_CLAIMS, PublicAddresses, build_profile, complete_draft
from assets.badges.requests import BadgeRequest, find_standing_request, remove_requests
from assets.badges.signing import IssuerKey, SignatureInvalid
from assets.badges.status_list import (
    StatusPlaces,
    build_status_credential,
    build_status_entry,
    is_set,
    read_places,
    write_places,
)
from pipelines.config.badges import BadgeOptions
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.output_tables import MASTERY_PROOF
from pipelines.contracts.oversight_tables import ISSUED_BADGE
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake

# Below the data root: the places of the status list, and the folder that the company publishes.
BADGES_FOLDER = "badges"
PUBLIC_FOLDER = "public"
_PLACES_FILE = "status_places.json"


class BadgeRefused(Exception):
    """A badge cannot be issued, revoked or checked; the message is one sentence that says why."""


@dataclass(frozen=True)
class BadgeOffice:
    """Issues and revokes the badges of one data root. The caller holds the lock of the data root.

    Attributes:
        root: The data root.
        lake: Its lake, which has the register.
        options: The section `badges` of footsteps.yaml.
        issuer_key: The private key of the issuer.
    """

    root: Path
    lake: Lake
    options: BadgeOptions
    issuer_key: IssuerKey

    @property
    def addresses(self) -> PublicAddresses:
        """Where the company publishes the public folder."""
        return PublicAddresses(self.options.url)

    @property
    def public_folder(self) -> Path:
        """The folder that the company publishes; nothing in it names a person."""
        return self.root / BADGES_FOLDER / PUBLIC_FOLDER

    def issue(
        self, snapshot: Snapshot, request_paths: Sequence[Path], person_id: str, skill_id: str, now: datetime
    ) -> tuple[str, str, BadgeRequest]:
        """Issue the badge that a person asked for.

        Args:
            snapshot: The published snapshot, whose proof the badge states.
            request_paths: The landing files of requests.
            person_id: The person.
            skill_id: The micro-skill.
            now: The time, in UTC.

        Returns:
            The id of the badge, its signed token, and the request that it fulfils. The request still stands: the caller
            removes it by `forget_request` once the badge is written.

        Raises:
            BadgeRefused: The person did not ask for it, hides the micro-skill or holds no stage in it.
            RequestUnreadable: A file of requests cannot be read.
        """
        person_keys = self._list_person_keys(person_id)
        badge_request = find_standing_request(request_paths, person_keys, skill_id)
        if badge_request is None:
            raise BadgeRefused(
                f"{person_id} has no standing request for a badge of {skill_id}: a badge is issued only to a person "
                f"who asks for it, in a landing file {self.options.requests}"
            )
        proof = self._read_proof(snapshot, person_id, skill_id)
        badge_id, ends_at = f"urn:uuid:{uuid.uuid4()}", now + timedelta(days=self.options.valid_days)
        place, places = self.read_status().draw_place()
        claims = complete_draft(
            json.loads(proof["badge_draft"]),
            badge_id,
            badge_request.evidence_level,
            build_profile(self.options.issuer, self.addresses),
            build_status_entry(self.addresses.status, place),
            now,
            ends_at,
        )
        register_row = {
            "badge_id": badge_id,
            "person_id": person_id,
            "skill_id": skill_id,
            "stage": proof["stage"],
            "evidence_level": badge_request.evidence_level,
            "status_index": place,
            "issued_at": now,
            "ends_at": ends_at,
            "revoked_at": None,
        }
        self._write_places(places)
        self._write_register(
            pl.concat([self.read_register(), pl.DataFrame([register_row], schema=ISSUED_BADGE.schema)])
        )
        self.publish(places, now)
        return badge_id, self.issuer_key.sign(claims, self.addresses.key), badge_request

    def forget_request(self, request_paths: Sequence[Path], person_id: str, skill_id: str) -> None:
        """Remove the fulfilled requests of a person for a micro-skill."""
        remove_requests(request_paths, self._list_person_keys(person_id), skill_id)

    def revoke(self, badge_id: str, now: datetime) -> None:
        """Revoke a badge; one that is revoked stays so.

        Args:
            badge_id: The id of the badge.
            now: The time, in UTC.

        Raises:
            BadgeRefused: The register has no such badge.
        """
        register = self.read_register()
        badge_rows = register.filter(badge_id=badge_id)
        if badge_rows.is_empty():
            raise BadgeRefused(
                "the register has no badge with this id: it was never issued here, or its row was erased or is past "
                "its period; revoke it by its file: `footsteps badge revoke FILE`"
            )
        self._write_register(
            register.with_columns(
                pl.when(pl.col("badge_id") == badge_id)
                .then(pl.coalesce("revoked_at", pl.lit(now, ISSUED_BADGE.schema["revoked_at"])))
                .otherwise("revoked_at")
                .alias("revoked_at")
            )
        )
        self._revoke_place(badge_rows["status_index"][0], now)

    def revoke_token(self, token: str, now: datetime) -> str:
        """Revoke a badge by its token, whether or not the register still has its row.

        Args:
            token: The signed badge.
            now: The time, in UTC.

        Returns:
            The id of the badge.

        Raises:
            BadgeRefused: The token is no badge of this issuer.
        """
        claims = self._read_token(token)
        if not self.read_register().filter(badge_id=claims["id"]).is_empty():
            self.revoke(claims["id"], now)
        else:
            self._revoke_place(int(claims["credentialStatus"]["statusListIndex"]), now)
        return str(claims["id"])

    def check(self, token: str, now: datetime) -> tuple[str, str]:
        """Check the signature, the period and the status of a badge.

        Args:
            token: The signed badge.
            now: The time, in UTC.

        Returns:
            The id of the badge, and `valid`, `ended` or `revoked`.

        Raises:
            BadgeRefused: The token is no badge of this issuer, or there is no status list.
        """
        claims = self._read_token(token)
        status_path = self.public_folder / "status.jwt"
        if not status_path.exists():
            raise BadgeRefused(f"there is no status list in {self.public_folder}")
        try:
            status_claims = self.issuer_key.read(status_path.read_text(encoding="utf-8"))
            is_revoked = is_set(
                status_claims["credentialSubject"]["encodedList"], int(claims["credentialStatus"]["statusListIndex"])
            )
        except (SignatureInvalid, ValueError) as error:
            raise BadgeRefused(f"status.jwt: {error}") from error
        badge_state = "revoked" if is_revoked else "ended" if claims["exp"] < now.timestamp() else "valid"
        return str(claims["id"]), badge_state

    def read_credential(self, token: str) -> dict[str, Any]:
        """The credential of a badge without the claims of the token, as a system that reads JSON takes it."""
        return {member: claim for member, claim in self._read_token(token).items() if member not in REGISTERED_CLAIMS}

    def publish(self, places: StatusPlaces, now: datetime) -> None:
        """Write the folder that the company publishes: profile, public key and status list."""
        addresses = self.addresses
        status_claims = build_status_credential(places, addresses.issuer, addresses.status, now)
        text_by_file = {
            "issuer.json": json.dumps(build_profile(self.options.issuer, addresses), indent=1, ensure_ascii=False),
            "key.json": json.dumps(self.issuer_key.to_public(addresses.key), indent=1),
            "status.jwt": self.issuer_key.sign(status_claims, addresses.key),
        }
        for file_name, file_text in text_by_file.items():
            write_text_atomically(self.public_folder / file_name, file_text + "\n")

    def read_register(self) -> pl.DataFrame:
        """One row per issued badge; contract: `ISSUED_BADGE`."""
        return self.lake.scan(ISSUED_BADGE).collect()

    def read_status(self) -> StatusPlaces:
        """The places of the status list, those of the register among them."""
        register = self.read_register()
        revoked_places = register.filter(pl.col("revoked_at").is_not_null())["status_index"]
        return read_places(self._places_path).include(register["status_index"], revoked_places)

    @property
    def _places_path(self) -> Path:
        return self.root / BADGES_FOLDER / _PLACES_FILE

    def _write_places(self, places: StatusPlaces) -> None:
        write_places(self._places_path, places)

    def _write_register(self, register: pl.DataFrame) -> None:
        self.lake.write(ISSUED_BADGE, register)

    def _revoke_place(self, place: int, now: datetime) -> None:
        places = self.read_status().revoke(place)
        self._write_places(places)
        self.publish(places, now)

    def _read_token(self, token: str) -> dict[str, Any]:
        try:
            claims = self.issuer_key.read(token)
        except SignatureInvalid as error:
            raise BadgeRefused(str(error)) from error
        if claims.get("iss") != self.addresses.issuer or "OpenBadgeCredential" not in claims.get("type", ()):
            raise BadgeRefused("the file is signed by the issuer's key and is no badge")
        return claims

    def _list_person_keys(self, person_id: str) -> dict[str, str]:
        """The keys of a person by column, without those that lead to somebody else too."""
        people = self.lake.scan(PERSON).select("person_id", "employee_number", "work_email").collect()
        people = people.with_columns(pl.col("work_email").str.to_lowercase())
        own_row = people.filter(person_id=person_id)
        if own_row.is_empty():
            raise BadgeRefused(f"nobody has the person_id {person_id!r}: see `footsteps show --sample 3`")
        return {
            key_column: key_text
            for key_column, key_text in own_row.row(0, named=True).items()
            if key_text and people.filter(pl.col(key_column) == key_text).height == 1
        }

    def _read_proof(self, snapshot: Snapshot, person_id: str, skill_id: str) -> dict[str, Any]:
        proof_rows = snapshot.scan(MASTERY_PROOF.name).filter(person_id=person_id, skill_id=skill_id).collect()
        if proof_rows.is_empty():
            raise BadgeRefused(f"{person_id} holds no stage in {skill_id} as of {snapshot.as_of}")
        proof = proof_rows.row(0, named=True)
        if proof["is_hidden"]:
            raise BadgeRefused(f"{person_id} hides {skill_id}: a badge shows it, so the person takes that back first")
        return proof
