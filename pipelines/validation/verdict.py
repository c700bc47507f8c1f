"""The verdict on a table: per rule what was looked at and what broke it, with no value of any row.

Belongs here: the results of a validation and how they are written as JSON.
Does not belong here: how they came about (`expectations`); nothing here imports Great Expectations.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipelines.contracts.table import RuleKind, Severity

_QUOTED = re.compile(r"(['\"`])(.*?)\1")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule of a table came to.

    `evaluated_count` is the rows the rule speaks of: those without a null in its columns, every row for `not_null`, and
    for a row rule those where its condition is not null. `row_numbers` are the first rows that break it, counted
    from 0, as many as were asked for. `error` is set where the rule could not be evaluated: it then neither
    passed nor failed, and its counts are 0.
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
        """Unexpected rows of the evaluated ones, 0..1; 0 where none was evaluated."""
        return self.unexpected_count / self.evaluated_count if self.evaluated_count else 0.0

    @property
    def is_blocking(self) -> bool:
        """Whether what is downstream must wait: an ERROR rule that failed, or any rule that could not be evaluated."""
        return self.error is not None or (not self.passed and self.severity is Severity.ERROR)


@dataclass(frozen=True)
class ValidationResult:
    """The verdict on one table: a result per rule, in the contract's order.

    `document` is Great Expectations' own result document as JSON, from which Data Docs are drawn; it holds no value of
    any row and no time of day.
    """

    table: str
    row_count: int
    results: tuple[RuleResult, ...]
    document: str

    @cached_property
    def passed(self) -> bool:
        """True where nothing stops what is downstream; rules that only warn may have failed."""
        return not any(result.is_blocking for result in self.results)

    @cached_property
    def failed(self) -> tuple[RuleResult, ...]:
        """The rules that rows broke, of either severity."""
        return tuple(result for result in self.results if not result.passed and result.error is None)

    @cached_property
    def errors(self) -> tuple[RuleResult, ...]:
        """The rules that could not be evaluated."""
        return tuple(result for result in self.results if result.error is not None)

    def to_json(self) -> str:
        """Our own result document: counts, shares and row numbers, in one order, with no value of any row."""
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
        document: dict[str, Any] = {"table": self.table, "row_count": self.row_count, "passed": self.passed}
        return json.dumps({**document, "rules": rules}, indent=2)


def parse_validation_result(text: str) -> ValidationResult:
    """The verdict whose `to_json` is `text`, without Great Expectations' own document."""
    said = json.loads(text)
    results = (
        RuleResult(
            rule["rule"],
            rule["kind"],
            tuple(rule["columns"]),
            Severity(rule["severity"]),
            rule["passed"],
            rule["evaluated_count"],
            rule["unexpected_count"],
            tuple(rule["row_numbers"]),
            rule["error"],
        )
        for rule in said["rules"]
    )
    return ValidationResult(said["table"], said["row_count"], tuple(results), document="")


def without_values(message: str, words: Collection[str]) -> str:
    """The first paragraph of an engine's message, with what it quotes withheld unless it is one of `words`.

    Engines quote the values they stumble over ("conversion failed for ["Anna"]"); column and type names may stay.
    """
    head = message.strip().split("\n\n")[0].split("; valid columns")[0].split(": [")[0].replace("\n", " ")
    return _QUOTED.sub(lambda match: match[0] if match[2] in words else "'…'", head)[:500]
