"""Whom the rows of a source name: what its accounts are, which account maps serve it, how many rows find a person.

Belongs here: trying the keys of a source against the people of HR, with the identity resolution of a run.
Does not belong here: the order of trust between keys (`pipelines.core.identity_resolution`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.columns import AccountKind
from pipelines.core.identity_resolution import (
    ACCOUNT_KEYS,
    assign_account_keys,
    identify_people,
    match_accounts,
)
from pipelines.inspection.reading import FileReading

_ACCOUNT_KINDS: tuple[AccountKind, ...] = ("own", "employee_number", "work_email")
_ACCOUNT_MAP_SCHEMA = {"serves": pl.String, "settles": pl.Boolean, **dict.fromkeys(ACCOUNT_KEYS, pl.String)}


@dataclass(frozen=True)
class MatchedRows:
    """How many rows of a source find their person.

    Attributes:
        account_kind: What the accounts of the source are.
        row_count: Rows that name somebody.
        matched_count: Rows whose person HR lists.
    """

    account_kind: AccountKind
    row_count: int
    matched_count: int

    @property
    def matched_share(self) -> float:
        """Share of the rows that find their person; 1 if no row names anybody."""
        return self.matched_count / self.row_count if self.row_count else 1.0


def list_people(readings: Iterable[FileReading]) -> pl.DataFrame:
    """List the people of the HR exports.

    Args:
        readings: Files that fill the canonical schema `person`, and any others.

    Returns:
        As `identify_people` returns them.
    """
    mentions_of_each_file = [
        shape_rows.mentions.lazy().with_columns(pl.lit(reading.system).alias("system_name"))
        for reading in readings
        if (shape_rows := reading.rows_by_shape.get("person")) is not None and shape_rows.mentions is not None
    ]
    return identify_people(mentions_of_each_file)


def list_mentions(readings: Iterable[FileReading]) -> pl.DataFrame:
    """List by which keys the rows of a source name people; the rows of an account map name nobody.

    Returns:
        One row per distinct combination: system_name, the account keys, row_count. Rows without any key are left out.
    """
    mentions_of_each_file = [
        shape_rows.mentions.select(pl.lit(reading.system).alias("system_name"), *ACCOUNT_KEYS, "row_count")
        for reading in readings
        for shape, shape_rows in reading.rows_by_shape.items()
        if shape_rows.mentions is not None and shape != "account"
    ]
    mention_schema = {"system_name": pl.String, **dict.fromkeys(ACCOUNT_KEYS, pl.String), "row_count": pl.UInt32}
    mentions = pl.concat(mentions_of_each_file) if mentions_of_each_file else pl.DataFrame(schema=mention_schema)
    has_key = pl.any_horizontal(pl.col(ACCOUNT_KEYS).is_not_null())
    return mentions.filter(has_key).group_by("system_name", *ACCOUNT_KEYS).agg(pl.col("row_count").sum())


def list_account_map(readings: Iterable[FileReading], served_systems: Sequence[str | None]) -> pl.DataFrame:
    """List the entries of an account map, in the form that `match_accounts` takes.

    Args:
        readings: Files that fill the canonical schema `account`, and any others.
        served_systems: The systems whose accounts it lists; None for any.
    """
    map_rows_of_each_file = [
        shape_rows.mentions.select(
            pl.lit(system, pl.String).alias("serves"), pl.lit(False).alias("settles"), *ACCOUNT_KEYS
        )
        for reading in readings
        if (shape_rows := reading.rows_by_shape.get("account")) is not None and shape_rows.mentions is not None
        for system in served_systems
    ]
    return pl.concat(map_rows_of_each_file) if map_rows_of_each_file else pl.DataFrame(schema=_ACCOUNT_MAP_SCHEMA)


def match_source(mentions: pl.DataFrame, people: pl.DataFrame, account_maps: pl.DataFrame) -> MatchedRows:
    """Find what the accounts of a source are: the kind with which most rows find their person, `own` if none is better.

    Args:
        mentions: As `list_mentions` returns them.
        people: As `list_people` returns them.
        account_maps: As `list_account_map` returns them.
    """
    row_count = int(mentions["row_count"].sum())
    unmatched_count_by_kind = {
        account_kind: int(find_unmatched(mentions, people, account_maps, account_kind)["row_count"].sum())
        for account_kind in _ACCOUNT_KINDS
    }
    best_kind = min(_ACCOUNT_KINDS, key=lambda account_kind: unmatched_count_by_kind[account_kind])
    return MatchedRows(best_kind, row_count, row_count - unmatched_count_by_kind[best_kind])


def find_unmatched(
    mentions: pl.DataFrame, people: pl.DataFrame, account_maps: pl.DataFrame, account_kind: AccountKind
) -> pl.DataFrame:
    """Find the mentions that lead to nobody.

    Args:
        mentions: As `list_mentions` returns them.
        people: As `list_people` returns them.
        account_maps: As `list_account_map` returns them.
        account_kind: What the accounts are.

    Returns:
        Their rows of `mentions`, with the keys that follow from `account_kind`.
    """
    keyed_mentions = assign_account_keys(
        mentions.lazy().with_columns(source_name=pl.lit("source")), {"source": account_kind}
    ).collect()
    identified_accounts = match_accounts(
        keyed_mentions.select("system_name", *ACCOUNT_KEYS).unique(), people, account_maps
    )
    matched_accounts = identified_accounts.drop_nulls("person_id")
    return keyed_mentions.join(matched_accounts, on=("system_name", *ACCOUNT_KEYS), how="anti", nulls_equal=True).drop(
        "source_name"
    )


def collect_person_keys(people: pl.DataFrame) -> dict[str, set[str]]:
    """Return the values of each key of the people of HR; e-mail addresses are in lower case."""
    return {key_column: set(people[key_column].drop_nulls()) for key_column in ACCOUNT_KEYS}
