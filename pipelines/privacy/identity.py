"""A person, as the stored files may name them.

Belongs here: the keys of a person, found from any one of them.
Does not belong here: how accounts are matched to people (`pipelines.core.identity_resolution`).
"""

import json
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.contracts.output_tables import REPLY_EFFECT
from pipelines.storage.lake import Lake

# A shorter key occurs in any text by chance. In tables every key counts.
_MIN_TEXT_KEY = 4


@dataclass(frozen=True)
class PersonIdentity:
    """The keys of one person; e-mail addresses and accounts in lower case.

    Attributes:
        person_id: The person_id.
        names: Names as displayed.
        employee_numbers: Employee numbers.
        emails: E-mail addresses.
        accounts: Accounts, each as (system, account): another system may give the same account to somebody else.
        record_ids: Hashes of the person's records.
    """

    person_id: str
    names: frozenset[str]
    employee_numbers: frozenset[str]
    emails: frozenset[str]
    accounts: frozenset[tuple[str, str]]
    record_ids: frozenset[str]

    def accounts_of(self, system_name: str | None) -> frozenset[str]:
        """The accounts in a system; in every system if it is unknown."""
        return frozenset(account for system, account in self.accounts if system_name in (None, system))

    @cached_property
    def text_keys(self) -> frozenset[str]:
        """What names the person in a text, in lower case, and as JSON writes it."""
        keys = {self.person_id, *self.names, *self.employee_numbers, *self.emails, *self.accounts_of(None)}
        lower_keys = {key.lower() for key in keys if len(key) >= _MIN_TEXT_KEY}
        return frozenset(lower_keys | {json.dumps(key)[1:-1] for key in lower_keys})


class UnknownPerson(LookupError):
    """No stored table has the key."""


def find_identity(lake: Lake, key: str) -> PersonIdentity:
    """Find the keys of a person.

    Args:
        lake: The lake.
        key: person_id, employee number or e-mail address.

    Returns:
        Every key that the tables of people and accounts connect with the person.

    Raises:
        UnknownPerson: Nobody has the key, or several people have it.
    """
    people, accounts = lake.scan(PERSON).collect(), lake.scan(ACCOUNT).collect()
    keys = ("person_id", "employee_number", "work_email")
    has_key = pl.any_horizontal(pl.col(column).str.to_lowercase() == key.strip().lower() for column in keys)
    matched_ids = pl.concat([rows.filter(has_key)["person_id"] for rows in (people, accounts)]).drop_nulls().unique()
    if matched_ids.len() != 1:
        number = "nobody has" if matched_ids.is_empty() else f"{matched_ids.len()} people have"
        raise UnknownPerson(f"{number} this person_id, employee number or e-mail address")
    person_id = matched_ids.item()
    own_rows = [rows.filter(pl.col("person_id") == person_id) for rows in (people, accounts)]
    replies = lake.scan(REPLY_EFFECT).filter(pl.col("person_id") == person_id).select("reply_id").collect()
    return PersonIdentity(
        person_id,
        _distinct(own_rows[:1], "display_name"),
        _distinct(own_rows, "employee_number"),
        frozenset(email.lower() for email in _distinct(own_rows, "work_email")),
        frozenset(
            (row["system_name"], row["account_code"].lower())
            for row in own_rows[1].iter_rows(named=True)
            if row["account_code"]
        ),
        _distinct([replies], "reply_id"),
    )


def read_all_keys(lake: Lake) -> frozenset[str]:
    """The keys of everybody, in lower case: a text that has another person's key is not handed out."""
    key_columns = ("person_id", "employee_number", "work_email", "account_code", "display_name")
    keys = (
        rows[column].drop_nulls().str.to_lowercase()
        for rows in (lake.scan(PERSON).collect(), lake.scan(ACCOUNT).collect())
        for column in key_columns
        if column in rows.columns
    )
    return frozenset(key for series in keys for key in series if len(key) >= _MIN_TEXT_KEY)


def _distinct(tables: list[pl.DataFrame], column: str) -> frozenset[str]:
    return frozenset(cell for rows in tables for cell in rows[column].drop_nulls())
