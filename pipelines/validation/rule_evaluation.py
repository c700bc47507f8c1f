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
    """Rows whose rules were evaluated; every row is in `good_rows` or in `bad_rows`, and never in both.

    Attributes:
        table: The table.
        good_rows: Rows in the columns, types and row order of the table's contract. They may break rules that only
            warn.
        bad_rows: Rows that break another rule, in the contract of the table's quarantine.
        good_counts: The counts of the good rows.
        bad_counts: The counts of the bad rows.
    """

    table: Table
    good_rows: pl.DataFrame
    bad_rows: pl.DataFrame
    good_counts: RuleCounts
    bad_counts: RuleCounts

    @property
    def counts(self) -> RuleCounts:
        """The counts of all rows."""
        return self.good_counts + self.bad_counts

    def without_keys(self, keys_elsewhere: pl.DataFrame) -> "ValidatedRows":
        """The same rows, but good rows with one of these keys are set aside: they break the rule `unique`.

        Args:
            keys_elsewhere: The values of the key that other rows of the table have.
        """
        repeated_rows = self.good_rows.join(keys_elsewhere, on=self.table.key, how="semi", maintain_order="left")
        if repeated_rows.is_empty():
            return self
        rule_name = Rule("unique", self.table.key).name
        leaving_counts = count_leaving(self.table, repeated_rows)
        bad_rows = build_quarantine_rows(
            self.table, repeated_rows, pl.Series([[rule_name]] * repeated_rows.height), self.table.column_names
        )
        return ValidatedRows(
            self.table,
            self.good_rows.join(keys_elsewhere, on=self.table.key, how="anti", maintain_order="left"),
            pl.concat([self.bad_rows, bad_rows]).sort(QUARANTINE_ORDER),
            self.good_counts - leaving_counts,
            self.bad_counts
            + _convert_to_set_aside(leaving_counts)
            + RuleCounts(rules={rule_name: RuleCount(0, repeated_rows.height)}),
        )


def validate_rows(
    table: Table,
    rows: pl.DataFrame,
    reference_values: ReferenceValues | None = None,
    text_columns: Iterable[str] = (),
) -> ValidatedRows:
    """Evaluate every rule of a table once per row, and set aside the rows that break a rule of severity ERROR.

    Of several rows with one key the first is good.

    Args:
        table: The table.
        rows: The rows, with the columns of the table and any others.
        reference_values: The values that references may take, by `table.key`. A reference without values is not
            evaluated; the counts then have an error for it.
        text_columns: The columns that the quarantine keeps as text; by default those of the table.

    Raises:
        ContractViolation: A column is missing or has another type, or a rule cannot be evaluated for a value.
    """
    contract_rows = _select_contract(table, rows)
    is_sorted = _is_strictly_sorted(table, contract_rows)
    # no key repeats if the rows are strictly sorted by it, or if all its hashes differ: both are faster than `unique`
    has_distinct_keys = (is_sorted and table.month_column is None) or _has_distinct_hashes(table, contract_rows)
    evaluable_rules, error_by_reference_rule = _list_evaluable_rules(table, reference_values or {})
    rule_verdicts, error_by_rule = _evaluate(table, evaluable_rules, contract_rows, reference_values, has_distinct_keys)
    if error_by_rule:
        raise ContractViolation(
            f"{table.name}: {'; '.join(f'{rule_name}: {error}' for rule_name, error in error_by_rule.items())}"
        )
    rule_counts = _count_as_stored(rule_verdicts, rows, error_by_reference_rule)
    error_rule_names = [rule.name for rule in evaluable_rules if rule.severity is Severity.ERROR]
    if not any(rule_counts.rules[rule_name].unexpected for rule_name in error_rule_names):
        return ValidatedRows(
            table, sort_rows(table, contract_rows, is_sorted), no_quarantine(table), rule_counts, RuleCounts()
        )
    is_good = rule_verdicts.select(pl.all_horizontal(pl.col(error_rule_names).fill_null(True))).to_series()
    bad_rows, bad_row_verdicts = rows.filter(~is_good), rule_verdicts.filter(~is_good)
    name_if_failed = [
        pl.when(~pl.col(rule_name)).then(pl.lit(rule_name)) for rule_name in sorted(rule_verdicts.columns)
    ]
    failed_rules = bad_row_verdicts.select(pl.concat_list(name_if_failed).list.drop_nulls()).to_series()
    return ValidatedRows(
        table,
        sort_rows(table, contract_rows.filter(is_good), is_sorted),
        build_quarantine_rows(table, bad_rows, failed_rules, tuple(text_columns) or table.column_names),
        _count_as_stored(rule_verdicts.filter(is_good), rows.filter(is_good), error_by_reference_rule),
        _convert_to_set_aside(_count_as_stored(bad_row_verdicts, bad_rows, {})),
    )


