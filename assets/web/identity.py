"""Who sends a request: a person, an operator, or a system account.

Belongs here: the proof of a proxy by a shared secret, of a token by its signature, of a system account by its token.
Does not belong here: the person behind a key (`directory`), what somebody may see (`pages`, `interface`).
"""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from starlette.datastructures import Headers

from assets.web.directory import Directory, normalize_key
from pipelines.config.serve import ServeOptions, TokenIdentity

# A shorter secret can be guessed.
_MIN_SECRET_LENGTH = 16
_BEARER = "bearer "
_KEY_TYPE_BY_ALGORITHM = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "HS256": "oct"}


class ServeRefused(Exception):
    """The server cannot start; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        person_id: The person; None for a system account, and for an operator who is not in the HR export.
        is_operator: Whether the page about the run is shown.
        system_account: Name of the system account; None for people.
    """

    person_id: str | None = None
    is_operator: bool = False
    system_account: str | None = None

    @property
    def limit_key(self) -> str:
        """By what requests of the caller are counted."""
        if self.system_account:
            return f"system {self.system_account}"
        return f"person {self.person_id}" if self.person_id else "operators outside the HR export"


@dataclass(frozen=True)
class Authenticator:
    """Checks the proof of a request.

    Attributes:
        options: The section `serve` of footsteps.yaml.
        proxy_secret: The shared secret of the proxy; None if tokens prove the identity.
        token_key: The key of the tokens; None if the proxy proves the identity.
        account_by_token: Name of each system account by its token.
        now: Returns the time in seconds.
    """

    options: ServeOptions
    proxy_secret: str | None = field(repr=False)
    token_key: Key | None = field(repr=False)
    account_by_token: Mapping[str, str] = field(repr=False)
    now: Callable[[], float] = time.time

    def identify(self, headers: Headers, directory: Directory) -> Caller | None:
        """Identify the sender of a request.

        Args:
            headers: The headers of the request.
            directory: The people of the company.

        Returns:
            The caller; None if the request proves no identity, or proves one that leads to nobody.
        """
        if account_name := self._find_system_account(headers):
            return Caller(system_account=account_name)
        person_key = self._read_proxy_key(headers) if self.options.header else self._read_token_key(headers)
        if not person_key:
            return None
        identity_options = self.options.header or self.options.token
        person_id = directory.find_person(identity_options.key, person_key) if identity_options else None
        is_operator = normalize_key(person_key) in map(normalize_key, self.options.operators)
        return Caller(person_id, is_operator) if person_id or is_operator else None

    def _find_system_account(self, headers: Headers) -> str | None:
        given_token = _strip_bearer(_read_single(headers, "Authorization")).encode()
        matching_accounts = [
            account_name
            for account_token, account_name in self.account_by_token.items()
            if hmac.compare_digest(account_token.encode(), given_token)
        ]
        return matching_accounts[0] if matching_accounts else None

    def _read_proxy_key(self, headers: Headers) -> str | None:
        header_options = self.options.header
        if header_options is None or self.proxy_secret is None:
            return None
        given_secret = _read_single(headers, header_options.secret_header)
        if not hmac.compare_digest(self.proxy_secret.encode(), given_secret.encode()):
            return None
        return _read_single(headers, header_options.header)

    def _read_token_key(self, headers: Headers) -> str | None:
        token_options = self.options.token
        if token_options is None or self.token_key is None:
            return None
        try:
            token = jwt.decode(
                _strip_bearer(_read_single(headers, token_options.header)), self.token_key, [token_options.algorithm]
            )
            _build_claims_registry(token_options, self.now).validate(token.claims)
        except (JoseError, ValueError):
            return None
        person_key = token.claims.get(token_options.claim)
        return person_key if isinstance(person_key, str) else None


def _build_claims_registry(token_options: TokenIdentity, now: Callable[[], float]) -> jwt.JWTClaimsRegistry:
    """The claims that a token must have: it names this server, and has an end that is not past."""
    issuer_option: jwt.ClaimsOption = (
        {"essential": True, "value": token_options.issuer} if token_options.issuer else {"essential": False}
    )
    return jwt.JWTClaimsRegistry(
        now=lambda: int(now()),
        exp={"essential": True},
        aud={"essential": True, "value": token_options.audience},
        iss=issuer_option,
    )


def _read_single(headers: Headers, header_name: str) -> str:
    """The value of a header; empty if it is missing, or there twice: then the proxy kept what a client sent."""
    header_values = headers.getlist(header_name)
    return header_values[0] if len(header_values) == 1 else ""


def _strip_bearer(header_value: str) -> str:
    return header_value[len(_BEARER) :] if header_value[: len(_BEARER)].lower() == _BEARER else header_value


def create_authenticator(
    options: ServeOptions, environment: Mapping[str, str], now: Callable[[], float] = time.time
) -> Authenticator:
    """Read the secrets of the configured identity from the environment.

    Args:
        options: The section `serve` of footsteps.yaml.
        environment: The environment variables.
        now: Returns the time in seconds.

    Raises:
        ServeRefused: A variable is not set, or what it holds is no secret or no key.
    """
    proxy_secret = _read_secret(environment, options.header.secret_variable) if options.header else None
    account_by_token = {
        _read_secret(environment, account.token_variable): account.name for account in options.system_accounts
    }
    if len(account_by_token) < len(options.system_accounts) or proxy_secret in account_by_token:
        raise ServeRefused("two secrets of `serve` are the same: give the proxy and each system account its own")
    return Authenticator(options, proxy_secret, _read_token_key(options, environment), account_by_token, now)


def _read_token_key(options: ServeOptions, environment: Mapping[str, str]) -> Key | None:
    if options.token is None:
        return None
    key_variable, algorithm = options.token.key_variable, options.token.algorithm
    try:
        return import_key(_read_secret(environment, key_variable), _KEY_TYPE_BY_ALGORITHM[algorithm])  # type: ignore[call-overload]
    except (JoseError, ValueError) as error:
        raise ServeRefused(
            f"{key_variable} holds no key for {algorithm}: set it to a public key as PEM, or to the shared key of HS256"
        ) from error


def _read_secret(environment: Mapping[str, str], variable_name: str) -> str:
    secret = environment.get(variable_name, "").strip()
    if not secret:
        raise ServeRefused(f"the environment variable {variable_name} is not set: it proves who sends a request")
    if len(secret) < _MIN_SECRET_LENGTH:
        raise ServeRefused(
            f"{variable_name} has {len(secret)} characters; at least {_MIN_SECRET_LENGTH} are needed: use a random one"
        )
    return secret
