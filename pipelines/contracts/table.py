"""Column, Rule and Table: the declarations from which everything about a table is rendered.

Belongs here: what a column, a rule and a table are, the polars schema and row order of a table and the polars
expression of a rule.
Does not belong here: which tables there are (`catalog`), and renderings that need another library
(Great Expectations: `pipelines.validation`; Dagster metadata: `assets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import polars as pl

from pipelines.contracts.classification import (
    CLASS_BY_COLUMN,
    FREE_TEXT_COLUMNS,
    REFERENCE_BY_COLUMN,
    DataClass,
    PersonReference,
)

RuleKind = Literal["not_null", "unique", "in_set", "between", "matches", "references", "row"]
Layer = Literal["landing", "raw", "quarantine", "core", "feat", "model", "out"]
# The share of a table's rows that may be set aside. Exports hold typing errors; more than half of an export is another
# export. What the flow computes itself never breaks a rule, unless the flow is wrong.
_MAX_QUARANTINED_SHARE_BY_LAYER: Mapping[Layer, float] = {"raw": 0.5, "core": 0.5}
# The number of the month of rows without a timestamp.
NO_MONTH = 2**31 - 1


# The check that shows whether all required columns of a table are given.
REQUIRED_COLUMNS_CHECK = "required_columns__not_null"


class Severity(StrEnum):
    """ERROR stops the assets downstream of the table; WARN is reported and stops nothing."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: type, meaning, unit and allowed values; `classification` declares by its name how personal it is."""

    name: str
    dtype: Any  # a polars DataType or its class
    description: str
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    example: str | None = None  # a cell of an export, for text that a user maps

    @property
    def data_class(self) -> DataClass:
        """What its values are, with regard to people; personal if nobody declared it."""
        return CLASS_BY_COLUMN.get(self.name, DataClass.PERSONAL)

    @property
    def reference(self) -> PersonReference | None:
        """How it leads to a person; None if it does not."""
        return REFERENCE_BY_COLUMN.get(self.name)

    @property
    def is_free_text(self) -> bool:
        """Whether its values are texts that people wrote freely; such a text may name anybody."""
        return self.name in FREE_TEXT_COLUMNS

    @property
    def domain_rules(self) -> "list[Rule]":
        """The rules that follow from the allowed values, the limits and the pattern."""
        rules: list[Rule] = []
        if self.allowed:
            rules.append(Rule("in_set", (self.name,), allowed=self.allowed))
        if self.minimum is not None or self.maximum is not None:
            rules.append(Rule("between", (self.name,), minimum=self.minimum, maximum=self.maximum))
        if self.pattern is not None:
            rules.append(Rule("matches", (self.name,), pattern=self.pattern))
        return rules


@dataclass(frozen=True, slots=True)
class Reference:
    """Values of `column` must occur in `table`.`key`; null passes."""

    column: str
    table: str
    key: str

    @property
    def target(self) -> str:
        """`table.key`: what the values must occur in."""
        return f"{self.table}.{self.key}"


@dataclass(frozen=True, slots=True)
class DecisiveColumn:
    """A column whose value decides what the record says: without it the record would say something else.

    Attributes:
        name: Name of the column.
        is_decisive: Whether the value decides in this row; null counts as no.
        reason: What the record would say without the value.
    """

    name: str
    is_decisive: pl.Expr = field(compare=False, hash=False)
    reason: str


