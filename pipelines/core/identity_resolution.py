"""One person across systems: what an export calls a person, joined to one person_id, with the evidence kept.

Belongs here: the order of trust, and the table of accounts.
Does not belong here: what people did (`pipelines.core.conform`).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.contracts.catalog import ACCOUNT, CONFLICT
from pipelines.contracts.columns import COLUMNS, AccountKind

# Employee number before work e-mail before an account map; a name never joins two people.
# What an export's account really is: an account of its own system, or the company's key under another heading.
ACCOUNT_KEYS = ("account_code", "employee_number", "work_email")
_ACCOUNT_SCHEMA = {"system_name": pl.String, **dict.fromkeys(ACCOUNT_KEYS, pl.String)}


def identify_people(people: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """One row per person of the HR exports: person_id (employee number, or else the HR account) and keys.

    Rows with the same employee number, or else the same account, are one person; the one last changed wins.
    """
    frames = [frame.select("system_name", *ACCOUNT_KEYS, "changed_at") for frame in people]
    nobody = pl.LazyFrame(schema={**_ACCOUNT_SCHEMA, "changed_at": COLUMNS["changed_at"].dtype})
    rows = pl.concat(frames or [nobody]).collect().sort("changed_at", "system_name", *ACCOUNT_KEYS, nulls_last=False)
    rows = rows.with_columns(pl.coalesce("employee_number", "account_code").alias("person_id")).drop("changed_at")
    return rows.unique("person_id", keep="last", maintain_order=True).sort("person_id")


def derive_people_from_mentions(mentions: pl.DataFrame) -> pl.DataFrame:
    """One row per person that any export names, where no source holds people: what they are called is their id.

    Their accounts are those of every system (system_name is null).
    """
    rows = mentions.with_columns(
        pl.coalesce("employee_number", "account_code", "work_email").alias("person_id"),
        pl.lit(None, pl.String).alias("system_name"),
    )
    rows = rows.drop_nulls("person_id").sort("person_id", *ACCOUNT_KEYS)
    return rows.unique("person_id", keep="first", maintain_order=True)


def assign_account_keys(rows: pl.LazyFrame, kinds: Mapping[str, AccountKind]) -> pl.LazyFrame:
    """The rows, with the account of each source under the key that it really is: `kinds` tells it by source name."""
    for kind in ("employee_number", "work_email"):
        sources = [name for name, given in kinds.items() if given == kind]
        told = pl.col("source_name").is_in(sources) & pl.col(kind).is_null()
        rows = rows.with_columns(pl.when(told).then("account_code").otherwise(kind).alias(kind)) if sources else rows
    return rows


def list_account_mentions(frames: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """One row per way in which a system calls somebody: system_name, account_code, employee_number, work_email."""
    columns = [frame.select("system_name", *ACCOUNT_KEYS).unique() for frame in frames]
    return pl.concat(columns or [pl.LazyFrame(schema=_ACCOUNT_SCHEMA)]).unique().collect().sort(pl.all())


def match_accounts(mentions: pl.DataFrame, people: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    """The table of accounts: each mention with its person_id and what matched, null where nobody is known by it.

    `maps` connects accounts to employee numbers or e-mails: serves (the system whose accounts they are, null for any),
    settles (believed before everything else), account_code, employee_number, work_email. An account of one system says
    nothing about the same text in another, unless a map or `people` says so by a null system. A key that two people
    share matches neither.
    """
    return _matched(mentions, people, maps).select(ACCOUNT.column_names).unique().sort(pl.all())


def find_account_conflicts(mentions: pl.DataFrame, people: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    """One row per mention whose keys lead to several people, or one of whose keys several people share.

    What a settling map says is no conflict any more. The more trusted key is followed meanwhile.
    """
    ways = _matched(mentions, people, maps).filter(pl.col("settled").is_null())
    told = ways.with_columns(pl.concat_list("p1", "p2", "p3").list.drop_nulls().list.unique().list.sort().alias("led"))
    disagree = told.filter(pl.col("led").list.len() > 1).select(
        "system_name",
        *ACCOUNT_KEYS,
        pl.col("led").alias("candidate_ids"),
        pl.lit("keys_disagree").alias("conflict_reason"),
    )
    open_ways = ways.filter(pl.col("person_id").is_null()).select("system_name", *ACCOUNT_KEYS)
    shared = [
        open_ways.join(_owners(people, key), on=key).with_columns(pl.lit("key_is_shared").alias("conflict_reason"))
        for key in ("employee_number", "work_email")
    ]
    found = pl.concat([disagree, *(one.select(disagree.columns) for one in shared)])
    return found.select(CONFLICT.column_names).sort("system_name", *ACCOUNT_KEYS, "conflict_reason")


def _owners(people: pl.DataFrame, key: str) -> pl.DataFrame:
    """The people that share a key: the key and candidate_ids."""
    owners = people.drop_nulls(key).group_by(key).agg(pl.col("person_id").unique().sort().alias("candidate_ids"))
    return owners.filter(pl.col("candidate_ids").list.len() > 1)


def _matched(mentions: pl.DataFrame, people: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    """The mentions with the person each way leads to (settled, p1 to p6), and the most trusted of them."""
    by_number, by_email = _key(people, "employee_number"), _key(people, "work_email")
    mapped = maps.join(by_number.rename({"person_id": "p1"}), on="employee_number", how="left")
    mapped = mapped.join(by_email.rename({"person_id": "p2"}), on="work_email", how="left")
    mapped = mapped.with_columns(pl.coalesce("p1", "p2").alias("person_id")).rename({"serves": "system_name"})
    settling, mapped = mapped.filter("settles"), mapped.filter(~pl.col("settles"))
    found = (
        mentions.join(by_number.rename({"person_id": "p1"}), on="employee_number", how="left")
        .join(by_email.rename({"person_id": "p2"}), on="work_email", how="left")
        .join(_accounts(mapped, "p3"), on=("system_name", "account_code"), how="left")
        .join(_accounts_anywhere(mapped, "p4"), on="account_code", how="left")
        .join(_accounts(people, "p5"), on=("system_name", "account_code"), how="left")
        .join(_accounts_anywhere(people, "p6"), on="account_code", how="left")
        .join(_accounts(settling, "s1"), on=("system_name", "account_code"), how="left")
        .join(_accounts_anywhere(settling, "s2"), on="account_code", how="left")
        .with_columns(pl.coalesce("s1", "s2").alias("settled"))
    )
    evidence: Mapping[str, str] = {
        "settled": "settled",
        "p1": "employee_number",
        "p2": "work_email",
        "p3": "account_map",
        "p4": "account_map",
        "p5": "hr_account",
        "p6": "same_account",
    }
    how = pl.coalesce(pl.when(pl.col(p).is_not_null()).then(pl.lit(name)) for p, name in evidence.items())
    return found.with_columns(pl.coalesce(*evidence).alias("person_id"), how.alias("matched_on"))


def _accounts(known: pl.DataFrame, name: str) -> pl.DataFrame:
    """The accounts of one system each that lead to one person: system_name, account_code and the person as `name`."""
    keys = known.select("system_name", "account_code", pl.col("person_id").alias(name)).drop_nulls().unique()
    return keys.filter(pl.col(name).n_unique().over("system_name", "account_code") == 1)


def _accounts_anywhere(known: pl.DataFrame, name: str) -> pl.DataFrame:
    """The accounts of no system in particular that lead to one person: account_code and the person as `name`."""
    return _key(known.filter(pl.col("system_name").is_null()), "account_code").rename({"person_id": name})


def _key(people: pl.DataFrame, column: str) -> pl.DataFrame:
    keys = people.select(column, "person_id").drop_nulls().unique()
    return keys.filter(pl.col("person_id").n_unique().over(column) == 1)
