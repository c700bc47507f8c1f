"""The state of a table after a write, as the lake returns it.

Belongs here: what a caller learns of a write. Does not belong here: the write (`lake`, `part_writer`).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.contracts.rule_counts import RuleCounts


@dataclass(frozen=True)
class WriteResult:
    """The state of a table after a write.

    Attributes:
        changed: False if the table already had exactly this content.
        counts: The rows that arrived in the table and are in it or in its quarantine.
        quarantine: The state of the table's quarantine; None for a quarantine itself.
    """

    table: str
    path: Path
    rows: int
    bytes: int
    content_sha256: str
    changed: bool
    counts: RuleCounts = field(default_factory=RuleCounts)
    quarantine: "WriteResult | None" = None

    def with_counts(self, counts: RuleCounts, quarantine: "WriteResult") -> "WriteResult":
        """The same state with the counts of the table and the state of its quarantine."""
        return replace(self, counts=counts, quarantine=quarantine)
