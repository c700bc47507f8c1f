"""Column, Rule and Table: the declarations from which everything about a table is rendered.

Belongs here: what a column, a rule and a table are, and their polars, arrow and rule-expression renderings.
Does not belong here: which tables there are (`catalog`), and renderings that need a further library
(Great Expectations: `pipelines.validation`; Dagster metadata: `assets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

RuleKind = Literal["not_null", "unique", "in_set", "between", "matches", "references", "row"]
Layer = Literal["landing", "raw", "quarantine", "core", "feat", "model", "out"]


class Personal(StrEnum):
    """How personal a column is; decides what may appear in logs, metadata, previews and Data Docs."""

    NONE = "none"
    PSEUDONYM = "pseudonym"  # an id that leads to a person through another table
    DIRECT = "direct"  # a name or an address
    TEXT = "text"  # written by or about a person, can hold anything


class Severity(StrEnum):
    """ERROR stops what is downstream of the table; WARN is shown and stops nothing."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, meaning, unit, closed domain and personal-data class."""

    name: str
    dtype: Any  # a polars DataType or its class
    description: str
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    personal: Personal = Personal.NONE


@dataclass(frozen=True, slots=True)
class Reference:
    """Values of `column` must occur in `table`.`key`; a null refers to nothing and passes."""

    column: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class RowRule:
    """A named condition on one row: `name` says what holds, `expression` is true where it does; null passes."""

    name: str
    columns: tuple[str, ...]
    expression: pl.Expr = field(compare=False, hash=False)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a table, of one of seven kinds. A null passes every kind but `not_null`."""

    kind: RuleKind
    columns: tuple[str, ...]
    severity: Severity = Severity.ERROR
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    reference: Reference | None = None
    row: RowRule | None = None

    @property
    def name(self) -> str:
        """`column|rule`, as it stands in `failed_rules`; several columns are joined by `+`."""
        kind = self.row.name if self.row else self.kind
        return f"{'+'.join(self.columns)}|{kind}"

    @property
    def check_name(self) -> str:
        """The rule's name in the characters a Dagster asset check may have."""
        return self.name.replace("+", "_and_").replace("|", "__")

    def expression(self, known: Mapping[str, pl.Series] | None = None) -> pl.Expr:
        """True where a row keeps this rule, never null.

        `known` holds, per `table.key`, the values that references may take; raises ValueError where they are missing.
        """
        column = pl.col(self.columns[0])
        match self.kind:
            case "not_null":
                return column.is_not_null()
            case "unique":
                value = pl.struct(self.columns) if len(self.columns) > 1 else column
                has_null = pl.any_horizontal(pl.col(self.columns).is_null())
                return value.is_first_distinct() | has_null
            case "in_set":
                return column.is_in(list(self.allowed)).fill_null(True)
            case "between":
                low = pl.lit(True) if self.minimum is None else column >= self.minimum
                # Polars sorts NaN above every number: without an upper limit it must be refused by name.
                high = column.is_not_nan() if self.maximum is None else column <= self.maximum
                return (low & high).fill_null(True)
            case "matches":
                return column.str.contains(self.pattern or "").fill_null(True)
            case "references":
                assert self.reference is not None
                target = f"{self.reference.table}.{self.reference.key}"
                if known is None or target not in known:
                    raise ValueError(f"{self.name}: the known values of {target} were not given")
                return column.is_in(known[target].implode()).fill_null(True)
            case "row":
                assert self.row is not None
                return self.row.expression.fill_null(True)


@dataclass(frozen=True)
class Table:
    """A table of the lake, declared once: name, grain, columns, key, rules, owner, retention and readers.

    `name` is `{layer}_{domain}__{type}_{name}` and is the asset key, the folder and the contract key alike.
    `key` names the columns whose combination is unique and never null.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    warnings: tuple[str, ...] = ()  # rule names that warn instead of stopping
    owner: str = "team:people-analytics"
    retention_days: int | None = None
    readers: tuple[str, ...] = ()
    month_column: str | None = (
        None  # the moment by whose month the table is kept in files, rewritten only where touched
    )
    is_partitioned_by_person: bool = (
        False  # whether it is kept in files of some people each, rewritten only where touched
    )
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        """Refuse a declaration that speaks of columns it does not have."""
        names = [column.name for column in self.columns]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.name}: a column is declared twice")
        spoken = {*self.key, *self.required, *(r.column for r in self.references)}
        spoken |= {name for rule in self.row_rules for name in rule.columns}
        if unknown := spoken - set(names):
            raise ValueError(f"{self.name}: rules speak of columns it does not have: {sorted(unknown)}")
        rule_names = [rule.name for rule in self.rules]
        if doubled := {name for name in rule_names if rule_names.count(name) > 1}:
            raise ValueError(f"{self.name}: several rules have the same name: {sorted(doubled)}")
        first = self.key[:1] or tuple(name for name in self.required if name == "person_id")
        if self.is_partitioned_by_person and (self.month_column or first != ("person_id",)):
            raise ValueError(f"{self.name}: only rows that each name a person, first in any key, lie by people")
        if unknown_rules := set(self.warnings) - set(rule_names):
            raise ValueError(f"{self.name}: warnings name rules it does not have: {sorted(unknown_rules)}")

    @property
    def layer(self) -> Layer:
        """The first word of the name."""
        return self.name.split("_")[0]  # type: ignore[return-value]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @cached_property
    def schema(self) -> pl.Schema:
        """The polars schema."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def arrow_schema(self) -> "pa.Schema":
        """The arrow schema, as polars writes it."""
        return pl.DataFrame(schema=self.schema).to_arrow().schema

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in one order: presence, uniqueness, each column's domain, references, row rules."""
        present = dict.fromkeys((*self.key, *self.required))
        rules = [Rule("not_null", (name,)) for name in present]
        if self.key:
            rules.append(Rule("unique", self.key))
        for column in self.columns:
            rules.extend(_domain_rules(column))
        rules.extend(Rule("references", (ref.column,), reference=ref) for ref in self.references)
        rules.extend(Rule("row", row.columns, row=row) for row in self.row_rules)
        return tuple(_with_severity(rule, self.warnings) for rule in rules)


def _domain_rules(column: Column) -> list[Rule]:
    rules: list[Rule] = []
    if column.allowed:
        rules.append(Rule("in_set", (column.name,), allowed=column.allowed))
    if column.minimum is not None or column.maximum is not None:
        rules.append(Rule("between", (column.name,), minimum=column.minimum, maximum=column.maximum))
    if column.pattern is not None:
        rules.append(Rule("matches", (column.name,), pattern=column.pattern))
    return rules


def _with_severity(rule: Rule, warnings: tuple[str, ...]) -> Rule:
    if rule.name not in warnings:
        return rule
    return replace(rule, severity=Severity.WARN)