@dataclass(frozen=True, slots=True)
class RowRule:
    """A named condition on one row: `expression` is true if the row satisfies it; null passes."""

    name: str
    columns: tuple[str, ...]
    expression: pl.Expr = field(compare=False, hash=False)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a table, of one of seven kinds. Null passes every kind except `not_null`."""

    kind: RuleKind
    columns: tuple[str, ...]
    severity: Severity = Severity.ERROR
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    reference: Reference | None = None
    row_rule: RowRule | None = None

    @property
    def name(self) -> str:
        """`column|rule`, as written in `failed_rules`; several columns are joined by `+`."""
        return f"{'+'.join(self.columns)}|{self.row_rule.name if self.row_rule else self.kind}"

    @property
    def check_name(self) -> str:
        """The name of the asset check that shows the rule, in the characters that Dagster allows.

        The required columns of a table share a check: each check costs a run milliseconds, and a row that has one of
        them mostly has all.
        """
        if self.kind == "not_null" and self.severity is Severity.ERROR:
            return REQUIRED_COLUMNS_CHECK
        return self.name.replace("+", "_and_").replace("|", "__")

    def condition(self, reference_values: Mapping[str, pl.Series] | None = None) -> pl.Expr:
        """The rule as a polars expression, null for the rows to which the rule does not apply.

        Args:
            reference_values: The values that references may take, by `table.key`; only `references` rules need them.

        Returns:
            One boolean per row: true if the row satisfies the rule, null if the rule does not apply to it.

        Raises:
            ValueError: The rule is a reference and its values are missing.
        """
        first_column = pl.col(self.columns[0])
        match self.kind:
            case "not_null":
                return first_column.is_not_null()
            case "unique":
                key_values = pl.struct(self.columns) if len(self.columns) > 1 else first_column
                return pl.when(pl.all_horizontal(pl.col(self.columns).is_not_null())).then(
                    key_values.is_first_distinct()
                )
            case "in_set":
                return first_column.is_in(list(self.allowed))
            case "between":
                reaches_minimum = pl.lit(True) if self.minimum is None else first_column >= self.minimum
                # Polars sorts NaN above every number: without an upper limit NaN must be excluded explicitly.
                return reaches_minimum & (
                    first_column.is_not_nan() if self.maximum is None else first_column <= self.maximum
                )
            case "matches":
                return first_column.str.contains(self.pattern or "")
            case "references":
                assert self.reference is not None
                reference_target = self.reference.target
                if reference_values is None or reference_target not in reference_values:
                    raise ValueError(f"{self.name}: the values of {reference_target} are missing")
                return first_column.is_in(reference_values[reference_target].implode())
            case "row":
                assert self.row_rule is not None
                return self.row_rule.expression

    def expression(self, reference_values: Mapping[str, pl.Series] | None = None) -> pl.Expr:
        """The rule as a polars expression that is never null: a row to which it does not apply satisfies it.

        The arguments and errors are those of `condition`.
        """
        return self.condition(reference_values).fill_null(True)


@dataclass(frozen=True)
class Table:
    """A table of the lake, declared once.

    Attributes:
        name: `{layer}_{domain}__{type}_{name}`; also the asset key, the name of the folder and the contract key.
        description: The grain ("One row per …", "One row each time …", "Connects …").
        columns: The columns, in order.
        key: Columns whose combination is unique and never null.
        required: Further columns that are never null.
        references: Foreign keys.
        row_rules: Conditions on a row.
        warnings: Names of the rules that warn and do not stop downstream assets.
        max_quarantined_share: The share of its rows that may be set aside, 0..1; above it downstream assets stop. None
            for the share of its layer: 0.5 for raw and core, 0 for every other layer.
        owner: Team that owns the table.
        retention_days: Days after which rows are deleted; None keeps them.
        retention_column: The day from which these days count, of a delivery or of an event; None if a row ends with the
            snapshot that it is published in.
        readers: Layers, systems or roles that read the table.
        month_column: Timestamp by whose month the table is split into files; a write replaces only changed files.
        version_columns: If given, other tables depend on the distinct values of these columns alone: any other change
            of the table comes with changed rows of an input that is joined with it.
        is_partitioned_by_person: Whether each file holds a range of people; a write replaces only changed files.
        version: Version of the contract.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    warnings: tuple[str, ...] = ()
    max_quarantined_share: float | None = None
    owner: str = "team:people-analytics"
    retention_days: int | None = None
    retention_column: str | None = None
    readers: tuple[str, ...] = ()
    month_column: str | None = None
    version_columns: tuple[str, ...] = ()
    is_partitioned_by_person: bool = False
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself."""
        rule_names = [rule.name for rule in self.rules]
        columns_in_rules = {*self.key, *self.required, *(reference.column for reference in self.references)}
        columns_in_rules.update(column_name for rule in self.row_rules for column_name in rule.columns)
        leading_columns = self.key[:1] or tuple(
            column_name for column_name in self.required if column_name == "person_id"
        )
        repeated_rule_names = {rule_name for rule_name in rule_names if rule_names.count(rule_name) > 1}
        if len(self.column_names) != len(set(self.column_names)):
            raise ValueError(f"{self.name}: a column is declared twice")
        if unknown_columns := columns_in_rules - set(self.column_names):
            raise ValueError(f"{self.name}: rules use columns it does not have: {sorted(unknown_columns)}")
        if repeated_rule_names:
            raise ValueError(f"{self.name}: several rules have the same name: {sorted(repeated_rule_names)}")
        if self.is_partitioned_by_person and (self.month_column or leading_columns != ("person_id",)):
            raise ValueError(
                f"{self.name}: a table partitioned by person has no month_column, and person_id is first in its key"
            )
        if unknown_rules := set(self.warnings) - set(rule_names):
            raise ValueError(f"{self.name}: warnings name rules it does not have: {sorted(unknown_rules)}")
        if not 0 <= self.quarantine_limit <= 1:
            raise ValueError(f"{self.name}: max_quarantined_share is {self.max_quarantined_share}, not from 0 to 1")

    @property
    def layer(self) -> Layer:
        """The first word of the name."""
        return self.name.split("_")[0]  # type: ignore[return-value]

    @property
    def quarantine_limit(self) -> float:
        """The share of rows that may be set aside: as declared, or else that of the layer."""
        if self.max_quarantined_share is not None:
            return self.max_quarantined_share
        return _MAX_QUARANTINED_SHARE_BY_LAYER.get(self.layer, 0.0)

    @property
    def row_order(self) -> list[pl.Expr]:
        """What the rows are sorted by: the key; before it the month, if the table is split by month.

        Without a key, a table that is split by person is sorted by person, and any other is not sorted.
        """
        key_columns = [pl.col(column_name) for column_name in self.key]
        if self.is_partitioned_by_person:
            return key_columns or [pl.col("person_id")]
        return key_columns if self.month_column is None else [month_number(self.month_column), *key_columns]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def schema(self) -> pl.Schema:
        """The polars schema."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in a fixed order: not null, unique, the domain of each column, references, row rules."""
        rules = (
            *(Rule("not_null", (column_name,)) for column_name in dict.fromkeys((*self.key, *self.required))),
            *([Rule("unique", self.key)] if self.key else []),
            *(rule for column in self.columns for rule in column.domain_rules),
            *(Rule("references", (reference.column,), reference=reference) for reference in self.references),
            *(Rule("row", row_rule.columns, row_rule=row_rule) for row_rule in self.row_rules),
        )
        return tuple(replace(rule, severity=Severity.WARN) if rule.name in self.warnings else rule for rule in rules)

    @cached_property
    def never_null(self) -> frozenset[str]:
        """The columns in which a null is an error."""
        return frozenset(
            rule.columns[0] for rule in self.rules if rule.kind == "not_null" and rule.severity is Severity.ERROR
        )


def month_number(timestamp_column: str) -> pl.Expr:
    """The month of a timestamp as a number that increases by 1 per month; the largest number for null.

    Args:
        timestamp_column: Name of a timestamp column.
    """
    timestamp_parts = pl.col(timestamp_column).dt
    return (timestamp_parts.year() * 12 + timestamp_parts.month().cast(pl.Int32) - 1).fill_null(NO_MONTH)
