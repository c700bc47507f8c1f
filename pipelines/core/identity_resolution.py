"""Identity resolution: the accounts of every system, matched to one person each, with the key that matched.

Belongs here: the order of trust between keys, the table of accounts, and its conflicts.
Does not belong here: what people did (`pipelines.core.conform`).
"""

import hashlib
from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.contracts.catalog import ACCOUNT, CONFLICT
from pipelines.contracts.columns import COLUMNS, AccountKind

# The keys that an export may use for a person. A name is not one of them: it never joins two people.
ACCOUNT_KEYS = ("account_code", "employee_number", "work_email")
_ACCOUNT_SCHEMA = {"system_name": pl.String, **dict.fromkeys(ACCOUNT_KEYS, pl.String)}
# An account of xAPI is its home page and its name.
HOME_PAGE = r"^https?://[^|]*\|"
_SYSTEM_ACCOUNT = ["system_name", "account_code"]
# What leads a mention to a person, the most trusted first, and the value of `matched_on` for each.
_MATCHED_ON_BY_COLUMN = {
    "settled": "settled",
    "by_number": "employee_number",
    "by_email": "work_email",
    "by_email_hash": "work_email_hash",
    "by_map": "account_map",
    "by_general_map": "account_map",
    "by_hr_account": "hr_account",
    "by_same_account": "same_account",
}


