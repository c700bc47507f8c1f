"""RuleCounts: how many rows a rule was evaluated for, and how many broke it, over all rows that arrived in a table.

Belongs here: the counts of one table, their sums and differences, and their form as JSON.
Does not belong here: evaluating rules (`pipelines.validation`), where counts are stored (`pipelines.storage`).

Checks, Data Docs and metadata are made of these counts, so that the rules of a row are evaluated once: where the row
enters a layer.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipelines.contracts.table import Table

# The source of rows in a table without the column source_name.
NO_SOURCE = ""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """The rows of one rule.

    Attributes:
        evaluated: Rows to which the rule applies, kept or set aside: for `not_null` all rows; for a row rule those
            whose condition is not null; for the other kinds those without a null in its columns. If the values of a
            row set aside are not known any more, the rule counts as evaluated for it.
        unexpected: Rows that break the rule.
        stored: Those of them that are in the table as they are: the rule only warns, or is newer than the rows.
    """

    evaluated: int = 0
    unexpected: int = 0
    stored: int = 0

    def plus(self, other_count: "RuleCount", sign: int = 1) -> "RuleCount":
        """The sum of both, or the difference if `sign` is -1."""
        return RuleCount(
            self.evaluated + sign * other_count.evaluated,
            self.unexpected + sign * other_count.unexpected,
            self.stored + sign * other_count.stored,
        )


@dataclass(frozen=True)
class RuleCounts:
    """The rows that arrived in one table, and what its rules found.

    Attributes:
        kept_by_source: Rows in the table, by source; the source of a table without sources is `NO_SOURCE`.
        set_aside_by_source: Rows in the quarantine that are not in the table, by source.
        rules: The rows of each rule, by name of the rule.
        other_reasons: Rows that were set aside, or lost a value, for a reason that is no rule of the contract, by
            reason: a text that is no value of its column's type, a record with too many cells.
        errors: Why a rule could not be evaluated, by name of the rule; without values of rows.
    """

    kept_by_source: Mapping[str, int] = field(default_factory=dict)
    set_aside_by_source: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, RuleCount] = field(default_factory=dict)
    other_reasons: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept_count(self) -> int:
        """Rows in the table."""
        return sum(self.kept_by_source.values())

    @property
    def set_aside_count(self) -> int:
        """Rows in the quarantine that are not in the table."""
        return sum(self.set_aside_by_source.values())

    @property
    def row_count(self) -> int:
        """Rows that arrived."""
        return self.kept_count + self.set_aside_count

    @property
    def quarantined_share(self) -> float:
        """Share of the rows that were set aside, 0..1; 0 if no row arrived."""
        return self.set_aside_count / self.row_count if self.row_count else 0.0

    def __add__(self, other_counts: "RuleCounts") -> "RuleCounts":
        """The counts of two disjoint sets of rows together."""
        return self._combine(other_counts, 1)

    def __sub__(self, other_counts: "RuleCounts") -> "RuleCounts":
        """The counts without those of some of the rows."""
        return self._combine(other_counts, -1)

    def _combine(self, other_counts: "RuleCounts", sign: int) -> "RuleCounts":
        rule_names = dict.fromkeys((*self.rules, *other_counts.rules))
        zero_count = RuleCount()
        return RuleCounts(
            _combine_counts(self.kept_by_source, other_counts.kept_by_source, sign),
            _combine_counts(self.set_aside_by_source, other_counts.set_aside_by_source, sign),
            {
                rule_name: self.rules.get(rule_name, zero_count).plus(
                    other_counts.rules.get(rule_name, zero_count), sign
                )
                for rule_name in rule_names
            },
            _combine_counts(self.other_reasons, other_counts.other_reasons, sign),
            {**self.errors, **other_counts.errors},
        )

    def to_document(self) -> dict[str, Any]:
        """The counts as a JSON object: numbers and names of rules and sources, without values of rows."""
        return asdict(self)


def parse_rule_counts(document: Any) -> RuleCounts | None:
    """The counts whose `to_document` is `document`; None if another version wrote it in another form."""
    if not isinstance(document, dict) or set(document) != {
        dataclass_field.name for dataclass_field in fields(RuleCounts)
    }:
        return None
    document_by_rule = document["rules"]
    if any(
        set(count_document) != {dataclass_field.name for dataclass_field in fields(RuleCount)}
        for count_document in document_by_rule.values()
    ):
        return None
    return RuleCounts(
        **{
            **document,
            "rules": {rule_name: RuleCount(**count_document) for rule_name, count_document in document_by_rule.items()},
        }
    )


def fingerprint_contract(table: Table) -> str:
    """A hash of what the contract of a table requires of its rows; counts under another contract are of no use."""
    contract_hash = hashlib.sha256(repr(table.quarantine_limit).encode())
    for rule in table.rules:
        row_condition = str(rule.row_rule.expression) if rule.row_rule else ""
        hashed_rule_fields = (
            rule.name,
            str(rule.severity),
            rule.allowed,
            rule.minimum,
            rule.maximum,
            rule.pattern,
            row_condition,
        )
        contract_hash.update(repr(hashed_rule_fields).encode())
    return contract_hash.hexdigest()[:16]


def _combine_counts(
    count_by_name: Mapping[str, int], other_count_by_name: Mapping[str, int], sign: int
) -> dict[str, int]:
    """Add (sign 1) or subtract (sign -1) two counts by name; names with the result 0 are left out."""
    counted_names = sorted({*count_by_name, *other_count_by_name})
    combined_count_by_name = {
        counted_name: count_by_name.get(counted_name, 0) + sign * other_count_by_name.get(counted_name, 0)
        for counted_name in counted_names
    }
    return {
        counted_name: combined_count
        for counted_name, combined_count in combined_count_by_name.items()
        if combined_count
    }
