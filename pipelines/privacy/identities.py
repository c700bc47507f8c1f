"""Everything by which a data root names a person: ids, numbers, addresses, accounts, names.

Belongs here: finding them in the lake, for the access copy, and for an erasure before it deletes any of them.
Does not belong here: the hashes of identities (`erased_people`), the deletion (`erasure`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from pipelines.config.company import Config
from pipelines.contracts.catalog import ACCOUNT, PERSON, TABLES
from pipelines.contracts.output_tables import REPLY_EFFECT
from pipelines.core.identity_resolution import ACCOUNT_KEYS
from pipelines.ingest.deliveries import list_raw_tables
from pipelines.privacy.erased_people import ErasedPeople, Identity, list_identities
from pipelines.privacy.suppression import Suppression
from pipelines.storage.lake import Lake

# Shorter texts occur in files by chance: a search by content cannot tell them from others.
_MIN_SEARCHED_LENGTH = 5
_RECORD_ID_COLUMNS = frozenset({"record_code", "assignment_code", "project_code"})


@dataclass(frozen=True)
class PersonTraces:
    """Everything by which a data root names people who are erased together.

    Attributes:
        person_ids: Their ids.
        employee_numbers: Their employee numbers.
        addresses: Their e-mail addresses.
        accounts: System and code of each account; the system is empty if the account holds in any system.
        names: Their names as displayed.
        reply_ids: The ids of their replies.
        record_numbers: Their numbers and accounts that are ids of records as well, such as of an issue.
        shared_names: Their names as displayed that others have too.
    """

    person_ids: tuple[str, ...] = ()
    employee_numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    accounts: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    reply_ids: tuple[str, ...] = ()
    record_numbers: tuple[str, ...] = ()
    shared_names: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, traces_document: Mapping[str, Sequence[Any]]) -> "PersonTraces":
        """The traces that `to_document` wrote."""
        accounts = tuple((system_name, account_code) for system_name, account_code in traces_document["accounts"])
        return cls(
            **{
                trace_kind: tuple(traced_texts)
                for trace_kind, traced_texts in traces_document.items()
                if trace_kind != "accounts"
            },
            accounts=accounts,
        )

    def to_document(self) -> dict[str, Any]:
        """The traces as JSON."""
        return asdict(self)

    @property
    def identities(self) -> set[Identity]:
        """The keys by which exports name the people."""
        return list_identities(self.employee_numbers, self.addresses, self.accounts)

    @property
    def searched_texts(self) -> tuple[str, ...]:
        """The texts that no file may hold after the erasure, but for those that may stand for something else."""
        return tuple(text for text in self.replaced_texts if text not in self.record_numbers)

    @property
    def page_texts(self) -> tuple[str, ...]:
        """The texts whose lines go from other people's pages, which the next run writes anew: rather one too many."""
        shared_names = (name for name in self.shared_names if len(name) >= _MIN_SEARCHED_LENGTH)
        return tuple(sorted({*self.replaced_texts, *shared_names}))

    @property
    def replaced_texts(self) -> tuple[str, ...]:
        """The texts that are replaced in logs and notes, but for those that are too short to tell anything."""
        # a login such as `python` is a word that others write: only a code that no word can be is replaced
        distinctive_codes = (account_code for _, account_code in self.accounts if not account_code.isalpha())
        all_texts = {*self.person_ids, *self.employee_numbers, *self.addresses, *distinctive_codes, *self.names}
        return tuple(sorted(text for text in all_texts if len(text) >= _MIN_SEARCHED_LENGTH))

    def merge(self, other_traces: "PersonTraces") -> "PersonTraces":
        """The traces of both."""
        own_texts_by_kind, other_texts_by_kind = vars(self), vars(other_traces)
        return PersonTraces(
            **{
                trace_kind: tuple(sorted({*own_texts_by_kind[trace_kind], *other_texts_by_kind[trace_kind]}))
                for trace_kind in own_texts_by_kind
            }
        )


