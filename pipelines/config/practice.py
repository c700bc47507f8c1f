"""The section `practice` of footsteps.yaml: how certain a told change is, and events to examine.

Belongs here: the form of the section.
Does not belong here: how changes are found and events examined (`ml.organisation`).
"""

from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from pipelines.config.publish import ConfigSection


class PracticeEvent(ConfigSection):
    """Something that began on a day in some units, such as a new tool or a reorganisation."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    began: date
    # as the HR export names them
    units: Annotated[list[str], Field(min_length=1)]
    # the units to compare with; if empty, every other unit of sufficient size
    compared_units: list[str] = Field(default_factory=list)


class PracticeOptions(ConfigSection):
    """How certain a told change of practice is, and the events that `footsteps practice examine` knows."""

    # of the changes that a run tells, over all units, kinds and weeks; at this share, `footsteps bench practice` counts
    # on average fewer than 5 % of quiet units with a false change in any of 14 weekly runs
    false_alarm_share: Annotated[float, Field(gt=0, le=0.5)] = 0.03
    # excluded from fingerprints: no table depends on them
    events: Annotated[list[PracticeEvent], Field(exclude=True)] = Field(default_factory=list)

    @field_validator("events")
    @classmethod
    def _check_names(cls, events: list[PracticeEvent]) -> list[PracticeEvent]:
        names = [event.name for event in events]
        for event_name in names:
            if names.count(event_name) > 1:
                raise ValueError(f"two events are called {event_name!r}: give each its own name")
        for event in events:
            if shared := sorted(set(event.units) & set(event.compared_units)):
                raise ValueError(f"{event.name}: {shared[0]!r} is among both `units` and `compared_units`")
        return events