def identify_people(people_per_export: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """The people of the HR exports.

    Rows with the same employee number, or else the same account, are one person; the row last changed is kept.

    Args:
        people_per_export: Rows of the canonical schema `person`, with system_name, one frame per export.

    Returns:
        One row per person: person_id (employee number, or else HR account), system_name, and the account keys.
    """
    keys_per_export = [
        exported_people.select("system_name", *ACCOUNT_KEYS, "changed_at") for exported_people in people_per_export
    ]
    empty_keys = pl.LazyFrame(schema={**_ACCOUNT_SCHEMA, "changed_at": COLUMNS["changed_at"].dtype})
    account_keys = (
        pl.concat(keys_per_export or [empty_keys])
        .collect()
        .sort("changed_at", "system_name", *ACCOUNT_KEYS, nulls_last=False)
    )
    account_keys = account_keys.with_columns(pl.coalesce("employee_number", "account_code").alias("person_id")).drop(
        "changed_at"
    )
    return account_keys.unique("person_id", keep="last", maintain_order=True).sort("person_id")


def derive_people_from_mentions(mentions: pl.DataFrame) -> pl.DataFrame:
    """The people of a company without an HR source: the first key of a mention is the person's id.

    A mention by the hash of an address that another mention writes out names the person with that address.

    Args:
        mentions: As `list_account_mentions` returns them.

    Returns:
        One row per person, as `identify_people` returns them; system_name is null, so the accounts hold in any system.
    """
    mentioned_people = mentions.with_columns(
        pl.coalesce("employee_number", "account_code", "work_email").alias("person_id"),
        pl.lit(None, pl.String).alias("system_name"),
    )
    address_hashes = hash_addresses(mentions)["account_code"]
    is_hash_only = pl.col("account_code").str.to_lowercase().is_in(address_hashes.implode()) & (
        pl.col("employee_number").is_null() & pl.col("work_email").is_null()
    )
    mentioned_people = (
        mentioned_people.drop_nulls("person_id").filter(~is_hash_only.fill_null(False)).sort("person_id", *ACCOUNT_KEYS)
    )
    return mentioned_people.unique("person_id", keep="first", maintain_order=True)


def assign_account_keys(raw_rows: pl.LazyFrame, kind_by_source: Mapping[str, AccountKind]) -> pl.LazyFrame:
    """Copy the account of each row to the key that it really is.

    Args:
        raw_rows: Rows of a raw table.
        kind_by_source: What the accounts of a source are (`accounts` in footsteps.yaml), by source name.

    Returns:
        The rows; an empty employee_number or work_email is filled from account_code if the source declares so, from an
        account of xAPI without its home page. Rows that name nobody, such as a catalogue of courses, stay as they are.
    """
    if not _names_people(raw_rows):
        return raw_rows
    source_names_by_key = {
        key_column: [source_name for source_name, account_kind in kind_by_source.items() if account_kind == key_column]
        for key_column in ("employee_number", "work_email")
    }
    return raw_rows.with_columns(
        pl.when(pl.col("source_name").is_in(source_names) & pl.col(key_column).is_null())
        .then(pl.col("account_code").str.replace(HOME_PAGE, ""))
        .otherwise(key_column)
        .alias(key_column)
        for key_column, source_names in source_names_by_key.items()
        if source_names
    )


def list_account_mentions(raw_frames: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """One row per distinct combination of keys by which a system refers to a person: system_name, account keys.

    Frames that name nobody, such as a catalogue of courses, give no row.
    """
    mentions_per_frame = [
        raw_frame.select("system_name", *ACCOUNT_KEYS).unique() for raw_frame in raw_frames if _names_people(raw_frame)
    ]
    return pl.concat(mentions_per_frame or [pl.LazyFrame(schema=_ACCOUNT_SCHEMA)]).unique().collect().sort(pl.all())


def match_accounts(mentions: pl.DataFrame, people: pl.DataFrame, account_maps: pl.DataFrame) -> pl.DataFrame:
    """Match each mention to a person.

    An employee number is trusted before a work e-mail, that before the hash of one (see `hash_addresses`), that before
    an account map, and that before an equal account. An account of one system says nothing about the same text in
    another, unless its system is null in `account_maps` or `people`.
    A key that two people share matches neither.

    Args:
        mentions: As `list_account_mentions` returns them.
        people: As `identify_people` returns them.
        account_maps: One row per account of an account map: serves (system of the account; null for any), settles
            (trusted before every key), account_code, employee_number, work_email.

    Returns:
        One row per mention, in the contract of `ACCOUNT`; person_id is null if no key leads to a person.
    """
    return _match_mentions(mentions, people, account_maps).select(ACCOUNT.column_names).unique().sort(pl.all())


def hash_addresses(people: pl.DataFrame) -> pl.DataFrame:
    """Hash the e-mail addresses of people as learning systems do, so that an address is not passed on.

    xAPI: SHA-1 of `mailto:` and the address (mbox_sha1sum). Open Badges: the name of the algorithm, `$`, and the MD5 or
    SHA-256 of the address (IdentityHash). Only who knows the address can find the person. A hash with a salt is none of
    these.

    Args:
        people: Rows with work_email and any other columns; addresses are in lower case.

    Returns:
        One row per distinct address and kind of hash: work_email, account_code (the hash, in lower case).
    """
    hashed_addresses = [
        (address, address_hash)
        for address in people["work_email"].drop_nulls().unique().sort()
        for address_hash in (
            hashlib.sha1(f"mailto:{address}".encode(), usedforsecurity=False).hexdigest(),
            f"md5${hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()}",
            f"sha256${hashlib.sha256(address.encode()).hexdigest()}",
        )
    ]
    return pl.DataFrame(hashed_addresses, {"work_email": pl.String, "account_code": pl.String}, orient="row")


def find_account_conflicts(mentions: pl.DataFrame, people: pl.DataFrame, account_maps: pl.DataFrame) -> pl.DataFrame:
    """Find mentions whose keys lead to several people, and mentions with a key that several people share.

    The arguments are those of `match_accounts`. A mention that a settling map matches is no conflict.

    Returns:
        One row per mention and reason, in the contract of `CONFLICT`.
    """
    mention_matches = _match_mentions(mentions, people, account_maps).filter(pl.col("settled").is_null())
    matched_ids = pl.concat_list("by_number", "by_email", "by_email_hash", "by_map")
    candidate_ids = matched_ids.list.drop_nulls().list.unique().list.sort()
    disagreeing_matches = mention_matches.with_columns(candidate_ids.alias("candidate_ids")).filter(
        pl.col("candidate_ids").list.len() > 1
    )
    conflict_frames = [disagreeing_matches.with_columns(pl.lit("keys_disagree").alias("conflict_reason"))]
    for key_column in ("employee_number", "work_email"):
        key_owners = (
            people.drop_nulls(key_column)
            .group_by(key_column)
            .agg(pl.col("person_id").unique().sort().alias("candidate_ids"))
        )
        shared_keys = key_owners.filter(pl.col("candidate_ids").list.len() > 1)
        unmatched_mentions = mention_matches.filter(pl.col("person_id").is_null()).join(shared_keys, on=key_column)
        conflict_frames.append(unmatched_mentions.with_columns(pl.lit("key_is_shared").alias("conflict_reason")))
    conflict_rows = pl.concat([conflicts.select(CONFLICT.column_names) for conflicts in conflict_frames])
    return conflict_rows.sort("system_name", *ACCOUNT_KEYS, "conflict_reason")


def map_unambiguous(key_rows: pl.DataFrame, key_columns: list[str], person_column: str = "person_id") -> pl.DataFrame:
    """The keys that lead to exactly one person.

    Args:
        key_rows: person_id and the key columns; several rows may repeat a key.
        key_columns: The key columns. Rows with a null in one of them are left out.
        person_column: Name of the column that holds the person in the returned frame.

    Returns:
        One row per key: the key columns and the person.
    """
    key_person_pairs = key_rows.select(*key_columns, pl.col("person_id").alias(person_column)).drop_nulls().unique()
    return key_person_pairs.filter(pl.col(person_column).n_unique().over(key_columns) == 1)


def _names_people(raw_rows: pl.LazyFrame) -> bool:
    return set(ACCOUNT_KEYS) <= set(raw_rows.collect_schema().names())


def _match_mentions(mentions: pl.DataFrame, people: pl.DataFrame, account_maps: pl.DataFrame) -> pl.DataFrame:
    """The mentions with the person that each kind of key leads to (columns of `_MATCHED_ON_BY_COLUMN`), and the most
    trusted of these people."""
    person_by_number, person_by_email = (
        map_unambiguous(people, [key_column], person_column)
        for key_column, person_column in (("employee_number", "by_number"), ("work_email", "by_email"))
    )
    mapped_accounts = (
        account_maps.join(person_by_number, on="employee_number", how="left")
        .join(person_by_email, on="work_email", how="left")
        .with_columns(pl.coalesce("by_number", "by_email").alias("person_id"))
        .rename({"serves": "system_name"})
    )
    person_by_address_hash = (
        hash_addresses(people).join(person_by_email, on="work_email").select("account_code", by_email_hash="by_email")
    )
    mention_matches = (
        mentions.join(person_by_number, on="employee_number", how="left")
        .join(person_by_email, on="work_email", how="left")
        .join(
            person_by_address_hash,
            left_on=pl.col("account_code").str.to_lowercase(),
            right_on="account_code",
            how="left",
        )
    )
    for accounts, system_column, general_column in (
        (mapped_accounts.filter(~pl.col("settles")), "by_map", "by_general_map"),
        (people, "by_hr_account", "by_same_account"),
        (mapped_accounts.filter("settles"), "by_settling_map", "by_general_settling_map"),
    ):
        accounts_without_system = accounts.filter(pl.col("system_name").is_null())
        mention_matches = mention_matches.join(
            map_unambiguous(accounts, _SYSTEM_ACCOUNT, system_column), on=_SYSTEM_ACCOUNT, how="left"
        ).join(
            map_unambiguous(accounts_without_system, ["account_code"], general_column), on="account_code", how="left"
        )
    mention_matches = mention_matches.with_columns(
        pl.coalesce("by_settling_map", "by_general_settling_map").alias("settled")
    )
    match_reasons = [
        pl.when(pl.col(match_column).is_not_null()).then(pl.lit(match_reason))
        for match_column, match_reason in _MATCHED_ON_BY_COLUMN.items()
    ]
    return mention_matches.with_columns(
        pl.coalesce(*_MATCHED_ON_BY_COLUMN).alias("person_id"), pl.coalesce(match_reasons).alias("matched_on")
    )
