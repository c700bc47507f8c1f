"""The section `badges` of footsteps.yaml: who issues badges, where they are published, and how people ask for one.

Belongs here: the form of the section. It names the key by its environment variable and never contains it.
Does not belong here: issuing a badge (`assets.badges`).
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from pipelines.config.publish import ConfigSection
from pipelines.contracts.oversight_tables import ISSUED_BADGE


def _check_address(url: str) -> str:
    url_parts = urlsplit(url)
    if url_parts.scheme != "https" or not url_parts.hostname or url_parts.query or url_parts.fragment:
        raise ValueError("must be an https address without query, such as https://badges.acme.example/")
    return url.rstrip("/") + "/"


def _check_pattern(pattern: str) -> str:
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError("must be a pattern inside the landing folder, such as badges/*.csv")
    return pattern


class BadgeOptions(ConfigSection):
    """The section `badges` of footsteps.yaml."""

    # name of the issuer on each badge
    issuer: Annotated[str, Field(min_length=1)]
    # address under which the company publishes the folder `badges/public` of the data root
    url: Annotated[str, AfterValidator(_check_address)]
    # landing files in which people ask for badges; each names a person, skill_id and evidence_level
    requests: Annotated[str, AfterValidator(_check_pattern)]
    # a private key as PEM: RSA (RS256, which every reader of Open Badges 3.0 supports) or P-256 (ES256)
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "FOOTSTEPS_BADGE_KEY"
    # days after which a badge ends; the register of issued badges keeps its row for longer
    valid_days: Annotated[int, Field(ge=1, le=ISSUED_BADGE.retention_days)] = 730
