"""The section `privacy` of footsteps.yaml: where the list of erased people lies, and what holds deletions back.

Belongs here: the form of the section.
Does not belong here: erasure and retention themselves (`pipelines.privacy`).
"""

from typing import Annotated

from pydantic import Field

from pipelines.config.publish import ConfigSection


class PrivacyOptions(ConfigSection):
    """The section `privacy` of footsteps.yaml."""

    # the file of keyed hashes, outside the data root; relative to footsteps.yaml
    erased_people: str | None = None
    # landing files that ask for erasures, with a column person_id, employee_number, work_email or account_code
    erasure_requests: str | None = None
    # landing files that ask for a copy of what is stored, with the same columns
    access_requests: str | None = None
    # days for which Dagster's runs stay, with their events and logs
    run_log_days: Annotated[int, Field(ge=1)] = 365
    # why nothing may be deleted for its age, by name of the case; retention waits while there is one
    legal_holds: list[str] = Field(default_factory=list)
