"""How well each feature of the ranker predicts who belongs to a group.

Belongs here: the area under the ROC curve per feature and group, computed in memory.
Does not belong here: the features themselves (`person_features`).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import norm

from ml.fairness.groups import Grouping, iter_groups
from ml.fairness.intervals import compute_auc
from ml.fairness.measures import FEATURE, MEASURE_SCHEMA


def measure_predictability(
    person_features: pl.DataFrame, groupings: Sequence[Grouping], minimum_people: int
) -> pl.DataFrame:
    """Measure how well each feature tells the people of a group from everybody else.

    Args:
        person_features: One row per person: person_id, and one number per feature; null if the person has none.
        groupings: The groups; a group is compared with all others of its attribute.
        minimum_people: The smallest number of people of a group, and of the others, with the feature.

    Returns:
        One row per feature and group, of two groups for the first alone, in `MEASURE_SCHEMA`: the estimate is the
        probability that a member has a larger value than somebody else (0.5 if the feature reveals nothing). A feature
        that is the same for all is left out.
    """
    measure_rows = []
    for grouping in groupings:
        members = grouping.members.join(person_features, on="person_id").sort("person_id")
        member_masks = {
            group_name: members["person_id"].is_in(person_ids.implode()).to_numpy()
            for group_name, person_ids in iter_groups(grouping)
        }
        if len(member_masks) == 2:  # the other group is everybody else: its areas are the same, seen from there
            member_masks.popitem()
        for feature_name in (column for column in person_features.columns if column != "person_id"):
            scores = members[feature_name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            is_known = np.isfinite(scores)
            if not is_known.any() or np.ptp(scores[is_known]) == 0:
                continue
            for group_name, is_group_member in member_masks.items():
                is_member = is_group_member[is_known]
                if min(is_member.sum(), (~is_member).sum()) < minimum_people:
                    continue
                auc, standard_error = compute_auc(scores[is_known], is_member)
                z_score = np.inf if not standard_error else (auc.estimate - 0.5) / standard_error
                measure_rows.append(
                    {
                        "section": FEATURE,
                        "measure": feature_name,
                        "attribute": grouping.attribute,
                        "group": group_name,
                        "people_count": int(is_member.sum()),
                        "case_count": None,
                        "estimate": auc.estimate,
                        "low": auc.low,
                        "high": auc.high,
                        "ratio": None,
                        "ratio_low": None,
                        "ratio_high": None,
                        "p_value": float(2 * norm.sf(abs(z_score))),
                    }
                )
    return pl.DataFrame(measure_rows, schema=MEASURE_SCHEMA, orient="row")
