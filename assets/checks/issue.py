"""One thing that is wrong, as doctor prints it and alerts send it.

Belongs here: the form of an issue.
Does not belong here: what counts as an issue (`health`, `target_health`, `automation_health`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong: a key that stays the same while it persists, and a sentence without personal data."""

    key: str
    sentence: str
