"""The credential of a badge: the published draft, completed for the person who asked for it.

Belongs here: issuer, period, status and evidence of the credential, and its claims.
Does not belong here: the draft (`ml.mastery.open_badges`), signatures (`signing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What the token repeats of the credential.
REGISTERED_CLAIMS = ("iss", "jti", "sub", "nbf", "exp")
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class PublicAddresses:
    """Where the company publishes the folder `badges/public`.

    Attributes:
        url: Address of the folder, with a slash at its end.
    """

    url: str

    @property
    def issuer(self) -> str:
        """The profile of the issuer; its address is the id of the issuer."""
        return f"{self.url}issuer.json"

    @property
    def key(self) -> str:
        """The public key."""
        return f"{self.url}key.json"

    @property
    def status(self) -> str:
        """The status list."""
        return f"{self.url}status.jwt"


def build_profile(issuer_name: str, addresses: PublicAddresses) -> dict[str, Any]:
    """The profile of the issuer, as Open Badges 3.0 describes it."""
    return {"id": addresses.issuer, "type": ["Profile"], "name": issuer_name, "url": addresses.url}


def complete_draft(
    draft: Mapping[str, Any],
    badge_id: str,
    evidence_level: str,
    profile: Mapping[str, Any],
    status_entry: Mapping[str, str],
    issued_at: datetime,
    ends_at: datetime,
) -> dict[str, Any]:
    """Complete the draft of a badge.

    Args:
        draft: `badge_draft` of the published proof, an unsigned credential.
        badge_id: The id of this credential: a badge that is issued again has another one.
        evidence_level: One of `EVIDENCE_LEVELS`.
        profile: The profile of the issuer.
        status_entry: The place of the badge in the status list.
        issued_at: When it is issued, in UTC.
        ends_at: When it ends, in UTC.

    Returns:
        The claims of the token: the credential, and the registered claims that repeat it.
    """
    subject = dict(draft["credentialSubject"])
    # the name after the stage: readers find a skill by a tag
    skill_name = draft["name"].partition(": ")[2]
    subject["achievement"] = {**subject["achievement"], "tag": [skill_name]}
    credential = {
        "@context": draft["@context"],
        "id": badge_id,
        "type": draft["type"],
        "name": draft["name"],
        "issuer": dict(profile),
        "validFrom": issued_at.strftime(_TIME_FORMAT),
        "validUntil": ends_at.strftime(_TIME_FORMAT),
        # the draft is valid from the last practice that shows the stage
        "awardedDate": draft["validFrom"],
        "credentialSubject": subject,
        "credentialStatus": dict(status_entry),
    }
    if evidence_level != "none":
        credential["evidence"] = [_limit_evidence(entry, evidence_level) for entry in draft["evidence"]]
    return {
        **credential,
        "iss": credential["issuer"]["id"],
        "jti": badge_id,
        "sub": subject["id"],
        "nbf": int(issued_at.timestamp()),
        "exp": int(ends_at.timestamp()),
    }


def _limit_evidence(evidence_entry: Mapping[str, Any], evidence_level: str) -> dict[str, Any]:
    """A kind of evidence, with its count only if the person agreed to counts."""
    shown_members = ("type", "name", "narrative") if evidence_level == "counts" else ("type", "name")
    return {member: evidence_entry[member] for member in shown_members if member in evidence_entry}
