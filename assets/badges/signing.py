"""The key of the issuer, and signatures with it: JSON Web Tokens by joserfc.

Belongs here: reading the key, its algorithm, signing and checking a signature.
Does not belong here: what is signed (`credential`, `status_list`).

Source: Open Badges 3.0 (1EdTech), 8.2 JSON Web Token Proof Format: the payload is the credential with the claims iss,
jti, nbf, sub and exp; RS256 is the algorithm that every reader supports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey

_LEAST_RSA_BITS = 2048


class KeyUnusable(Exception):
    """The key cannot sign badges; the message says what to do and quotes nothing of the key."""


class SignatureInvalid(Exception):
    """A token is not signed by this key, or is no token."""


@dataclass(frozen=True)
class IssuerKey:
    """A key of the issuer, private or public.

    Attributes:
        key: The key.
        algorithm: The one algorithm that is used with it: a token never chooses how it is checked.
    """

    key: Key
    algorithm: str

    def sign(self, claims: Mapping[str, Any], key_url: str) -> str:
        """Sign claims.

        Args:
            claims: The payload.
            key_url: Address of the public key, for readers.

        Returns:
            The token in compact form.
        """
        header = {"alg": self.algorithm, "typ": "JWT", "kid": key_url}
        return jwt.encode(header, dict(claims), self.key, algorithms=[self.algorithm])

    def read(self, token: str) -> dict[str, Any]:
        """Check the signature of a token.

        Args:
            token: The token in compact form.

        Returns:
            Its claims.

        Raises:
            SignatureInvalid: Somebody else signed it, or it was changed, or it is no token.
        """
        try:
            return dict(jwt.decode(token.strip(), self.key, algorithms=[self.algorithm]).claims)
        except (JoseError, ValueError, TypeError) as error:
            raise SignatureInvalid("the signature is not that of the issuer's key, or the file was changed") from error

    def to_public(self, key_url: str) -> dict[str, Any]:
        """The public key as a JSON Web Key, which readers find under its address."""
        return {**self.key.as_dict(private=False), "alg": self.algorithm, "use": "sig", "kid": key_url}


def read_issuer_key(key_text: str | None, key_variable: str) -> IssuerKey:
    """Read the key of the issuer.

    Args:
        key_text: A private key as PEM; None if the variable is not set.
        key_variable: The environment variable that holds it.

    Raises:
        KeyUnusable: There is no key, or it is none of the supported kinds, or it is too short or public.
    """
    if not key_text:
        raise KeyUnusable(
            f"{key_variable} is not set: put the private key of the issuer into it, as `openssl genpkey -algorithm RSA "
            "-pkeyopt rsa_keygen_bits:3072` prints it"
        )
    for key_class, algorithm in ((RSAKey, "RS256"), (ECKey, "ES256")):
        try:
            key = key_class.import_key(key_text)
        except (JoseError, ValueError, TypeError):
            continue
        _check_key(key, key_variable)
        return IssuerKey(key, algorithm)
    raise KeyUnusable(f"{key_variable} holds no private key as PEM: RSA or P-256")


def _check_key(key: Key, key_variable: str) -> None:
    if not key.is_private:
        raise KeyUnusable(f"{key_variable} holds a public key: a badge is signed by the private one")
    if isinstance(key, RSAKey) and key.private_key and key.private_key.key_size < _LEAST_RSA_BITS:
        raise KeyUnusable(f"{key_variable} holds an RSA key of fewer than {_LEAST_RSA_BITS} bits")
    if isinstance(key, ECKey) and key.curve_name != "P-256":
        raise KeyUnusable(f"{key_variable} holds a key of the curve {key.curve_name}: use P-256")
