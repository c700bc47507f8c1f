"""The validation result of a table: per rule the rows that were evaluated and that broke it, without their values.

Belongs here: results and their form as JSON.
Does not belong here: how results are computed (`expectations`); nothing here imports Great Expectations.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from pipelines.contracts.table import RuleKind, Severity

_QUOTED = re.compile(r"(['\"`])(.*?)\1")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of one rule of a table.

    Attributes:
        name: Name of the rule.
        kind: Kind of the rule.
        columns: Columns of the rule.
        severity: Whether a broken rule stops what is downstream, or only warns.
        passed: Whether no row breaks the rule.
        evaluated_count: Rows to which the rule applies: those without a null in its columns; for `not_null` all rows;
            for a row rule those whose condition is not null.
        unexpected_count: Rows that break the rule.
        row_numbers: The first rows that break it, counted from 0, as many as were requested.
        error: Why the rule could not be evaluated; None if it was. With an error, `passed` is False and the counts 0.
    """

    name: str
    kind: RuleKind
    columns: tuple[str, ...]
    severity: Severity
    passed: bool
    evaluated_count: int
    unexpected_count: int
    row_numbers: tuple[int, ...] = ()
    error: str | None = None

    @property
    def unexpected_share(self) -> float:
        """Share of the evaluated rows that break the rule, 0..1; 0 if no row was evaluated."""
        return self.unexpected_count / self.evaluated_count if self.evaluated_count else 0.0

    @property
    def is_blocking(self) -> bool:
        """Whether what is downstream must wait: an ERROR rule failed, or the rule could not be evaluated."""
        return self.error is not None or (not self.passed and self.severity is Severity.ERROR)


@dataclass(frozen=True)
class ValidationResult:
    """The results of the rules of one table.

    Attributes:
        table: Name of the table.
        row_count: Rows of the table.
        results: One result per rule, in the order of the contract.
        document: The result document of Great Expectations as JSON, which Data Docs render. It holds no value of any
            row and no time of day. Empty if the result was parsed.
    """

    table: str
    row_count: int
    results: tuple[RuleResult, ...]
    document: str

    @cached_property
    def passed(self) -> bool:
        """Whether nothing blocks what is downstream; rules that only warn may have failed."""
        return not any(result.is_blocking for result in self.results)

    @cached_property
    def failed(self) -> tuple[RuleResult, ...]:
        """The rules that rows break, of either severity."""
        return tuple(result for result in self.results if not result.passed and result.error is None)

    @cached_property
    def errors(self) -> tuple[RuleResult, ...]:
        """The rules that could not be evaluated."""
        return tuple(result for result in self.results if result.error is not None)

    def to_json(self) -> str:
        """The result as JSON: counts, shares and row numbers, without values of rows."""
        rules = [
            {
                "rule": result.name,
                "kind": result.kind,
                "columns": list(result.columns),
                "severity": str(result.severity),
                "passed": result.passed,
                "evaluated_count": result.evaluated_count,
                "unexpected_count": result.unexpected_count,
                "unexpected_share": result.unexpected_share,
                "row_numbers": list(result.row_numbers),
                "error": result.error,
            }
            for result in self.results
        ]
        document = {"table": self.table, "row_count": self.row_count, "passed": self.passed, "rules": rules}
        return json.dumps(document, indent=2)


def parse_validation_result(text: str) -> ValidationResult | None:
    """The result whose `to_json` is `text`, without the document of Great Expectations.

    Returns:
        The result; None if another version wrote the text in another form.
    """
    document = json.loads(text)
    fields = ("kind", "passed", "evaluated_count", "unexpected_count", "error")
    keys = {"rule", "columns", "severity", "row_numbers", *fields}
    if not {"table", "row_count", "rules"} <= set(document) or any(keys - set(rule) for rule in document["rules"]):
        return None
    results = (
        RuleResult(
            name=rule["rule"],
            columns=tuple(rule["columns"]),
            severity=Severity(rule["severity"]),
            row_numbers=tuple(rule["row_numbers"]),
            **{name: rule[name] for name in fields},
        )
        for rule in document["rules"]
    )
    return ValidationResult(document["table"], document["row_count"], tuple(results), document="")


def redact_values(message: str, words: Collection[str]) -> str:
    """The first paragraph of an engine's message, without the values it quotes.

    Args:
        message: An error message, which may quote a value (`conversion failed for ["Anna"]`).
        words: Quoted words that may stay, such as names of columns and types.
    """
    head = message.strip().split("\n\n")[0].split("; valid columns")[0].split(": [")[0].replace("\n", " ")
    return _QUOTED.sub(lambda quoted: quoted[0] if quoted[2] in words else "'…'", head)[:500]
