"""The terms of the contracts: who owns the published tables, where readers ask, what the rows may be used for.

Belongs here: what a company declares in the section `contracts` of footsteps.yaml, and what holds without it.
Does not belong here: the columns and rules of a table (`output_tables`), the form of a contract (`odcs`).

The fields are keys of footsteps.yaml. A message about a field begins with its name, so that the error of the
configuration can name the line.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class SupportChannel:
    """Where readers ask; the names of the tools are those of the Open Data Contract Standard."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    channel: str
    tool: Literal["email", "slack", "teams", "discord", "ticket", "googlechat", "other"] = "other"
    url: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        if self.url is not None and not self.url.startswith(("https://", "http://", "mailto:")):
            raise ValueError("url must be an address such as https://chat.example/people or mailto:people@acme.example")


@dataclass(frozen=True)
class ContractTerms:
    """Owner, support and terms of use of every published table."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    owner: str = "people-analytics"  # a team, not a person: contracts are copied to other systems
    support: tuple[SupportChannel, ...] = (
        SupportChannel("people-analytics", description="The team that runs the pipeline."),
    )
    purposes: tuple[str, ...] = (
        "To propose to each person the next micro-skill, why, how to practise it, and with whom",
        "to show teams and the organisation where learning lacks hours, projects or people",
    )
    usage: str = (
        "For development only: rows do not rank people against each other and must not decide access to anything."
    )
    limitations: str = (
        "Stages and probabilities are estimates from the records of connected systems: work that no system records is "
        "not in them. A row is stale after valid_until."
    )

    def __post_init__(self) -> None:
        if not self.owner or not self.support or not self.purposes:
            empty_field = next(
                field_name for field_name in ("owner", "support", "purposes") if not getattr(self, field_name)
            )
            raise ValueError(f"{empty_field} is empty: readers need at least one, or leave the key out")
