"""A person, as the stored files may name them.

Belongs here: the keys of a person, found from any one of them, as the access copy compares them.
Does not belong here: where the lake names a person (`identities`).
"""

import json
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pipelines.config.company import Config
from pipelines.contracts.catalog import PERSON
from pipelines.core.identity_resolution import ACCOUNT_KEYS
from pipelines.privacy.identities import find_traces, read_mentions
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
        """The accounts in a system; in every system if it is unknown. An account without a system holds in any."""
        return frozenset(
            account
            for account_system, account in self.accounts
            if not account_system or system_name in (None, account_system)
        )

    @cached_property
    def text_keys(self) -> frozenset[str]:
        """What names the person in a text, in lower case, and as JSON writes it."""
        person_keys = {self.person_id, *self.names, *self.employee_numbers, *self.emails, *self.accounts_of(None)}
        lower_keys = {key.lower() for key in person_keys if len(key) >= _MIN_TEXT_KEY}
        return frozenset(lower_keys | {json.dumps(key)[1:-1] for key in lower_keys})


class UnknownPerson(LookupError):
    """No stored table has the key."""


def find_identity(lake: Lake, config: Config, person_key: str) -> PersonIdentity:
    """Find the keys of a person.

    Args:
        lake: The lake.
        config: The declared sources.
        person_key: person_id, employee number or e-mail address.

    Returns:
        Every key by which the tables and the landed HR exports name the person, and nobody else.

    Raises:
        UnknownPerson: Nobody has the key, or several people have it.
    """
    mentions = read_mentions(lake, config)
    key_columns = ("person_id", "employee_number", "work_email")
    has_key = pl.any_horizontal(
        pl.col(key_column).str.to_lowercase() == person_key.strip().lower() for key_column in key_columns
    )
    matched_ids = mentions.filter(has_key)["person_id"].unique()
    if matched_ids.len() != 1:
        count_phrase = "nobody has" if matched_ids.is_empty() else f"{matched_ids.len()} people have"
        raise UnknownPerson(f"{count_phrase} this person_id, employee number or e-mail address")
    person_id = matched_ids.item()
    traces = find_traces(lake, config, [person_id])
    return PersonIdentity(
        person_id,
        names=frozenset(traces.names),
        employee_numbers=frozenset(traces.employee_numbers),
        emails=frozenset(address.lower() for address in traces.addresses),
        accounts=frozenset((system_name, account_code.lower()) for system_name, account_code in traces.accounts),
        record_ids=frozenset(traces.reply_ids),
    )


def read_all_keys(lake: Lake, config: Config) -> frozenset[str]:
    """The keys of everybody, in lower case: a text that has another person's key is not handed out.

    Args:
        lake: The lake.
        config: The declared sources.
    """
    mentions = read_mentions(lake, config)
    keys_by_column = [mentions[key_column] for key_column in ("person_id", *ACCOUNT_KEYS)]
    keys_by_column.append(lake.scan(PERSON).select("display_name").collect().to_series())
    lower_keys = pl.concat(keys_by_column).drop_nulls().str.to_lowercase()
    return frozenset(key for key in lower_keys if len(key) >= _MIN_TEXT_KEY)
