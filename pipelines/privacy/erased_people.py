"""The list of erased people: keyed hashes of their identities, in a file outside the data root.

Belongs here: the file, the hashes, whether an identity is on the list, and the forms in which exports write a key.
Does not belong here: which rows are deleted (`suppression`, `erasure`).

The hashes are HMACs with a key from the environment: who has the file alone can neither read an identity nor try one.
"""

import hmac
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.core.identity_resolution import hash_addresses
from pipelines.sources.casts.words import cast_code, cast_email
from pipelines.storage.atomic_write import write_text_atomically

KEY_VARIABLE = "FOOTSTEPS_ERASURE_KEY"
_MIN_KEY_LENGTH = 16


class ErasureUnavailable(Exception):
    """The list of erased people or its key is missing; the message says what to do."""


class Identity(NamedTuple):
    """One key by which exports name a person.

    Attributes:
        kind: `employee_number`, `work_email`, `address_hash`, `account:` and the system, or `code` for columns that
            hold any of these.
        text: The value.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class ErasedPerson:
    """An entry of the list: the hashes of one person's identities."""

    erased_on: date
    hashes: frozenset[str]


@dataclass(frozen=True)
class ErasedPeople:
    """The people who were erased, by the keyed hashes of their identities.

    Attributes:
        key: The secret key of the hashes.
        people: One entry per erased person, in the order of erasure.
    """

    key: str = field(repr=False, default="")
    people: tuple[ErasedPerson, ...] = ()

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The hashes of all erased people."""
        return frozenset(identity_hash for erased_person in self.people for identity_hash in erased_person.hashes)

    @property
    def fingerprint(self) -> str:
        """A text that changes when a person is added."""
        return hmac.digest(self.key.encode(), "\n".join(sorted(self.hashes)).encode(), "sha256").hex()

    def hash_identity(self, identity: Identity) -> str:
        """The keyed hash of an identity, whatever the case of an address and the blanks around it."""
        normalised_text = identity.text.strip()
        normalised_text = (
            normalised_text.lower()
            if identity.kind in ("work_email", "address_hash") or "@" in normalised_text
            else normalised_text
        )
        return hmac.digest(self.key.encode(), f"{identity.kind}\0{normalised_text}".encode(), "sha256").hex()

    def includes(self, identity: Identity) -> bool:
        """Whether an identity is one of an erased person."""
        return bool(self.hashes) and self.hash_identity(identity) in self.hashes

    def add(self, identities: Iterable[Identity], erased_on: date) -> "ErasedPeople":
        """The list with one more person; the same list if every identity is on it already."""
        identity_hashes = frozenset(map(self.hash_identity, identities))
        if identity_hashes <= self.hashes:
            return self
        return ErasedPeople(self.key, (*self.people, ErasedPerson(erased_on, identity_hashes)))

    def test_texts(self, identity_kind: str, identity_texts: pl.Series) -> pl.Series:
        """Whether each text is an identity of this kind of an erased person; false for null."""
        erased_texts = [
            identity_text
            for identity_text in identity_texts.drop_nulls().unique()
            if self.includes(Identity(identity_kind, identity_text))
        ]
        return identity_texts.is_in(erased_texts).fill_null(False)


def list_identities(
    employee_numbers: Iterable[str], addresses: Iterable[str], accounts: Iterable[tuple[str, str]]
) -> set[Identity]:
    """Every identity that follows from the keys of a person.

    Args:
        employee_numbers: The employee numbers.
        addresses: The e-mail addresses.
        accounts: System and code of each account.
    """
    distinct_numbers, lower_addresses, distinct_accounts = (
        set(employee_numbers),
        {address.lower() for address in addresses},
        set(accounts),
    )
    address_hashes = hash_addresses(
        pl.DataFrame({"work_email": sorted(lower_addresses)}, schema={"work_email": pl.String})
    )
    return {
        *(Identity("employee_number", employee_number) for employee_number in distinct_numbers),
        *(Identity("work_email", lower_address) for lower_address in lower_addresses),
        *(Identity("address_hash", address_hash) for address_hash in address_hashes["account_code"]),
        *(Identity(f"account:{system_name}", account_code) for system_name, account_code in distinct_accounts),
        *(
            Identity("code", identity_code)
            for identity_code in (
                *distinct_numbers,
                *lower_addresses,
                *(account_code for _, account_code in distinct_accounts),
            )
        ),
    }


def list_key_forms(exported_key: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """A key as it was exported, as an address and as a code.

    `mailto:ann@x.example` is ann@x.example, and 100,014 is 100014.

    Args:
        exported_key: Texts by which exports name a person.

    Returns:
        The three forms, each null where the text has none.
    """
    return exported_key, cast_email(exported_key), cast_code(exported_key)


def collect_key_forms(exported_keys: Iterable[str]) -> dict[str, frozenset[str]]:
    """The forms of each text, in lower case.

    Args:
        exported_keys: Texts by which exports name a person.
    """
    keys = pl.Series("key", sorted(set(exported_keys)), pl.String)
    forms = keys.to_frame().select(
        form.str.strip_chars().str.to_lowercase().alias(str(position))
        for position, form in enumerate(list_key_forms(pl.col("key")))
    )
    return {key: frozenset(filter(None, row)) for key, row in zip(keys, forms.iter_rows(), strict=True)}


def read_key() -> str:
    """The key of the hashes, from the environment.

    Raises:
        ErasureUnavailable: If it is missing or too short.
    """
    hash_key = os.environ.get(KEY_VARIABLE, "")
    if len(hash_key) < _MIN_KEY_LENGTH:
        raise ErasureUnavailable(f"set {KEY_VARIABLE} to a secret of {_MIN_KEY_LENGTH} characters or more")
    return hash_key


def read_erased_people(list_path: Path, *, may_create: bool) -> ErasedPeople:
    """Read the list of erased people.

    Args:
        list_path: The file.
        may_create: Whether a missing file means that nobody was erased; an empty list is then written.

    Raises:
        ErasureUnavailable: If the list or its key is missing, the list cannot be read, or the key is not the one with
            which the list was written.
    """
    hash_key = read_key()
    if not list_path.exists():
        if not may_create:
            raise ErasureUnavailable(
                f"the list of erased people {list_path} is missing, and this data root may hold people who were "
                "erased: put the list back, or if nobody was ever erased, create it with `footsteps erase --new-list`"
            )
        write_erased_people(list_path, ErasedPeople(hash_key))
    try:
        list_entries = [json.loads(json_line) for json_line in list_path.read_text(encoding="utf-8").splitlines()]
        key_check = list_entries[0]["check"]
        listed_people = tuple(
            ErasedPerson(date.fromisoformat(person_entry["erased_on"]), frozenset(person_entry["hashes"]))
            for person_entry in list_entries[1:]
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ErasureUnavailable(f"{list_path} is no list of erased people: put a copy of it back") from error
    if not hmac.compare_digest(key_check, _hash_key_check(hash_key)):
        raise ErasureUnavailable(f"{KEY_VARIABLE} is not the key with which {list_path} was written")
    return ErasedPeople(hash_key, listed_people)


def write_erased_people(list_path: Path, erased_people: ErasedPeople) -> None:
    """Replace the list.

    Args:
        list_path: The file; its folder is created.
        erased_people: The people on the list.
    """
    list_entries = [{"check": _hash_key_check(erased_people.key)}] + [
        {"erased_on": erased_person.erased_on.isoformat(), "hashes": sorted(erased_person.hashes)}
        for erased_person in erased_people.people
    ]
    write_text_atomically(list_path, "".join(f"{json.dumps(list_entry)}\n" for list_entry in list_entries))


def _hash_key_check(hash_key: str) -> str:
    """A hash by which a list recognises its key."""
    return hmac.digest(hash_key.encode(), b"the list of erased people", "sha256").hex()
