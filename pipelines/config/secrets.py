"""Secrets: values of environment variables, which no message may show.

Belongs here: removing secrets from a text of another system.
Does not belong here: which variable holds which secret (`pipelines.config.fetch`, `pipelines.config.publish`).
"""

import os
import re
from collections.abc import Collection

_SECRET_WORDS = ("URI", "SECRET", "KEY", "PASSWORD", "PASSPHRASE", "TOKEN")
# An address may carry a signature or a password in a form that is encoded otherwise than in its variable.
_ADDRESS_PATTERN = re.compile(r"\S*://\S*")
_MAX_MESSAGE_LENGTH = 300


def redact_secrets(message: str, secret_variables: Collection[str] = ()) -> str:
    """Replace the value of each environment variable that holds a secret by the variable's name.

    Args:
        message: A message of another system, such as a driver's error.
        secret_variables: Names of variables that hold a secret although their name does not show it.

    Returns:
        The message without secrets.
    """
    for variable_name, environment_value in os.environ.items():
        if len(environment_value) > 3 and (
            variable_name in secret_variables or any(secret_word in variable_name for secret_word in _SECRET_WORDS)
        ):
            message = message.replace(environment_value, f"${variable_name}")
    return message


def describe_failure(
    failure: Exception, secret_variables: Collection[str] = (), shown_addresses: Collection[str] = ()
) -> str:
    """An error of another system in one line, without secrets and without addresses.

    Args:
        failure: The error.
        secret_variables: Names of variables that hold a secret although their name does not show it.
        shown_addresses: Addresses that hold no secret, such as scheme and host of an endpoint: they stay.

    Returns:
        The class of the error and the first line of its message.
    """
    message_lines = str(failure).strip().splitlines() or ["no reason given"]
    first_line = _ADDRESS_PATTERN.sub(
        lambda address_match: address_match[0] if address_match[0] in shown_addresses else "(address)",
        redact_secrets(message_lines[0], secret_variables),
    )
    return f"{type(failure).__name__}: {first_line[:_MAX_MESSAGE_LENGTH]}"
