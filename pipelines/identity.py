"""One person across systems: what an export calls a person, joined to one person_id, with the evidence kept.

Belongs here: the order of trust, and the table of accounts.
Does not belong here: what people did (`pipelines.conform`).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.contracts.catalog import ACCOUNT
from pipelines.contracts.fields import FIELDS

# Employee number before work e-mail before an account map; a name never joins two people.
WHO = ("account_code", "employee_number", "work_email")
_ACCOUNT_SCHEMA = {"system_name": pl.String, **dict.fromkeys(WHO, pl.String)}


def identify_people(people: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """One row per person of the HR exports: person_id (employee number, or else the HR account) and keys.

    Rows with the same employee number, or else the same account, are one person; the one last changed wins.
    """
    frames = [frame.select("system_name", *WHO, "changed_at") for frame in people]
    nobody = pl.LazyFrame(schema={**_ACCOUNT_SCHEMA, "changed_at": FIELDS["changed_at"].dtype})
    rows = pl.concat(frames or [nobody]).collect().sort("changed_at", "system_name", *WHO, nulls_last=False)
    rows = rows.with_columns(pl.coalesce("employee_number", "account_code").alias("person_id")).drop("changed_at")
    return rows.unique("person_id", keep="last", maintain_order=True).sort("person_id")


def observe_people(mentions: pl.DataFrame) -> pl.DataFrame:
    """One row per person that any export names, where no source holds people: what they are called is their id."""
    rows = mentions.with_columns(pl.coalesce("employee_number", "account_code", "work_email").alias("person_id"))
    rows = rows.drop_nulls("person_id").sort("person_id", *_ACCOUNT_SCHEMA)
    return rows.unique("person_id", keep="first", maintain_order=True)


def mentioned_people(frames: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """One row per way in which a system calls somebody: system_name, account_code, employee_number, work_email."""
    columns = [frame.select("system_name", *WHO).unique() for frame in frames]
    return pl.concat(columns or [pl.LazyFrame(schema=_ACCOUNT_SCHEMA)]).unique().collect().sort(pl.all())


def match_accounts(mentions: pl.DataFrame, people: pl.DataFrame, maps: pl.DataFrame) -> pl.DataFrame:
    """The table of accounts: each mention with its person_id and what matched, null where nobody is known by it.

    `maps` connects accounts to employee numbers or e-mails (system_name, account_code, employee_number, work_email).
    A key that two people share matches neither.
    """
    by_number = _key(people, "employee_number")
    by_email = _key(people, "work_email")
    by_account = _key(people, "account_code")
    mapped = _match(maps.rename({"account_code": "mapped_code"}), by_number, by_email)
    by_map = mapped.drop_nulls("person_id").select(pl.col("mapped_code").alias("account_code"), "person_id")
    by_map = by_map.unique().filter(pl.col("person_id").n_unique().over("account_code") == 1)
    found = (
        mentions.join(by_number.rename({"person_id": "p1"}), on="employee_number", how="left")
        .join(by_email.rename({"person_id": "p2"}), on="work_email", how="left")
        .join(by_map.rename({"person_id": "p3"}), on="account_code", how="left")
        .join(by_account.rename({"person_id": "p4"}), on="account_code", how="left")
        # an export without a column of its own for it names the employee by number
        .join(by_number.rename({"employee_number": "account_code", "person_id": "p5"}), on="account_code", how="left")
    )
    evidence: Mapping[str, str] = {
        "p1": "employee_number", "p2": "work_email", "p3": "account_map", "p4": "hr_account", "p5": "employee_number",
    }  # fmt: skip
    how = pl.coalesce(pl.when(pl.col(p).is_not_null()).then(pl.lit(name)) for p, name in evidence.items())
    found = found.with_columns(pl.coalesce(*evidence).alias("person_id"), how.alias("matched_on"))
    return found.select(ACCOUNT.column_names).unique().sort(pl.all())


def _key(people: pl.DataFrame, column: str) -> pl.DataFrame:
    keys = people.select(column, "person_id").drop_nulls().unique()
    return keys.filter(pl.col("person_id").n_unique().over(column) == 1)


def _match(maps: pl.DataFrame, by_number: pl.DataFrame, by_email: pl.DataFrame) -> pl.DataFrame:
    found = maps.join(by_number.rename({"person_id": "p1"}), on="employee_number", how="left")
    found = found.join(by_email.rename({"person_id": "p2"}), on="work_email", how="left")
    return found.with_columns(pl.coalesce("p1", "p2").alias("person_id"))
