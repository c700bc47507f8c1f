"""The section `serve` of footsteps.yaml: who may see pages and the JSON interface, and how a request proves it.

Belongs here: the form of the section, and the sources that read people's answers. It names secrets by their
environment variables and never contains them.
Does not belong here: the web application itself (`assets.web`).
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipelines.config.publish import ConfigSection
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName

# How an identity names a person: by one of the keys of the identity tables.
PersonKey = Literal["employee_number", "work_email"]
# Signatures only; `none` is no algorithm. HS256 shares one key between the proxy and the server.
TokenAlgorithm = Literal["RS256", "PS256", "ES256", "HS256"]
# The canonical schemas of answers, by the name of the source that reads them.
ANSWER_SOURCES: dict[str, CanonicalSchemaName] = {
    "served_replies": "reply",
    "served_wishes": "aspiration",
    "served_consents": "consent",
    "served_preferences": "preference",
    "served_squad_replies": "squad_reply",
}
_ANSWERS_FOLDER = "answers"


def _check_header(header: str) -> str:
    if not header or not all(character.isascii() and (character.isalnum() or character == "-") for character in header):
        raise ValueError("must be the name of an HTTP header, such as X-Forwarded-User")
    return header


def _check_variable(variable: str) -> str:
    if not variable.isidentifier():
        raise ValueError("must be the name of an environment variable, such as FOOTSTEPS_PROXY_SECRET")
    return variable


HeaderName = Annotated[str, AfterValidator(_check_header)]
VariableName = Annotated[str, AfterValidator(_check_variable)]


class HeaderIdentity(ConfigSection):
    """A header with the person's key, set by a proxy that proves itself by a shared secret in another header."""

    header: HeaderName
    key: PersonKey
    secret_header: HeaderName = "X-Footsteps-Proxy-Secret"
    secret_variable: VariableName = "FOOTSTEPS_PROXY_SECRET"


class TokenIdentity(ConfigSection):
    """A header with a signed JSON Web Token, of which one claim is the person's key."""

    header: HeaderName
    claim: Annotated[str, Field(min_length=1)]
    key: PersonKey
    algorithm: TokenAlgorithm
    audience: Annotated[str, Field(min_length=1)]
    issuer: str | None = None
    key_variable: VariableName = "FOOTSTEPS_TOKEN_KEY"  # a public key as PEM, or the shared key of HS256


class SystemAccount(ConfigSection):
    """A system that reads published tables; the environment variable contains its bearer token."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    token_variable: VariableName


class ServeOptions(ConfigSection):
    """The section `serve` of footsteps.yaml."""

    header: HeaderIdentity | None = None
    token: TokenIdentity | None = None
    # keys of people who may see the page about the run; they need not be in the HR export
    operators: list[str] = Field(default_factory=list)
    system_accounts: list[SystemAccount] = Field(default_factory=list)
    # per person, system account, or address without identity
    requests_per_minute: Annotated[int, Field(ge=1)] = 300
    answers_per_minute: Annotated[int, Field(ge=1)] = 30

    @model_validator(mode="after")
    def _check_identity(self) -> "ServeOptions":
        if (self.header is None) == (self.token is None):
            raise ValueError("needs one way of identity: `header` with a shared secret, or `token`, and not both")
        return self


def add_answer_sources(config_content: Any) -> Any:
    """Add the sources that read people's answers to a configuration with the section `serve`.

    Args:
        config_content: The content of footsteps.yaml, not validated yet.

    Returns:
        The same content, with one source per kind of answer behind the declared sources.
    """
    if not isinstance(config_content, dict) or not config_content.get("serve"):
        return config_content
    declared_sources = config_content.get("sources")
    if not isinstance(declared_sources, list):
        return config_content
    answer_sources = [
        {
            "name": source_name,
            "system": "tabular",
            "shape": schema_name,
            "path": f"{_ANSWERS_FOLDER}/{schema_name}_*.csv",
            "delivery": "incremental",
            "mapping": {column: column for column in CANONICAL_SCHEMAS[schema_name].columns if column != "changed_at"},
        }
        for source_name, schema_name in ANSWER_SOURCES.items()
    ]
    return {**config_content, "sources": [*declared_sources, *answer_sources]}
