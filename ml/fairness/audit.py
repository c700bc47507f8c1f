"""An audit: all measures of all groups, with what is a finding and what may be shown.

Belongs here: the order of the parts.
Does not belong here: any measure itself.
"""

from dataclasses import dataclass

import polars as pl

from ml.fairness.calibration import measure_calibration
from ml.fairness.findings import AuditLimits, mark_findings, protect_counts
from ml.fairness.groups import INTERSECTION, Grouping, list_groupings
from ml.fairness.measures import MEASURE_SCHEMA
from ml.fairness.predictability import measure_predictability
from ml.fairness.rates import measure_rates


@dataclass(frozen=True, eq=False)
class AuditedPeople:
    """What is audited.

    Attributes:
        outcomes: As `describe_outcomes` returns them.
        promised_steps: As `count_promised_steps` returns them; None if no outcome is known yet.
        person_features: As `average_features` returns them; None without a ranker.
    """

    outcomes: pl.DataFrame
    promised_steps: pl.DataFrame | None = None
    person_features: pl.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class Audit:
    """What was measured.

    Attributes:
        groupings: The groups of each attribute and pair of attributes, with the counts of what was left out.
        measures: One row per measure and group that may be shown, as `protect_counts` returns them.
    """

    groupings: list[Grouping]
    measures: pl.DataFrame


def audit_groups(attributes: pl.DataFrame, audited_people: AuditedPeople, limits: AuditLimits) -> Audit:
    """Measure everything for every group of people.

    Args:
        attributes: One row per person: person_id, and one text column per attribute; null if it is not known.
        audited_people: What is audited; people without attributes are in no group.
        limits: The declared limits.
    """
    audited_attributes = attributes.join(audited_people.outcomes, on="person_id", how="semi")
    groupings = list_groupings(audited_attributes, limits.minimum_people)
    measures = [pl.DataFrame(schema=MEASURE_SCHEMA)]
    measures.append(measure_rates(audited_people.outcomes, groupings, limits.minimum_people))
    if audited_people.promised_steps is not None:
        measures.append(measure_calibration(audited_people.promised_steps, groupings, limits.minimum_people))
    if audited_people.person_features is not None:
        # per attribute: its groups, not their combinations, are what features may stand for
        attribute_groupings = [grouping for grouping in groupings if INTERSECTION not in grouping.attribute]
        measures.append(
            measure_predictability(audited_people.person_features, attribute_groupings, limits.minimum_people)
        )
    return Audit(groupings, protect_counts(mark_findings(pl.concat(measures), limits), limits))
