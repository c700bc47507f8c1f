"""The status list: one bit per issued badge, which is set if the badge was revoked.

Belongs here: the places of the list, the credential that publishes it.
Does not belong here: whose badge has which place (the register), signatures (`signing`).

Source: W3C Bitstring Status List 1.0, 2.2 BitstringStatusListCredential, 3.3 Bitstring Encoding (the first bit is the
highest of the first byte; GZIP, then base64url with the multibase prefix `u`), 5.2: at least 131,072 places, so that an
address of the list says nothing about one person. A place is drawn by chance for the same reason.
"""

import base64
import gzip
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.storage.atomic_write import write_text_atomically

PLACE_COUNT = 131_072
_CONTEXT = "https://www.w3.org/ns/credentials/v2"
_MULTIBASE_PREFIX = "u"


class StatusListFull(Exception):
    """Every place of the status list is taken."""


@dataclass(frozen=True)
class StatusPlaces:
    """Which places of the list are taken, and which are revoked. It names nobody, so that it outlives an erasure.

    Attributes:
        taken: Places of badges that were issued; none is given twice.
        revoked: Places of revoked badges.
    """

    taken: frozenset[int] = frozenset()
    revoked: frozenset[int] = frozenset()

    def draw_place(self) -> tuple[int, "StatusPlaces"]:
        """Take a free place by chance.

        Raises:
            StatusListFull: No place is free.
        """
        if len(self.taken) >= PLACE_COUNT:
            raise StatusListFull(f"all {PLACE_COUNT:,} places of the status list are taken")
        while (place := secrets.randbelow(PLACE_COUNT)) in self.taken:
            pass
        return place, replace(self, taken=self.taken | {place})

    def revoke(self, place: int) -> "StatusPlaces":
        """The places after the badge of one was revoked; a revoked badge stays revoked."""
        return replace(self, taken=self.taken | {place}, revoked=self.revoked | {place})

    def include(self, taken: Iterable[int], revoked: Iterable[int]) -> "StatusPlaces":
        """The places, and those of the register: if the file was lost, the register knows them."""
        return StatusPlaces(self.taken | frozenset(taken) | frozenset(revoked), self.revoked | frozenset(revoked))


def read_places(places_path: Path) -> StatusPlaces:
    """Read the places; none are taken if the file is missing."""
    if not places_path.exists():
        return StatusPlaces()
    places_document = json.loads(places_path.read_text(encoding="utf-8"))
    return StatusPlaces(frozenset(places_document["taken"]), frozenset(places_document["revoked"]))


def write_places(places_path: Path, places: StatusPlaces) -> None:
    """Write the places, in ascending order."""
    places_document = {"taken": sorted(places.taken), "revoked": sorted(places.revoked)}
    write_text_atomically(places_path, json.dumps(places_document) + "\n")


def encode_bits(revoked_places: Iterable[int]) -> str:
    """The list as text: bits, compressed, in base64url."""
    bits = bytearray(PLACE_COUNT // 8)
    for place in revoked_places:
        bits[place // 8] |= 0x80 >> place % 8
    # without the time of compression, so that equal lists are equal texts
    return _MULTIBASE_PREFIX + base64.urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).decode().rstrip("=")


def is_set(encoded_bits: str, place: int) -> bool:
    """Whether the bit of a place is set.

    Args:
        encoded_bits: The list as text, as `encode_bits` returns it.
        place: The place.

    Raises:
        ValueError: The text is no list, or the place is not in it.
    """
    compressed_text = encoded_bits.removeprefix(_MULTIBASE_PREFIX)
    try:
        bits = gzip.decompress(base64.urlsafe_b64decode(compressed_text + "=" * (-len(compressed_text) % 4)))
    except (OSError, EOFError, ValueError) as error:
        raise ValueError("the status list cannot be read") from error
    if not 0 <= place < len(bits) * 8:
        raise ValueError("the status list has no such place")
    return bool(bits[place // 8] & (0x80 >> place % 8))


def build_status_credential(places: StatusPlaces, issuer_url: str, list_url: str, now: datetime) -> dict[str, Any]:
    """The credential that publishes the list.

    Args:
        places: The places.
        issuer_url: Address of the issuer's profile, which is its id.
        list_url: Address under which the list is published.
        now: The time, in UTC.
    """
    return {
        "@context": [_CONTEXT],
        "id": list_url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer_url,
        "validFrom": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credentialSubject": {
            "id": f"{list_url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encode_bits(places.revoked),
        },
        "iss": issuer_url,
        "jti": list_url,
        "sub": f"{list_url}#list",
        "nbf": int(now.timestamp()),
    }


def build_status_entry(list_url: str, place: int) -> dict[str, str]:
    """What a badge says of its place in the list."""
    return {
        "id": f"{list_url}#{place}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(place),
        "statusListCredential": list_url,
    }
