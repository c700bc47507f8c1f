"""The section `audit` of footsteps.yaml: the limits of `footsteps audit`, and what of its groups may be stored.

Belongs here: the form of the section.
Does not belong here: the audit itself (`ml.fairness`).
"""

from typing import Annotated

from pydantic import Field

from pipelines.config.publish import ConfigSection


class AuditOptions(ConfigSection):
    """The section `audit` of footsteps.yaml."""

    # people of a group that is measured; an interval of fewer says nothing
    minimum_people: Annotated[int, Field(ge=5)] = 20
    # a rate below this share of the highest rate is a finding: the four-fifths rule
    impact_ratio: Annotated[float, Field(gt=0, le=1)] = 0.8
    # a feature that tells a group from everybody else with this probability is a finding
    feature_auc: Annotated[float, Field(ge=0.5, le=1)] = 0.6
    # accepted share of audits with a finding if no group differs from another
    false_alarm_share: Annotated[float, Field(gt=0, lt=1)] = 0.02
    # days after which the next audit is due; no audit is due if it is left out
    every_days: Annotated[int, Field(ge=1)] | None = None
    # whether names of attributes and groups are stored with the figures; otherwise they are numbered
    names_groups: bool = False
