"""The validation result of a table: per rule the rows that were evaluated and that broke it, and what follows.

Belongs here: results, whether they stop what is downstream, and their form as JSON.
Does not belong here: how rows are counted (`rule_evaluation`), the verdict (`expectations`); nothing here imports Great
Expectations.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pipelines.contracts.rule_counts import RuleCounts, parse_rule_counts
from pipelines.contracts.table import RuleKind, Severity, Table

# A table that may set aside rows does not stop for fewer than this: some wrong rows of a small source are no other
# export, and one person's reply must not stop everybody's recommendations.
MIN_QUARANTINED_ROWS = 5
_QUOTED = re.compile(r"(['\"`])(.*?)\1")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of one rule of a table.

    Attributes:
        name: Name of the rule.
        kind: Kind of the rule.
        columns: Columns of the rule.
        severity: Whether a broken rule can stop what is downstream, or only warns.
        passed: Whether no row breaks the rule.
        evaluated_count: Rows to which the rule applies, kept or set aside.
        unexpected_count: Rows that break the rule.
        is_blocking: Whether what is downstream must wait: the rule could not be evaluated, or it is an ERROR and either
            rows in the table break it or too many rows were set aside.
        error: Why the rule could not be evaluated; None if it was. With an error, `passed` is False and the counts 0.
    """

    name: str
    kind: RuleKind
    columns: tuple[str, ...]
    severity: Severity
    passed: bool
    evaluated_count: int
    unexpected_count: int
    is_blocking: bool
    error: str | None = None

    @property
    def unexpected_share(self) -> float:
        """Share of the evaluated rows that break the rule, 0..1; 0 if no row was evaluated."""
        return self.unexpected_count / self.evaluated_count if self.evaluated_count else 0.0


@dataclass(frozen=True)
class ValidationResult:
    """The results of the rules of one table.

    Attributes:
        table: Name of the table.
        contract: Fingerprint of the contract.
        counts: The rows that arrived in the table.
        results: One result per rule, in the order of the contract.
        excess: Which rows were set aside above the limit of the table, in one clause; None if none were.
        document: The result document of Great Expectations as JSON, which Data Docs render. It holds no value of any
            row and no time of day. Empty if the result was parsed.
    """

    table: str
    contract: str
    counts: RuleCounts
    results: tuple[RuleResult, ...]
    excess: str | None
    document: str

    @property
    def row_count(self) -> int:
        """Rows that arrived."""
        return self.counts.row_count

    @cached_property
    def passed(self) -> bool:
        """Whether nothing blocks what is downstream; rules that only warn may have failed."""
        return not any(rule_result.is_blocking for rule_result in self.results)

    @cached_property
    def failed(self) -> tuple[RuleResult, ...]:
        """The rules that rows break, of either severity."""
        return tuple(
            rule_result for rule_result in self.results if not rule_result.passed and rule_result.error is None
        )

    @cached_property
    def errors(self) -> tuple[RuleResult, ...]:
        """The rules that could not be evaluated."""
        return tuple(rule_result for rule_result in self.results if rule_result.error is not None)

    def to_json(self) -> str:
        """The result as JSON: counts and shares, without values of rows."""
        rule_documents = [
            {
                "rule": rule_result.name,
                "kind": rule_result.kind,
                "columns": list(rule_result.columns),
                "severity": str(rule_result.severity),
                "passed": rule_result.passed,
                "evaluated_count": rule_result.evaluated_count,
                "unexpected_count": rule_result.unexpected_count,
                "unexpected_share": rule_result.unexpected_share,
                "is_blocking": rule_result.is_blocking,
                "error": rule_result.error,
            }
            for rule_result in self.results
        ]
        validation_document = {
            "table": self.table,
            "contract": self.contract,
            "row_count": self.row_count,
            "passed": self.passed,
            "excess": self.excess,
            "rules": rule_documents,
            "counts": self.counts.to_document(),
        }
        return json.dumps(validation_document, indent=2)


@lru_cache(maxsize=256)  # the index of the Data Docs is written after each table, and lists the results of all others
def parse_validation_result(document_text: str) -> ValidationResult | None:
    """The result whose `to_json` is `document_text`, without the document of Great Expectations.

    Returns:
        The result; None if another version wrote the text in another form.
    """
    validation_document = json.loads(document_text)
    fields_stored_unchanged = ("kind", "passed", "evaluated_count", "unexpected_count", "is_blocking", "error")
    required_rule_keys = {"rule", "columns", "severity", *fields_stored_unchanged}
    if not {"table", "contract", "excess", "rules", "counts"} <= set(validation_document):
        return None
    counts = parse_rule_counts(validation_document["counts"])
    if counts is None or any(required_rule_keys - set(rule_document) for rule_document in validation_document["rules"]):
        return None
    rule_results = (
        RuleResult(
            name=rule_document["rule"],
            columns=tuple(rule_document["columns"]),
            severity=Severity(rule_document["severity"]),
            **{field_name: rule_document[field_name] for field_name in fields_stored_unchanged},
        )
        for rule_document in validation_document["rules"]
    )
    return ValidationResult(
        validation_document["table"],
        validation_document["contract"],
        counts,
        tuple(rule_results),
        validation_document["excess"],
        document="",
    )


def describe_excess(table: Table, counts: RuleCounts) -> str | None:
    """Describe how many rows were set aside above the limit of the table: of all rows, or else of one source.

    Args:
        table: The table, with its limit.
        counts: The rows that arrived in it.

    Returns:
        A clause with both numbers and the limit, of the first excess only. None if the limit is kept, or if it is above
        0 and fewer than `MIN_QUARANTINED_ROWS` rows were set aside.
    """
    labelled_counts = [("", counts.set_aside_count, counts.row_count)]
    labelled_counts += [
        (
            f" of source {source_name}",
            source_set_aside_count,
            source_set_aside_count + counts.kept_by_source.get(source_name, 0),
        )
        for source_name, source_set_aside_count in counts.set_aside_by_source.items()
        if source_name
    ]
    quarantine_limit = table.quarantine_limit
    for origin_clause, set_aside_count, row_count in labelled_counts:
        if set_aside_count > quarantine_limit * row_count and (
            quarantine_limit == 0 or set_aside_count >= MIN_QUARANTINED_ROWS
        ):
            return (
                f"{set_aside_count:,} of {row_count:,} rows{origin_clause} are set aside, more than the limit of "
                f"{quarantine_limit:.0%}"
            )
    return None


def redact_values(message: str, harmless_words: Collection[str]) -> str:
    """The first paragraph of an engine's message, without the values it quotes.

    Args:
        message: An error message, which may quote a value (`conversion failed for ["Anna"]`).
        harmless_words: Quoted words that may stay, such as names of columns and types.
    """
    first_paragraph = message.strip().split("\n\n")[0].split("; valid columns")[0].split(": [")[0].replace("\n", " ")
    return _QUOTED.sub(
        lambda quoted_match: quoted_match[0] if quoted_match[2] in harmless_words else "'…'", first_paragraph
    )[:500]
