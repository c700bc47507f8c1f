"""What an audit leaves out, counted: small groups, people without attributes, rows that name nobody.

Belongs here: the sentences.
Does not belong here: the groups (`ml.fairness.groups`).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from assets.cli.oversight.attributes import Attributes
from ml.fairness.findings import AuditLimits
from ml.fairness.groups import Grouping, name_attribute


def describe_left_out(
    attributes: Attributes,
    outcomes: pl.DataFrame,
    groupings: Sequence[Grouping],
    name_by_number: Mapping[str, str],
    limits: AuditLimits,
) -> list[str]:
    """Say what was left out, one sentence each.

    Args:
        attributes: What was read of the company's file.
        outcomes: One row per audited person: person_id.
        groupings: The groups; their attributes are numbered.
        name_by_number: The name behind each number.
        limits: The declared limits; a count of people below `smallest_count` is not given.
    """
    audited_ids, described_ids = outcomes["person_id"], attributes.rows["person_id"]
    count_by_sentence = {
        "{} in the file have no list: they are not employed, opted out, or are not known here.": (
            int((~described_ids.is_in(audited_ids.implode())).sum())
        ),
        "{} with a list are not in the file.": int((~audited_ids.is_in(described_ids.implode())).sum()),
        "{} have rows that contradict each other.": attributes.contradicting_people,
    }
    sentences = [
        sentence.format(count_people(people_count, limits.smallest_count))
        for sentence, people_count in count_by_sentence.items()
        if people_count
    ]
    if attributes.nameless_rows:
        sentences.append(f"{attributes.nameless_rows:,} rows of the file name nobody.")
    for grouping in groupings:
        attribute_name = name_attribute(grouping.attribute, name_by_number)
        if grouping.missing_people:
            missing_text = count_people(grouping.missing_people, limits.smallest_count)
            sentences.append(f"{attribute_name}: not known of {missing_text}.")
        if grouping.small_group_count:
            people_text = count_people(grouping.small_group_people, limits.smallest_count)
            group_text = "1 group" if grouping.small_group_count == 1 else f"{grouping.small_group_count} groups"
            sentences.append(
                f"{attribute_name}: {group_text} of fewer than {limits.minimum_people} people left out ({people_text})."
            )
    return sentences


def count_people(people_count: int, smallest_count: int) -> str:
    """A number of people as text, rounded down to a multiple of five; a small one is not given.

    Args:
        people_count: The number, at least 1.
        smallest_count: The smallest number that may be given.
    """
    if people_count < smallest_count:
        return f"fewer than {smallest_count} people"
    return f"about {people_count - people_count % 5:,} people"
