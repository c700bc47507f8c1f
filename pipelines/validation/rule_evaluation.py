"""The rules of a table over rows, in one query: good rows, rows that are set aside, and the counts of both.

Belongs here: the evaluation of every rule of a table, once per row, before the row is written.
Does not belong here: the rules (`pipelines.contracts`), the rows of an export, which stream from a file to the disk
(`landed_rows`), the verdict on the counts (`expectations`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.rule_counts import RuleCount, RuleCounts
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.validation.quarantine import QUARANTINE_ORDER, build_quarantine_rows, count_by_source
from pipelines.validation.validation_result import redact_values

ReferenceValues = Mapping[str, pl.Series]


class ContractViolation(Exception):
    """A frame violates the contract of its table; nothing was written."""


@dataclass(frozen=True)
class ValidatedRows:
    """Rows whose rules were evaluated; every row is in `good` or in `bad`, and never in both.

    Attributes:
        table: The table.
        good: Rows in the columns, types and row order of the table's contract. They may break rules that only warn.
        bad: Rows that break another rule, in the contract of the table's quarantine.
        good_counts: The counts of the good rows.
        bad_counts: The counts of the bad rows.
    """

    table: Table
    good: pl.DataFrame
    bad: pl.DataFrame
    good_counts: RuleCounts
    bad_counts: RuleCounts

    @property
    def counts(self) -> RuleCounts:
        """The counts of all rows."""
        return self.good_counts + self.bad_counts

    def without_keys(self, keys: pl.DataFrame) -> "ValidatedRows":
        """The same rows, but good rows with one of these keys are set aside: they break the rule `unique`.

        Args:
            keys: The values of the key that other rows of the table have.
        """
        repeated = self.good.join(keys, on=self.table.key, how="semi", maintain_order="left")
        if repeated.is_empty():
            return self
        rule = Rule("unique", self.table.key).name
        leaving = count_leaving(self.table, repeated)
        bad = build_quarantine_rows(
            self.table, repeated, pl.Series([[rule]] * repeated.height), self.table.column_names
        )
        return ValidatedRows(
            self.table,
            self.good.join(keys, on=self.table.key, how="anti", maintain_order="left"),
            pl.concat([self.bad, bad]).sort(QUARANTINE_ORDER),
            self.good_counts - leaving,
            self.bad_counts + _as_set_aside(leaving) + RuleCounts(rules={rule: RuleCount(0, repeated.height)}),
        )


def validate_rows(
    table: Table,
    frame: pl.DataFrame,
    reference_values: ReferenceValues | None = None,
    text_columns: Iterable[str] = (),
) -> ValidatedRows:
    """Evaluate every rule of a table once per row, and set aside the rows that break a rule of severity ERROR.

    Of several rows with one key the first is good.

    Args:
        table: The table.
        frame: The rows, with the columns of the table and any others.
        reference_values: The values that references may take, by `table.key`. A reference without values is not
            evaluated; the counts then have an error for it.
        text_columns: The columns that the quarantine keeps as text; by default those of the table.

    Raises:
        ContractViolation: A column is missing or has another type, or a rule cannot be evaluated for a value.
    """
    rows = _select_contract(table, frame)
    is_sorted = _is_strictly_sorted(table, rows)
    # no key repeats if the rows are strictly sorted by it, or if all its hashes differ: both are faster than `unique`
    is_distinct = (is_sorted and table.month_column is None) or _has_distinct_hashes(table, rows)
    evaluable, missing = _list_evaluable_rules(table, reference_values or {})
    passes, errors = _evaluate(table, evaluable, rows, reference_values, is_distinct)
    if errors:
        raise ContractViolation(f"{table.name}: {'; '.join(f'{name}: {error}' for name, error in errors.items())}")
    counts = _count_as_stored(passes, frame, missing)
    required = [rule.name for rule in evaluable if rule.severity is Severity.ERROR]
    if not any(counts.rules[name].unexpected for name in required):
        return ValidatedRows(table, sort_rows(table, rows, is_sorted), no_quarantine(table), counts, RuleCounts())
    is_good = passes.select(pl.all_horizontal(pl.col(required).fill_null(True))).to_series()
    bad, broken = frame.filter(~is_good), passes.filter(~is_good)
    names = [pl.when(~pl.col(name)).then(pl.lit(name)) for name in sorted(passes.columns)]
    failed_rules = broken.select(pl.concat_list(names).list.drop_nulls()).to_series()
    return ValidatedRows(
        table,
        sort_rows(table, rows.filter(is_good), is_sorted),
        build_quarantine_rows(table, bad, failed_rules, tuple(text_columns) or table.column_names),
        _count_as_stored(passes.filter(is_good), frame.filter(is_good), missing),
        _as_set_aside(_count_as_stored(broken, bad, {})),
    )


def enforce_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the columns, types and row order of the table's contract, if no row is set aside.

    References to other tables are not evaluated: their values are in those tables.

    Raises:
        ContractViolation: A column is missing or has another type, or a row breaks a rule of severity ERROR.
    """
    validated = validate_rows(table, frame)
    if validated.bad.height:
        unexpected = {name: count.unexpected for name, count in validated.bad_counts.rules.items()}
        broken = [f"{name} in {count} rows" for name, count in unexpected.items() if count]
        raise ContractViolation(f"{table.name}: {'; '.join(broken)} of {frame.height}")
    return validated.good


