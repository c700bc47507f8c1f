"""The section `pause` of footsteps.yaml: recommendations are paused for everybody.

Belongs here: the form of the section, and what a reason may hold.
Does not belong here: what a pause does (`pipelines.core.pauses`).
"""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator

from pipelines.config.publish import ConfigSection

_MAX_REASON_LENGTH = 200
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.\w")


def check_reason(reason: str) -> str:
    """A reason as it is stored: one line without an e-mail address.

    Raises:
        ValueError: The reason is empty or too long, or holds an e-mail address.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > _MAX_REASON_LENGTH:
        raise ValueError(f"the reason has {len(reason)} characters; allowed: 1 to {_MAX_REASON_LENGTH}")
    if _ADDRESS.search(reason):
        raise ValueError("the reason names somebody by an e-mail address: everybody may read it, take it out")
    return reason


class PauseOptions(ConfigSection):
    """The section `pause` of footsteps.yaml; recommendations are paused while it is there."""

    reason: Annotated[str, AfterValidator(check_reason)]  # everybody may read it: it names nobody
    since: date