def enforce_contract(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The frame in the columns, types and row order of the table's contract, if no row is set aside.

    References to other tables are not evaluated: their values are in those tables.

    Raises:
        ContractViolation: A column is missing or has another type, or a row breaks a rule of severity ERROR.
    """
    validated_rows = validate_rows(table, rows)
    if validated_rows.bad_rows.height:
        broken_rules = [
            f"{rule_name} in {rule_count.unexpected} rows"
            for rule_name, rule_count in validated_rows.bad_counts.rules.items()
            if rule_count.unexpected
        ]
        raise ContractViolation(f"{table.name}: {'; '.join(broken_rules)} of {rows.height}")
    return validated_rows.good_rows


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
    present_columns = rows.lazy().collect_schema().names()
    columns_in_rules = {"source_name"}.union(*(rule.columns for rule in table.rules))
    columns_in_rules |= {column for row_rule in table.row_rules for column in row_rule.expression.meta.root_names()}
    rows_for_rules = (
        rows.lazy()
        .select([column for column in present_columns if column in columns_in_rules] or present_columns[:1])
        .collect()
    )
    has_distinct_keys = set(table.key) <= set(rows_for_rules.columns) and _has_distinct_hashes(table, rows_for_rules)
    evaluable_rules, error_by_reference_rule = _list_evaluable_rules(table, reference_values or {})
    rule_verdicts, error_by_rule = _evaluate(
        table, evaluable_rules, rows_for_rules, reference_values, has_distinct_keys
    )
    return _count_as_stored(rule_verdicts, rows_for_rules, {**error_by_reference_rule, **error_by_rule})


def count_leaving(table: Table, rows: pl.DataFrame) -> RuleCounts:
    """What the counts of a table lose if rows leave it that break none of its rules.

    No rule is evaluated again; it is only counted to which rows it applies.
    """
    applicable_counts = rows.select(_count_applicable(rule).alias(rule.name) for rule in table.rules)
    count_by_rule = {
        applicable_count.name: RuleCount(int(applicable_count.item()))
        for applicable_count in applicable_counts.iter_columns()
    }
    return RuleCounts(count_by_source(rows), {}, count_by_rule)


def sort_rows(table: Table, rows: pl.DataFrame, is_sorted: bool = False) -> pl.DataFrame:
    """The rows in the row order of the table's contract.

    Args:
        table: The table.
        rows: Rows with the columns of the table.
        is_sorted: Whether the rows are known to be in that order.
    """
    order_columns = table.row_order
    if is_sorted or not order_columns or (not table.key and rows.select(order_columns).to_series().is_sorted()):
        return rows
    return rows.sort(order_columns, maintain_order=True)


def no_quarantine(table: Table) -> pl.DataFrame:
    """No rows, in the contract of the table's quarantine."""
    return pl.DataFrame(schema=quarantine_table(table.name).schema)


def _select_contract(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    if missing_columns := [column for column in table.column_names if column not in rows.columns]:
        raise ContractViolation(f"{table.name}: columns are missing: {', '.join(missing_columns)}")
    contract_rows = rows.select(table.column_names)
    if type_mismatches := [
        f"{column} is {contract_rows.schema[column]}, not {dtype}"
        for column, dtype in table.schema.items()
        if contract_rows.schema[column] != dtype
    ]:
        raise ContractViolation(f"{table.name}: {'; '.join(type_mismatches)}")
    return contract_rows


def _list_evaluable_rules(table: Table, reference_values: ReferenceValues) -> tuple[list[Rule], dict[str, str]]:
    """The rules without references whose values are missing, and why each of these cannot be evaluated."""
    error_by_rule = {
        rule.name: f"{rule.name}: the values of {rule.reference.target} are missing"
        for rule in table.rules
        if rule.reference is not None and rule.reference.target not in reference_values
    }
    return [rule for rule in table.rules if rule.name not in error_by_rule], error_by_rule


def _evaluate(
    table: Table,
    rules: Iterable[Rule],
    rows: pl.DataFrame,
    reference_values: ReferenceValues | None,
    has_distinct_keys: bool,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The verdicts of rules on rows, and why rules could not be evaluated, by name.

    The verdicts are one row per row and one column per rule, with the values that `Rule.condition` defines.

    Args:
        table: The table.
        rules: The rules that are evaluated.
        rows: The rows.
        reference_values: The values that references may take.
        has_distinct_keys: Whether no key repeats, so that the rule `unique` is only to be evaluated for nulls.
    """
    condition_by_rule = {
        rule.name: pl.when(pl.all_horizontal(pl.col(rule.columns).is_not_null())).then(True)
        if rule.kind == "unique" and has_distinct_keys
        else rule.condition(reference_values)
        for rule in rules
    }
    try:
        return rows.select(**condition_by_rule), {}
    except pl.exceptions.PolarsError:
        # one of them fails for a value or does not fit the schema: each alone, to name it
        return _evaluate_one_by_one(table, condition_by_rule, rows)


def _evaluate_one_by_one(
    table: Table, condition_by_rule: Mapping[str, pl.Expr], rows: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, str]]:
    rule_verdicts, error_by_rule = [], {}
    harmless_words = {*table.column_names, *map(str, table.schema.dtypes()), "str", "i64", "f64", "bool"}
    for rule_name, condition in condition_by_rule.items():
        try:
            rule_verdicts.append(rows.select(condition.alias(rule_name)).to_series())
        except pl.exceptions.PolarsError as error:
            error_by_rule[rule_name] = redact_values(str(error), harmless_words)
    return pl.DataFrame(rule_verdicts), error_by_rule


def _count_applicable(rule: Rule) -> pl.Expr:
    """The number of rows to which a rule applies."""
    if rule.kind == "not_null":
        return pl.len()
    has_values = pl.all_horizontal(pl.col(rule.columns).is_not_null())
    return (has_values if rule.row_rule is None else rule.row_rule.expression.is_not_null()).sum()


def _count_as_stored(rule_verdicts: pl.DataFrame, rows: pl.DataFrame, error_by_rule: Mapping[str, str]) -> RuleCounts:
    """The counts of rows that are in a table as they are, from the verdicts of `_evaluate` on them."""
    count_by_rule = {}
    for verdicts_of_rule in rule_verdicts.iter_columns():
        evaluated_count = len(verdicts_of_rule) - verdicts_of_rule.null_count()
        unexpected_count = evaluated_count - int(verdicts_of_rule.sum())
        count_by_rule[verdicts_of_rule.name] = RuleCount(evaluated_count, unexpected_count, unexpected_count)
    return RuleCounts(count_by_source(rows), {}, count_by_rule, errors=dict(error_by_rule))


def _convert_to_set_aside(counts: RuleCounts) -> RuleCounts:
    """The same counts for rows that are not in the table."""
    count_by_rule = {
        rule_name: RuleCount(rule_count.evaluated, rule_count.unexpected)
        for rule_name, rule_count in counts.rules.items()
    }
    return RuleCounts({}, counts.kept_by_source, count_by_rule)


def _is_strictly_sorted(table: Table, rows: pl.DataFrame) -> bool:
    """Whether each row is greater than the previous one in the table's row order; False if its key has nulls."""
    if not table.key or any(rows.schema[column].is_nested() for column in table.key):
        return False
    is_greater_than_previous = pl.lit(False)
    for order_column in reversed(table.row_order):
        is_greater_than_previous = (order_column > order_column.shift()) | (
            (order_column == order_column.shift()) & is_greater_than_previous
        )
    # the first row has no previous one, so that its comparison is null
    is_sorted = is_greater_than_previous.fill_null(True) & pl.all_horizontal(pl.col(table.key).is_not_null())
    return bool(rows.select(is_sorted.all()).item())


def _has_distinct_hashes(table: Table, rows: pl.DataFrame) -> bool:
    """Whether the hashes of all keys differ, so that no key repeats; another rule checks for nulls."""
    can_be_hashed = bool(table.key) and not any(rows.schema[column].is_nested() for column in table.key)
    return can_be_hashed and rows.select(table.key).hash_rows().n_unique() == rows.height
