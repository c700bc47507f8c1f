"""The records of erased people in an export: passed over and counted, and references to them removed.

Belongs here: which rows of a canonical schema name an erased person, at landing and in what was landed before.
Does not belong here: the list (`erased_people`), the deletion of what was landed (`landed_rows`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.contracts.classification import REFERENCE_BY_COLUMN, PersonKey, PersonRole
from pipelines.contracts.columns import AccountKind
from pipelines.core.identity_resolution import ACCOUNT_KEYS, HOME_PAGE
from pipelines.privacy.erased_people import ErasedPeople, Identity
from pipelines.sources.adapter import Export
from pipelines.storage.row_deletion import RowDeletion
from pipelines.validation.landed_rows import TEXT_PREFIX

# The reason under which the ledger counts the records of erased people.
ERASED_PERSON = "erased person"
# Columns of exports by which a record names another person than the one it is about.
REFERENCE_COLUMNS = tuple(
    column
    for column, reference in REFERENCE_BY_COLUMN.items()
    if reference.role is PersonRole.OTHER and reference.key is PersonKey.ANY
)
_SEPARATORS = re.compile(r"""[\s,;|"'<>(){}\[\]]+""")
_IS_ERASED = "@erased"


@dataclass(frozen=True)
class Suppression:
    """Removes erased people from the rows of one source.

    Attributes:
        erased_people: The list.
        systems: The systems whose accounts the rows name.
        accounts: What the accounts are, if not accounts of a system.
    """

    erased_people: ErasedPeople
    systems: tuple[str, ...]
    accounts: AccountKind = "own"

    @classmethod
    def of_source(cls, erased_people: ErasedPeople, source: SourceConfig) -> "Suppression":
        """The suppression in the exports of a source; an account map names accounts of the systems that it serves."""
        return cls(erased_people, tuple(source.serves) or (source.system,), source.accounts)

    def names_erased(self, columns: Collection[str]) -> pl.Expr:
        """Whether a row is the record of an erased person: by number, address or account.

        Args:
            columns: The columns of the rows, those of a canonical schema.
        """
        return self._names_erased({column: pl.col(column) for column in ACCOUNT_KEYS if column in columns})

    def clear_references(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows without the columns' values, and texts, that name an erased person as somebody else."""
        present_columns = rows.collect_schema().names()
        cleared_columns = []
        for column in REFERENCE_COLUMNS:
            if column in present_columns:
                is_erased = self.erased_people.is_erased(column, "code")
                cleared_columns += [
                    pl.when(~is_erased).then(name).alias(name)
                    for name in (column, TEXT_PREFIX + column)
                    if name in present_columns
                ]
        return rows.with_columns(cleared_columns)

    def quotes_erased(self, text: str) -> pl.Expr:
        """Whether a text of a malformed record holds an identity of an erased person as one of its words."""
        return pl.col(text).map_batches(self._test_quoting, return_dtype=pl.Boolean, is_elementwise=True)

    def quarantine_deletion(self) -> RowDeletion:
        """What is deleted from a quarantine of landed rows: rows whose text is a record of an erased person.

        In the text of other rows, references to an erased person become null.
        """
        keys = {column: pl.col("row_text").str.json_path_match(f"$.{column}") for column in ACCOUNT_KEYS}
        is_own = self._names_erased(keys)
        is_malformed = ~pl.col("row_text").str.starts_with("{")
        text = pl.col("row_text")
        for column in REFERENCE_COLUMNS:
            code = pl.col("row_text").str.json_path_match(f"$.{column}")
            cleared_text = text.str.replace(f'"{column}":"(?:[^"\\\\]|\\\\.)*"', f'"{column}":null')
            text = pl.when(self._test(code, "code")).then(cleared_text).otherwise(text)
        return RowDeletion(is_own | (is_malformed & self.quotes_erased("row_text")), {"row_text": text})

    def apply(self, export: Export) -> Export:
        """The export without the records of erased people; they are counted under `ERASED_PERSON`.

        Args:
            export: An export of the source.
        """
        if not self.erased_people.people:
            return export
        first_shape = next(iter(export.shapes))
        marked = {
            shape: rows.with_columns(self.names_erased(rows.collect_schema().names()).alias(_IS_ERASED)).cache()
            for shape, rows in export.shapes.items()
        }
        malformed = export.malformed.with_columns(self.quotes_erased("row_text").alias(_IS_ERASED)).cache()
        reason_counts = {
            shape: _move_to_reason(
                export.reason_counts.get(shape, _count_all(rows)), rows, malformed if shape == first_shape else None
            )
            for shape, rows in marked.items()
        }

        def read_again(shape: CanonicalSchemaName, row_numbers: pl.Series) -> pl.LazyFrame:
            rows = export.read_again(shape, row_numbers)
            return self.clear_references(rows.filter(~self.names_erased(rows.collect_schema().names())))

        return replace(
            export,
            shapes={
                shape: self.clear_references(rows.filter(~pl.col(_IS_ERASED)).drop(_IS_ERASED))
                for shape, rows in marked.items()
            },
            malformed=malformed.filter(~pl.col(_IS_ERASED)).drop(_IS_ERASED),
            reason_counts=reason_counts,
            read_again=read_again,
        )

    def _names_erased(self, keys: Mapping[str, pl.Expr]) -> pl.Expr:
        """Whether one of a row's keys, by the name of its column, is an identity of an erased person."""
        kinds_by_column = {
            "employee_number": ["employee_number"],
            "work_email": ["work_email"],
            "account_code": [*(f"account:{system}" for system in self.systems), "account:", "address_hash"],
        }
        tests = [self._test(key, kind) for column, key in keys.items() for kind in kinds_by_column[column]]
        if self.accounts != "own" and "account_code" in keys:
            # such an account is really another key, behind the home page that xAPI writes before it
            tests.append(self._test(keys["account_code"].str.replace(HOME_PAGE, ""), self.accounts))
        return pl.any_horizontal(pl.lit(False), *tests)

    def _test(self, texts: pl.Expr, kind: str) -> pl.Expr:
        return texts.map_batches(
            partial(self.erased_people.test_texts, kind), return_dtype=pl.Boolean, is_elementwise=True
        )

    def _test_quoting(self, texts: pl.Series) -> pl.Series:
        quotes = [
            text is not None
            and any(self.erased_people.includes(Identity("code", word)) for word in _SEPARATORS.split(text) if word)
            for text in texts
        ]
        return pl.Series(quotes, dtype=pl.Boolean)


def _count_all(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(why=pl.lit(None, pl.String), count=pl.len().cast(pl.Int64))


def _move_to_reason(counts: pl.LazyFrame, rows: pl.LazyFrame, malformed: pl.LazyFrame | None) -> pl.LazyFrame:
    """The counts by reason, with erased rows counted under their reason and no longer as read.

    A malformed row is in no count before, so that it is only added.
    """
    erased_count = rows.select(pl.col(_IS_ERASED).sum().cast(pl.Int64).alias("count"))
    frames = [
        counts,
        erased_count.select(why=pl.lit(ERASED_PERSON), count=pl.col("count")),
        erased_count.select(why=pl.lit(None, pl.String), count=-pl.col("count")),
    ]
    if malformed is not None:
        frames.append(malformed.select(why=pl.lit(ERASED_PERSON), count=pl.col(_IS_ERASED).sum().cast(pl.Int64)))
    summed_counts = pl.concat(frames).group_by("why").agg(pl.col("count").sum())
    return summed_counts.filter(pl.col("why").is_null() | (pl.col("count") > 0))
