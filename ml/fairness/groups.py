"""Groups of people by one attribute, and by two attributes together; small groups are left out and counted.

Belongs here: who belongs to which group, and numbers in place of names.
Does not belong here: what is measured of a group (`rates`, `calibration`, `predictability`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

# Between the names of two attributes or of two groups.
INTERSECTION = " × "


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of people by one attribute, or by two attributes together.

    Attributes:
        attribute: Name of the attribute, or of both, joined by `INTERSECTION`.
        members: One row per person of a group that is large enough: person_id, group.
        group_count: Groups that are large enough.
        small_group_count: Groups that are left out because they have too few people.
        small_group_people: People in these groups.
        missing_people: People whose attribute is not known.
    """

    attribute: str
    members: pl.DataFrame
    group_count: int
    small_group_count: int
    small_group_people: int
    missing_people: int


def list_groupings(attributes: pl.DataFrame, minimum_people: int) -> list[Grouping]:
    """Group people by each attribute, then by each pair of attributes.

    Args:
        attributes: One row per person: person_id, and one text column per attribute; null if it is not known.
        minimum_people: The smallest number of people of a group.

    Returns:
        One grouping per attribute in the order of the columns, then one per pair of attributes.
    """
    attribute_names = [column_name for column_name in attributes.columns if column_name != "person_id"]
    return [
        _group_people(attributes, grouped_names, minimum_people)
        for grouped_names in [(attribute_name,) for attribute_name in attribute_names]
        + list(combinations(attribute_names, 2))
    ]


def _group_people(attributes: pl.DataFrame, grouped_names: Sequence[str], minimum_people: int) -> Grouping:
    described_people = attributes.drop_nulls(grouped_names)
    people_with_group = described_people.select(
        "person_id", pl.concat_str(grouped_names, separator=INTERSECTION).alias("group")
    ).with_columns(pl.len().over("group").alias("people_count"))
    members = people_with_group.filter(pl.col("people_count") >= minimum_people)
    small_groups = people_with_group.filter(pl.col("people_count") < minimum_people)
    return Grouping(
        attribute=INTERSECTION.join(grouped_names),
        members=members.select("person_id", "group").sort("person_id"),
        group_count=members["group"].n_unique(),
        small_group_count=small_groups["group"].n_unique(),
        small_group_people=small_groups.height,
        missing_people=attributes.height - described_people.height,
    )


def number_attributes(attributes: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """Replace the names of attributes and groups by numbers, in the order of the columns and of the names.

    Args:
        attributes: As in `list_groupings`.

    Returns:
        The same rows with attribute_1, attribute_2 … and group_1, group_2 …; and the name behind each number, such as
        `attribute_1` and `attribute_1 group_2`.
    """
    name_by_number: dict[str, str] = {}
    numbered_columns: list[pl.Series] = [attributes["person_id"]]
    for attribute_number, attribute_name in enumerate(
        (column_name for column_name in attributes.columns if column_name != "person_id"), start=1
    ):
        attribute_code = f"attribute_{attribute_number}"
        group_names = attributes[attribute_name].drop_nulls().unique().sort().to_list()
        code_by_group = {
            group_name: f"group_{group_number}" for group_number, group_name in enumerate(group_names, start=1)
        }
        name_by_number[attribute_code] = attribute_name
        name_by_number |= {f"{attribute_code} {code}": name for name, code in code_by_group.items()}
        numbered_columns.append(_replace_groups(attributes[attribute_name], code_by_group).alias(attribute_code))
    return pl.DataFrame(numbered_columns), name_by_number


def _replace_groups(groups: pl.Series, code_by_group: Mapping[str, str]) -> pl.Series:
    if not code_by_group:
        return groups
    return groups.replace_strict(dict(code_by_group), default=None, return_dtype=pl.String)


def iter_groups(grouping: Grouping) -> Iterator[tuple[str, pl.Series]]:
    """The name and the person_ids of each group, by name."""
    for group_name in grouping.members["group"].unique().sort():
        yield group_name, grouping.members.filter(group=group_name)["person_id"]


def name_groups(measures: pl.DataFrame, name_by_number: Mapping[str, str]) -> pl.DataFrame:
    """Put names in place of the numbers of attributes and groups.

    Args:
        measures: Rows with attribute and group, whose attributes are numbered.
        name_by_number: As `number_attributes` returns it.
    """
    pairs = measures.select("attribute", "group").unique()
    named_pairs = [
        (attribute, group, *_name_pair(attribute, group, name_by_number)) for attribute, group in pairs.iter_rows()
    ]
    names = pl.DataFrame(
        named_pairs,
        schema=dict.fromkeys(("attribute", "group", "attribute_name", "group_name"), pl.String),
        orient="row",
    )
    return (
        measures.join(names, on=("attribute", "group"), how="left", maintain_order="left")
        .with_columns(attribute="attribute_name", group="group_name")
        .drop("attribute_name", "group_name")
    )


def name_attribute(attribute: str, name_by_number: Mapping[str, str]) -> str:
    """The name of a numbered attribute, or of two."""
    return INTERSECTION.join(name_by_number[attribute_code] for attribute_code in attribute.split(INTERSECTION))


def _name_pair(attribute: str, group: str, name_by_number: Mapping[str, str]) -> tuple[str, str]:
    code_pairs = zip(attribute.split(INTERSECTION), group.split(INTERSECTION), strict=True)
    group_names = [name_by_number[f"{attribute_code} {group_code}"] for attribute_code, group_code in code_pairs]
    return name_attribute(attribute, name_by_number), INTERSECTION.join(group_names)


def list_shown_names(measures: pl.DataFrame, name_by_number: Mapping[str, str]) -> dict[str, str]:
    """The names behind the numbers that measures have: those of small groups, which are left out, are not among them.

    Args:
        measures: Rows with attribute and group, whose attributes are numbered.
        name_by_number: As `number_attributes` returns it.
    """
    shown_numbers: set[str] = set()
    for attribute, group in measures.select("attribute", "group").unique().iter_rows():
        for attribute_code, group_code in zip(attribute.split(INTERSECTION), group.split(INTERSECTION), strict=True):
            shown_numbers |= {attribute_code, f"{attribute_code} {group_code}"}
    return {number: name for number, name in name_by_number.items() if number in shown_numbers}