def count_rules(
    table: Table, rows: pl.DataFrame | pl.LazyFrame, reference_values: ReferenceValues | None = None
) -> RuleCounts:
    """Evaluate every rule of a table over rows that stay as they are.

    Args:
        table: The table.
        rows: Rows with the columns that rules use; other columns are not read.
        reference_values: The values that references may take, by `table.key`.

    Returns:
        The counts, with an error for each rule that cannot be evaluated.
    """
    names = rows.lazy().collect_schema().names()
    used = {"source_name"}.union(*(rule.columns for rule in table.rules))
    used |= {name for row_rule in table.row_rules for name in row_rule.expression.meta.root_names()}
    frame = rows.lazy().select([name for name in names if name in used] or names[:1]).collect()
    is_distinct = set(table.key) <= set(frame.columns) and _has_distinct_hashes(table, frame)
    evaluable, missing = _list_evaluable_rules(table, reference_values or {})
    passes, errors = _evaluate(table, evaluable, frame, reference_values, is_distinct)
    return _count_as_stored(passes, frame, {**missing, **errors})


def count_leaving(table: Table, rows: pl.DataFrame) -> RuleCounts:
    """What the counts of a table lose if rows leave it that break none of its rules.

    No rule is evaluated again; it is only counted to which rows it applies.
    """
    counts = rows.select(_count_applicable(rule).alias(rule.name) for rule in table.rules)
    rules = {column.name: RuleCount(int(column.item())) for column in counts.iter_columns()}
    return RuleCounts(count_by_source(rows), {}, rules)


def sort_rows(table: Table, rows: pl.DataFrame, is_sorted: bool = False) -> pl.DataFrame:
    """The rows in the row order of the table's contract.

    Args:
        table: The table.
        rows: Rows with the columns of the table.
        is_sorted: Whether the rows are known to be in that order.
    """
    order = table.row_order
    if is_sorted or not order or (not table.key and rows.select(order).to_series().is_sorted()):
        return rows
    return rows.sort(order, maintain_order=True)


def no_quarantine(table: Table) -> pl.DataFrame:
    """No rows, in the contract of the table's quarantine."""
    return pl.DataFrame(schema=quarantine_table(table.name).schema)


def _select_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    if missing := [name for name in table.column_names if name not in frame.columns]:
        raise ContractViolation(f"{table.name}: columns are missing: {', '.join(missing)}")
    rows = frame.select(table.column_names)
    if wrong := [f"{n} is {rows.schema[n]}, not {t}" for n, t in table.schema.items() if rows.schema[n] != t]:
        raise ContractViolation(f"{table.name}: {'; '.join(wrong)}")
    return rows