def find_traces(lake: Lake, config: Config, person_ids: Iterable[str]) -> PersonTraces:
    """Find everything by which the lake names people.

    A key that also leads to somebody else, such as the shared address of a team or the name of a namesake, is no trace
    of one person.

    Args:
        lake: The lake.
        config: The declared sources.
        person_ids: The people.
    """
    sorted_ids = sorted(set(person_ids))
    mentions = read_mentions(lake, config)
    is_searched_person = pl.col("person_id").is_in(sorted_ids)
    own_mentions = mentions.filter(is_searched_person)
    other_keys_by_column = {
        key_column: set(mentions.filter(~is_searched_person)[key_column].drop_nulls())
        for key_column in ("employee_number", "work_email")
    }
    other_accounts = set(
        mentions.filter(~is_searched_person).select("system_name", "account_code").drop_nulls().iter_rows()
    )
    accounts = {*own_mentions.select("system_name", "account_code").drop_nulls().iter_rows()} - other_accounts
    own_person_rows, other_person_rows = (
        lake.scan(PERSON).filter(is_selected).collect() for is_selected in (is_searched_person, ~is_searched_person)
    )
    replies = lake.scan(REPLY_EFFECT).filter(is_searched_person).select("reply_id").collect()
    names, other_names = set(own_person_rows["display_name"].drop_nulls()), set(other_person_rows["display_name"])
    return PersonTraces(
        person_ids=tuple(sorted_ids),
        employee_numbers=_sort_without(own_mentions["employee_number"], other_keys_by_column["employee_number"]),
        addresses=_sort_without(own_mentions["work_email"], other_keys_by_column["work_email"]),
        accounts=tuple(sorted(accounts)),
        names=tuple(sorted(names - other_names)),
        reply_ids=_sort_without(replies["reply_id"], set()),
        shared_names=tuple(sorted(names & other_names)),
    )


def mark_record_numbers(lake: Lake, traces: PersonTraces) -> PersonTraces:
    """The traces with their `record_numbers`: of two systems that both count, each may give the same number.

    Args:
        lake: The lake, before anything is erased from it.
        traces: The traces.
    """
    person_numbers = [text for text in traces.replaced_texts if text.isdigit()]
    record_numbers: set[str] = set()
    for table in TABLES.values() if person_numbers else ():
        id_columns = sorted(_RECORD_ID_COLUMNS & set(table.column_names)) if table.layer == "core" else []
        for id_column in id_columns:
            id_parts = pl.col(id_column).str.extract_all(r"[A-Za-z0-9]+").explode()
            is_person_number = pl.col(id_column).is_in(person_numbers)
            parts = lake.scan(table).select(id_column).unique().select(id_parts).filter(is_person_number)
            record_numbers |= set(parts.collect().to_series())
    return replace(traces, record_numbers=tuple(sorted(record_numbers)))


def find_erased(lake: Lake, config: Config, erased_people: ErasedPeople) -> set[str]:
    """The people in a lake who are on the list of erased people: a backup from before the erasure was restored.

    Args:
        lake: The lake.
        config: The declared sources.
        erased_people: The list.

    Returns:
        person_id of each.
    """
    mentions = read_mentions(lake, config)
    if mentions.is_empty() or not erased_people.people:
        return set()
    system_names = mentions["system_name"].unique().to_list()
    person_ids: set[str] = set()
    for system_name in system_names:
        suppression = Suppression(erased_people, (system_name or "",))
        system_mentions = mentions.filter(pl.col("system_name").eq_missing(system_name))
        person_ids |= set(
            system_mentions.filter(suppression.identifies_erased_person(system_mentions.columns))[
                "person_id"
            ].drop_nulls()
        )
    return person_ids


def read_mentions(lake: Lake, config: Config) -> pl.DataFrame:
    """One row per person and combination of keys that the lake has: system_name, account keys, person_id.

    The accounts and people of the last run, and the people of every landed HR export, current or not.
    """
    key_columns = ("system_name", *ACCOUNT_KEYS, "person_id")
    person_mentions = lake.scan(PERSON).select(
        pl.lit(None, pl.String).alias("system_name"),
        pl.lit(None, pl.String).alias("account_code"),
        "employee_number",
        "work_email",
        "person_id",
    )
    mention_frames = [lake.scan(ACCOUNT).select(key_columns), person_mentions.select(key_columns)]
    has_person_exports = False
    for source in config.sources:
        person_table = list_raw_tables(source).get("person")
        if person_table is not None:
            has_person_exports = True
            mention_frames.append(
                lake.scan(person_table)
                .select(
                    pl.lit(source.system).alias("system_name"),
                    *ACCOUNT_KEYS,
                    pl.coalesce("employee_number", "account_code").alias("person_id"),
                )
                .select(key_columns)
            )
    mentions = pl.concat(mention_frames).unique().collect()
    if not has_person_exports:  # an account then holds in any system, see `derive_people_from_mentions`
        mentions = pl.concat([mentions, mentions.with_columns(pl.lit("").alias("system_name"))]).unique()
    return mentions.filter(pl.col("person_id").is_not_null())


def _sort_without(key_texts: pl.Series, excluded_keys: set[str]) -> tuple[str, ...]:
    return tuple(sorted(set(key_texts.drop_nulls()) - excluded_keys))
