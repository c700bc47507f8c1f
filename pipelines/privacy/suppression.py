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
from pipelines.privacy.erased_people import ErasedPeople, Identity, list_key_forms
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
_WORD_SEPARATORS = re.compile(r"""[\s,;|"'<>(){}\[\]]+""")
_IS_ERASED_COLUMN = "@erased"


@dataclass(frozen=True)
class Suppression:
    """Removes erased people from the rows of one source.

    Attributes:
        erased_people: The list.
        systems: The systems whose accounts the rows name.
        account_kind: What the accounts are, if not accounts of a system.
    """

    erased_people: ErasedPeople
    systems: tuple[str, ...]
    account_kind: AccountKind = "own"

    @classmethod
    def of_source(cls, erased_people: ErasedPeople, source: SourceConfig) -> "Suppression":
        """The suppression in the exports of a source; an account map names accounts of the systems that it serves."""
        return cls(erased_people, tuple(source.serves) or (source.system,), source.accounts)

    def identifies_erased_person(self, column_names: Collection[str]) -> pl.Expr:
        """Whether a row is the record of an erased person: by number, address or account.

        Args:
            column_names: The columns of the rows, those of a canonical schema.
        """
        return self._identifies_erased_person(
            {key_column: pl.col(key_column) for key_column in ACCOUNT_KEYS if key_column in column_names}
        )

    def clear_references(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Clear the values, and their texts, by which a row about somebody else names an erased person."""
        present_columns = rows.collect_schema().names()
        cleared_columns = []
        for reference_column in REFERENCE_COLUMNS:
            if reference_column in present_columns:
                is_erased = self.names_erased_person(pl.col(reference_column))
                cleared_columns += [
                    pl.when(~is_erased).then(cleared_column).alias(cleared_column)
                    for cleared_column in (reference_column, TEXT_PREFIX + reference_column)
                    if cleared_column in present_columns
                ]
        return rows.with_columns(cleared_columns)

    def names_erased_person(self, references: pl.Expr) -> pl.Expr:
        """Whether a reference, in any of its forms, is a number, an address or an account of an erased person.

        Args:
            references: Texts by which rows name another person.
        """
        return pl.any_horizontal(self._test_texts(form, "code") for form in list_key_forms(references))

    def mentions_erased_person(self, text_column: str) -> pl.Expr:
        """Whether a text of a malformed record holds an identity of an erased person as one of its words."""
        return pl.col(text_column).map_batches(self._have_erased_identity, return_dtype=pl.Boolean, is_elementwise=True)

    def quarantine_deletion(self) -> RowDeletion:
        """What is deleted from a quarantine of landed rows: rows whose text is a record of an erased person.

        In the text of other rows, references to an erased person become null.
        """
        cell_by_column = {
            key_column: pl.col("row_text").str.json_path_match(f"$.{key_column}") for key_column in ACCOUNT_KEYS
        }
        # the text holds the cells as they were exported
        is_erased_record = pl.any_horizontal(
            self._identifies_erased_person({key_column: key_form})
            for key_column, cell in cell_by_column.items()
            for key_form in list_key_forms(cell)
        )
        is_malformed = ~pl.col("row_text").str.starts_with("{")
        row_text = pl.col("row_text")
        for reference_column in REFERENCE_COLUMNS:
            referenced_code = pl.col("row_text").str.json_path_match(f"$.{reference_column}")
            cleared_text = row_text.str.replace(
                f'"{reference_column}":"(?:[^"\\\\]|\\\\.)*"', f'"{reference_column}":null'
            )
            names_erased_person = self.names_erased_person(referenced_code)
            row_text = pl.when(names_erased_person).then(cleared_text).otherwise(row_text)
        return RowDeletion(
            is_erased_record | (is_malformed & self.mentions_erased_person("row_text")), {"row_text": row_text}
        )

    def apply(self, export: Export) -> Export:
        """The export without the records of erased people; they are counted under `ERASED_PERSON`.

        Args:
            export: An export of the source.
        """
        if not self.erased_people.people:
            return export
        first_shape = next(iter(export.shapes))
        marked_rows_by_shape = {
            shape: shape_rows.with_columns(
                self.identifies_erased_person(shape_rows.collect_schema().names()).alias(_IS_ERASED_COLUMN)
            ).cache()
            for shape, shape_rows in export.shapes.items()
        }
        marked_malformed_rows = export.malformed.with_columns(
            self.mentions_erased_person("row_text").alias(_IS_ERASED_COLUMN)
        ).cache()
        reason_counts = {
            shape: _move_to_reason(
                export.reason_counts.get(shape, _count_read_rows(shape_rows)),
                shape_rows,
                marked_malformed_rows if shape == first_shape else None,
            )
            for shape, shape_rows in marked_rows_by_shape.items()
        }

        def read_again(shape: CanonicalSchemaName, row_numbers: pl.Series) -> pl.LazyFrame:
            shape_rows = export.read_again(shape, row_numbers)
            return self.clear_references(
                shape_rows.filter(~self.identifies_erased_person(shape_rows.collect_schema().names()))
            )

        return replace(
            export,
            shapes={
                shape: self.clear_references(shape_rows.filter(~pl.col(_IS_ERASED_COLUMN)).drop(_IS_ERASED_COLUMN))
                for shape, shape_rows in marked_rows_by_shape.items()
            },
            malformed=marked_malformed_rows.filter(~pl.col(_IS_ERASED_COLUMN)).drop(_IS_ERASED_COLUMN),
            reason_counts=reason_counts,
            read_again=read_again,
        )

    def _identifies_erased_person(self, key_by_column: Mapping[str, pl.Expr]) -> pl.Expr:
        """Whether one of the keys of a row is an identity of an erased person; the keys are given by column name."""
        kinds_by_column = {
            "employee_number": ["employee_number"],
            "work_email": ["work_email"],
            "account_code": [*(f"account:{system}" for system in self.systems), "account:", "address_hash"],
        }
        key_tests = [
            self._test_texts(key, identity_kind)
            for key_column, key in key_by_column.items()
            for identity_kind in kinds_by_column[key_column]
        ]
        if self.account_kind != "own" and "account_code" in key_by_column:
            # such an account is really another key, behind the home page that xAPI writes before it
            key_tests.append(
                self._test_texts(key_by_column["account_code"].str.replace(HOME_PAGE, ""), self.account_kind)
            )
        return pl.any_horizontal(pl.lit(False), *key_tests)

    def _test_texts(self, key_texts: pl.Expr, identity_kind: str) -> pl.Expr:
        return key_texts.map_batches(
            partial(self.erased_people.test_texts, identity_kind), return_dtype=pl.Boolean, is_elementwise=True
        )

    def _have_erased_identity(self, malformed_texts: pl.Series) -> pl.Series:
        """Whether each text has a word that is an identity of an erased person."""
        has_erased_identity = [
            malformed_text is not None
            and any(
                self.erased_people.includes(Identity("code", word))
                for word in _WORD_SEPARATORS.split(malformed_text)
                if word
            )
            for malformed_text in malformed_texts
        ]
        return pl.Series(has_erased_identity, dtype=pl.Boolean)


def _count_read_rows(shape_rows: pl.LazyFrame) -> pl.LazyFrame:
    return shape_rows.select(why=pl.lit(None, pl.String), count=pl.len().cast(pl.Int64))


def _move_to_reason(
    reason_counts: pl.LazyFrame, marked_rows: pl.LazyFrame, marked_malformed_rows: pl.LazyFrame | None
) -> pl.LazyFrame:
    """The counts by reason, with erased rows counted under their reason and no longer as read.

    A malformed row is in no count before, so that it is only added.
    """
    erased_count = marked_rows.select(pl.col(_IS_ERASED_COLUMN).sum().cast(pl.Int64).alias("count"))
    count_frames = [
        reason_counts,
        erased_count.select(why=pl.lit(ERASED_PERSON), count=pl.col("count")),
        erased_count.select(why=pl.lit(None, pl.String), count=-pl.col("count")),
    ]
    if marked_malformed_rows is not None:
        count_frames.append(
            marked_malformed_rows.select(
                why=pl.lit(ERASED_PERSON), count=pl.col(_IS_ERASED_COLUMN).sum().cast(pl.Int64)
            )
        )
    summed_counts = pl.concat(count_frames).group_by("why").agg(pl.col("count").sum())
    return summed_counts.filter(pl.col("why").is_null() | (pl.col("count") > 0))