def _list_evaluable_rules(table: Table, reference_values: ReferenceValues) -> tuple[list[Rule], dict[str, str]]:
    """The rules without references whose values are missing, and why each of these cannot be evaluated."""
    missing = {
        rule.name: f"{rule.name}: the values of {rule.reference.target} are missing"
        for rule in table.rules
        if rule.reference is not None and rule.reference.target not in reference_values
    }
    return [rule for rule in table.rules if rule.name not in missing], missing


def _evaluate(
    table: Table,
    rules: Iterable[Rule],
    rows: pl.DataFrame,
    reference_values: ReferenceValues | None,
    is_distinct: bool,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """One column per rule as `Rule.condition` defines it, and why rules could not be evaluated, by name.

    Args:
        table: The table.
        rules: The rules that are evaluated.
        rows: The rows.
        reference_values: The values that references may take.
        is_distinct: Whether no key repeats, so that the rule `unique` is only to be evaluated for nulls.
    """
    conditions = {
        rule.name: pl.when(pl.all_horizontal(pl.col(rule.columns).is_not_null())).then(True)
        if rule.kind == "unique" and is_distinct
        else rule.condition(reference_values)
        for rule in rules
    }
    try:
        return rows.select(**conditions), {}
    except pl.exceptions.PolarsError:
        # one of them fails for a value or does not fit the schema: each alone, to name it
        return _evaluate_one_by_one(table, conditions, rows)


def _evaluate_one_by_one(
    table: Table, conditions: Mapping[str, pl.Expr], rows: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, str]]:
    passes, errors = [], {}
    words = {*table.column_names, *map(str, table.schema.dtypes()), "str", "i64", "f64", "bool"}
    for name, condition in conditions.items():
        try:
            passes.append(rows.select(condition.alias(name)).to_series())
        except pl.exceptions.PolarsError as error:
            errors[name] = redact_values(str(error), words)
    return pl.DataFrame(passes), errors


def _count_applicable(rule: Rule) -> pl.Expr:
    """The number of rows to which a rule applies."""
    if rule.kind == "not_null":
        return pl.len()
    has_values = pl.all_horizontal(pl.col(rule.columns).is_not_null())
    return (has_values if rule.row is None else rule.row.expression.is_not_null()).sum()


def _count_as_stored(passes: pl.DataFrame, rows: pl.DataFrame, errors: Mapping[str, str]) -> RuleCounts:
    """The counts of rows that are in a table as they are, from one column per rule."""
    rules = {}
    for column in passes.iter_columns():
        evaluated = len(column) - column.null_count()
        unexpected = evaluated - int(column.sum())
        rules[column.name] = RuleCount(evaluated, unexpected, unexpected)
    return RuleCounts(count_by_source(rows), {}, rules, errors=dict(errors))


def _as_set_aside(counts: RuleCounts) -> RuleCounts:
    """The same counts for rows that are not in the table."""
    rules = {name: RuleCount(count.evaluated, count.unexpected) for name, count in counts.rules.items()}
    return RuleCounts({}, counts.kept_by_source, rules)


def _is_strictly_sorted(table: Table, rows: pl.DataFrame) -> bool:
    """Whether each row is greater than the previous one in the table's row order; False if its key has nulls."""
    if not table.key or any(rows.schema[name].is_nested() for name in table.key):
        return False
    is_greater = pl.lit(False)
    for value in reversed(table.row_order):
        is_greater = (value > value.shift()) | ((value == value.shift()) & is_greater)
    # the first row has no previous one, so that its comparison is null
    is_sorted = is_greater.fill_null(True) & pl.all_horizontal(pl.col(table.key).is_not_null())
    return bool(rows.select(is_sorted.all()).item())


def _has_distinct_hashes(table: Table, rows: pl.DataFrame) -> bool:
    """Whether the hashes of all keys differ, so that no key repeats; another rule checks for nulls."""
    can_be_hashed = bool(table.key) and not any(rows.schema[name].is_nested() for name in table.key)
    return can_be_hashed and rows.select(table.key).hash_rows().n_unique() == rows.height
